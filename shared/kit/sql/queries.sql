-- Statements of the kit, prepared in every service. Named blocks: see sql_embed.awk.

-- name: outbox_insert
-- Adds one event that C built; most events are inserted by the statement that makes them true.
INSERT INTO outbox (topic, type, key, data) VALUES ($1, $2, $3, $4::json);

-- name: audit_insert
INSERT INTO audit_log (actor, action, subject, details) VALUES ($1, $2, $3, coalesce($4::jsonb, '{}'));

// SPDX-License-Identifier: MIT
#include <crypt.h>
#include <string.h>

#include "crypto.h"

#define BCRYPT_BYTES_MAX 72
#define BCRYPT_HASH_LENGTH 60
#define COST_MIN 4
#define COST_MAX 15

// Work space of one crypt_rn call, on the stack: a password must not be found wrong for want of memory. Wiped before it goes, as
// it has held the password.
static void work_wipe(struct crypt_data *work)
{
    explicit_bzero(work, sizeof(*work));
}

bool password_hash(struct arena *arena, const char *password, int cost, char **ret, struct error *err)
{
    if (strlen(password) > BCRYPT_BYTES_MAX) {
        return error_violation(err, "/password", "must be at most %d bytes long", BCRYPT_BYTES_MAX);
    }
    if (cost < COST_MIN || cost > COST_MAX) {
        error_set(err, &problem_internal, NULL);
        return error_cause(err, "bcrypt cost %d is not in %d to %d", cost, COST_MIN, COST_MAX);
    }
    char salt_bytes[16];
    char salt[CRYPT_GENSALT_OUTPUT_SIZE];
    crypto_random(salt_bytes, sizeof(salt_bytes));
    CLEANUP(work_wipe) struct crypt_data work = {0};
    const char *hash = NULL;
    if (crypt_gensalt_rn("$2b$", (unsigned long)cost, salt_bytes, sizeof(salt_bytes), salt, sizeof(salt)) !=
        NULL) {
        hash = crypt_rn(password, salt, &work, sizeof(work));
    }
    if (hash == NULL || strlen(hash) != BCRYPT_HASH_LENGTH) {
        error_set(err, &problem_internal, NULL);
        return error_cause(err, "crypt_rn gave no bcrypt hash");
    }
    *ret = arena_strdup(arena, hash);
    return *ret != NULL || error_set(err, &problem_unavailable, NULL);
}

bool password_verify(const char *password, const char *hash, int cost)
{
    bool known = hash != NULL && strncmp(hash, "$2", 2) == 0 && strlen(hash) == BCRYPT_HASH_LENGTH;
    bool fits = strlen(password) <= BCRYPT_BYTES_MAX;
    char setting[] = "$2b$12$CoMPaReDaGaiNSTNoBoDy.";
    if (cost >= COST_MIN && cost <= COST_MAX) {
        setting[4] = (char)('0' + cost / 10);
        setting[5] = (char)('0' + cost % 10);
    }
    CLEANUP(work_wipe) struct crypt_data work = {0};
    const char *result = crypt_rn(password, known ? hash : setting, &work, sizeof(work));
    return known && fits && result != NULL && result[0] != '*' && crypto_equal(hash, result);
}

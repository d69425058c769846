# Turns a service's sql folder into C: each NNNN_name.sql becomes one row of
# `<service>_migrations`, and each "-- name: x" block of the others
# `const struct sql SQL_x`.
#   awk -v service=auth -v header=sql.h -v source=sql.c -f sql_embed.awk sql/*.sql
function quote(line) {
    gsub(/\\/, "&&", line); gsub(/"/, "\\\"", line)
    return "\"" line "\\n\""
}
function finish() {
    if (name == "") return
    printf "extern const struct sql SQL_%s;\n", name > header
    printf "const struct sql SQL_%s = {\"%s\",\n%s    , %d};\n", name, name, body, parameters > source
    list = list "    &SQL_" name ",\n"
    name = ""; body = ""; parameters = 0
}
BEGIN {
    print "// Made by sql_embed.awk; do not edit.\n#pragma once\n#include \"service.h\"" > header
    print "// Made by sql_embed.awk; do not edit.\n#include \"" header_name "\"" > source
}
FNR == 1 {
    finish(); if (open) { rows = rows "    },\n"; open = 0 }
    file = FILENAME; sub(/.*\//, "", file)
    migration = (file ~ /^[0-9][0-9][0-9][0-9]_/)
    if (migration) { sub(/\.sql$/, "", file); rows = rows "    {\"" file "\",\n"; open = 1 }
}
migration { rows = rows "     " quote($0) "\n"; next }
/^-- name: / { finish(); name = $3; next }
name != "" && !/^--/ && !/^[ \t]*$/ {
    line = $0; body = body "    " quote(line) "\n"
    while (match(line, /\$[0-9]+/)) {
        number = substr(line, RSTART + 1, RLENGTH - 1) + 0
        if (number > parameters) parameters = number
        line = substr(line, RSTART + RLENGTH)
    }
}
END {
    finish(); if (open) rows = rows "    },\n"
    printf "extern const struct sql *const %s_statements[];\nextern const struct migration %s_migrations[];\n", service, service > header
    printf "const struct sql *const %s_statements[] = {\n%s    NULL};\n", service, list > source
    printf "const struct migration %s_migrations[] = {\n%s    {NULL, NULL}};\n", service, rows > source
}

#!/usr/bin/env bash
# hardening.sh BINARY…: the hardening of each, as its file shows it, one row each. Ends with 1 when something is missing.
set -uo pipefail
missing=0

# name | what it takes to have it, asked of the texts of `readelf`
checks() {
    cat <<'TABLE'
PIE|flags|FLAGS_1.* PIE
NOW|flags|FLAGS_1.* NOW
RELRO|segments|GNU_RELRO
NX-stack|segments|GNU_STACK .* RW +0x
canary|symbols|__stack_chk_fail
FORTIFY|symbols| __[a-z]+_chk@
clash|compiler|-fstack-clash-protection
CET|compiler|-fcf-protection=full
no-RPATH|no-path|^$
TABLE
}

# Our own objects are compiled for CET; the mark of the whole file is lacking, as Debian 12's crt1.o does not carry it.
texts() { # BINARY KIND
    case $2 in
        flags) readelf -dW "$1" ;;
        segments) readelf -lW "$1" ;;
        symbols) readelf -W --dyn-syms "$1" ;;
        compiler) readelf -W --debug-dump=info --dwarf-depth=1 "$1" 2>/dev/null | grep 'DW_AT_producer.*GNU C' ;;
        no-path) echo "$(readelf -dW "$1" | grep -E 'RPATH|RUNPATH')" ;;
    esac
}

has() { # BINARY KIND PATTERN: of the compiler every object is asked, not just one
    local text
    text=$(texts "$1" "$2")
    if [ "$2" = compiler ]; then [ -n "$text" ] && ! grep -qv -e "$3" <<<"$text"; else grep -qE -e "$3" <<<"$text"; fi
}

for binary in "$@"; do
    row=$(basename "$binary")
    [ -x "$binary" ] || { echo "$binary is not there" && exit 1; }
    while IFS='|' read -r name kind pattern; do
        if has "$binary" "$kind" "$pattern"; then row+=" $name"; else row+=" NO-$name" && missing=1; fi
    done < <(checks)
    # shellcheck disable=SC2086 # a list of words
    printf '%-18s %-5s %-5s %-7s %-10s %-8s %-9s %-7s %-5s %s\n' $row
done
exit $missing

# From nothing to all binaries. Sourced by run.sh.
bench_build() {
    local began
    rm -rf "$BUILD"
    began=$(now_ms)
    make -j2 --no-print-directory BUILD="$BUILD" all >/dev/null
    figure "full build at -j2" "$(calculate "($(now_ms) - $began) / 1000" 1)" s 30 most 1
    make -j2 --no-print-directory BUILD="$BUILD" bench-programs >/dev/null
}

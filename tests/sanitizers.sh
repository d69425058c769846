# What the sanitizers are told wherever tests run with them, and whether they said something. Sourced.
export ASAN_OPTIONS=detect_leaks=1:abort_on_error=1 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
export LSAN_OPTIONS=suppressions=$PWD/tests/support/lsan.supp:print_suppressions=0
# a service whose stop takes too long ends with threads that nobody joined
export TSAN_OPTIONS=suppressions=$PWD/tests/support/tsan.supp:print_suppressions=0:second_deadlock_stack=1:report_thread_leaks=0

SANITIZER_REPORT='ERROR: (Address|Leak|Thread)Sanitizer|runtime error:'

# Names the logs of the stack that hold a report; rotated ones, too.
no_sanitizer_report() {
    ! grep -lE "$SANITIZER_REPORT" "$RUN_DIR"/log/*.log*
}

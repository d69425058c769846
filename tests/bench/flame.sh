# Where the time of one request goes: all processes sampled while one worker by id is asked for, not cached. Draws
# build/flame.svg (open it in a browser); prints the share of each. Sourced by run.sh.
bench_flame() {
    local perf asked process folded=$WORK/flame.folded
    perf=$WORK/perf.data
    launch gateway DC_CACHE_BYTES=0
    [ -s "$WORK/one.txt" ] || write_requests
    load "$WORK/one.txt" "$LAUNCHED_URL" >/dev/null &
    asked=$!
    sleep 1
    perf record -q -a -F 199 --call-graph dwarf,8192 -o "$perf" -- sleep $((SECONDS_EACH - 2)) >/dev/null
    wait $asked
    for process in /proc/[0-9]*; do echo "${process#/proc/} $(cat "$process/comm" 2>/dev/null)"; done >"$WORK/processes"
    stop_all
    perf script -F comm,pid,ip,sym -i "$perf" 2>/dev/null | fold_stacks >"$folded"
    perl /usr/share/perl5/Devel/NYTProf/flamegraph.pl --minwidth 1 --title "One worker by id, not cached" "$folded" >build/flame.svg
    awk '{split($1, frame, ";"); samples[frame[1]] += $NF; all += $NF} END {for (name in samples) if (samples[name] * 100 > all) printf "%s\t%.1f\n", name, samples[name] * 100 / all}' FS=' ' "$folded" |
        sort -t$'\t' -k2 -rn | while IFS=$'\t' read -r name share; do note "share of the processors: $name" "$share" %; done
    echo "written: build/flame.svg"
}

# Stacks as flamegraph.pl wants them: process;outermost;…;innermost count. Idle processors are left out.
fold_stacks() {
    awk -v processes="$WORK/processes" '
        BEGIN {while ((getline line <processes) > 0) {split(line, pair, " "); names[pair[1]] = pair[2]}}
        /^[^ \t]/ {name = $NF in names ? names[$NF] : $1; stack = ""; next}
        NF {sub(/^[ \t]+[0-9a-f]+ /, ""); gsub(/[; ]/, "_"); stack = ";" $0 stack; next}
        stack != "" {if (name !~ /^swapper/) count[name stack]++; stack = ""}
        END {for (line in count) print line, count[line]}'
}

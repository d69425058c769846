-- Sends the requests of a file, one a line: METHOD, path, token, body, with tabs between ("-" for none). Each thread takes its
-- share in order; with ONCE set it stops after the last, otherwise it starts again. Ends with one line of figures.
--   wrk -t2 -c16 -d10s -s requests.lua URL -- FILE
local threads = {}

function setup(thread)
    table.insert(threads, thread)
    thread:set("number", #threads)
end

function init(arguments)
    requests, at, statuses, once = {}, 0, {}, os.getenv("ONCE") ~= nil
    local share, line_number = tonumber(os.getenv("THREADS") or "2"), 0
    for line in io.lines(arguments[1]) do
        line_number = line_number + 1
        if line_number % share == number % share then
            local method, path, token, body = line:match("^(%S+)\t(%S+)\t(%S+)\t(.*)$")
            local headers = {["Accept-Encoding"] = os.getenv("ENCODING")}
            if token ~= "-" then headers["Authorization"] = "Bearer " .. token end
            if body == "-" then body = nil else headers["Content-Type"] = "application/json" end
            table.insert(requests, wrk.format(method, path, headers, body))
        end
    end
    if once then
        function response(status) statuses[status] = (statuses[status] or 0) + 1 end
    end
end

function request()
    at = at + 1
    if at > #requests then
        if once then wrk.thread:stop() end
        at = 1
    end
    return requests[at]
end

function done(summary, latency)
    local errors = summary.errors
    local failed = errors.connect + errors.read + errors.write + errors.timeout + errors.status
    io.write(string.format("figures requests=%d seconds=%.3f per_second=%.1f median_ms=%.3f p99_ms=%.3f failed=%d", summary.requests,
        summary.duration / 1e6, summary.requests / (summary.duration / 1e6), latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, failed))
    local all = {}
    for _, thread in ipairs(threads) do
        for status, count in pairs(thread:get("statuses") or {}) do all[status] = (all[status] or 0) + count end
    end
    for status, count in pairs(all) do io.write(string.format(" status_%d=%d", status, count)) end
    io.write("\n")
end

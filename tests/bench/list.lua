-- The same request over and over; without a figure where one was not answered. Run by million.sh.
function done(summary, latency)
    local errors = summary.errors
    if errors.status + errors.connect + errors.read + errors.write + errors.timeout > 0 then return end
    print(string.format("mean_ms=%.3f", latency.mean / 1000))
end

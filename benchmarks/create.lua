-- Sends the request in REQUEST, with a number of its own where that holds 32 times @, and prints figures at the end.

local raw = os.getenv("REQUEST")
local first = os.getenv("FIRST") -- 19 digits, another for every run
local before, after = raw:match("^(.-)" .. ("@"):rep(32) .. "(.*)$")
local sent = 0

function request()
   if not before then
      return raw
   end
   sent = sent + 1
   return before .. first .. string.format("%013d", sent) .. after
end

function done(summary, latency)
   local errors = summary.errors
   local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
   print(string.format("figures %d %d %d %d %d", summary.requests, summary.duration, failed,
      latency:percentile(50), latency:percentile(99)))
end

-- Sends the requests of a file with wrk, and prints what it measured as one line of JSON.
-- The file holds requests as they go over the wire, each after a line with its length in bytes.
-- Every "{{number}}" in a request becomes twelve digits that no other request of this run has.

local threads = 0

function setup(thread)
  thread:set("thread_number", threads)
  threads = threads + 1
end

local requests, position, step, offset = {}, 0, 1, 0

function init(args)
  local file = assert(io.open(args[1], "rb"))
  offset = tonumber(args[2])
  step = tonumber(args[3])
  while true do
    local length = file:read("*l")
    if not length then break end
    table.insert(requests, file:read(tonumber(length)))
  end
  file:close()
  position = thread_number
end

function request()
  local number = position
  position = position + step
  local text = requests[number % #requests + 1]
  if text:find("{{number}}", 1, true) then
    local digits = string.format("%012d", offset + number)
    return (text:gsub("{{number}}", digits))
  end
  return text
end

function done(summary, latency, _)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests": %d, "microseconds": %d, "p50": %d, "p99": %d, "refused": %d, "broken": %d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end

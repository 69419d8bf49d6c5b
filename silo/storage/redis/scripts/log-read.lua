-- Reads the log of the cluster.
-- KEYS 1  log (LIST)
--      2  how many entries were trimmed from its beginning, of all time (STRING)
-- ARGV 1  position after which to begin
--      2  at most so many
-- Returns the number trimmed, the position of the last entry of all, and the entries (those erased are empty).
local trimmed = tonumber(redis.call('GET', KEYS[2]) or '0')
local last = trimmed + redis.call('LLEN', KEYS[1])
local from = math.max(tonumber(ARGV[1]) - trimmed, 0)
local entries = {}
if tonumber(ARGV[2]) > 0 then
  entries = redis.call('LRANGE', KEYS[1], string.format('%.17g', from), string.format('%.17g', from + tonumber(ARGV[2]) - 1))
end
return { string.format('%.17g', trimmed), string.format('%.17g', last), entries }

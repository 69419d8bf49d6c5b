-- Deletes the beginning of the log of the cluster.
-- KEYS 1  log (LIST)
--      2  how many entries were trimmed from its beginning, of all time (STRING)
-- ARGV 1  up to and including this position
-- Returns how many are left.
local trimmed = tonumber(redis.call('GET', KEYS[2]) or '0')
local more = math.min(tonumber(ARGV[1]) - trimmed, redis.call('LLEN', KEYS[1]))
if more > 0 then
  redis.call('LTRIM', KEYS[1], string.format('%.17g', more), '-1')
  redis.call('SET', KEYS[2], string.format('%.17g', trimmed + more))
end
return redis.call('LLEN', KEYS[1])

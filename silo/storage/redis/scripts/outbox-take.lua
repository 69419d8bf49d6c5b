-- Deletes from the outbox of a partition what is in the log. Two may do so at once: neither deletes what the other took.
-- KEYS 1  outbox (LIST)
--      2  how many entries were taken from its beginning, of all time (STRING)
-- ARGV 1  how many shall have been taken, of all time
-- Returns how many are left.
local taken = tonumber(redis.call('GET', KEYS[2]) or '0')
local more = math.min(tonumber(ARGV[1]) - taken, redis.call('LLEN', KEYS[1]))
if more > 0 then
  redis.call('LTRIM', KEYS[1], more, -1)
  redis.call('SET', KEYS[2], string.format('%d', taken + more))
end
return redis.call('LLEN', KEYS[1])

-- Partitions that may have a reminder due, earliest first.
-- KEYS 1  hints (ZSET: partition by the earliest time that may be due)
--      2  how often something was said of each partition (HASH)
-- ARGV 1  until this time
-- Returns partitions and how often something was said of them, in turns.
local found = {}
for _, partition in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1])) do
  found[#found + 1] = partition
  found[#found + 1] = redis.call('HGET', KEYS[2], partition) or '0'
end
return found

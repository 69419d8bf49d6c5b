-- Puts or deletes a record of the runtime.
-- KEYS 1  records (HASH by name)
--      2  their names in order (ZSET, all of score 0)
-- ARGV 1  name
--      2  value; absent: the record is deleted
-- Returns 1.
if ARGV[2] then
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
  redis.call('ZADD', KEYS[2], 0, ARGV[1])
else
  redis.call('HDEL', KEYS[1], ARGV[1])
  redis.call('ZREM', KEYS[2], ARGV[1])
end
return 1

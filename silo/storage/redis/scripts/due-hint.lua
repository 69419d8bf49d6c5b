-- Says that a partition may have a reminder due at a time.
-- KEYS 1  hints (ZSET: partition by the earliest time that may be due)
--      2  how often something was said of each partition (HASH)
-- ARGV 1  partition
--      2  due time
-- Returns 1.
redis.call('ZADD', KEYS[1], 'LT', ARGV[2], ARGV[1])
redis.call('HINCRBY', KEYS[2], ARGV[1], 1)
return 1

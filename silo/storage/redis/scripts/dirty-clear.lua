-- Forgets that a partition's outbox may hold something, unless somebody said so again.
-- KEYS 1  partitions whose outbox may hold something (HASH: partition → how often that was said)
-- ARGV 1  partition
--      2  how often it had been said when the outbox was found empty
-- Returns 1 when it is forgotten.
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
return redis.call('HDEL', KEYS[1], ARGV[1])

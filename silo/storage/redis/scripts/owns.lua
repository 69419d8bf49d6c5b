-- KEYS 1  head of a grain (HASH)
-- ARGV 1  an activation, as the head names its owner
-- Returns 1 when it owns the grain, else 0.
return redis.call('HGET', KEYS[1], 'o') == ARGV[1] and 1 or 0

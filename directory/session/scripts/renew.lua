-- Takes or extends the session of an incarnation on one lock node.
-- KEYS 1  session (STRING: 'alive', or 'dead' = a tombstone)
-- ARGV 1  time to live in milliseconds, decimal
-- Returns 1 when it is held, 0 when it is dead.
-- A session that is absent is taken as well: a lapse is a pause. A tombstone is never overwritten.
if redis.call('GET', KEYS[1]) == 'dead' then return 0 end
redis.call('SET', KEYS[1], 'alive', 'PX', ARGV[1])
return 1

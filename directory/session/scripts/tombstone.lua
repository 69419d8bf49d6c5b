-- Puts a tombstone over the session of an incarnation, whatever is there: from now on no renewal succeeds.
-- KEYS 1  session (STRING)
-- ARGV 1  time to live of the tombstone in milliseconds, decimal
-- Returns 1.
redis.call('SET', KEYS[1], 'dead', 'PX', ARGV[1])
return 1

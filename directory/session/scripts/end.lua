-- Ends a session that its own silo gives up, so that nobody waits for it to lapse. A tombstone stays.
-- KEYS 1  session (STRING)
-- Returns 1 when a living session was removed, else 0.
if redis.call('GET', KEYS[1]) ~= 'alive' then return 0 end
redis.call('DEL', KEYS[1])
return 1

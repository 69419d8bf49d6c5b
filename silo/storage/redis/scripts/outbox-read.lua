-- Looks into the outbox of a partition.
-- KEYS 1  outbox (LIST)
--      2  how many entries were taken from its beginning, of all time (STRING)
-- ARGV 1  at most so many
-- Returns that number, and the entries.
return { redis.call('GET', KEYS[2]) or '0', redis.call('LRANGE', KEYS[1], '0', tonumber(ARGV[1]) - 1) }

-- Adds entries to the log of the cluster, and wakes its readers.
-- KEYS 1  log (LIST)
--      2  how many entries were trimmed from its beginning, of all time (STRING)
-- ARGV 1  channel of the readers
--      2… entries
-- Returns the position of the last one.
local unpackAll = table.unpack or unpack
local length = 0
for at = 2, #ARGV, 4000 do
  length = redis.call('RPUSH', KEYS[1], unpackAll(ARGV, at, math.min(#ARGV, at + 3999)))
end
local last = length + tonumber(redis.call('GET', KEYS[2]) or '0')
redis.call('PUBLISH', ARGV[1], string.format('%.17g', last))
return last

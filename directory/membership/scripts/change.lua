-- Replaces the membership view when the record still is the one that the change was decided on.
-- KEYS[1]  the membership record (HASH)
-- ARGV     1 generation, 2 number and 3 stamp of the base; 4 number, 5 stamp and 6 packed body of the next view
-- Returns  {'changed'}; else {'found', generation, number, stamp, body} as they are (generation absent: no record)
local found = redis.call('HMGET', KEYS[1], 'g', 'n', 't', 'v')
if found[1] == ARGV[1] and found[2] == ARGV[2] and found[3] == ARGV[3] then
  redis.call('HSET', KEYS[1], 'n', ARGV[4], 't', ARGV[5], 'v', ARGV[6])
  return { 'changed' }
end
return { 'found', found[1], found[2], found[3], found[4] }

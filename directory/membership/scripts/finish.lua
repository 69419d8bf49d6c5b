-- Notes that all partitions have the generation of the record.
-- KEYS[1]  the membership record (HASH)
-- ARGV[1]  generation
-- Returns  1 noted, 0 the record is of another generation, or gone
if redis.call('HGET', KEYS[1], 'g') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'c', '1')
return 1

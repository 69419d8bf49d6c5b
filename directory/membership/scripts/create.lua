-- Makes a cluster, or a new generation of it, unless somebody was faster. It is complete only after finish.lua.
-- KEYS[1]  the membership record (HASH)
-- ARGV     1 generation that is to be there now ('': no record); 2 new generation; 3 least number of its first view;
--          4 stamp and 5 packed body of that view; 6 cluster key; 7 generations that it replaces, separated by commas
-- Returns  1 made, 0 another generation is there
local found = redis.call('HMGET', KEYS[1], 'g', 'n')
if (found[1] or '') ~= ARGV[1] then return 0 end
local number = tonumber(ARGV[3])
local before = tonumber(found[2] or '0') or 0
if before >= number then number = before + 1 end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'g', ARGV[2], 'n', string.format('%d', number), 't', ARGV[4], 'v', ARGV[5],
  'k', ARGV[6], 'r', ARGV[7], 'c', '0')
return 1

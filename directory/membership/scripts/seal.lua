-- Gives a partition its generation, when it has none or one that is replaced.
-- KEYS[1]  the partition's generation (STRING)
-- ARGV     1 generation; 2… generations that it replaces
-- Returns  the generation that the partition has now
local found = redis.call('GET', KEYS[1])
local isFree = not found
for index = 2, #ARGV do
  if found == ARGV[index] then isFree = true end
end
if not isFree then return found end
redis.call('SET', KEYS[1], ARGV[1])
return ARGV[1]

-- Records of the runtime, in order of their names.
-- KEYS 1  records (HASH by name)
--      2  their names in order (ZSET, all of score 0)
-- ARGV 1  2  bounds of ZRANGEBYLEX
--      3  at most so many
-- Returns names and values in turns.
local names = redis.call('ZRANGEBYLEX', KEYS[2], ARGV[1], ARGV[2], 'LIMIT', '0', ARGV[3])
local found = {}
for at = 1, #names do
  found[2 * at - 1] = names[at]
  found[2 * at] = redis.call('HGET', KEYS[1], names[at])
end
return found

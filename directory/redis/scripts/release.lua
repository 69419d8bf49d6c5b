-- Gives a grain up, if exactly this activation owns it. The epoch stays (D3).
-- KEYS 1  head of the grain (HASH)
-- ARGV 1  incarnation
--      2  activation, decimal
-- Returns 1 when the owner was cleared, 0 when another, or nobody, owns the grain.
-- The generation is not asked for: a store that lost its data has lost the owner, too.
local owner = redis.call('HGET', KEYS[1], 'o')
if not owner then return 0 end
local mine = ARGV[1] .. ':' .. ARGV[2] .. ':'
if string.sub(owner, 1, #mine) ~= mine then return 0 end
redis.call('HDEL', KEYS[1], 'o')
return 1

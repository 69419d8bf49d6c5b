-- KEYS 1  head of a grain (HASH)
-- ARGV 1  an activation, as the head names its owner, a colon, and its epoch
-- Returns 1 when it owns the grain in that epoch, else 0.
local head = redis.call('HMGET', KEYS[1], 'o', 'e')
return head[1] and head[1] .. ':' .. head[2] == ARGV[1] and 1 or 0

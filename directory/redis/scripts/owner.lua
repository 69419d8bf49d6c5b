-- Who owns a grain.
-- KEYS 1  head of the grain (HASH)
--      2  generation of the grain's partition (STRING)
-- ARGV 1  generation that the asker believes in
-- Returns an array; its first element is a word:
--      owner  `<incarnation>:<activation>:<view>`, epoch   both decimal text
--      none                                                nobody
--      lost   generation found, or ''                      the store is not the one that the asker knows
local generation = redis.call('GET', KEYS[2])
if generation ~= ARGV[1] then return { 'lost', generation or '' } end
local head = redis.call('HMGET', KEYS[1], 'o', 'e')
if not head[1] then return { 'none' } end
return { 'owner', head[1], head[2] }

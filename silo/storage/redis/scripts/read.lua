-- Reads from a collection of a grain, for the activation that owns it (hazards.md 9).
-- KEYS 1  head of the grain (HASH)
--      2  entry, entries: the map (HASH). length, items: the list (LIST)
--      3  entries: the map's keys in order (ZSET)
-- ARGV 1  the activation, as the head names its owner, a colon, and its epoch
--      2  number of the last commit that the reader has to see, decimal
--      3  what is asked for:
--         entry key | length | items first last | entries min max limit   (bounds of ZRANGEBYLEX)
-- Returns an array; its first element is a word:
--      read     …        the value (nil when absent) | the length | the items | keys and values in turns
--      behind   n        that commit is not stored yet; n is
--      fenced   epoch    another activation owns the grain, or nobody
local head = redis.call('HMGET', KEYS[1], 'o', 'n', 'e')
if not head[1] or head[1] .. ':' .. head[3] ~= ARGV[1] then return { 'fenced', head[3] or '0' } end
if tonumber(head[2]) < tonumber(ARGV[2]) then return { 'behind', head[2] } end

local asked = ARGV[3]
if asked == 'entry' then return { 'read', redis.call('HGET', KEYS[2], ARGV[4]) } end
if asked == 'length' then return { 'read', redis.call('LLEN', KEYS[2]) } end
if asked == 'items' then return { 'read', redis.call('LRANGE', KEYS[2], ARGV[4], ARGV[5]) } end

local keys = redis.call('ZRANGEBYLEX', KEYS[3], ARGV[4], ARGV[5], 'LIMIT', '0', ARGV[6])
local found = {}
for at = 1, #keys do
  found[2 * at - 1] = keys[at]
  found[2 * at] = redis.call('HGET', KEYS[2], keys[at])
end
return { 'read', found }

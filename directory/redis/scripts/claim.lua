-- Claims a grain for an activation, and loads it: one step (architecture.md, Ownership 5; hazards.md 1 and 8).
-- KEYS 1  head of the grain (HASH: o owner, e epoch, n number of the owner's last commit, the rest is the driver's)
--      2  generation of the grain's partition (STRING)
-- ARGV 1  generation that the claimer believes in
--      2  incarnation of the claimer
--      3  activation of the claimer, decimal
--      4  number of the claimer's view, decimal
--      5  incarnations that are alive in that view, joined by commas, the claimer's own included
--      6  '1': the answer of `claimed` also brings what the head holds, without o, e and n
-- Returns an array; its first element is a word, numbers are decimal text:
--      claimed   epoch, view [, field, value, …]   the claimer owns the grain. `view` is the one of its (first) claim
--      taken     owner, epoch                      a living owner holds it: `<incarnation>:<activation>:<view>`
--      view_old  owner, epoch                      the owner claimed under a later view: refresh yours, claim again
--      lost      generation found, or ''           the store is not the one that the claimer knows
-- Asked again by the activation that owns the grain, it changes nothing and answers the same address (D4).
-- Takes over: no owner, an owner of the claimer's incarnation, or one that is not alive and whose view is not later.
local generation = redis.call('GET', KEYS[2])
if generation ~= ARGV[1] then return { 'lost', generation or '' } end

local head = redis.call('HMGET', KEYS[1], 'o', 'e')
local owner, epoch = head[1], head[2] or '0'
local view = ARGV[4]
local owned = false
if owner then
  local incarnation, activation, ownerView = string.match(owner, '^([^:]*):([^:]*):([^:]*)$')
  if incarnation == ARGV[2] then
    if activation == ARGV[3] then
      owned = true
      view = ownerView
    end
  elseif string.find(',' .. ARGV[5] .. ',', ',' .. incarnation .. ',', 1, true) then
    return { 'taken', owner, epoch }
  elseif tonumber(ownerView) > tonumber(ARGV[4]) then
    return { 'view_old', owner, epoch }
  end
end
if not owned then
  -- Up to 2^53 this is exact in Lua 5.1, too.
  epoch = string.format('%d', tonumber(epoch) + 1)
  redis.call('HSET', KEYS[1], 'o', ARGV[2] .. ':' .. ARGV[3] .. ':' .. view, 'e', epoch, 'n', '0')
end

local answer = { 'claimed', epoch, view }
if ARGV[6] == '1' then
  local fields = redis.call('HGETALL', KEYS[1])
  local at = 3
  for i = 1, #fields, 2 do
    local field = fields[i]
    if field ~= 'o' and field ~= 'e' and field ~= 'n' then
      answer[at + 1] = field
      answer[at + 2] = fields[i + 1]
      at = at + 2
    end
  end
end
return answer

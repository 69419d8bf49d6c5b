-- Stores one commit of an activation, whole or not at all (hazards.md 1 and 2).
-- KEYS 1  head of the grain (HASH: o owner, e epoch, n number of the owner's last commit, …)
--      2  generation of the grain's partition (STRING)
--   Only with instructions:
--      3  grains of the partition that have memory (ZSET, all of score 0)
--      4  reminders of the partition (ZSET by due time)
--      5  emissions that the grain retains (LIST)
--      6  outbox of the partition (LIST), 7 how many entries were taken from its beginning (STRING)
--      8… three for each collection that the commit names: map (HASH), its keys in order (ZSET), list (LIST)
-- ARGV 1  generation that the activation believes in
--      2  the activation, as the head names its owner, a colon, and its epoch: an activation may come to own the grain
--         again by a claim of its that was under way for long, and must not be able to commit then (hazards.md 1)
--      3  number of the commit, decimal
--      4  how many arguments follow that are fields of the head and their values, in turns
--      5… these; behind them instructions: a letter and its arguments (`i` is the place of a collection's keys).
--         The first three, in this order, take effect before the fields are set:
--         +                                   what follows adds to entries: check before the first write
--         F mapBase orderBase grain entry     forget: erase all but marks; `entry` tells the log
--         x count field…                      delete fields of the head
--         L grain                             from now on the grain is listed
--         m i field count key value …         set entries of a map
--         d i count key…                      delete entries
--         a i field key by                    add to an entry
--         p i field count item…               push to a list
--         t i count                           keep only the newest items of a list
--         c i                                 clear a map or list
--         r count due member …                reminders move
--         R count member…                     reminders end
--         e kept channel header count item…   emissions
-- Returns a number when the commit is stored: 0, or with emissions where in the outbox they end, counted from its
-- beginning of all time. Else an array; numbers are decimal text:
--      done     n                this number was stored before; nothing is written again
--      gap      n                the number before is not stored; n is
--      fenced   epoch, owner     another activation owns the grain, or nobody ('')
--      lost     generation       found in place of the one believed in, or ''
--      invalid  place            this instruction adds to what is no number, or beyond all numbers
-- Everything that may refuse comes before the first write. Keys of a forgotten grain's collections are made here, from
-- the names of their fields in the head: they share its hash tag, so they lie in the same slot.
local generation = redis.call('GET', KEYS[2])
if generation ~= ARGV[1] then return { 'lost', generation or '' } end

local head = redis.call('HMGET', KEYS[1], 'o', 'n', 'e')
if not head[1] or head[1] .. ':' .. head[3] ~= ARGV[2] then
  return { 'fenced', head[3] or '0', head[1] or '' }
end
local stored, number = tonumber(head[2]), tonumber(ARGV[3])
if number <= stored then return { 'done', head[2] } end
if number ~= stored + 1 then return { 'gap', head[2] } end

local unpackAll = table.unpack or unpack
local fieldsEnd = 4 + tonumber(ARGV[4])
-- A call takes only so many arguments from a table.
local MOST = 4000

if #ARGV == fieldsEnd then
  if fieldsEnd <= MOST then
    redis.call('HSET', KEYS[1], 'n', ARGV[3], unpackAll(ARGV, 5, fieldsEnd))
    return 0
  end
end

-- How many arguments an instruction has, after its letter; for those with a count, where that stands, and what each takes.
local FIXED = { ['+'] = 0, F = 4, L = 1, a = 4, t = 2, c = 1 }
local COUNT_AT = { x = 1, m = 3, d = 2, p = 3, r = 1, R = 1, e = 4 }
local EACH = { x = 1, m = 2, d = 1, p = 1, r = 2, R = 1, e = 1 }

local function lastOf(at)
  local letter = ARGV[at]
  local fixed = FIXED[letter]
  if fixed then return at + fixed end
  local countAt = COUNT_AT[letter]
  return at + countAt + tonumber(ARGV[at + countAt]) * EACH[letter]
end

-- ---- Check ----

local sums = {}

-- The number that a stored value is; nil when it is none. In Lua 5.3, too, sums are made of floats.
local function numberOf(value)
  if not value then return 0.0 end
  if string.sub(value, 1, 1) ~= 'n' then return nil end
  local found = tonumber(string.sub(value, 2))
  return found and found + 0.0
end

-- Works out all sums as they will be after the changes before them. Returns the place of one that cannot be.
local function check(first)
  local drafts, cleared = {}, {}
  local allCleared = false
  local at = first
  while at <= #ARGV do
    local letter = ARGV[at]
    local key = ARGV[at + 1]
    if letter == 'F' then allCleared = true
    elseif letter == 'c' then
      cleared[key] = true
      drafts[key] = {}
    elseif letter == 'm' or letter == 'd' or letter == 'a' then
      local draft = drafts[key]
      if not draft then
        draft = {}
        drafts[key] = draft
      end
      if letter == 'm' then
        for i = at + 4, lastOf(at), 2 do draft[ARGV[i]] = ARGV[i + 1] end
      elseif letter == 'd' then
        for i = at + 3, lastOf(at) do draft[ARGV[i]] = false end
      else
        local entry = ARGV[at + 3]
        local before = draft[entry]
        if before == nil then
          before = not (allCleared or cleared[key]) and redis.call('HGET', KEYS[tonumber(key)], entry)
        end
        local addend = numberOf(before)
        local sum = addend and addend + tonumber(ARGV[at + 4])
        if not sum or sum ~= sum or sum == math.huge or sum == -math.huge then return at end
        sums[at] = 'n' .. string.format('%.17g', sum)
        draft[entry] = sums[at]
      end
    end
    at = lastOf(at) + 1
  end
  return nil
end

local first = fieldsEnd + 1
if ARGV[first] == '+' then
  local bad = check(first)
  if bad then return { 'invalid', string.format('%d', bad) } end
end

-- ---- Write ----

-- Calls a command with arguments `from` to `to` of ARGV, in several calls when they are many.
local function callWith(command, key, from, to, step)
  local most = MOST - MOST % step
  for at = from, to, most do
    redis.call(command, key, unpackAll(ARGV, at, math.min(to, at + most - 1)))
  end
end

-- A collection that has its first entry is named in the head, so that forgetting finds it.
local function name(field)
  redis.call('HSET', KEYS[1], 'f' .. field, '')
end

local function set(i, field, entry, value)
  if redis.call('HSET', KEYS[i], entry, value) == 1 then
    if redis.call('ZADD', KEYS[i + 1], 0, entry) == 1 and redis.call('HLEN', KEYS[i]) == 1 then name(field) end
  end
end

local write = {}

function write.F(at)
  local mapBase, orderBase, grain = ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  local gone = {}
  for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
    local kind = string.sub(field, 1, 1)
    local rest = string.sub(field, 2)
    if kind == 'f' then
      redis.call('DEL', mapBase .. 'm' .. rest, orderBase .. 'm' .. rest, mapBase .. 'l' .. rest)
    elseif kind == 'r' then
      redis.call('ZREM', KEYS[4], grain .. '\0' .. rest)
    end
    if kind == 'f' or kind == 'r' or kind == 'v' or kind == 'c' or kind == 'x' or kind == 'l' then
      gone[#gone + 1] = field
    end
  end
  for from = 1, #gone, MOST do
    redis.call('HDEL', KEYS[1], unpackAll(gone, from, math.min(#gone, from + MOST - 1)))
  end
  redis.call('DEL', KEYS[5])
  redis.call('ZREM', KEYS[3], grain)
  redis.call('RPUSH', KEYS[6], ARGV[at + 4])
end

function write.L(at)
  redis.call('HSET', KEYS[1], 'l', '1')
  redis.call('ZADD', KEYS[3], 0, ARGV[at + 1])
end

function write.x(at)
  callWith('HDEL', KEYS[1], at + 2, lastOf(at), 1)
end

function write.m(at)
  local i = tonumber(ARGV[at + 1])
  for entry = at + 4, lastOf(at), 2 do set(i, ARGV[at + 2], ARGV[entry], ARGV[entry + 1]) end
end

function write.d(at)
  local i = tonumber(ARGV[at + 1])
  callWith('HDEL', KEYS[i], at + 3, lastOf(at), 1)
  callWith('ZREM', KEYS[i + 1], at + 3, lastOf(at), 1)
end

function write.a(at)
  set(tonumber(ARGV[at + 1]), ARGV[at + 2], ARGV[at + 3], sums[at])
end

function write.p(at)
  local key = KEYS[tonumber(ARGV[at + 1]) + 2]
  if redis.call('EXISTS', key) == 0 then name(ARGV[at + 2]) end
  callWith('RPUSH', key, at + 4, lastOf(at), 1)
end

function write.t(at)
  local key = KEYS[tonumber(ARGV[at + 1]) + 2]
  if ARGV[at + 2] == '0' then redis.call('DEL', key)
  else redis.call('LTRIM', key, '-' .. ARGV[at + 2], '-1') end
end

function write.c(at)
  local i = tonumber(ARGV[at + 1])
  redis.call('DEL', KEYS[i], KEYS[i + 1], KEYS[i + 2])
end

function write.r(at)
  callWith('ZADD', KEYS[4], at + 2, lastOf(at), 2)
end

function write.R(at)
  callWith('ZREM', KEYS[4], at + 2, lastOf(at), 1)
end

local answer = 0

function write.e(at)
  local kept, channel, header = ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  local from, to = at + 5, lastOf(at)
  callWith('RPUSH', KEYS[5], from, to, 1)
  if kept == '0' then redis.call('DEL', KEYS[5])
  else redis.call('LTRIM', KEYS[5], '-' .. kept, '-1') end
  local message = { header }
  local length = 0
  for i = from, to do
    message[#message + 1] = string.format('%d', #ARGV[i]) .. ':' .. ARGV[i]
    length = redis.call('RPUSH', KEYS[6], 'e' .. header .. ARGV[i])
  end
  redis.call('PUBLISH', channel, table.concat(message))
  answer = length + tonumber(redis.call('GET', KEYS[7]) or '0')
end

if ARGV[first] == '+' then first = first + 1 end
while ARGV[first] == 'F' or ARGV[first] == 'x' do
  write[ARGV[first]](first)
  first = lastOf(first) + 1
end
redis.call('HSET', KEYS[1], 'n', ARGV[3])
if fieldsEnd > 4 then callWith('HSET', KEYS[1], 5, fieldsEnd, 2) end
while first <= #ARGV do
  write[ARGV[first]](first)
  first = lastOf(first) + 1
end
return answer

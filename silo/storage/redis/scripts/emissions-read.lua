-- Reads the emissions that a grain retains; whoever asks.
-- KEYS 1  head of the grain (HASH: x number of the last emission, xe their epoch)
--      2  emissions that it retains, oldest first (LIST)
-- ARGV 1  number after which to begin
--      2  at most so many
-- Returns epoch, number of the oldest retained (last + 1 when there is none), number of the last, and the emissions.
local head = redis.call('HMGET', KEYS[1], 'x', 'xe')
local last = tonumber(head[1] or '0')
local first = last - redis.call('LLEN', KEYS[2]) + 1
local from = math.max(tonumber(ARGV[1]) + 1 - first, 0)
local found = {}
if tonumber(ARGV[2]) > 0 then
  found = redis.call('LRANGE', KEYS[2], string.format('%.17g', from), string.format('%.17g', from + tonumber(ARGV[2]) - 1))
end
return { head[2] or '0', string.format('%.17g', first), string.format('%.17g', last), found }

-- Empties the entries of one grain in a part of the log of the cluster: positions stay.
-- KEYS 1  log (LIST)
--      2  how many entries were trimmed from its beginning, of all time (STRING)
-- ARGV 1  how the entries of the grain begin
--      2  position after which to begin
--      3  how many to look at
-- Returns the position of the last one looked at; 0 when there is none any more.
local trimmed = tonumber(redis.call('GET', KEYS[2]) or '0')
local from = math.max(tonumber(ARGV[2]) - trimmed, 0)
local count = tonumber(ARGV[3])
local entries = redis.call('LRANGE', KEYS[1], string.format('%.17g', from), string.format('%.17g', from + count - 1))
for at = 1, #entries do
  if string.sub(entries[at], 1, #ARGV[1]) == ARGV[1] then
    redis.call('LSET', KEYS[1], string.format('%.17g', from + at - 1), '')
  end
end
if #entries < count then return 0 end
return trimmed + from + #entries

-- Raises the hint of a partition whose reminders were looked at. In two steps: a hint is written before its commit, so the
-- first look may have come in between; by the second one that commit has landed, or never will.
-- KEYS 1  hints (ZSET: partition by the earliest time that may be due)
--      2  how often something was said of each partition (HASH)
--      3  what that number was at the first look (HASH)
-- ARGV 1  partition
--      2  how often something had been said of it before the look
--      3  its earliest due time; '' when it has no reminder
--      4  when to look for the second time
-- Returns 1 when the hint was raised or taken away, 0 when something was said since.
if (redis.call('HGET', KEYS[2], ARGV[1]) or '0') ~= ARGV[2] then return 0 end
local due = ARGV[3]
if redis.call('HGET', KEYS[3], ARGV[1]) ~= ARGV[2] then
  redis.call('HSET', KEYS[3], ARGV[1], ARGV[2])
  if due == '' or tonumber(due) > tonumber(ARGV[4]) then due = ARGV[4] end
end
if due == '' then redis.call('ZREM', KEYS[1], ARGV[1])
else redis.call('ZADD', KEYS[1], due, ARGV[1]) end
return 1

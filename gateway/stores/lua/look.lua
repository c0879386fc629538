-- A replica looks whether others are short of anything. That shows that it lives.
--
-- KEYS  meta, wanted
-- ARGV  replica, how the keys of those who are short begin (in the same slot as all others)
-- Returns the store's time in seconds and microseconds, since when it has its memory, and the names of the records

local replica = ARGV[1]
local now = redis.call('TIME')
local now_ms = now[1] * 1000 + math.floor(now[2] / 1000)
redis.call('HSETNX', KEYS[1], 'born', now_ms) -- It is new, or has lost everything: see exchange.lua.
redis.call('HSET', KEYS[1], 'seen:' .. replica, now_ms)
local answer = {tonumber(now[1]), tonumber(now[2]), tonumber(redis.call('HGET', KEYS[1], 'born'))}
for _, name in ipairs(redis.call('SMEMBERS', KEYS[2])) do
  local shorts = ARGV[2] .. name
  if redis.call('ZCARD', shorts) > (redis.call('ZSCORE', shorts, replica) and 1 or 0) then
    answer[#answer + 1] = name
  end
end
return answer

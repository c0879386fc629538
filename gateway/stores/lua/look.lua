-- A replica looks whether others are short of anything. That shows that it lives.
--
-- KEYS  meta, wanted
-- ARGV  replica, how the keys of those who are short begin (in the same slot as all others)
-- Returns the names of the records

local replica = ARGV[1]
local now = redis.call('TIME')
redis.call('HSET', KEYS[1], 'seen:' .. replica, now[1] * 1000 + math.floor(now[2] / 1000))
local names = {}
for _, name in ipairs(redis.call('SMEMBERS', KEYS[2])) do
  local shorts = ARGV[2] .. name
  if redis.call('ZCARD', shorts) > (redis.call('ZSCORE', shorts, replica) and 1 or 0) then
    names[#names + 1] = name
  end
end
return names

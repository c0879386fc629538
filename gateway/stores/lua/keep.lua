-- Keep an answer, within a size for all of them together. Those that end soonest go first, so many at once at most.
--
-- KEYS  the answer, all of them by their end, their labels, their sizes, bytes taken
-- ARGV  record (empty: it is kept, and there is still to be made room), its label, its name, now and its end in Unix
--       milliseconds, bytes for all, what answers' keys begin with, how many to drop at most
-- Returns 1 if more is to go, else 0.

local function drop(name)
  local size = redis.call('HGET', KEYS[4], name)
  redis.call('DEL', ARGV[7] .. name)
  redis.call('ZREM', KEYS[2], name)
  redis.call('HDEL', KEYS[3], name)
  redis.call('HDEL', KEYS[4], name)
  if size then
    redis.call('DECRBY', KEYS[5], size)
  end
end

if ARGV[1] ~= '' then
  drop(ARGV[3])
  redis.call('SET', KEYS[1], ARGV[1], 'PX', tonumber(ARGV[5]) - tonumber(ARGV[4]))
  redis.call('ZADD', KEYS[2], ARGV[5], ARGV[3])
  redis.call('HSET', KEYS[3], ARGV[3], ARGV[2])
  redis.call('HSET', KEYS[4], ARGV[3], #ARGV[1])
  redis.call('INCRBY', KEYS[5], #ARGV[1])
end
local function too_much()
  return tonumber(redis.call('GET', KEYS[5]) or '0') > tonumber(ARGV[6])
end
local now, soonest = tonumber(ARGV[4]), redis.call('ZRANGE', KEYS[2], 0, ARGV[8] - 1, 'WITHSCORES')
for i = 1, #soonest, 2 do
  if tonumber(soonest[i + 1]) > now and not too_much() then
    return 0
  end
  drop(soonest[i])
end
return #soonest > 0 and too_much() and 1 or 0

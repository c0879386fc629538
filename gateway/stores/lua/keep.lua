-- Keep an answer, within a size for all of them together. Those that end soonest go first.
--
-- KEYS  the answer, all of them by their end, their labels, their sizes, bytes taken
-- ARGV  record, its label, its name, now and its end in Unix milliseconds, bytes for all, what answers' keys begin with
-- Returns nothing.

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

drop(ARGV[3])
for _, name in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', ARGV[4], 'LIMIT', 0, 100)) do
  drop(name)
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', tonumber(ARGV[5]) - tonumber(ARGV[4]))
redis.call('ZADD', KEYS[2], ARGV[5], ARGV[3])
redis.call('HSET', KEYS[3], ARGV[3], ARGV[2])
redis.call('HSET', KEYS[4], ARGV[3], #ARGV[1])
local taken = redis.call('INCRBY', KEYS[5], #ARGV[1])
while taken > tonumber(ARGV[6]) do
  local first = redis.call('ZRANGE', KEYS[2], 0, 0)[1]
  if not first then
    break
  end
  drop(first)
  taken = tonumber(redis.call('GET', KEYS[5]))
end
return false

-- Drop answers.
--
-- KEYS  all of them by their end, their labels, their sizes, bytes taken; then the answers
-- ARGV  the names of the answers, in the same order
-- Returns how many there were.

local gone = 0
for i, name in ipairs(ARGV) do
  local size = redis.call('HGET', KEYS[3], name)
  redis.call('DEL', KEYS[4 + i])
  redis.call('ZREM', KEYS[1], name)
  redis.call('HDEL', KEYS[2], name)
  redis.call('HDEL', KEYS[3], name)
  if size then
    redis.call('DECRBY', KEYS[4], size)
    gone = gone + 1
  end
end
return gone

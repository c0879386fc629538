-- Records that become others, and the lines that tell of it: all, or none where one is not as it was before.
--
-- KEYS  version, audit log; then the hash of each record
-- ARGV  for each record: id, before, after (empty: there is none); then the lines
-- Returns 1 if it was done, else 0

for i = 3, #KEYS do
  local at = 3 * (i - 3)
  if (redis.call('HGET', KEYS[i], ARGV[at + 1]) or '') ~= ARGV[at + 2] then
    return 0
  end
end
for i = 3, #KEYS do
  local at = 3 * (i - 3)
  if ARGV[at + 3] == '' then
    redis.call('HDEL', KEYS[i], ARGV[at + 1])
  else
    redis.call('HSET', KEYS[i], ARGV[at + 1], ARGV[at + 3])
  end
end
for i = 3 * (#KEYS - 2) + 1, #ARGV do
  redis.call('RPUSH', KEYS[2], ARGV[i])
end
redis.call('INCR', KEYS[1]) -- With the records: whoever sees the new number finds them.
return 1

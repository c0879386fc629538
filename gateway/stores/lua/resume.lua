-- A new process has the replica's name: on all its records it has leased what it has spent, and no more. In a rolling
-- window that counts until it has left.
--
-- KEYS  meta, wanted, the replica's set of records; then for each of them the record and its set of those who are short
-- ARGV  replica; then for each record: name, spent, in how many seconds it has left its rolling window (0: never)

local replica = ARGV[1]
redis.call('DEL', KEYS[3])
local time = redis.call('TIME')
for at = 2, #ARGV, 3 do
  local name, spent, rolls_s = ARGV[at], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  local record, shorts = KEYS[4 + 2 * (at - 2) / 3], KEYS[5 + 2 * (at - 2) / 3]
  local packed = redis.call('HGET', record, 'r:' .. replica)
  local before = packed and cmsgpack.unpack(packed) or {0, 0, 0, 0, 0}
  local function add(field, amount)
    local sum = tonumber(redis.call('HGET', record, field) or '0') + amount
    redis.call('HSET', record, field, string.format('%.0f', sum))
  end
  add('leased', spent - math.max(before[1], before[2]))
  add('spent', spent - before[2])
  add('held', -before[3])
  add('count', packed and 0 or 1)
  local turn = 0
  if rolls_s > 0 then
    local leaves, first = time[1] + 1 + rolls_s, tonumber(redis.call('HGET', record, 'leaves') or '0')
    redis.call('HSET', record, 'leaves', string.format('%.0f', first == 0 and leaves or math.min(first, leaves)))
    turn = -leaves
  end
  redis.call('HSET', record, 'r:' .. replica, cmsgpack.pack({spent, spent, 0, 0, turn}))
  redis.call('SADD', KEYS[3], name)
  if redis.call('ZREM', shorts, replica) == 1 and redis.call('ZCARD', shorts) == 0 then
    redis.call('SREM', KEYS[2], name)
  end
end

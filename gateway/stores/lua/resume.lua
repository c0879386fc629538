-- A new process has the replica's name: on these of its records it has leased what it has spent, and no more. In a rolling
-- window that counts until it has left. What else is in the replica's set stays there: another script may be to do it.
--
-- KEYS  meta, wanted, the names of all records, the replica's set of records; then for each record itself and its set of
--       those who are short
-- ARGV  replica, turn: its words up to this one are late; then for each record: name, spent, for how many seconds it is kept
--       (0: for ever), and in how many seconds what is spent has left its rolling window (0: never)

local replica = ARGV[1]
local time = redis.call('TIME')
for at = 3, #ARGV, 4 do
  local name, spent, kept_s, rolls_s = ARGV[at], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
  local record, shorts = KEYS[5 + 2 * (at - 3) / 4], KEYS[6 + 2 * (at - 3) / 4]
  local packed = redis.call('HGET', record, 'r:' .. replica)
  local named = redis.call('SADD', KEYS[3], name) == 0
  if named and redis.call('EXISTS', record) == 0 then -- It alone is lost.
    redis.call('HSET', KEYS[1], 'born', time[1] * 1000 + math.floor(time[2] / 1000))
  end
  local before, turn = packed and cmsgpack.unpack(packed) or {0, 0, 0, 0, 0}, tonumber(ARGV[2])
  local same = math.floor(turn / 2 ^ 36) == math.floor(before[5] / 2 ^ 36) -- Process: see `heard_more` in base.py.
  if not (turn > 0 and turn <= before[5] and same) then
    local function add(field, amount)
      local sum = tonumber(redis.call('HGET', record, field) or '0') + amount
      redis.call('HSET', record, field, string.format('%.0f', sum))
    end
    add('leased', spent - math.max(before[1], before[2]))
    add('spent', spent - before[2])
    add('held', -before[3])
    add('count', packed and 0 or 1)
    if rolls_s > 0 then
      local leaves, first = time[1] + 1 + rolls_s, tonumber(redis.call('HGET', record, 'leaves') or '0')
      redis.call('HSET', record, 'leaves', string.format('%.0f', first == 0 and leaves or math.min(first, leaves)))
      turn = -leaves
    end
    redis.call('HSET', record, 'r:' .. replica, cmsgpack.pack({spent, spent, 0, 0, turn}))
    redis.call('SADD', KEYS[4], name)
    if kept_s > 0 then
      redis.call('EXPIRE', record, kept_s)
    end
    if redis.call('ZREM', shorts, replica) == 1 and redis.call('ZCARD', shorts) == 0 then
      redis.call('SREM', KEYS[2], name)
    end
  end
end

-- One replica's word on some records, and what each of them says then. See `grant` and `word` in base.py: the same rule,
-- by totals, so that a record may have any number of replicas.
--
-- KEYS  meta, wanted, the names of all records, the asker's set of records; then for each ask its record and its set of
--       those who are short
-- ARGV  replica, how long to learn in ms for up to 20,000 records, which take half of that to be told; then for each ask: name, limit, spent, want, held, least, keep, ahead, turn, and
--       for how many seconds the record is kept (0: for ever), how many its window rolls over (0: it does not), back
-- Returns for each ask: leased, spent, short, the others' leased, spent and held, yields and learning (0 or 1)

local meta, wanted, all, mine = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local replica, learn_ms = ARGV[1], tonumber(ARGV[2])

local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)

local born = tonumber(redis.call('HGET', meta, 'born'))
if not born or born > now_ms then
  -- The store is new, or has lost everything: nobody may lease until all have said what they have. Or its clock was
  -- ahead then and is right now: it would learn until that time has come.
  born = now_ms
  redis.call('HSET', meta, 'born', born, 'names', 0)
end
local learning = now_ms < born + learn_ms * math.max(1, redis.call('SCARD', all) / 20000)

local function number(record, field)
  return tonumber(redis.call('HGET', record, field) or '0')
end

local function let_go(record, now) -- What stands for replicas that do not speak and has left the rolling window.
  local first = number(record, 'leaves')
  if first == 0 or now < first then return end
  local leased, spent, count, leaves = number(record, 'leased'), number(record, 'spent'), number(record, 'count'), 0
  local found = redis.call('HGETALL', record)
  for i = 1, #found, 2 do
    local one = string.sub(found[i], 1, 2) == 'r:' and cmsgpack.unpack(found[i + 1]) or {0, 0, 0, 0, 0}
    if one[5] < 0 and -one[5] <= now then
      leased, spent, count = leased - one[1], spent - one[2], count - 1
      redis.call('HDEL', record, found[i])
    elseif one[5] < 0 then
      leaves = leaves == 0 and -one[5] or math.min(leaves, -one[5])
    end
  end
  redis.call('HSET', record, 'leased', string.format('%.0f', leased), 'spent', string.format('%.0f', spent),
    'count', count, 'leaves', string.format('%.0f', leaves))
end

local words, names = {}, {}
for at = 3, #ARGV, 12 do
  local name, ask = ARGV[at], {}
  for i = 1, 8 do ask[i] = tonumber(ARGV[at + i]) end
  local limit, told, want, held, least, keep, ahead, turn = unpack(ask)
  local record, shorts = KEYS[5 + 2 * (at - 3) / 12], KEYS[6 + 2 * (at - 3) / 12]
  local rolls = tonumber(ARGV[at + 10]) > 0
  if rolls then let_go(record, now_ms / 1000) end

  local found = redis.call('HMGET', record, 'r:' .. replica, 'leased', 'spent', 'held', 'count')
  local known, now = found[1], {0, 0, 0, 0, 0}
  if known then now = cmsgpack.unpack(known) end
  if not found[5] and redis.call('SISMEMBER', all, name) == 1 then -- This record alone is lost: evicted, or deleted.
    learning = true
    redis.call('HSET', meta, 'born', now_ms)
  end
  for i = 2, 5 do found[i] = tonumber(found[i] or '0') end
  local others = {found[2] - math.max(now[1], now[2]), found[3] - now[2], found[4] - now[3]}
  local count = found[5] - (known and 1 or 0)
  local all_short = redis.call('ZCARD', shorts)
  local was_short = all_short > 0 and redis.call('ZSCORE', shorts, replica)
  local others_short = all_short - (was_short and 1 or 0)

  if not (turn > 0 and turn <= now[5]) then -- Else it is late: an old word.
    local spent, room = rolls and told or math.max(told, now[2] - tonumber(ARGV[at + 11])), math.max(0, limit - others[1])
    local leased = math.min(want, math.max(room, math.min(now[1], keep)))
    local short
    if learning then
      leased = math.max(spent, math.min(want, keep)) -- What it had before the loss was granted then.
      short = 0
    else
      if least > room then
        leased = math.min(now[1], keep, leased)
      elseif others_short == 0 then
        leased = leased + math.max(0, math.min(ahead, math.floor((room - leased) / (2 * count + 2))))
      end
      leased = math.max(leased, spent)
      short = math.max(0, least - leased)
    end
    now = {leased, spent, held, short, turn}
    redis.call('HSET', record, 'r:' .. replica, cmsgpack.pack(now), 'count', count + 1,
      'leased', string.format('%.0f', others[1] + math.max(leased, spent)),
      'spent', string.format('%.0f', others[2] + spent), 'held', string.format('%.0f', others[3] + held))
    names[#names + 1] = name
    if learning or not known then redis.call('SADD', all, name) end -- The names may be lost as well.
    if short > 0 then
      redis.call('ZADD', shorts, 0, replica)
      redis.call('SADD', wanted, name)
    elseif was_short then
      redis.call('ZREM', shorts, replica)
      if others_short == 0 then redis.call('SREM', wanted, name) end
    end
    local kept_s = tonumber(ARGV[at + 9])
    if kept_s > 0 then
      redis.call('EXPIRE', record, kept_s)
      if others_short > 0 or short > 0 then redis.call('EXPIRE', shorts, kept_s) end
    end
  end
  local yields = now[4] > 0 and redis.call('ZRANGE', shorts, 0, 0)[1] ~= replica
  words[#words + 1] = {now[1], now[2], now[4], others[1], others[2], others[3], yields and 1 or 0, learning and 1 or 0}
end
if #names > 0 then redis.call('SADD', mine, unpack(names)) end
return words

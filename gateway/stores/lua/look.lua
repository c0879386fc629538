-- A replica looks whether others are short of anything that it has leased and not spent. That shows that it lives.
--
-- KEYS  meta, wanted, the names of all records
-- ARGV  replica, how the keys of those who are short begin and how records do (in the same slot as all others)
-- Returns the store's time in seconds and microseconds, since when it has its memory, what it evicts by, and the names of
-- the records

local replica = ARGV[1]
local now = redis.call('TIME')
local now_ms = now[1] * 1000 + math.floor(now[2] / 1000)
local found = redis.call('HMGET', KEYS[1], 'born', 'asked', 'evicted', 'policy', 'names')
local born, asked, evicted, policy, names = tonumber(found[1]), unpack(found, 2)
if not asked or math.abs(now_ms - asked) >= 1000 then -- Whether it may forget, and has.
  local function told(section, field)
    local info = redis.pcall('INFO', section)
    return type(info) == 'string' and string.match(info, field .. ':([%w-]+)') or ''
  end
  local before, named = evicted, tonumber(names)
  evicted, policy = told('stats', 'evicted_keys'), told('memory', 'maxmemory_policy')
  names = redis.call('SCARD', KEYS[3])
  if before and before ~= evicted then born = nil end
  if not named or named > 0 and names == 0 then born = nil end -- Who knows no names sees no record that is lost.
  redis.call('HSET', KEYS[1], 'asked', now_ms, 'evicted', evicted, 'policy', policy, 'names', names)
end
if not born or born > now_ms then -- It is new, has lost something, or its clock was ahead: see exchange.lua.
  born = now_ms
  redis.call('HSET', KEYS[1], 'born', born)
end
redis.call('HSET', KEYS[1], 'seen:' .. replica, now_ms)
local function has_some(name)
  local packed = redis.call('HGET', ARGV[3] .. name, 'r:' .. replica)
  local standing = packed and cmsgpack.unpack(packed)
  return standing and standing[1] > standing[2]
end
local answer = {tonumber(now[1]), tonumber(now[2]), born, policy}
for _, name in ipairs(redis.call('SMEMBERS', KEYS[2])) do
  local shorts = ARGV[2] .. name
  local count = redis.call('ZCARD', shorts)
  if count == 0 then -- Its window has ended, and whoever was short there is gone.
    redis.call('SREM', KEYS[2], name)
  elseif count > (redis.call('ZSCORE', shorts, replica) and 1 or 0) and has_some(name) then
    answer[#answer + 1] = name
  end
end
return answer

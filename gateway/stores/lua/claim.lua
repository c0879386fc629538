-- Claim an idempotency key for one call, unless another has it.
--
-- KEYS  the claim, the replica's calls that run
-- ARGV  what to write, seconds for which it stands, the claim's name
-- Returns the earlier claim, or nothing.

local stands = redis.call('GET', KEYS[1])
if stands then
  return stands
end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
redis.call('SADD', KEYS[2], ARGV[3])
return false

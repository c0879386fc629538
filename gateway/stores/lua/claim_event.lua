-- Claim an event, to tell it: once, whoever asks. Who asks again with the same words has not heard the answer.
--
-- KEYS  the event
-- ARGV  what to write, for how many seconds it stands (0: for ever)
-- Returns 1 if these words stand there now, else 0

local stands = redis.call('GET', KEYS[1])
if stands then
  return stands == ARGV[1] and 1 or 0
end
redis.call('SET', KEYS[1], ARGV[1])
if tonumber(ARGV[2]) > 0 then
  redis.call('EXPIRE', KEYS[1], ARGV[2])
end
return 1

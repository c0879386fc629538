-- A call is over, or its process is: its claim says something else from now on, or is gone. Repeated, it changes nothing.
--
-- KEYS  the claim, the replica's calls that run, the claims that nobody will end
-- ARGV  what must stand there, what to write (empty: drop it), the claim's name, its request id,
--       1 if nobody will end it, seconds for which that is known

redis.call('SREM', KEYS[2], ARGV[3])
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
if ARGV[2] == '' then
  redis.call('DEL', KEYS[1])
else
  redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
end
if ARGV[5] == '1' then
  redis.call('HSET', KEYS[3], ARGV[4], ARGV[3])
  redis.call('EXPIRE', KEYS[3], ARGV[6])
else
  redis.call('HDEL', KEYS[3], ARGV[4])
end
return 1

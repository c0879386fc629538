-- A replica has a new connection. A server that is not the one of before (restarted, or another one after a failover) may
-- lack the newest words, so everybody tells anew what they have before anything is leased.
--
-- KEYS  meta
-- ARGV  the server's identity

if redis.call('HGET', KEYS[1], 'server') ~= ARGV[1] then
  local now = redis.call('TIME')
  redis.call('HSET', KEYS[1], 'server', ARGV[1], 'born', now[1] * 1000 + math.floor(now[2] / 1000), 'names', 0)
end
return 0

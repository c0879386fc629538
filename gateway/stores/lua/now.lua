-- The store's time, by the server that keeps the records: in a cluster each may have another.
--
-- KEYS  meta
-- Returns seconds, microseconds

return redis.call('TIME')

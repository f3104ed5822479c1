-- Connection strings of subscriptions. They hold secrets: shown is the start of the SHA-256. Only a superuser may read
-- the column, and the server refuses the whole query to others.
SELECT 'pg_subscription', s.oid, -1, 'pg_subscription', s.oid, 0,
       'connection',
       '',
       NULL::int4,
       '`redacted:'
         || pg_catalog.left(pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(s.subconninfo, 'UTF8')), 'hex'), 12) || '`',
       NULL::text, NULL::text, NULL::text
  FROM pg_catalog.pg_subscription s
 WHERE s.subdbid = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())

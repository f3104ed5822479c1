-- Subscriptions of this database (the catalog is the cluster's), but for their connection string, which not everyone
-- may read: other_subscription_connections.sql.
SELECT 'pg_subscription', s.oid, 0, NULL::text, NULL::oid, NULL::int4,
       'subscription',
       pg_catalog.quote_ident(s.subname),
       NULL::int4,
       pg_catalog.concat_ws(', ',
         'publications ' || (SELECT pg_catalog.string_agg(pg_catalog.quote_ident(u.name), ' ' ORDER BY u.name COLLATE "C")
                               FROM pg_catalog.unnest(s.subpublications) AS u (name)),
         CASE WHEN s.subslotname IS NULL THEN 'slot none'
              WHEN s.subslotname <> s.subname THEN 'slot ' || pg_catalog.quote_ident(s.subslotname) END,
         CASE WHEN s.subbinary THEN 'binary' END,
         CASE WHEN s.substream THEN 'streaming' END, --@..15
         CASE s.substream WHEN 't' THEN 'streaming' WHEN 'p' THEN 'streaming parallel' END, --@16+
         CASE WHEN s.subsynccommit <> 'off' THEN 'synchronous commit `' || s.subsynccommit || '`' END,
         CASE WHEN s.subtwophasestate <> 'd' THEN 'two phase' END, --@15+
         CASE WHEN s.subdisableonerr THEN 'disable on error' END, --@15+
         'skip ' || NULLIF(s.subskiplsn, '0/0'), --@15+
         CASE WHEN NOT s.subpasswordrequired THEN 'password not required' END, --@16+
         CASE WHEN s.subrunasowner THEN 'run as owner' END, --@16+
         CASE WHEN s.suborigin <> 'any' THEN 'origin ' || s.suborigin END, --@16+
         CASE WHEN s.subfailover THEN 'failover' END, --@17+
         CASE WHEN NOT s.subenabled THEN 'disabled' END),
       pg_catalog.pg_get_userbyid(s.subowner),
       NULL::text, NULL::text
  FROM pg_catalog.pg_subscription s
 WHERE s.subdbid = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())

SELECT coalesce(c.oid, l.oid), n.nspname, c.relname, c.relkind,
  (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(a.attname, a.attnum) ORDER BY a.attnum) FROM pg_catalog.pg_attribute a
   WHERE c.relkind IN ('r', 'p') AND a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)
FROM (SELECT relation AS oid FROM pg_catalog.pg_locks
      WHERE pid = pg_catalog.pg_backend_pid() AND locktype = 'relation' AND relation >= 16384
      UNION SELECT pg_catalog.unnest($1)) l
LEFT JOIN pg_catalog.pg_class c ON c.oid = l.oid
LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid IS NULL OR c.relkind IN ('r', 'p')
ORDER BY 1

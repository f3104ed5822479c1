SELECT 'pg_database', d.oid, 0, NULL, NULL, NULL, 'database', '', NULL,
       CASE WHEN d.datconnlimit <> -1 THEN 'connection limit ' || d.datconnlimit END,
       pg_catalog.pg_get_userbyid(d.datdba), d.datacl::text,
       CASE WHEN d.datacl IS NOT NULL THEN pg_catalog.acldefault('d', d.datdba) END::text
  FROM pg_catalog.pg_database d
 WHERE d.datname = pg_catalog.current_database()

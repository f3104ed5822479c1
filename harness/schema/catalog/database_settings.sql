SELECT 'pg_database', d.oid, -1, 'pg_database', d.oid, 0,
       'set', pg_catalog.split_part(o, '=', 1)
       || CASE WHEN s.setrole = 0 THEN '' ELSE ' for ' || pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(s.setrole)) END,
       NULL, pg_catalog.substr(o, pg_catalog.strpos(o, '=') + 1), NULL, NULL, NULL
  FROM pg_catalog.pg_database d
  JOIN pg_catalog.pg_db_role_setting s ON s.setdatabase = d.oid
 CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) o
 WHERE d.datname = pg_catalog.current_database()

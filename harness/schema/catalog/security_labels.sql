SELECT 'pg_seclabel', l.objoid, -1, c.relname, l.objoid, l.objsubid, 'security label', l.provider, NULL, pg_catalog.quote_literal(l.label), NULL, NULL, NULL
  FROM (SELECT objoid, classoid, objsubid, provider, label FROM pg_catalog.pg_seclabel
        UNION ALL
        SELECT s.objoid, s.classoid, 0, s.provider, s.label
          FROM pg_catalog.pg_shseclabel s
          JOIN pg_catalog.pg_database d ON d.oid = s.objoid AND d.datname = pg_catalog.current_database()
         WHERE s.classoid = 'pg_catalog.pg_database'::pg_catalog.regclass) l
  JOIN pg_catalog.pg_class /*fixed*/ c ON c.oid = l.classoid

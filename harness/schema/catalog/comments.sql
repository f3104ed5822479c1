SELECT 'pg_description', m.objoid, -1, m.class, m.objoid, m.objsubid, 'comment', '', NULL,
       CASE WHEN pg_catalog.strpos(m.description, E'\n') > 0 THEN m.description ELSE pg_catalog.quote_literal(m.description) END,
       NULL, NULL, NULL
  FROM (SELECT d.objoid, c.relname AS class, d.objsubid, d.description
          FROM pg_catalog.pg_description d
          JOIN pg_catalog.pg_class /*fixed*/ c ON c.oid = d.classoid
         WHERE d.objoid >= 16384
           AND NOT EXISTS (SELECT FROM pg_catalog.pg_namespace n WHERE n.nspname = 'public' AND n.oid = d.objoid
                              AND d.classoid = 'pg_catalog.pg_namespace'::pg_catalog.regclass)
        UNION ALL
        -- initdb writes a comment on public: another one is said, and so is none
        SELECT n.oid, 'pg_namespace', 0, COALESCE(d.description, '')
          FROM pg_catalog.pg_namespace n
          LEFT JOIN pg_catalog.pg_description d ON d.objoid = n.oid AND d.classoid = 'pg_catalog.pg_namespace'::pg_catalog.regclass
         WHERE n.nspname = 'public' AND d.description IS DISTINCT FROM 'standard public schema'
            OR n.nspname <> 'public' AND n.oid = 2200 AND d.description IS NOT NULL
        UNION ALL
        SELECT d.oid, 'pg_database', 0, s.description
          FROM pg_catalog.pg_database d
          JOIN pg_catalog.pg_shdescription s ON s.objoid = d.oid AND s.classoid = 'pg_catalog.pg_database'::pg_catalog.regclass
         WHERE d.datname = pg_catalog.current_database()) m

SELECT 'pg_namespace', n.oid, 0, NULL, NULL, NULL, 'schema', pg_catalog.quote_ident(n.nspname), NULL,
       -- initdb gives public to pg_database_owner: any other owner is said, even the database's own
       CASE WHEN n.nspname = 'public' AND n.nspowner <> 6171 THEN 'owner ' || pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(n.nspowner)) END, --@15+
       CASE WHEN n.nspname = 'public' AND n.nspowner <> 10 THEN 'owner ' || pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(n.nspowner)) END, --@..14
       CASE WHEN n.nspname <> 'public' THEN pg_catalog.pg_get_userbyid(n.nspowner) END,
       CASE WHEN n.nspname = 'public' THEN COALESCE(n.nspacl, pg_catalog.acldefault('n', n.nspowner)) ELSE n.nspacl END::text,
       CASE WHEN n.nspname = 'public'
            THEN pg_catalog.acldefault('n', n.nspowner) || pg_catalog.makeaclitem(0, n.nspowner, 'USAGE', false) --@15+
            THEN pg_catalog.acldefault('n', n.nspowner) || ('=UC/' || pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(n.nspowner)))::pg_catalog.aclitem --@..14
            WHEN n.nspacl IS NOT NULL THEN pg_catalog.acldefault('n', n.nspowner) END::text
  FROM pg_catalog.pg_namespace n
 -- 2200 is public, also under another name
 WHERE (n.oid >= 16384 OR n.oid = 2200 OR n.nspname = 'public')
   AND n.nspname !~ '^pg_(toast_)?temp_'
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                    WHERE d.classid = 'pg_catalog.pg_namespace'::pg_catalog.regclass
                      AND d.objid = n.oid AND d.objsubid = 0 AND d.deptype = 'e')

SELECT 'system', 0::pg_catalog.oid, 0, NULL, NULL::pg_catalog.oid, NULL::integer, 'system privileges', '', NULL, '@implied', NULL, NULL, NULL
UNION ALL
SELECT 'system', o.oid, -1, 'system', 0, 0, o.kind,
       CASE o.kind WHEN 'function' THEN o.oid::pg_catalog.regprocedure::text WHEN 'type' THEN o.oid::pg_catalog.regtype::text
                   WHEN 'relation' THEN o.oid::pg_catalog.regclass::text ELSE o.name END
       || CASE WHEN o.sub > 0 THEN '.' || pg_catalog.quote_ident(o.name) ELSE '' END,
       NULL, '@implied', NULL, o.acl::text, b.usual::text
  FROM (SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass, oid, 0, 'function', NULL, 'f'::"char", proowner, proacl, NULL
          FROM pg_catalog.pg_proc WHERE proacl IS NOT NULL
        UNION ALL
        SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, oid, 0, 'relation', NULL,
               CASE relkind WHEN 'S' THEN 's'::"char" ELSE 'r' END, relowner, relacl,
               CASE WHEN relnamespace IN (SELECT n.oid FROM pg_catalog.pg_namespace n WHERE n.nspname = 'information_schema') THEN 'SELECT' END
          FROM pg_catalog.pg_class WHERE relacl IS NOT NULL AND relpersistence <> 't'
        UNION ALL
        SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, attrelid, attnum, 'relation', attname, 'c', 10, attacl, NULL
          FROM pg_catalog.pg_attribute WHERE attacl IS NOT NULL
        UNION ALL
        SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, oid, 0, 'type', NULL, 'T', typowner, typacl, NULL
          FROM pg_catalog.pg_type WHERE typacl IS NOT NULL
        UNION ALL
        SELECT 'pg_catalog.pg_namespace'::pg_catalog.regclass, oid, 0, 'schema', pg_catalog.quote_ident(nspname), 'n', nspowner, nspacl,
               CASE WHEN nspname = 'information_schema' THEN 'USAGE' END
          FROM pg_catalog.pg_namespace WHERE nspacl IS NOT NULL AND nspname <> 'public' AND oid <> 2200 AND nspname !~ '^pg_(toast_)?temp_'
        UNION ALL
        SELECT 'pg_catalog.pg_language'::pg_catalog.regclass, oid, 0, 'language', pg_catalog.quote_ident(lanname), 'l', lanowner, lanacl, NULL
          FROM pg_catalog.pg_language WHERE lanacl IS NOT NULL
        UNION ALL
        SELECT 'pg_catalog.pg_foreign_data_wrapper'::pg_catalog.regclass, oid, 0, 'foreign data wrapper', pg_catalog.quote_ident(fdwname), 'F', fdwowner, fdwacl, NULL
          FROM pg_catalog.pg_foreign_data_wrapper WHERE fdwacl IS NOT NULL
        UNION ALL
        SELECT 'pg_catalog.pg_foreign_server'::pg_catalog.regclass, oid, 0, 'server', pg_catalog.quote_ident(srvname), 'S', srvowner, srvacl, NULL
          FROM pg_catalog.pg_foreign_server WHERE srvacl IS NOT NULL
       ) o(class, oid, sub, kind, name, type, owner, acl, public)
  LEFT JOIN pg_catalog.pg_init_privs i ON i.objoid = o.oid AND i.classoid = o.class AND i.objsubid = o.sub
       -- initdb makes information_schema after it has noted the privileges of all else
 CROSS JOIN LATERAL (SELECT CASE WHEN i.initprivs IS NOT NULL THEN i.initprivs
       WHEN o.public IS NOT NULL AND o.oid < 16384 THEN pg_catalog.acldefault(o.type, o.owner) || pg_catalog.makeaclitem(0, o.owner, o.public, false)
       ELSE pg_catalog.acldefault(o.type, o.owner) END) b(usual)
 WHERE o.acl IS DISTINCT FROM b.usual
   AND (o.oid < 16384 OR EXISTS (SELECT FROM pg_catalog.pg_depend d
                                  WHERE d.classid = o.class AND d.objid = o.oid AND d.objsubid = 0 AND d.deptype = 'e'))

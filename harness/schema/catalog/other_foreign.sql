-- Foreign data wrappers, servers, user mappings. Foreign tables are read with the relations.
-- Options are sorted. Secrets never leave the server: an option that looks like one, and every option of a user
-- mapping, is shown as the start of its SHA-256, enough to see that it changed.
SELECT 'pg_foreign_data_wrapper', w.oid, 0, NULL::text, NULL::oid, NULL::int4,
       'foreign data wrapper',
       pg_catalog.quote_ident(w.fdwname),
       NULL::int4,
       pg_catalog.concat_ws(', ',
         'handler ' || NULLIF(w.fdwhandler, 0)::regprocedure,
         'validator ' || NULLIF(w.fdwvalidator, 0)::regprocedure,
         (SELECT pg_catalog.string_agg(pg_catalog.format('option %I = `%s`', o.option_name,
                   CASE WHEN o.option_name ~* 'pass|secret|token|key|credential' OR o.option_value ~* 'password|secret'
                        THEN 'redacted:' || pg_catalog.left(pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(o.option_value, 'UTF8')), 'hex'), 12)
                        ELSE o.option_value END), ', ' ORDER BY o.option_name COLLATE "C")
            FROM pg_catalog.pg_options_to_table(w.fdwoptions) o)),
       pg_catalog.pg_get_userbyid(w.fdwowner),
       w.fdwacl::text,
       CASE WHEN w.fdwacl IS NOT NULL THEN pg_catalog.acldefault('F', w.fdwowner)::text END
  FROM pg_catalog.pg_foreign_data_wrapper w
 WHERE w.oid >= 16384
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                    WHERE d.classid = 'pg_catalog.pg_foreign_data_wrapper'::regclass AND d.objid = w.oid AND d.objsubid = 0
                      AND d.deptype = 'e')
UNION ALL
SELECT 'pg_foreign_server', s.oid, 0, NULL, NULL, NULL,
       'server',
       pg_catalog.quote_ident(s.srvname),
       NULL,
       pg_catalog.concat_ws(', ',
         (SELECT 'foreign data wrapper ' || pg_catalog.quote_ident(w.fdwname)
            FROM pg_catalog.pg_foreign_data_wrapper w WHERE w.oid = s.srvfdw),
         'type `' || s.srvtype || '`',
         'version `' || s.srvversion || '`',
         (SELECT pg_catalog.string_agg(pg_catalog.format('option %I = `%s`', o.option_name,
                   CASE WHEN o.option_name ~* 'pass|secret|token|key|credential' OR o.option_value ~* 'password|secret'
                        THEN 'redacted:' || pg_catalog.left(pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(o.option_value, 'UTF8')), 'hex'), 12)
                        ELSE o.option_value END), ', ' ORDER BY o.option_name COLLATE "C")
            FROM pg_catalog.pg_options_to_table(s.srvoptions) o)),
       pg_catalog.pg_get_userbyid(s.srvowner),
       s.srvacl::text,
       CASE WHEN s.srvacl IS NOT NULL THEN pg_catalog.acldefault('S', s.srvowner)::text END
  FROM pg_catalog.pg_foreign_server s
 WHERE s.oid >= 16384
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                    WHERE d.classid = 'pg_catalog.pg_foreign_server'::regclass AND d.objid = s.oid AND d.objsubid = 0
                      AND d.deptype = 'e')
UNION ALL
-- Through the view, since the catalog itself may be read by superusers alone.
SELECT 'pg_user_mapping', u.umid, 0, NULL, NULL, NULL,
       'user mapping',
       pg_catalog.format('%s on server %I',
         CASE WHEN u.umuser = 0 THEN 'public' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(u.umuser)) END,
         u.srvname),
       NULL,
       (SELECT pg_catalog.string_agg(pg_catalog.format('option %I = `redacted:%s`', o.option_name,
                 pg_catalog.left(pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(o.option_value, 'UTF8')), 'hex'), 12)),
                 ', ' ORDER BY o.option_name COLLATE "C")
          FROM pg_catalog.pg_options_to_table(u.umoptions) o),
       NULL, NULL, NULL
  FROM pg_catalog.pg_user_mappings u

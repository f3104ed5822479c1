SELECT 'pg_default_acl', a.oid, 0, NULL, NULL, NULL, 'default privileges',
       'of ' || pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.defaclrole))
       || COALESCE(' in ' || pg_catalog.quote_ident(n.nspname), '') || ' on '
       || CASE a.defaclobjtype WHEN 'r' THEN 'tables' WHEN 'S' THEN 'sequences' WHEN 'f' THEN 'functions' WHEN 'T' THEN 'types'
               WHEN 'n' THEN 'schemas' WHEN 'L' THEN 'large objects' ELSE a.defaclobjtype::text END,
       NULL, NULL, NULL, a.defaclacl::text,
       CASE WHEN a.defaclnamespace <> 0 THEN '{}'
            ELSE pg_catalog.acldefault(CASE a.defaclobjtype WHEN 'S' THEN 's' ELSE a.defaclobjtype END, a.defaclrole)::text END
  FROM pg_catalog.pg_default_acl a
  LEFT JOIN pg_catalog.pg_namespace n ON n.oid = a.defaclnamespace

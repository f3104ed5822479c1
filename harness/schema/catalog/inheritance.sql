SELECT 'pg_class', c.oid, -1, 'pg_class', c.oid, 0,
       CASE WHEN c.relispartition THEN 'partition of' ELSE 'inherits' END,
       pg_catalog.quote_ident(pn.nspname) || '.' || pg_catalog.quote_ident(p.relname), i.inhseqno,
       CASE WHEN c.relispartition THEN pg_catalog.pg_get_expr(c.relpartbound, c.oid) END
       || CASE WHEN i.inhdetachpending THEN ', detach pending' ELSE '' END,
       NULL, NULL, NULL
  FROM pg_catalog.pg_inherits i
  JOIN pg_catalog.pg_class /*fixed*/ c ON c.oid = i.inhrelid AND c.relkind IN ('r', 'p', 'f') AND c.relpersistence <> 't'
  JOIN pg_catalog.pg_class /*fixed*/ p ON p.oid = i.inhparent
  JOIN pg_catalog.pg_namespace /*fixed*/ pn ON pn.oid = p.relnamespace

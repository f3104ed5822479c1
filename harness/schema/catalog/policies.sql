SELECT 'pg_policy', p.oid, 0, 'pg_class', p.polrelid, 0, 'policy', pg_catalog.quote_ident(p.polname), NULL,
       CASE WHEN p.polpermissive THEN '' ELSE 'restrictive ' END
       || 'for ' || CASE p.polcmd WHEN 'r' THEN 'select' WHEN 'a' THEN 'insert' WHEN 'w' THEN 'update' WHEN 'd' THEN 'delete' ELSE 'all' END
       || ' to ' || (SELECT pg_catalog.string_agg(o.role, ', ' ORDER BY o.role COLLATE "C")
                       FROM (SELECT DISTINCT CASE WHEN u = 0 THEN 'public' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(u)) END
                               FROM pg_catalog.unnest(p.polroles) u) o(role))
       || COALESCE(' using `' || pg_catalog.pg_get_expr(p.polqual, p.polrelid) || '`', '')
       || COALESCE(' with check `' || pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) || '`', ''),
       NULL, NULL, NULL /*relation: p.polrelid*/
  FROM pg_catalog.pg_policy p
 WHERE p.oid >= 16384

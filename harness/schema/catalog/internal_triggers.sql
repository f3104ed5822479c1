SELECT 'pg_trigger', t.oid, 0, CASE WHEN f.inner_part THEN 'pg_class' ELSE 'pg_constraint' END,
       CASE WHEN f.inner_part THEN t.tgrelid ELSE k.oid END, 0, 'triggers',
       CASE WHEN f.inner_part THEN pg_catalog.quote_ident(k.conname) ELSE t.tgrelid::pg_catalog.regclass::text END || ' '
         || pg_catalog.quote_ident(p.proname), NULL,
       CASE t.tgenabled WHEN 'D' THEN 'off' WHEN 'R' THEN 'replica' ELSE 'always' END, NULL, NULL, NULL /*relation: t.tgrelid*/
  FROM pg_catalog.pg_trigger t
  JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
  JOIN pg_catalog.pg_constraint k ON k.oid = NULLIF(t.tgconstraint, 0) AND k.contype <> 't'
  LEFT JOIN pg_catalog.pg_constraint r ON r.oid = k.conparentid AND k.conparentid <> 0
 CROSS JOIN LATERAL (SELECT COALESCE(r.conrelid = k.conrelid, false)) f(inner_part)
 WHERE t.oid >= 16384 AND t.tgenabled <> 'O'

SELECT n.nspname, c.relname, a.attname, t.typname,
  pg_catalog.quote_ident(sn.nspname) || '.' || pg_catalog.quote_ident(sc.relname),
  s.seqincrement, s.seqmax, s.seqcycle
FROM (
  SELECT d.adrelid AS relation, d.adnum AS number, p.refobjid AS sequence
  FROM pg_catalog.pg_attrdef d JOIN pg_catalog.pg_depend p
    ON p.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND p.objid = d.oid
    AND p.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
  WHERE d.adrelid = ANY ($1)
  UNION
  SELECT p.refobjid, p.refobjsubid, p.objid FROM pg_catalog.pg_depend p
  WHERE p.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND p.refobjid = ANY ($1)
    AND p.refobjsubid > 0 AND p.deptype = 'i' AND p.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
) u
JOIN pg_catalog.pg_sequence s ON s.seqrelid = u.sequence
JOIN pg_catalog.pg_class sc ON sc.oid = s.seqrelid JOIN pg_catalog.pg_namespace sn ON sn.oid = sc.relnamespace
JOIN pg_catalog.pg_class c ON c.oid = u.relation JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = u.relation AND a.attnum = u.number
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
WHERE t.typname IN ('int2', 'int4', 'int8')
ORDER BY 1, 2, 3, 5

SELECT 'pg_class', s.seqrelid, -1, 'pg_class', s.seqrelid, 0, 'owned by', '', NULL,
       pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(r.relname) || '.' || pg_catalog.quote_ident(a.attname), NULL, NULL, NULL /*relation: s.seqrelid*/
  FROM pg_catalog.pg_sequence s
  JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = s.seqrelid AND d.objsubid = 0
   AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjsubid > 0 AND d.deptype = 'a'
  JOIN pg_catalog.pg_class /*fixed*/ r ON r.oid = d.refobjid
  JOIN pg_catalog.pg_namespace /*fixed*/ n ON n.oid = r.relnamespace
  JOIN pg_catalog.pg_attribute /*fixed*/ a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
 WHERE s.seqrelid >= 16384

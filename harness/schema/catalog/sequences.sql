SELECT 'pg_class', c.oid, 0,
       CASE WHEN o.deptype = 'i' THEN 'pg_class' END, CASE WHEN o.deptype = 'i' THEN o.refobjid END, CASE WHEN o.deptype = 'i' THEN o.refobjsubid END,
       'sequence', pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname), NULL,
       pg_catalog.concat_ws(', ',
         CASE c.relpersistence WHEN 'u' THEN 'unlogged' END,
         CASE WHEN s.seqtypid <> 20 AND (o.deptype IS DISTINCT FROM 'i' OR s.seqtypid <> a.atttypid) THEN pg_catalog.format_type(s.seqtypid, NULL)
              WHEN s.seqtypid = 20 AND o.deptype = 'i' AND a.atttypid <> 20 THEN 'bigint' END,
         CASE WHEN s.seqstart <> CASE WHEN s.seqincrement > 0 THEN s.seqmin ELSE s.seqmax END THEN 'start ' || s.seqstart END,
         CASE WHEN s.seqincrement <> 1 THEN 'increment ' || s.seqincrement END,
         CASE WHEN s.seqmin <> CASE WHEN s.seqincrement > 0 THEN 1 ELSE -t.top - 1 END THEN 'min ' || s.seqmin END,
         CASE WHEN s.seqmax <> CASE WHEN s.seqincrement > 0 THEN t.top ELSE -1 END THEN 'max ' || s.seqmax END,
         CASE WHEN s.seqcache <> 1 THEN 'cache ' || s.seqcache END,
         CASE WHEN s.seqcycle THEN 'cycle' END),
       CASE WHEN o.deptype IS DISTINCT FROM 'i' THEN pg_catalog.pg_get_userbyid(c.relowner) END, c.relacl::text,
       CASE WHEN c.relacl IS NOT NULL THEN pg_catalog.acldefault('s', c.relowner) END::text /*relation: s.seqrelid*/
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_sequence s ON s.seqrelid = c.oid AND s.seqrelid >= 16384
  JOIN (VALUES (21::pg_catalog.oid, 32767::bigint), (23, 2147483647), (20, 9223372036854775807)) t(type, top) ON t.type = s.seqtypid
  LEFT JOIN pg_catalog.pg_depend o ON o.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND o.objid = c.oid AND o.objsubid = 0
        AND o.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND o.refobjsubid > 0 AND o.deptype = 'i'
  LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = o.refobjid AND a.attnum = o.refobjsubid
 WHERE c.oid >= 16384 AND c.relkind = 'S' AND c.relpersistence <> 't'
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                    WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
                      AND d.objid = c.oid AND d.objsubid = 0 AND d.deptype = 'e')

SELECT 'pg_constraint', k.oid, 0, 'pg_class', k.conrelid, k.conkey[1], 'not null',
       CASE WHEN f.named THEN pg_catalog.quote_ident(k.conname) ELSE '' END, NULL,
       -- a name and state that a server would choose again are worth a line only with a comment
       CASE WHEN f.named OR f.facts <> '' THEN '' ELSE '@implied ' END || f.facts || '@18',
       NULL, NULL, NULL /*relation: k.conrelid*/
  FROM pg_catalog.pg_constraint k
  JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
  JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
 CROSS JOIN LATERAL (SELECT k.conname <> c.relname || '_' || a.attname || '_not_null',
       CASE WHEN k.convalidated THEN '' ELSE 'not valid ' END
       || CASE WHEN k.connoinherit THEN 'no inherit ' ELSE '' END
       || CASE WHEN k.coninhcount = 0 THEN '' WHEN k.conislocal THEN 'inherited and local ' ELSE 'inherited ' END) f(named, facts)
 WHERE k.oid >= 16384 AND k.contype = 'n' AND k.conrelid <> 0

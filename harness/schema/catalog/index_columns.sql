SELECT 'pg_class', i.oid, -1, 'pg_class', i.oid, 0, 'statistics', a.attnum::text, a.attnum, a.attstattarget::text, NULL, NULL, NULL /*relation: i.oid*/
  FROM pg_catalog.pg_class /*fixed*/ i
  JOIN pg_catalog.pg_attribute a ON a.attrelid = i.oid AND a.attrelid >= 16384 AND a.attnum > 0
 WHERE i.oid >= 16384 AND i.relkind IN ('i', 'I') AND a.attstattarget >= 0

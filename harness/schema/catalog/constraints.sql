SELECT 'pg_constraint', k.oid, 0, 'pg_class', k.conrelid, 0, 'constraint', pg_catalog.quote_ident(k.conname), NULL,
       CASE WHEN i.reloptions IS NULL THEN pg_catalog.pg_get_constraintdef(k.oid)
            -- the server prints options in the order they were set: the index below prints them sorted
            ELSE pg_catalog.replace(pg_catalog.pg_get_constraintdef(k.oid), ' WITH (' ||
                 (SELECT pg_catalog.string_agg(pg_catalog.quote_ident(o.option_name) || '='
                         || CASE WHEN pg_catalog.quote_ident(o.option_value) = o.option_value THEN o.option_value ELSE pg_catalog.quote_literal(o.option_value) END, ', ')
                    FROM pg_catalog.pg_options_to_table(i.reloptions) o) || ')', '') END
       || CASE WHEN k.conparentid <> 0 THEN ', of the partitioned table'
               WHEN k.coninhcount = 0 THEN ''
               WHEN k.conislocal THEN ', inherited and local' ELSE ', inherited' END,
       NULL, NULL, NULL /*relation: k.conrelid*/
  FROM pg_catalog.pg_constraint k
  LEFT JOIN pg_catalog.pg_class i ON i.oid = k.conindid AND k.contype IN ('p', 'u', 'x')
  LEFT JOIN pg_catalog.pg_constraint p ON p.oid = k.conparentid AND k.conparentid <> 0
 WHERE k.oid >= 16384 AND k.conrelid <> 0 AND k.contype <> 'n'
   -- what a foreign key to a partitioned table keeps for each partition
   AND k.conrelid IS DISTINCT FROM p.conrelid

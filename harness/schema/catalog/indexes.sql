SELECT 'pg_class', i.oid, 0,
       CASE WHEN k.oid IS NULL THEN 'pg_class' ELSE 'pg_constraint' END, COALESCE(k.oid, x.indrelid), 0, 'index',
       CASE WHEN k.oid IS NULL THEN pg_catalog.quote_ident(i.relname) ELSE '' END, NULL,
       CASE WHEN k.oid IS NOT NULL THEN '@implied' ELSE CASE WHEN x.indisunique THEN 'unique ' ELSE '' END
         -- what the server would print, at a fraction of its price: one or two plain columns of a btree
         || CASE WHEN p1.opcdefault AND (x.indnatts = 1 OR p2.opcdefault)
                 THEN 'btree (' || pg_catalog.quote_ident(a1.attname) || COALESCE(', ' || pg_catalog.quote_ident(a2.attname), '') || ')'
                 ELSE pg_catalog.replace(
                      pg_catalog.substr(pg_catalog.pg_get_indexdef(i.oid), pg_catalog.length(
                        'CREATE ' || CASE WHEN x.indisunique THEN 'UNIQUE ' ELSE '' END || 'INDEX ' || pg_catalog.quote_ident(i.relname)
                        || ' ON ' || CASE i.relkind WHEN 'I' THEN 'ONLY ' ELSE '' END
                        || pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname) || ' USING ') + 1),
                      -- options come below, sorted
                      CASE WHEN i.reloptions IS NULL THEN '' ELSE ' WITH (' ||
                        (SELECT pg_catalog.string_agg(pg_catalog.quote_ident(o.option_name) || '='
                         || CASE WHEN pg_catalog.quote_ident(o.option_value) = o.option_value THEN o.option_value ELSE pg_catalog.quote_literal(o.option_value) END, ', ')
                           FROM pg_catalog.pg_options_to_table(i.reloptions) o) || ')' END, '') END END
         || CASE WHEN i.reloptions IS NULL THEN ''
                 ELSE (SELECT ', storage ' || pg_catalog.string_agg(o, ', ' ORDER BY o COLLATE "C") FROM pg_catalog.unnest(i.reloptions) o) END
         || CASE WHEN i.reltablespace = 0 THEN '' ELSE ', tablespace ' || pg_catalog.quote_ident(s.spcname) END
         || CASE WHEN i.relispartition AND k.oid IS NULL
                 THEN (SELECT ', partition of ' || h.inhparent::pg_catalog.regclass::text FROM pg_catalog.pg_inherits h WHERE h.inhrelid = i.oid) ELSE '' END
         || CASE WHEN x.indisclustered THEN ', clustered' ELSE '' END
         || CASE WHEN x.indisreplident THEN ', replica identity' ELSE '' END
         || CASE WHEN x.indisready AND x.indislive THEN '' ELSE ', NOT READY' END
         || CASE WHEN x.indisvalid THEN '' ELSE ', INVALID' END,
       NULL, NULL, NULL /*relation: x.indrelid*/
  FROM pg_catalog.pg_index x
  JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
  JOIN pg_catalog.pg_class c ON c.oid = x.indrelid AND c.relkind IN ('r', 'p', 'm') AND c.relpersistence <> 't'
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_catalog.pg_constraint k ON k.conindid = i.oid AND k.conrelid = x.indrelid AND k.contype IN ('p', 'u', 'x')
  LEFT JOIN pg_catalog.pg_tablespace s ON s.oid = i.reltablespace
  LEFT JOIN pg_catalog.pg_attribute a1 ON a1.attrelid = x.indrelid AND a1.attnum = x.indkey[0] AND a1.attcollation = x.indcollation[0]
        AND k.oid IS NULL AND x.indoption[0] = 0 AND i.relam = 403 AND i.reloptions IS NULL AND x.indpred IS NULL
        AND x.indnatts = x.indnkeyatts AND x.indnatts <= 2
        AND NOT x.indnullsnotdistinct --@15+
  LEFT JOIN pg_catalog.pg_opclass p1 ON p1.oid = x.indclass[0] AND p1.oid < 16384
        AND (p1.opcintype = a1.atttypid OR p1.opcintype = 25 AND a1.atttypid = 1043)
  LEFT JOIN pg_catalog.pg_attribute a2 ON a2.attrelid = x.indrelid AND a2.attnum = x.indkey[1] AND a2.attcollation = x.indcollation[1]
        AND x.indoption[1] = 0 AND x.indnatts = 2 AND a1.attnum IS NOT NULL
  LEFT JOIN pg_catalog.pg_opclass p2 ON p2.oid = x.indclass[1] AND p2.oid < 16384
        AND (p2.opcintype = a2.atttypid OR p2.opcintype = 25 AND a2.atttypid = 1043)
 WHERE i.oid >= 16384 AND x.indexrelid >= 16384

SELECT 'pg_class', c.oid, a.attnum, 'pg_class', c.oid, 0, 'column', pg_catalog.quote_ident(a.attname), a.attnum,
       pg_catalog.format_type(a.atttypid, a.atttypmod)
       || CASE WHEN a.attcollation <> t.typcollation AND a.attcollation <> 0
               THEN ' collate ' || a.attcollation::pg_catalog.regcollation::text ELSE '' END
       || CASE WHEN a.attnotnull THEN ' not null' ELSE '' END
       || CASE WHEN d.oid IS NULL THEN ''
               ELSE CASE a.attgenerated WHEN 's' THEN ' generated stored `' WHEN 'v' THEN ' generated virtual `' ELSE ' = `' END
                    || pg_catalog.pg_get_expr(d.adbin, d.adrelid) || '`' END
       || CASE a.attidentity WHEN 'a' THEN ' identity always' WHEN 'd' THEN ' identity by default' ELSE '' END
       || CASE WHEN a.attstorage = t.typstorage THEN ''
               ELSE ', storage ' || CASE a.attstorage WHEN 'p' THEN 'plain' WHEN 'e' THEN 'external' WHEN 'm' THEN 'main' ELSE 'extended' END END
       || CASE a.attcompression WHEN 'p' THEN ', compression pglz' WHEN 'l' THEN ', compression lz4' ELSE '' END
       || CASE WHEN a.attstattarget >= 0 THEN ', statistics ' || a.attstattarget ELSE '' END
       || CASE WHEN a.attoptions IS NULL THEN ''
               ELSE (SELECT COALESCE(', options ' || pg_catalog.string_agg(o, ', ' ORDER BY o COLLATE "C"), '') FROM pg_catalog.unnest(a.attoptions) o
                      -- The server keeps a number of its own here (15.20 does): another one for each table that is made.
                     WHERE pg_catalog.split_part(o, '=', 1) <> 'pg_attver') END
       || CASE WHEN a.attfdwoptions IS NULL THEN ''
               ELSE (SELECT COALESCE(', foreign ' || pg_catalog.string_agg(pg_catalog.quote_ident(o.option_name) || ' ' || pg_catalog.quote_literal(o.option_value), ', ' ORDER BY o.option_name COLLATE "C"), '')
                       FROM pg_catalog.pg_options_to_table(a.attfdwoptions) o) END
       || CASE WHEN a.attinhcount = 0 OR (c.relispartition AND NOT a.attislocal) THEN ''
               WHEN a.attislocal THEN ', inherited and local' ELSE ', inherited' END,
       NULL, a.attacl::text, CASE WHEN a.attacl IS NOT NULL THEN '{}' END /*relation: c.oid*/
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attrelid >= 16384 AND a.attnum > 0 AND NOT a.attisdropped
  JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
  LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum AND a.atthasdef
 WHERE c.oid >= 16384 AND c.relkind IN ('r', 'p', 'f', 'v', 'm') AND c.relpersistence <> 't'

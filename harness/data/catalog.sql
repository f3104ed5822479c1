WITH RECURSIVE
user_spaces AS MATERIALIZED (
  SELECT n.oid, n.nspname FROM pg_catalog.pg_namespace n
  WHERE n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'),
classes AS MATERIALIZED (
  SELECT c.oid, c.relkind FROM pg_catalog.pg_class c JOIN user_spaces n ON n.oid = c.relnamespace
  WHERE c.relname = ANY ($1) OR c.oid = ANY ($2)),
named(oid) AS MATERIALIZED (
  SELECT oid FROM classes WHERE relkind IN ('r', 'p', 'f')
  UNION SELECT x.indrelid FROM classes c JOIN pg_catalog.pg_index x ON x.indexrelid = c.oid
    WHERE c.relkind IN ('i', 'I')
  UNION SELECT d.refobjid FROM classes c JOIN pg_catalog.pg_depend d ON d.objid = c.oid
      AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
      AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.deptype IN ('a', 'i')
    WHERE c.relkind = 'S'
  UNION SELECT a.attrelid FROM pg_catalog.pg_type t JOIN user_spaces n ON n.oid = t.typnamespace
      JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_type'::pg_catalog.regclass
        AND d.refobjid = t.oid AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
      JOIN pg_catalog.pg_attribute a ON a.attrelid = d.objid AND a.attnum = d.objsubid
    WHERE t.typname = ANY ($1) AND t.typrelid = 0
  UNION SELECT t.tgrelid FROM pg_catalog.pg_proc p JOIN user_spaces n ON n.oid = p.pronamespace
      JOIN pg_catalog.pg_trigger t ON t.tgfoid = p.oid
    WHERE p.proname = ANY ($1)
  UNION SELECT c.oid FROM pg_catalog.pg_class c JOIN user_spaces n ON n.oid = c.relnamespace
    WHERE $3 AND c.relkind IN ('r', 'p', 'f')),
kin(oid) AS (
  SELECT oid FROM named
  UNION
  SELECT CASE WHEN i.inhparent = k.oid THEN i.inhrelid ELSE i.inhparent END
  FROM kin k JOIN pg_catalog.pg_inherits i ON k.oid IN (i.inhparent, i.inhrelid)),
wanted(oid, is_named) AS MATERIALIZED (
  -- One by one: the planner would read all of pg_class for the few that there are.
  SELECT k.oid, true FROM kin k CROSS JOIN LATERAL (
    SELECT FROM pg_catalog.pg_class c WHERE c.oid = k.oid
      AND c.relkind IN ('r', 'p', 'f') AND c.relpersistence <> 't' OFFSET 0) c
  WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
      WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = k.oid
        AND d.objsubid = 0 AND d.deptype = 'e' OFFSET 0)),
needed(oid) AS (
  SELECT oid FROM wanted
  UNION
  SELECT x.oid FROM needed n CROSS JOIN LATERAL (
    SELECT f.confrelid FROM pg_catalog.pg_constraint f WHERE f.conrelid = n.oid AND f.contype = 'f'
      AND ($4 OR f.confmatchtype = 'f' OR n.oid IN (SELECT w.oid FROM wanted w)
        OR NOT EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = f.conrelid
          AND a.attnum = ANY (f.conkey) AND NOT a.attnotnull)
        OR EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.conrelid = f.conrelid
          AND k.contype = 'c' AND k.conkey && f.conkey))
    UNION ALL
    SELECT i.inhrelid FROM pg_catalog.pg_inherits i WHERE i.inhparent = n.oid) x(oid)
)
SELECT c.oid, coalesce(w.is_named, false), pg_catalog.json_build_object(
  'schema', n.nspname, 'name', c.relname, 'kind', c.relkind,
  'is_empty', CASE WHEN c.relkind = 'r' THEN pg_catalog.pg_relation_size(c.oid) = 0 ELSE true END,
  'has_row_security', c.relrowsecurity,
  'has_insert_rule', c.relhasrules AND EXISTS (SELECT FROM pg_catalog.pg_rewrite r
      WHERE r.ev_class = c.oid AND r.ev_type IN ('2', '3')),
  'has_update_trigger', t.on_update, 'has_insert_trigger', t.on_insert, 'inserting', t.inserting,
  'columns', (SELECT coalesce(pg_catalog.json_agg(pg_catalog.json_build_object(
      'name', a.attname, 'number', a.attnum, 'type', a.atttypid::bigint, 'modifier', a.atttypmod,
      'not_null', a.attnotnull, 'generated', a.attgenerated <> '', 'identity', a.attidentity,
      'default', pg_catalog.pg_get_expr(d.adbin, d.adrelid),
      'sequence', CASE WHEN a.attidentity <> '' THEN pg_catalog.pg_get_serial_sequence(
        pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname), a.attname) END)
      ORDER BY a.attnum), '[]')
    FROM pg_catalog.pg_attribute a
    LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
  'constraints', (SELECT coalesce(pg_catalog.json_agg(pg_catalog.json_build_object(
      'type', k.contype, 'name', k.conname, 'deferrable', k.condeferrable, 'validated', k.convalidated, 'columns', k.conkey,
      'check', CASE WHEN k.contype = 'c' THEN pg_catalog.pg_get_expr(k.conbin, k.conrelid) END,
      'parent', k.confrelid::bigint, 'match_full', k.confmatchtype = 'f', 'actions', k.confdeltype,
      'parent_columns', (SELECT pg_catalog.json_agg(a.attname ORDER BY f.place)
        FROM pg_catalog.unnest(k.confkey) WITH ORDINALITY f(num, place)
        JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = f.num))
      ORDER BY k.conname), '[]')
    FROM pg_catalog.pg_constraint k WHERE k.conrelid = c.oid AND k.contype IN ('c', 'f', 'x')),
  'indexes', (SELECT coalesce(pg_catalog.json_agg(pg_catalog.json_build_object(
      'name', i.relname, 'is_unique', x.indisunique, 'is_primary', x.indisprimary,
      'columns', (SELECT pg_catalog.json_agg(k.num ORDER BY k.place)
        FROM pg_catalog.unnest(x.indkey::int2[]) WITH ORDINALITY k(num, place)
        WHERE k.place <= x.indnkeyatts),
      'uses', (SELECT coalesce(pg_catalog.json_agg(DISTINCT p.refobjsubid), '[]') FROM pg_catalog.pg_depend p
        WHERE x.indexprs IS NOT NULL AND p.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
          AND p.objid = i.oid AND p.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
          AND p.refobjid = c.oid AND p.refobjsubid > 0),
      'nulls_not_distinct', coalesce((pg_catalog.to_jsonb(x) ->> 'indnullsnotdistinct')::bool, false),
      'expressions', pg_catalog.pg_get_expr(x.indexprs, x.indrelid),
      'predicate', pg_catalog.pg_get_expr(x.indpred, x.indrelid),
      'deferrable', NOT x.indimmediate)
      ORDER BY x.indisprimary DESC, i.relname), '[]')
    FROM pg_catalog.pg_index x JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
    WHERE x.indrelid = c.oid AND (x.indisunique OR x.indexprs IS NOT NULL OR x.indpred IS NOT NULL)),
  'is_partition', c.relispartition,
  'partition', CASE WHEN c.relispartition THEN pg_catalog.pg_get_partition_constraintdef(c.oid) END,
  'parents', (SELECT coalesce(pg_catalog.json_agg(i.inhparent::bigint ORDER BY i.inhseqno), '[]')
    FROM pg_catalog.pg_inherits i WHERE i.inhrelid = c.oid),
  'policies', (SELECT pg_catalog.json_agg(pg_catalog.pg_get_expr(p.polqual, p.polrelid))
    FROM pg_catalog.pg_policy p WHERE c.relrowsecurity AND p.polrelid = c.oid AND p.polqual IS NOT NULL))
FROM needed x CROSS JOIN LATERAL (
  SELECT c.* FROM pg_catalog.pg_class c WHERE c.oid = x.oid AND c.relkind IN ('r', 'p', 'f') OFFSET 0) c
CROSS JOIN LATERAL (
  SELECT n.nspname FROM pg_catalog.pg_namespace n WHERE n.oid = c.relnamespace OFFSET 0) n
CROSS JOIN LATERAL (
  SELECT coalesce(pg_catalog.bool_or((t.tgtype & 16) <> 0), false) AS on_update,
    coalesce(pg_catalog.bool_or((t.tgtype & 4) <> 0), false) AS on_insert,
    pg_catalog.json_agg(p.prosrc ORDER BY t.tgname)
      FILTER (WHERE (t.tgtype & 4) <> 0 AND p.prosrc ~* 'insert') AS inserting
  FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
  WHERE c.relhastriggers AND t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgenabled <> 'D') t
LEFT JOIN wanted w ON w.oid = c.oid
ORDER BY n.nspname, c.relname

//! Where recent rows of the catalogs lead: to relations, and to what others show by name.
//!
//! Knows how catalogs point at each other. Must not know what rows say.

/// Objects with a row since the transaction `$1` in one of the catalogs `$2`: (oid, catalog). Of
/// relations also those whose text may follow theirs: indexes, sequences, partitions, views. An
/// oid below 16384 among those, or one of `pg_extension`, means that the system's or an extension's
/// own were touched. Row types and array types say nothing by themselves and are left out.
///
/// The reader's session prefers indexes; a range of ctid makes it read a catalog from end to end
/// where there is no index to be had.
pub(super) const TOUCHED: &str = "\
WITH h AS MATERIALIZED (SELECT pg_catalog.age($1::xid) AS age), \
recent AS MATERIALIZED (SELECT c.oid, c.relkind FROM pg_catalog.pg_class c \
    WHERE 'pg_class' = ANY ($2) AND c.ctid >= '(0,0)' AND pg_catalog.age(c.xmin) <= (SELECT age FROM h)), \
bound AS MATERIALIZED (SELECT k.conrelid, k.confrelid, k.contypid FROM pg_catalog.pg_constraint k \
    WHERE 'pg_constraint' = ANY ($2) AND k.ctid >= '(0,0)' AND pg_catalog.age(k.xmin) <= (SELECT age FROM h)), \
hit(oid) AS MATERIALIZED ( \
  SELECT oid FROM recent \
  UNION SELECT x.indrelid FROM recent r JOIN pg_catalog.pg_index x ON x.indexrelid = r.oid \
      WHERE r.relkind IN ('i', 'I') \
  UNION SELECT d.refobjid FROM recent r JOIN pg_catalog.pg_depend d ON d.objid = r.oid AND d.objsubid = 0 \
        AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass \
        AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass \
      WHERE r.relkind = 't' \
  UNION SELECT a.attrelid FROM pg_catalog.pg_attribute a WHERE 'pg_attribute' = ANY ($2) AND a.ctid >= '(0,0)' AND pg_catalog.age(a.xmin) <= (SELECT age FROM h) \
  UNION SELECT d.adrelid FROM pg_catalog.pg_attrdef d WHERE 'pg_attrdef' = ANY ($2) AND d.ctid >= '(0,0)' AND pg_catalog.age(d.xmin) <= (SELECT age FROM h) \
  UNION SELECT x.indrelid FROM pg_catalog.pg_index x WHERE 'pg_index' = ANY ($2) AND x.ctid >= '(0,0)' AND pg_catalog.age(x.xmin) <= (SELECT age FROM h) \
  UNION SELECT conrelid FROM bound \
  UNION SELECT confrelid FROM bound WHERE 'updates of pg_constraint' = ANY ($2) \
  UNION SELECT t.tgrelid FROM pg_catalog.pg_trigger t WHERE 'pg_trigger' = ANY ($2) AND t.ctid >= '(0,0)' AND pg_catalog.age(t.xmin) <= (SELECT age FROM h) \
        AND (NOT t.tgisinternal OR t.tgparentid <> 0 OR t.tgenabled <> 'O' OR 'updates of pg_trigger' = ANY ($2)) \
  UNION SELECT r.ev_class FROM pg_catalog.pg_rewrite r WHERE 'pg_rewrite' = ANY ($2) AND r.ctid >= '(0,0)' AND pg_catalog.age(r.xmin) <= (SELECT age FROM h) \
  UNION SELECT p.polrelid FROM pg_catalog.pg_policy p WHERE 'pg_policy' = ANY ($2) AND p.ctid >= '(0,0)' AND pg_catalog.age(p.xmin) <= (SELECT age FROM h) \
  UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits i WHERE 'pg_inherits' = ANY ($2) AND i.ctid >= '(0,0)' AND pg_catalog.age(i.xmin) <= (SELECT age FROM h) \
  UNION SELECT s.seqrelid FROM pg_catalog.pg_sequence s WHERE 'pg_sequence' = ANY ($2) AND s.ctid >= '(0,0)' AND pg_catalog.age(s.xmin) <= (SELECT age FROM h) \
  UNION SELECT t.partrelid FROM pg_catalog.pg_partitioned_table t WHERE 'pg_partitioned_table' = ANY ($2) AND t.ctid >= '(0,0)' AND pg_catalog.age(t.xmin) <= (SELECT age FROM h)), \
relations(oid) AS MATERIALIZED (SELECT oid FROM hit WHERE oid <> 0) \
SELECT oid, 'pg_class' FROM relations \
UNION SELECT d.oid, 'pg_class' FROM relations h CROSS JOIN LATERAL (SELECT d.objid FROM pg_catalog.pg_depend d \
    WHERE d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = h.oid \
      AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass OFFSET 0) d(oid) \
UNION SELECT r.oid, 'pg_class' FROM relations h CROSS JOIN LATERAL (SELECT r.ev_class FROM pg_catalog.pg_depend d \
     JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid \
    WHERE d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = h.oid \
      AND d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass OFFSET 0) r(oid) \
UNION SELECT i.oid, 'pg_class' FROM relations h CROSS JOIN LATERAL (SELECT i.inhrelid FROM pg_catalog.pg_inherits i \
    WHERE i.inhparent = h.oid OFFSET 0) i(oid) \
UNION SELECT d.oid, 'pg_extension' FROM relations h CROSS JOIN LATERAL (SELECT d.refobjid FROM pg_catalog.pg_depend d \
    WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass \
      AND d.objid = h.oid AND d.objsubid = 0 AND d.deptype = 'e' OFFSET 0) d(oid) \
UNION SELECT c.oid, 'pg_type' FROM relations h CROSS JOIN LATERAL (SELECT c.reltype FROM pg_catalog.pg_class c \
    WHERE c.oid = h.oid AND c.relkind = 'c' OFFSET 0) c(oid) \
UNION SELECT contypid, 'pg_type' FROM bound WHERE contypid <> 0 \
UNION SELECT t.oid, 'pg_type' FROM pg_catalog.pg_type t \
    WHERE 'pg_type' = ANY ($2) AND t.ctid >= '(0,0)' AND pg_catalog.age(t.xmin) <= (SELECT age FROM h) \
      AND t.typinput <> 'pg_catalog.array_in'::pg_catalog.regproc \
      AND (t.typrelid = 0 OR EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = t.typrelid AND c.relkind = 'c')) \
UNION SELECT p.oid, 'pg_proc' FROM pg_catalog.pg_proc p \
    WHERE 'pg_proc' = ANY ($2) AND p.ctid >= '(0,0)' AND pg_catalog.age(p.xmin) <= (SELECT age FROM h) \
UNION SELECT n.oid, 'pg_namespace' FROM pg_catalog.pg_namespace n \
    WHERE 'pg_namespace' = ANY ($2) AND n.ctid >= '(0,0)' AND pg_catalog.age(n.xmin) <= (SELECT age FROM h)";

/// The relations whose text may show the name of one of the relations `$1` or of their columns: those
/// with a part that depends on one, on its row type, or on a function that has to do with that.
pub(super) const NAMING: &str = "\
WITH RECURSIVE named(class, oid) AS ( \
  SELECT 'pg_catalog.pg_class'::pg_catalog.regclass::oid, o FROM pg_catalog.unnest($1) o \
  UNION SELECT d.classid, d.objid FROM named n JOIN pg_catalog.pg_depend d ON d.refclassid = n.class AND d.refobjid = n.oid \
   WHERE d.classid IN ('pg_catalog.pg_type'::pg_catalog.regclass, 'pg_catalog.pg_proc'::pg_catalog.regclass)), \
part AS MATERIALIZED ( \
  SELECT d.classid AS class, d.objid AS oid FROM named n \
    JOIN pg_catalog.pg_depend d ON d.refclassid = n.class AND d.refobjid = n.oid) \
SELECT oid FROM named WHERE class = 'pg_catalog.pg_class'::pg_catalog.regclass \
UNION SELECT oid FROM part WHERE class = 'pg_catalog.pg_class'::pg_catalog.regclass \
UNION SELECT x.indrelid FROM part JOIN pg_catalog.pg_index x ON x.indexrelid = part.oid \
    WHERE part.class = 'pg_catalog.pg_class'::pg_catalog.regclass \
UNION SELECT r.ev_class FROM part JOIN pg_catalog.pg_rewrite r ON r.oid = part.oid \
    WHERE part.class = 'pg_catalog.pg_rewrite'::pg_catalog.regclass \
UNION SELECT k.conrelid FROM part JOIN pg_catalog.pg_constraint k ON k.oid = part.oid \
    WHERE part.class = 'pg_catalog.pg_constraint'::pg_catalog.regclass \
UNION SELECT d.adrelid FROM part JOIN pg_catalog.pg_attrdef d ON d.oid = part.oid \
    WHERE part.class = 'pg_catalog.pg_attrdef'::pg_catalog.regclass \
UNION SELECT t.tgrelid FROM part JOIN pg_catalog.pg_trigger t ON t.oid = part.oid \
    WHERE part.class = 'pg_catalog.pg_trigger'::pg_catalog.regclass \
UNION SELECT p.polrelid FROM part JOIN pg_catalog.pg_policy p ON p.oid = part.oid \
    WHERE part.class = 'pg_catalog.pg_policy'::pg_catalog.regclass";

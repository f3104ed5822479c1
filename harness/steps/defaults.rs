//! Asking the server whether columns take their own defaults, and checks the defaults of their columns.
//!
//! Nothing is inserted and nothing is made: an assignment of plpgsql to a field of the table's row type
//! is refused as an INSERT is (by length, domain, cast), where an explicit cast would cut the value.

use serde::{Deserialize, Serialize};

use crate::data::AFRESH;
use crate::postgres::{PostgresError, Session, quote_literal};

/// What may be refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Doubt {
    /// The table, qualified and quoted where it must be.
    pub table: String,
    /// The column, or the constraint, without quotes.
    pub part: String,
    /// Whether it is a CHECK; else it is a column.
    pub is_check: bool,
}

/// What the server refuses.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Refusal {
    /// The table, as in the [`Doubt`].
    pub table: String,
    /// The constraint that refuses, as SQL; none where the column itself does.
    pub check: Option<String>,
    /// What the constraint says.
    pub rule: Option<String>,
    /// The columns that this is about with their defaults: `state DEFAULT 'new'::text`.
    pub defaults: String,
    /// The SQLSTATE that an INSERT would get.
    pub sqlstate: String,
    /// The server's words; none where a CHECK is just not true.
    pub words: String,
}

// A CHECK is asked only if all its columns have defaults: a writer must give the others, and may give
// these with them. What a function that is not immutable said may be due to rows that are not there.
const PROBE: &str = r#"
DO LANGUAGE plpgsql $stairway$
#variable_conflict use_column
DECLARE
  doubt record;
  rule record;
  held record;
  table_oid oid;
  code text;
  said jsonb := '[]';
  state text;
  words text;
BEGIN
  FOR doubt IN
    SELECT * FROM pg_catalog.jsonb_to_recordset(pg_catalog.current_setting('stairway.doubts')::jsonb)
      AS asked("table" text, part text, is_check bool)
  LOOP
    table_oid := pg_catalog.to_regclass(doubt."table");
    SELECT k.oid, k.conkey, pg_catalog.pg_get_expr(k.conbin, k.conrelid) AS test INTO rule
      FROM pg_catalog.pg_constraint k
     WHERE doubt.is_check AND k.conrelid = table_oid AND k.contypid = 0 AND k.conname = doubt.part;
    SELECT pg_catalog.bool_and(d.oid IS NOT NULL AND a.attgenerated = '') AS is_whole,
           pg_catalog.string_agg(pg_catalog.format('r.%I := %s;', a.attname, e.text), ' ') AS code,
           pg_catalog.string_agg(pg_catalog.format('%I DEFAULT %s', a.attname, e.text), ', '
                                 ORDER BY a.attnum) AS defaults,
           pg_catalog.array_agg(d.oid) AS oids, pg_catalog.array_agg(a.atttypid) AS types INTO held
      FROM pg_catalog.pg_attribute a
      LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
     CROSS JOIN LATERAL (SELECT pg_catalog.pg_get_expr(d.adbin, d.adrelid)) e(text)
     WHERE a.attrelid = table_oid AND a.attnum > 0 AND NOT a.attisdropped
       AND CASE WHEN doubt.is_check THEN 0 = ANY (rule.conkey) OR a.attnum = ANY (rule.conkey)
                ELSE a.attname = doubt.part END;
    CONTINUE WHEN held.is_whole IS NOT TRUE OR 0 > ANY (rule.conkey);
    code := pg_catalog.format('#variable_conflict use_column
DECLARE r %s; BEGIN ', doubt."table");
    IF doubt.is_check THEN
      -- What a column refuses itself is not the constraint's word.
      code := code || pg_catalog.format('BEGIN %s EXCEPTION WHEN OTHERS THEN RETURN; END;
        IF NOT (SELECT %s FROM pg_catalog.unnest(ARRAY[r]) AS %I) THEN
          RAISE EXCEPTION USING ERRCODE = ''23514'', MESSAGE = '''';
        END IF; END', held.code, rule.test,
        (SELECT c.relname FROM pg_catalog.pg_class c WHERE c.oid = table_oid));
    ELSE
      code := code || held.code || ' END';
    END IF;
    BEGIN
      EXECUTE pg_catalog.format('DO LANGUAGE plpgsql %L', code);
    EXCEPTION WHEN OTHERS THEN
      state := SQLSTATE;
      words := SQLERRM;
      IF NOT EXISTS (
        WITH RECURSIVE base(oid) AS (
          SELECT pg_catalog.unnest(held.types)
           UNION SELECT t.typbasetype FROM base JOIN pg_catalog.pg_type t ON t.oid = base.oid
                  WHERE t.typtype = 'd'),
        part(class, oid) AS (
          SELECT 'pg_catalog.pg_attrdef'::pg_catalog.regclass, pg_catalog.unnest(held.oids)
           UNION ALL SELECT 'pg_catalog.pg_constraint'::pg_catalog.regclass, rule.oid
           UNION ALL SELECT 'pg_catalog.pg_constraint'::pg_catalog.regclass, k.oid
                       FROM base JOIN pg_catalog.pg_constraint k ON k.contypid = base.oid)
        SELECT FROM part
          JOIN pg_catalog.pg_depend p ON p.classid = part.class AND p.objid = part.oid
          LEFT JOIN pg_catalog.pg_operator o
            ON o.oid = p.refobjid AND p.refclassid = 'pg_catalog.pg_operator'::pg_catalog.regclass
          JOIN pg_catalog.pg_proc f
            ON f.oid = CASE p.refclassid WHEN 'pg_catalog.pg_proc'::pg_catalog.regclass THEN p.refobjid
                       ELSE o.oprcode END
         WHERE f.provolatile <> 'i')
      THEN
        said := said || pg_catalog.jsonb_build_object(
          'table', doubt."table", 'defaults', held.defaults, 'sqlstate', state, 'words', words,
          'check', CASE WHEN doubt.is_check THEN pg_catalog.quote_ident(doubt.part) END,
          'rule', CASE WHEN doubt.is_check THEN pg_catalog.pg_get_constraintdef(rule.oid) END);
      END IF;
    END;
  END LOOP;
  PERFORM pg_catalog.set_config('stairway.refusals', said::text, true);
END $stairway$"#;

/// What is refused of `doubts`, in their order, with the settings that a session begins with. In one
/// message, whose transaction may not write: a default that draws from a sequence leaves it alone.
pub async fn probe_defaults(
    climber: &mut Session,
    doubts: &[Doubt],
) -> Result<Vec<Refusal>, PostgresError> {
    let unexpected = |error: serde_json::Error| PostgresError::Unexpected(error.to_string());
    let doubts = quote_literal(&serde_json::to_string(doubts).map_err(unexpected)?);
    let afresh = AFRESH.join("; ");
    let message = format!(
        "{afresh}; SELECT pg_catalog.set_config('stairway.doubts', {doubts}, true), \
         pg_catalog.set_config('transaction_read_only', 'on', true);{PROBE}; \
         SELECT pg_catalog.current_setting('stairway.refusals')"
    );
    match climber.value(&message).await {
        Ok(refusals) => {
            serde_json::from_str(refusals.as_deref().unwrap_or("[]")).map_err(unexpected)
        }
        // Something in this schema is in the way of our own question: that is no verdict.
        Err(PostgresError::Sql(_) | PostgresError::Unexpected(_)) => Ok(Vec::new()),
        Err(other) => Err(other),
    }
}

//! Looking at functions after an upgrade that took something away: their bodies, the tables whose
//! triggers call them, and whether the server would still create them.
//!
//! Only for `LANGUAGE sql` does the server know; the bodies of plpgsql are read by the check.

use std::collections::BTreeSet;

use crate::postgres::{PostgresError, Session, quote_literal};

/// One user-made function with a text body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routine {
    /// With its argument types, for example `public.total(integer)`.
    pub signature: String,
    /// `sql` or `plpgsql`.
    pub language: String,
    /// The body as it was given.
    pub body: String,
    /// The names of its arguments.
    pub arguments: Vec<String>,
    /// The tables whose triggers call it, as `schema.name`.
    pub trigger_tables: Vec<String>,
    /// What the server's validator says against it.
    pub refused: Option<String>,
    /// Of the names that were asked about, those that no function has any more.
    pub lost: BTreeSet<String>,
}

// An error in one validator must not end the loop, and a DO block returns nothing: the result
// leaves through a setting.
const VALIDATE: &str = r"
DO $stairway$
DECLARE
  f record;
  refused jsonb := '{}';
BEGIN
  FOR f IN
    SELECT p.oid FROM pg_catalog.pg_proc p
    JOIN pg_catalog.pg_language l ON l.oid = p.prolang
    WHERE l.lanname = 'sql' AND p.prosqlbody IS NULL AND p.oid >= 16384 AND p.prokind IN ('f', 'p')
  LOOP
    BEGIN
      PERFORM pg_catalog.fmgr_sql_validator(f.oid);
    EXCEPTION WHEN OTHERS THEN
      refused := refused || pg_catalog.jsonb_build_object(f.oid::text, SQLERRM);
    END;
  END LOOP;
  PERFORM pg_catalog.set_config('stairway.refused', refused::text, false);
END $stairway$";

const ROUTINES: &str = r"
SELECT pg_catalog.format('%s.%s(%s)', n.nspname, p.proname,
                         pg_catalog.pg_get_function_identity_arguments(p.oid)),
       l.lanname, p.prosrc,
       pg_catalog.to_json(coalesce(p.proargnames, '{}')),
       (SELECT coalesce(pg_catalog.json_agg(DISTINCT tn.nspname || '.' || tc.relname), '[]')
        FROM pg_catalog.pg_trigger t
        JOIN pg_catalog.pg_class tc ON tc.oid = t.tgrelid
        JOIN pg_catalog.pg_namespace tn ON tn.oid = tc.relnamespace
        WHERE t.tgfoid = p.oid AND NOT t.tgisinternal),
       pg_catalog.current_setting('stairway.refused')::jsonb ->> p.oid::text,
       (SELECT coalesce(pg_catalog.json_agg(lost.name), '[]')
        FROM pg_catalog.unnest(@lost@) AS lost (name)
        WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_proc other WHERE other.proname = lost.name))
FROM pg_catalog.pg_proc p
JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
JOIN pg_catalog.pg_language l ON l.oid = p.prolang
WHERE l.lanname IN ('sql', 'plpgsql') AND p.prosqlbody IS NULL AND p.oid >= 16384
  AND p.prokind IN ('f', 'p')
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                  WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
                    AND d.objid = p.oid AND d.deptype = 'e')
ORDER BY 1";

/// All user-made functions in `sql` and `plpgsql` with a text body, by signature. `lost` are names of
/// functions, without a schema, that may be gone.
pub async fn probe_routines(
    climber: &mut Session,
    lost: &BTreeSet<String>,
) -> Result<Vec<Routine>, PostgresError> {
    climber.execute("DISCARD ALL").await?;
    climber.execute(VALIDATE).await?;
    let lost: Vec<String> = lost.iter().map(|name| quote_literal(name)).collect();
    let lost = format!("ARRAY[{}]::pg_catalog.text[]", lost.join(", "));
    let rows = climber.rows(&ROUTINES.replace("@lost@", &lost)).await?;
    rows.into_iter().map(routine).collect()
}

fn routine(row: Vec<Option<String>>) -> Result<Routine, PostgresError> {
    let mut cells = row.into_iter();
    let mut cell = || cells.next().flatten().unwrap_or_default();
    let (signature, language, body) = (cell(), cell(), cell());
    let (arguments, tables) = (cell(), cell());
    let list = |json: &str| {
        serde_json::from_str::<Vec<String>>(json)
            .map_err(|error| PostgresError::Unexpected(error.to_string()))
    };
    Ok(Routine {
        signature,
        language,
        body,
        arguments: list(&arguments)?,
        trigger_tables: list(&tables)?,
        refused: cells.next().flatten(),
        lost: list(&cells.next().flatten().unwrap_or_default())?.into_iter().collect(),
    })
}

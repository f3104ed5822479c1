//! Asking the server what types take that nobody knows.
//!
//! Knows a wire with an open transaction, and one question for all such types. Must not know what
//! the values are for.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::DataError;
use super::catalog::Model;
use super::model::TypeKind;
use super::types::{candidates, unknown};
use super::wire::Wire;
use crate::postgres::{Batch, PostgresError, quote_literal};

/// What was told: the texts of a type with a modifier.
pub(super) type Told = BTreeMap<(u32, i32), Vec<String>>;

/// Where the block that casts leaves what it found.
const FOUND: &str = "stairway.told";

/// Gives types that nobody knows the texts that the server takes for them; each is asked about once.
pub(super) async fn tell(
    wire: &mut Wire,
    answers: &mut Told,
    model: &mut Model,
) -> Result<(), DataError> {
    let columns = model.tables.iter().flat_map(|table| &table.columns);
    let unknown = columns.flat_map(|it| unknown(&model.types, it.type_oid, it.modifier));
    let mut wanted: Vec<(u32, i32)> = unknown.collect();
    wanted.sort_unstable();
    wanted.dedup();
    let new: Vec<(u32, i32)> =
        wanted.iter().filter(|it| !answers.contains_key(it)).copied().collect();
    if !new.is_empty() {
        ask(wire, answers, &new).await?;
    }
    for (oid, modifier) in wanted {
        let texts = answers.get(&(oid, modifier)).filter(|texts| !texts.is_empty());
        let (Some(texts), Some(own)) = (texts, model.types.0.get_mut(&oid)) else { continue };
        match &mut own.kind {
            TypeKind::Told(told) => {
                told.insert(modifier, texts.clone());
            }
            kind => *kind = TypeKind::Told([(modifier, texts.clone())].into()),
        }
    }
    Ok(())
}

/// One block casts all candidates, and what fails says nothing.
async fn ask(wire: &mut Wire, answers: &mut Told, new: &[(u32, i32)]) -> Result<(), DataError> {
    let texts: Vec<String> = candidates().iter().map(|text| quote_literal(text)).collect();
    let mut types = String::new();
    for (nth, (oid, modifier)) in new.iter().enumerate() {
        let _ = write!(types, "{}({oid}, {modifier})", if nth == 0 { "" } else { ", " });
    }
    let block = format!(
        "DECLARE kind record; given text; answer text; known text[]; found jsonb := '[]'; \
         BEGIN FOR kind IN SELECT t.oid, t.modifier, pg_catalog.format_type(t.oid, t.modifier) AS sql \
           FROM (VALUES {types}) t(oid, modifier) LOOP \
           known := '{{}}'; \
           FOREACH given IN ARRAY ARRAY[{}]::text[] LOOP \
             BEGIN EXECUTE pg_catalog.format('SELECT %L::%s::pg_catalog.text', given, kind.sql) INTO answer; \
               IF answer IS NOT NULL AND answer <> ALL (known) THEN known := known || answer; END IF; \
             EXCEPTION WHEN OTHERS THEN NULL; END; \
           END LOOP; \
           found := found || pg_catalog.jsonb_build_array(\
             pg_catalog.jsonb_build_array(kind.oid, kind.modifier, pg_catalog.to_jsonb(known))); \
         END LOOP; \
         PERFORM pg_catalog.set_config('{FOUND}', found::text, true); END",
        texts.join(", ")
    );
    let mut batch = Batch::default();
    batch.say("SAVEPOINT stairway_told");
    batch.say(&format!("DO LANGUAGE plpgsql {}", quote_literal(&block)));
    batch.say("RELEASE stairway_told");
    let asked = batch.say(&format!("SELECT pg_catalog.current_setting('{FOUND}')"));
    let found = match wire.send(&batch).await {
        Ok(mut found) => found.take(asked).into_iter().flatten().next().flatten(),
        Err(DataError::Postgres(PostgresError::Sql(_))) => {
            // A database without PL/pgSQL: then they stay unknown.
            wire.later("ROLLBACK TO stairway_told");
            answers.extend(new.iter().map(|it| (*it, Vec::new())));
            return Ok(());
        }
        Err(other) => return Err(other),
    };
    let found = found.unwrap_or_default();
    let found: Vec<(u32, i32, Vec<String>)> =
        serde_json::from_str(&found).map_err(|error| DataError::Shape(error.to_string()))?;
    answers.extend(found.into_iter().map(|(oid, modifier, texts)| ((oid, modifier), texts)));
    Ok(())
}

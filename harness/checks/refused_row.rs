//! `refused-row`: after the upgrade a row that the schema allows can't be inserted, or an orphan can.

use std::collections::{BTreeMap, BTreeSet};

use crate::data::Unfilled;
use crate::finding::{CheckId, Finding};
use crate::migrations::Migration;
use crate::schema::Node;
use crate::steps::Refusal;

use super::Climbed;

/// A table that takes no row any more, whatever its values are, or none with defaults.
pub fn refused_row(migration: &Migration, refused: &Unfilled, with_defaults: bool) -> Finding {
    let table = &refused.table;
    let how = if with_defaults { "no row with defaults" } else { "no row" };
    let message = format!("after the upgrade {table} takes {how}: {}", refused.why);
    let help = if with_defaults {
        OWN_DEFAULT
    } else {
        "bring the functions, triggers and expressions of the table along in the same migration"
    };
    Finding::new(CheckId::RefusedRow, message)
        .in_file(&migration.upgrade.path)
        .about([table.sql()])
        .help(help)
}

const OWN_DEFAULT: &str = "give the column a default that its own constraints agree to, or none";

/// Whether a refusal says that something is missing or of a wrong type, whatever the values are.
pub fn is_of_the_schema(refused: &Unfilled) -> bool {
    let state = refused.sqlstate.as_deref().unwrap_or_default();
    // 42501: a right is missing; everything else of that class is about names and types.
    state.starts_with("42") && state != "42501"
}

/// Whether a refusal can be a default's: two rows with one default in a unique column are not.
pub fn is_of_a_default(refused: &Unfilled) -> bool {
    refused.sqlstate.as_deref().is_some_and(|state| state != "23505")
}

pub(super) fn judge(climbed: &Climbed<'_>) -> Vec<Finding> {
    if climbed.upgrade.is_err() {
        return Vec::new();
    }
    let mut findings = own_defaults(climbed);
    findings.extend(dead_keys(climbed));
    findings
}

/// Defaults that their own column or a CHECK about them refuses, one finding for each table.
fn own_defaults(climbed: &Climbed<'_>) -> Vec<Finding> {
    let mut tables: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for refusal in climbed.refused.iter().filter(|it| is_of_values(&it.sqlstate)) {
        tables.entry(&refusal.table).or_default().push(why(refusal));
    }
    let findings = tables.into_iter().map(|(table, whys)| {
        let first = whys.first().map_or("", String::as_str);
        let message = format!("after the upgrade {table} takes no row with defaults: {first}");
        let finding = Finding::new(CheckId::RefusedRow, message)
            .in_file(&climbed.migration.upgrade.path)
            .about([table.to_owned()])
            .help(OWN_DEFAULT);
        match whys.get(1..) {
            Some(others @ [_, ..]) => finding.detail(format!("also: {}", others.join("\n"))),
            _ => finding,
        }
    });
    findings.collect()
}

fn why(refusal: &Refusal) -> String {
    let Refusal { defaults, sqlstate, words, .. } = refusal;
    match (&refusal.check, &refusal.rule) {
        (Some(check), Some(rule)) if words.is_empty() => {
            format!("{check} refuses {defaults}: {rule} (SQLSTATE {sqlstate})")
        }
        (Some(check), _) => format!("{check} fails for {defaults}: {words} (SQLSTATE {sqlstate})"),
        _ => format!("{defaults}: {words} (SQLSTATE {sqlstate})"),
    }
}

/// Whether a refusal is due to the value or the schema: neither to rights nor to settings of a session,
/// nor to our asking.
fn is_of_values(sqlstate: &str) -> bool {
    let class = sqlstate.get(..2).unwrap_or_default();
    matches!(class, "22" | "23" | "42" | "P0") && !matches!(sqlstate, "42501" | "42704")
}

/// Foreign keys that the upgrade leaves dead: their triggers are switched off.
fn dead_keys(climbed: &Climbed<'_>) -> Vec<Finding> {
    let (before, after) = climbed.before.apart(&climbed.upgraded);
    let (before, after) = (dead(before), dead(after));
    let newly = after.difference(&before);
    newly
        .map(|(table, key)| {
            let message = format!(
                "after the upgrade an orphan can be inserted into {table}: the triggers of {key} are off"
            );
            Finding::new(CheckId::RefusedRow, message)
                .in_file(&climbed.migration.upgrade.path)
                .about([table.clone()])
                .help(format!("switch them on again: ALTER TABLE {table} ENABLE TRIGGER ALL"))
        })
        .collect()
}

/// Tables and their foreign keys that look at nothing.
fn dead(nodes: Vec<&Node>) -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    for table in nodes {
        for part in &table.children {
            let is_off = |trigger: &Node| trigger.kind == "triggers" && trigger.text == "off";
            if part.kind == "constraint" && part.children.iter().any(is_off) {
                found.insert((table.name.clone(), part.name.clone()));
            }
        }
    }
    found
}

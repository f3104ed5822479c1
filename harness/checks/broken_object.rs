//! `broken-object`: a function still names a table, column or function that the upgrade took away.
//!
//! The server tracks what views and `BEGIN ATOMIC` bodies depend on and refuses to drop it; bodies
//! that are text it does not. For `LANGUAGE sql` its validator is the judge. A plpgsql body is read
//! as text, and only what can't be anything else is called broken: a relation in a place where only
//! a relation can stand, `NEW.column` in a trigger's function, a column of the only table of a
//! statement, a call of a name that no function has any more.

use std::collections::{BTreeMap, BTreeSet};

use crate::finding::{CheckId, Finding};
use crate::schema::{Node, Snapshot};
use crate::steps::Routine;

use super::Climbed;
use super::body::Body;

const RELATIONS: [&str; 5] =
    ["table", "view", "materialized view", "foreign table", "partitioned table"];

/// What an upgrade took away, by names without quotes.
#[derive(Debug, Default)]
struct Vanished {
    /// `schema.name` of relations that are gone.
    relations: BTreeSet<String>,
    /// (`schema.name`, column) of columns whose table is still there.
    columns: BTreeSet<(String, String)>,
    /// Names of columns that have another type now.
    retyped: BTreeSet<String>,
    /// Names without a schema of relations that are there afterwards.
    remaining: BTreeSet<String>,
}

/// Whether the upgrade took away a relation, a column or a function: only then is it worth asking
/// the server for the bodies of all functions.
pub fn may_break(before: &Snapshot, after: &Snapshot) -> bool {
    let vanished = vanished(before, after);
    !vanished.relations.is_empty()
        || !vanished.columns.is_empty()
        || !vanished.retyped.is_empty()
        || !lost_routines(before, after).is_empty()
}

/// The names, without a schema, of functions and procedures that are not there any more as they were.
pub fn lost_routines(before: &Snapshot, after: &Snapshot) -> BTreeSet<String> {
    let routines = |nodes: Vec<&Node>| -> BTreeSet<String> {
        let all = nodes.into_iter().filter(|node| is_routine(&node.kind));
        all.map(|node| node.name.clone()).collect()
    };
    let (before, after) = before.apart(after);
    let (before, after) = (routines(before), routines(after));
    let names = before.difference(&after).map(|signature| {
        let name = signature.split_once('(').map_or(signature.as_str(), |(name, _)| name);
        last(&bare(name)).to_owned()
    });
    names.collect()
}

fn is_routine(kind: &str) -> bool {
    matches!(kind, "function" | "procedure" | "aggregate")
}

pub(super) fn judge(climbed: &Climbed<'_>) -> Vec<Finding> {
    if climbed.upgrade.is_err() || climbed.routines.is_empty() {
        return Vec::new();
    }
    let vanished = vanished(climbed.before, &climbed.upgraded);
    climbed
        .routines
        .iter()
        .filter(|routine| {
            // Without a way back nobody can say since when.
            let is_known = matches!(climbed.downgrade, Some(Ok(_)));
            !is_retyped(routine, &vanished)
                || is_known && !climbed.refused_before.contains(&routine.signature)
        })
        .filter_map(|routine| Some((routine, why(routine, &vanished)?)))
        .map(|(routine, why)| {
            Finding::new(
                CheckId::BrokenObject,
                format!("the upgrade leaves {} unusable: {why}", routine.signature),
            )
            .in_file(&climbed.migration.upgrade.path)
            .about([routine.signature.clone()])
            .help("replace the function in the same migration")
        })
        .collect()
}

/// Whether a function that the server refuses may have been refused before the upgrade already: a type
/// that changed need not be why.
pub fn may_be_older(climbed: &Climbed<'_>) -> bool {
    let vanished = vanished(climbed.before, &climbed.upgraded);
    climbed.routines.iter().any(|routine| is_retyped(routine, &vanished))
}

/// Whether nothing but the type of a column can be what a function is refused for.
fn is_retyped(routine: &Routine, vanished: &Vanished) -> bool {
    let body = || Body::new(&routine.body);
    routine.language == "sql"
        && routine.refused.is_some()
        && !names_vanished(routine, &body(), vanished)
        && vanished.retyped.iter().any(|column| body().mentions(column))
}

fn vanished(before: &Snapshot, after: &Snapshot) -> Vanished {
    let mut vanished = Vanished::default();
    let is_relation = |node: &&Node| RELATIONS.contains(&node.kind.as_str());
    let relations = |nodes: Vec<&Node>| -> BTreeMap<String, BTreeMap<String, String>> {
        let nodes = nodes.into_iter().filter(is_relation);
        nodes
            .map(|node| {
                let columns = node.children.iter().filter(|child| child.kind == "column");
                let typed = |column: &Node| (bare(&column.name), column_type(column).to_owned());
                (bare(&node.name), columns.map(typed).collect())
            })
            .collect()
    };
    let (old, new) = before.apart(after);
    let new = relations(new);
    for (name, columns) in relations(old) {
        match new.get(&name) {
            None => {
                vanished.relations.insert(name);
            }
            Some(left) => {
                for (column, old) in columns {
                    match left.get(&column) {
                        None => {
                            vanished.columns.insert((name.clone(), column));
                        }
                        Some(new) if *new != old => {
                            vanished.retyped.insert(column);
                        }
                        Some(_) => {}
                    }
                }
            }
        }
    }
    if !vanished.relations.is_empty() {
        let remaining = after.objects().filter(is_relation).map(|node| bare(&node.name));
        vanished.remaining = remaining.map(|name| last(&name).to_owned()).collect();
    }
    vanished
}

/// Whether a body names something that is gone.
fn names_vanished(routine: &Routine, body: &Body, vanished: &Vanished) -> bool {
    vanished.relations.iter().any(|name| body.mentions(last(name)))
        || vanished.columns.iter().any(|(_, column)| body.mentions(column))
        || routine.lost.iter().any(|name| body.calls(name))
}

fn why(routine: &Routine, vanished: &Vanished) -> Option<String> {
    let body = Body::new(&routine.body);
    if routine.language == "sql" {
        let error = routine.refused.as_ref()?;
        let named = names_vanished(routine, &body, vanished)
            || vanished.retyped.iter().any(|column| body.mentions(column));
        return named.then(|| error.clone());
    }
    let relation = vanished.relations.iter().find(|name| {
        body.reads(name) || (!vanished.remaining.contains(last(name)) && body.reads(last(name)))
    });
    if let Some(name) = relation {
        return Some(format!("it still uses {name}"));
    }
    if let Some(name) = routine.lost.iter().find(|name| body.calls(name)) {
        return Some(format!("it still calls {name}, which is no function any more"));
    }
    let column = vanished.columns.iter().find(|(table, column)| {
        let of_trigger = routine.trigger_tables.contains(table) && body.reads_row_column(column);
        of_trigger
            || (!routine.arguments.contains(column)
                && body.reads_column(table, last(table), column))
    });
    column.map(|(table, column)| format!("it still uses the column {column} of {table}"))
}

/// What may follow the type in the text of a column.
const AFTER_TYPE: &[&str] = &[
    " collate ",
    " not null",
    " = `",
    " generated ",
    " identity ",
    ", storage ",
    ", compression ",
    ", statistics ",
    ", options ",
    ", foreign ",
    ", inherited",
];

/// The type of a column, which its text begins with.
fn column_type(column: &Node) -> &str {
    let end = AFTER_TYPE.iter().filter_map(|word| column.text.find(word)).min();
    column.text.get(..end.unwrap_or(column.text.len())).unwrap_or_default()
}

fn last(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(_, last)| last)
}

fn bare(name: &str) -> String {
    name.replace('"', "")
}

#[cfg(test)]
mod tests {
    use super::column_type;
    use crate::schema::Node;

    #[test]
    fn a_type_ends_where_the_rest_of_the_column_begins() {
        for (text, expected) in [
            ("numeric(10,2) not null = `0`", "numeric(10,2)"),
            ("character varying(20) collate \"C\"", "character varying(20)"),
            ("bigint identity always", "bigint"),
            ("text, storage main", "text"),
            ("timestamp with time zone", "timestamp with time zone"),
        ] {
            let column = Node { text: text.to_owned(), ..Node::default() };
            assert_eq!(column_type(&column), expected);
        }
    }
}

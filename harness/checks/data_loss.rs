//! `data-loss`: rows or values that stood before are gone or changed after up and down.
//!
//! Without a way back it is what the upgrade itself does away with: rows, and columns that are gone.

use std::collections::{BTreeMap, BTreeSet};

use crate::data::{Cell, Difference, Name, TableRows, compare};
use crate::finding::{CheckId, Claim, ClaimKind, Finding};
use crate::migrations::Migration;
use crate::steps::Way;

use super::claims::{claimed_table, covers_column};
use super::{Class, Suspicion, Tested, unfetched};

/// How many rows a finding shows.
const SHOWN: usize = 5;
/// How much of a value.
const WIDTH: usize = 60;

pub(super) fn suspect(tested: &Tested<'_>) -> Vec<Suspicion> {
    let Some(after) = &tested.tried.downgraded else { return Vec::new() };
    let mut found = Vec::new();
    for (name, difference) in compare(tested.before, after) {
        let (Some(before), Some(after)) = (tested.before.0.get(&name), after.0.get(&name)) else {
            continue;
        };
        let place = Place { name: &name, before, after, way: Way::Down };
        found.extend(of_table(tested, &place, &difference));
    }
    found
}

/// What an upgrade without a way back does away with.
pub(super) fn suspect_one_way(tested: &Tested<'_>) -> Vec<Suspicion> {
    let (None, Some(after)) = (&tested.tried.downgraded, &tested.tried.upgraded) else {
        return Vec::new();
    };
    if tested.tried.failed.is_some() {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (name, before) in tested.before.0.iter().filter(|(_, before)| !before.is_empty()) {
        let Some(after) = after.0.get(name) else { continue };
        let place = Place { name, before, after, way: Way::Up };
        let difference = crate::data::compare_table(before, after);
        found.extend(of_table(tested, &place, &difference));
    }
    found
}

pub(super) struct Place<'a> {
    pub(super) name: &'a Name,
    pub(super) before: &'a TableRows,
    pub(super) after: &'a TableRows,
    pub(super) way: Way,
}

impl Place<'_> {
    pub(super) fn when(&self) -> &'static str {
        match self.way {
            Way::Up => "after the upgrade, which has no way back",
            Way::Down => "after up and down",
            Way::Again => "after the second upgrade, but not after the first",
        }
    }

    /// The file to look at.
    fn file<'m>(&self, tested: &Tested<'m>) -> &'m std::path::Path {
        match self.way {
            Way::Again => &tested.migration.upgrade.path,
            Way::Up | Way::Down => file(tested),
        }
    }
}

/// What is said of rows that were not fetched is not said again of those that were.
fn of_table(tested: &Tested<'_>, place: &Place<'_>, difference: &Difference) -> Vec<Suspicion> {
    let mut found = unfetched::suspect(tested, place, difference);
    if !found.iter().any(|it| matches!(it.class, Class::Gone(_))) {
        found.extend(gone(tested, place, difference));
    }
    found.extend(changed(tested, place, difference));
    found
}

pub(super) fn gone(
    tested: &Tested<'_>,
    place: &Place<'_>,
    difference: &Difference,
) -> Option<Suspicion> {
    let deletable = tested.deletable.0.get(place.name);
    let may_go = |at: &usize| {
        let row = place.before.rows.get(*at);
        deletable.is_some_and(|rows| row.is_some_and(|row| rows.rows.contains(row)))
    };
    let lost: Vec<usize> = difference.lost.iter().copied().filter(|at| !may_go(at)).collect();
    let shown = if lost.is_empty() { &difference.lost } else { &lost };
    if shown.is_empty() {
        return None;
    }
    let (name, before) = (place.name, place.before);
    let when = place.when();
    let message = format!("{} of {} of {name} gone {when}", shown.len(), rows(before.rows.len()));
    let message =
        message.replacen(" of ", if shown.len() == 1 { " row of " } else { " rows of " }, 1);
    let mut finding =
        Finding::new(CheckId::DataLoss, message.replace(" row of 1 row of ", " row of "))
            .in_file(place.file(tested))
            .about([name.sql()])
            .detail(list(
                shown.iter().filter_map(|at| {
                    let row = before.rows.get(*at)?;
                    Some(format!("{name}: {} is gone", written(before, row)))
                }),
                shown.len(),
            ))
            .help(keep_rows(name));
    let is_meant = |claim: &&Claim| match claim.kind {
        ClaimKind::Deletes(_) => lost.is_empty(),
        ClaimKind::Lossy => true,
        _ => false,
    };
    finding.allowed = claim(tested, |claim| is_meant(claim) && claimed_table(&claim.object, name));
    let hint = shown.iter().map(|at| (name.clone(), *at)).collect();
    Some(Suspicion { class: Class::Gone(name.clone()), finding, hint })
}

pub(super) fn keep_rows(name: &Name) -> String {
    format!(
        "keep the rows, in another table say, and bring them back in the downgrade; or say that \
         it is meant: -- stairway: deletes {name} where .. reason: .."
    )
}

pub(super) fn keep_values(object: &str) -> String {
    format!(
        "keep the old values until there is no way back, or say that it is meant: \
         -- stairway: lossy {object} reason: .."
    )
}

pub(super) fn claim(tested: &Tested<'_>, which: impl Fn(&&Claim) -> bool) -> Option<String> {
    tested.migration.claims.iter().find(which).map(super::claims::reason)
}

/// One suspicion for the columns that nobody claims and one for those that somebody does.
pub(super) fn changed(
    tested: &Tested<'_>,
    place: &Place<'_>,
    difference: &Difference,
) -> Vec<Suspicion> {
    let mut groups: BTreeMap<Option<String>, BTreeSet<&str>> = BTreeMap::new();
    let is_told =
        |column: &&str| difference.rest.as_ref().is_some_and(|it| it.columns.contains(*column));
    for column in difference.columns().into_iter().filter(|column| !is_told(column)) {
        if is_touched(tested, place, difference, column) {
            continue;
        }
        groups.entry(allowed(tested, place, difference, column)).or_default().insert(column);
    }
    let suspicion = |(allowed, columns): (Option<String>, BTreeSet<&str>)| {
        let mut suspicion = of_columns(tested, place, difference, &columns);
        suspicion.finding.allowed = allowed;
        suspicion
    };
    groups.into_iter().map(suspicion).collect()
}

/// The reason of the claims that say of every change in a column that it is meant.
fn allowed(
    tested: &Tested<'_>,
    place: &Place<'_>,
    difference: &Difference,
    column: &str,
) -> Option<String> {
    let claims = tested.migration.claims.iter();
    let claims: Vec<&Claim> =
        claims.filter(|claim| covers_column(&claim.object, place.name, column)).collect();
    let cells = cells(place, difference, column);
    let is_meant = |(from, to): &(&Cell, &Cell)| {
        claims.iter().any(|claim| match &claim.kind {
            // What the upgrade makes of values it is to make of them once.
            ClaimKind::Backfills(_) if place.way == Way::Again => false,
            ClaimKind::Lossy | ClaimKind::Backfills(None) => true,
            ClaimKind::Backfills(Some((old, new))) => old == *from && new == *to,
            _ => false,
        })
    };
    if !cells.iter().all(is_meant) {
        return None;
    }
    claims.iter().find(|claim| is_value_claim(claim)).map(|claim| super::claims::reason(claim))
}

/// Whether a trigger wrote the time into a column that stayed in its place: every UPDATE does that.
fn is_touched(
    tested: &Tested<'_>,
    place: &Place<'_>,
    difference: &Difference,
    column: &str,
) -> bool {
    let is_now = |(_, to): &(&Cell, &Cell)| {
        to.as_ref().is_some_and(|value| tested.tried.clock.is_now(value))
    };
    may_be_touched(tested, place.name, column)
        && cells(place, difference, column).iter().all(is_now)
}

/// Whether a column stayed in its place, in a table with a trigger that an UPDATE runs. A trigger of
/// another table may write to it as well, if neither script speaks of this one.
pub(super) fn may_be_touched(tested: &Tested<'_>, name: &Name, column: &str) -> bool {
    let Some(table) = tested.model.tables.iter().find(|table| table.name == *name) else {
        return false;
    };
    let number = table.column(column).map(|column| column.number);
    let stayed = tested.tried.tables.iter().any(|now| {
        let same = now.columns.iter().any(|(name, at)| name == column && Some(*at) == number);
        now.oid == table.oid && same
    });
    let is_foreign = || {
        let mut others = tested.model.tables.iter();
        others.any(|other| other.has_update_trigger || other.has_insert_trigger)
            && !speaks_of(tested.migration, &[&name.name, column])
    };
    (table.has_update_trigger || is_foreign()) && stayed
}

fn speaks_of(migration: &Migration, names: &[&str]) -> bool {
    let scripts = std::iter::once(&migration.upgrade).chain(&migration.downgrade);
    let is_part = |letter: char| letter == '_' || letter.is_alphanumeric();
    let mut words = scripts.flat_map(|script| script.text.split(|letter| !is_part(letter)));
    words.any(|word| names.iter().any(|name| name.eq_ignore_ascii_case(word)))
}

pub(super) fn is_value_claim(claim: &Claim) -> bool {
    matches!(claim.kind, ClaimKind::Lossy | ClaimKind::Backfills(_))
}

/// The values of a column before and after, where they differ.
fn cells<'a>(
    place: &Place<'a>,
    difference: &Difference,
    column: &str,
) -> Vec<(&'a Cell, &'a Cell)> {
    let position = |held: &TableRows| held.columns.iter().position(|it| it == column);
    let (Some(from), Some(to)) = (position(place.before), position(place.after)) else {
        return Vec::new();
    };
    let changed = difference.changed.iter();
    let changed = changed.filter(|row| row.columns.iter().any(|it| it == column));
    changed
        .filter_map(|row| {
            let before = place.before.rows.get(row.before)?.get(from)?;
            Some((before, place.after.rows.get(row.after)?.get(to)?))
        })
        .collect()
}

fn of_columns(
    tested: &Tested<'_>,
    place: &Place<'_>,
    difference: &Difference,
    columns: &BTreeSet<&str>,
) -> Suspicion {
    let name = place.name;
    let touched = |row: &&crate::data::Changed| {
        row.columns.iter().any(|column| columns.contains(column.as_str()))
    };
    let changed: Vec<_> = difference.changed.iter().filter(touched).collect();
    let objects: Vec<String> = columns.iter().map(|column| name.column(column)).collect();
    let first = columns.iter().next().and_then(|column| {
        cells(place, difference, column).first().map(|(from, to)| change(from, to))
    });
    let message = format!(
        "{}: {} in {}",
        not_what_they_were(&objects, place),
        first.unwrap_or_default(),
        rows(changed.len()),
    );
    let lines = changed.iter().flat_map(|row| {
        let columns = row.columns.iter().filter(|column| columns.contains(column.as_str()));
        columns.filter_map(|column| line(place, row, column)).collect::<Vec<_>>()
    });
    let lines: Vec<String> = lines.collect();
    let count = lines.len();
    let help = match objects.as_slice() {
        [one] => one.clone(),
        _ => name.sql(),
    };
    let finding = Finding::new(CheckId::DataLoss, message)
        .in_file(place.file(tested))
        .about(objects)
        .detail(list(lines.into_iter(), count))
        .help(keep_values(&help));
    let hint = changed.iter().map(|row| (name.clone(), row.before)).collect();
    let columns = columns.iter().map(|column| (*column).to_owned()).collect();
    Suspicion { class: Class::Changed(name.clone(), columns), finding, hint }
}

pub(super) fn not_what_they_were(objects: &[String], place: &Place<'_>) -> String {
    let (are, they) = if objects.len() == 1 { ("is", "it was") } else { ("are", "they were") };
    format!("{} {are} not what {they} {}", objects.join(", "), place.when())
}

fn line(place: &Place<'_>, row: &crate::data::Changed, column: &str) -> Option<String> {
    let (before, after) = (place.before.rows.get(row.before)?, place.after.rows.get(row.after)?);
    let from = place.before.columns.iter().position(|it| it == column)?;
    let to = place.after.columns.iter().position(|it| it == column)?;
    let key = written(place.before, before);
    let change = change(before.get(from)?, after.get(to)?);
    Some(format!("{}: {} {change} where {key}", place.name, crate::postgres::ident(column)))
}

fn change(from: &Cell, to: &Cell) -> String {
    format!("{} -> {}", value(from), value(to))
}

/// A row by its key, or all of it where there is none.
pub(super) fn written(held: &TableRows, row: &[Cell]) -> String {
    let all: Vec<usize> = (0..held.columns.len()).collect();
    let places = if held.key.is_empty() { &all } else { &held.key };
    let parts = places.iter().filter_map(|at| {
        let name = crate::postgres::ident(held.columns.get(*at)?);
        Some(match row.get(*at)? {
            None => format!("{name} IS NULL"),
            cell => format!("{name} = {}", value(cell)),
        })
    });
    parts.collect::<Vec<_>>().join(" AND ")
}

pub(super) fn value(cell: &Cell) -> String {
    let Some(text) = cell else { return "NULL".to_owned() };
    if text.chars().count() <= WIDTH {
        return crate::postgres::quote_literal(text);
    }
    let begin: String = text.chars().take(WIDTH).collect();
    format!("{}.. ({} characters)", crate::postgres::quote_literal(&begin), text.chars().count())
}

pub(super) fn rows(count: usize) -> String {
    if count == 1 { "1 row".to_owned() } else { format!("{count} rows") }
}

pub(super) fn list(lines: impl Iterator<Item = String>, count: usize) -> String {
    let mut lines: Vec<String> = lines.take(SHOWN).collect();
    if count > SHOWN {
        lines.push(format!("and {} more", count - SHOWN));
    }
    lines.join("\n")
}

/// The file to look at: where the way back is, or should be.
pub(super) fn file<'a>(tested: &Tested<'a>) -> &'a std::path::Path {
    let migration = tested.migration;
    migration.downgrade.as_ref().map_or(&migration.upgrade.path, |script| &script.path)
}

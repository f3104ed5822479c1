//! Following: only what was touched since the last reading is read.
//!
//! Knows in which order a reader asks, and when what it hears is not enough. Must not know what a
//! section says.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt::Write;
use std::sync::LazyLock;

use super::SchemaError;
use super::catalog::{SECTIONS, Section, TYPES};
use super::marks::{Marks, Touched, WITH_PARTS, marks};
use super::memory::{Face, Memory, NO_RELATION, News};
use super::read::{BEGIN, Reader, Scope, sections};
use super::touched::{NAMING, TOUCHED};
use crate::postgres::ResultSet;

/// The first object id that a user's object can have.
const FIRST_NORMAL: u32 = 16384;
/// The columns of a row that can be read for single relations.
const COLUMNS: usize = 14;
/// Up to how many objects are looked up one by one, instead of listing all that there are.
const FEW: usize = 64;

/// The catalogs that a section follows; none, if what it says can't change without everything.
fn reads(section: &Section) -> &'static BTreeSet<&'static str> {
    static NONE: BTreeSet<&str> = BTreeSet::new();
    static READS: LazyLock<HashMap<&str, BTreeSet<&str>>> = LazyLock::new(|| {
        SECTIONS.iter().map(|section| (section.name, section.catalogs())).collect()
    });
    READS.get(section.name).unwrap_or(&NONE)
}

/// Prepares what a follower asks; `counted` are oids of catalogs, with commas.
pub(super) fn prepare(message: &mut String, major: u32, scope: Scope, counted: &str) {
    for group in 0..GROUPS {
        let sql = of_relations(major, scope, group);
        let _ = writeln!(message, "PREPARE stairway_of_{group} (oid[], text[]) AS {sql};");
    }
    let _ = writeln!(message, "PREPARE stairway_marks AS {};", marks(counted));
    let _ = writeln!(message, "PREPARE stairway_touched (text, text[]) AS {TOUCHED};");
    let _ = writeln!(message, "PREPARE stairway_naming (oid[]) AS {NAMING};");
    for class in WITH_PARTS {
        let listed =
            format!("SELECT pg_catalog.string_agg(o.oid::text, ',') FROM pg_catalog.{class} o");
        let _ = writeln!(
            message,
            "PREPARE stairway_present_{class} AS {listed} WHERE o.oid >= {FIRST_NORMAL};\n\
             PREPARE stairway_present_of_{class} (oid[]) AS {listed} WHERE o.oid = ANY ($1);"
        );
    }
}

/// Sections that are read together, in one statement: what is not due is not run, but it is prepared
/// to be run each time, which is most of what a small reading costs. The others are one more.
const APART: [&[&str]; 2] = [&["triggers", "internal_triggers"], &["policies", "rules"]];
const GROUPS: usize = APART.len() + 1;

fn group_of(section: &Section) -> usize {
    APART.iter().position(|names| names.contains(&section.name)).unwrap_or(APART.len())
}

/// One SELECT of the relations `$1` for all sections that can be read so and that `$2` names: their
/// names, and then their rows as text. As statements of their own they would cost twice as much.
fn of_relations(major: u32, scope: Scope, group: usize) -> String {
    let columns: Vec<String> = (1..=COLUMNS).map(|at| format!("c{at}")).collect();
    let texts: Vec<String> = columns.iter().map(|column| format!("q.{column}::text")).collect();
    let (columns, texts) = (columns.join(", "), texts.join(", "));
    let own = sections(scope).filter(|section| group_of(section) == group);
    let branches = own.filter_map(|section| {
        let (name, sql) = (section.name, section.sql_of_relations(major)?);
        Some(format!(
            "SELECT '{name}', {texts} FROM ({sql}) q({columns}) WHERE '{name}' = ANY ($2)"
        ))
    });
    branches.collect::<Vec<_>>().join("\nUNION ALL ")
}

/// Objects with recent rows, by catalog.
type Recent = HashMap<String, HashSet<u32>>;

impl Reader {
    /// Brings `memory` up to `now`; `None` if everything must be read.
    pub(super) async fn follow(
        &mut self,
        mut memory: Box<Memory>,
        now: Marks,
        mut touched: Touched,
    ) -> Result<Option<Box<Memory>>, SchemaError> {
        let lost = touched.lost_parts();
        let mut message = format!("{BEGIN};\n");
        let searched = touched.to_be_searched().join(",");
        let horizon = &memory.marks.horizon;
        let _ = writeln!(message, "EXECUTE stairway_touched('{horizon}', '{{{searched}}}');");
        for class in &lost {
            let known = memory.known(class);
            let _ = if known.len() <= FEW {
                writeln!(message, "EXECUTE stairway_present_of_{class}('{{{}}}');", list(&known))
            } else {
                writeln!(message, "EXECUTE stairway_present_{class};")
            };
        }
        let mut sets = self.session.query(&message).await?.into_iter().skip(1);
        let mut recent = objects(sets.next().unwrap_or_default());
        let mut relations = recent.remove("pg_class").unwrap_or_default();
        if recent.contains_key("pg_extension") || relations.iter().any(|oid| *oid < FIRST_NORMAL) {
            self.session.execute("COMMIT").await?;
            return Ok(None);
        }
        let all: Vec<&'static Section> = sections(self.scope).collect();
        for (class, set) in lost.iter().zip(sets) {
            relations.extend(memory.forget(class, &oids(&set), &all));
        }
        if recent.contains_key("pg_type") || relations.remove(&NO_RELATION) {
            touched.note(TYPES);
        }
        let looked_at = touched.needs_a_look().then(|| faces(&mut memory, &recent));
        let due = all.iter().copied().filter(|section| touched.has_any(reads(section))).collect();
        let news = self.update(&mut memory, due, &relations).await?;
        if news.others_renamed || looked_at.is_some_and(|before| !stand(&mut memory, before)) {
            return Ok(None);
        }
        if !news.renamed.is_empty() {
            self.session.execute(BEGIN).await?;
            let naming = format!("EXECUTE stairway_naming('{{{}}}')", list(&news.renamed));
            let set = self.session.query(&naming).await?.pop().unwrap_or_default();
            let all = all.into_iter().filter(|section| !reads(section).is_empty()).collect();
            let news = self.update(&mut memory, all, &oids(&set)).await?;
            if news.others_renamed || !news.renamed.is_empty() {
                return Ok(None);
            }
        }
        memory.marks = now;
        Ok(Some(memory))
    }

    /// Reads sections again, those that can be read so of `relations` only, and ends the
    /// transaction.
    async fn update(
        &mut self,
        memory: &mut Memory,
        due: Vec<&'static Section>,
        relations: &HashSet<u32>,
    ) -> Result<News, SchemaError> {
        let (by_relation, whole): (Vec<_>, Vec<_>) =
            due.into_iter().partition(|section| section.is_by_relation());
        let mut message = String::new();
        let mut asked = 0;
        for group in (0..GROUPS).filter(|_| !relations.is_empty()) {
            let own = by_relation.iter().filter(|section| group_of(section) == group);
            let names: Vec<&str> = own.map(|section| section.name).collect();
            if !names.is_empty() {
                let (oids, names) = (list(relations), names.join(","));
                let _ =
                    writeln!(message, "EXECUTE stairway_of_{group}('{{{oids}}}', '{{{names}}}');");
                asked += 1;
            }
        }
        for section in &whole {
            let _ = writeln!(message, "EXECUTE stairway_{};", section.name);
        }
        message.push_str("COMMIT");
        let mut sets = self.session.query(&message).await?.into_iter();
        let mut fresh = by_name(sets.by_ref().take(asked).flatten().collect());
        let mut news = News::default();
        for section in by_relation {
            let fresh = fresh.remove(section.name).unwrap_or_default();
            memory.replace(section, fresh, relations, &mut news)?;
        }
        for (section, fresh) in whole.into_iter().zip(sets) {
            memory.replace(section, fresh, relations, &mut news)?;
        }
        Ok(news)
    }
}

/// Rows without their first cell, by it.
fn by_name(set: ResultSet) -> HashMap<String, ResultSet> {
    let mut sets: HashMap<String, ResultSet> = HashMap::new();
    for mut row in set {
        let rest = row.split_off(1.min(row.len()));
        let name = row.pop().flatten().unwrap_or_default();
        sets.entry(name).or_default().push(rest);
    }
    sets
}

/// What was known of the objects with recent rows that belong to no relation.
fn faces(memory: &mut Memory, recent: &Recent) -> Vec<(String, u32, Option<Face>)> {
    let objects = recent.iter().flat_map(|(class, oids)| oids.iter().map(move |oid| (class, oid)));
    objects.map(|(class, oid)| (class.clone(), *oid, memory.face(class, *oid))).collect()
}

/// Whether each of these is known now and shows the face that it had, if it had one.
fn stand(memory: &mut Memory, before: Vec<(String, u32, Option<Face>)>) -> bool {
    before.into_iter().all(|(class, oid, face)| {
        let now = memory.face(&class, oid);
        now.is_some() && (face.is_none() || face == now)
    })
}

/// Rows of oid and catalog.
fn objects(set: ResultSet) -> Recent {
    let mut found = Recent::new();
    for row in set {
        let mut cells = row.into_iter().flatten();
        if let (Some(oid), Some(class)) = (cells.next(), cells.next())
            && let Ok(oid) = oid.parse()
        {
            found.entry(class).or_default().insert(oid);
        }
    }
    found
}

/// The numbers of one row each, or of lists with commas.
fn oids(set: &ResultSet) -> HashSet<u32> {
    let cells = set.iter().flatten().flatten();
    cells.flat_map(|cell| cell.split(',')).filter_map(|oid| oid.parse().ok()).collect()
}

fn list<'a>(oids: impl IntoIterator<Item = &'a u32>) -> String {
    oids.into_iter().map(u32::to_string).collect::<Vec<_>>().join(",")
}

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
    for section in sections(scope) {
        if let Some(sql) = section.sql_of_relations(major) {
            let _ = writeln!(message, "PREPARE stairway_of_{} (oid[]) AS {sql};", section.name);
        }
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

/// Objects with recent rows, by catalog.
type Recent = HashMap<String, HashSet<u32>>;

impl Reader {
    /// Brings `memory` up to `now`; `None` if everything must be read.
    pub(super) async fn follow(
        &mut self,
        mut memory: Memory,
        now: Marks,
        mut touched: Touched,
    ) -> Result<Option<Memory>, SchemaError> {
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
        Ok(Some(memory.at(now)))
    }

    /// Reads sections again, those that can be read so of `relations` only, and ends the
    /// transaction.
    async fn update(
        &mut self,
        memory: &mut Memory,
        mut due: Vec<&'static Section>,
        relations: &HashSet<u32>,
    ) -> Result<News, SchemaError> {
        due.retain(|section| !section.is_by_relation() || !relations.is_empty());
        let list = list(relations);
        let mut message = String::new();
        for section in &due {
            let _ = if section.is_by_relation() {
                writeln!(message, "EXECUTE stairway_of_{}('{{{list}}}');", section.name)
            } else {
                writeln!(message, "EXECUTE stairway_{};", section.name)
            };
        }
        message.push_str("COMMIT");
        let sets = self.session.query(&message).await?;
        let mut news = News::default();
        for (section, fresh) in due.into_iter().zip(sets) {
            memory.replace(section, fresh, relations, &mut news)?;
        }
        Ok(news)
    }
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

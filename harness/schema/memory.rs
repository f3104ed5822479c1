//! What was read before, brought up to date by what was touched since.
//!
//! Knows which rows belong to which section and relation. Must not know SQL or the session.

use std::collections::{HashMap, HashSet};

use super::SchemaError;
use super::catalog::Section;
use super::forest::{Forest, Place};
use super::marks::Marks;
use super::model::Snapshot;
use super::rows::{Address, Classes, Row, row};
use crate::postgres::ResultSet;

/// In the place of a relation for rows that belong to none.
pub(super) const NO_RELATION: u32 = 0;

/// The last reading.
#[derive(Debug)]
pub(super) struct Memory {
    pub(super) marks: Marks,
    pub(super) ignore: Vec<(String, String)>,
    snapshot: Snapshot,
    classes: Classes,
    forest: Forest,
    /// Where the rows are, by section and relation.
    held: HashMap<(&'static str, u32), Vec<Place>>,
    /// The relations that objects are read with, by class and oid: themselves, for relations, and
    /// none for what belongs to none.
    parts: HashMap<usize, HashMap<u32, u32>>,
}

/// What a section's fresh rows say against the last ones.
#[derive(Debug, Default)]
pub(super) struct News {
    /// Relations that have another name now, or whose columns have.
    pub(super) renamed: HashSet<u32>,
    /// Whether anything else has another name.
    pub(super) others_renamed: bool,
}

/// An object as the texts of others may show it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Face {
    name: String,
    text: String,
}

impl Memory {
    /// Remembers the rows of all sections.
    pub(super) fn new(
        major: u32,
        marks: Marks,
        ignore: &[(String, String)],
        sections: Vec<(&'static Section, ResultSet)>,
        unmodelled: Vec<String>,
    ) -> Result<Self, SchemaError> {
        let nodes = Vec::new().into();
        let mut memory = Self {
            marks,
            ignore: ignore.to_vec(),
            snapshot: Snapshot { major, nodes, unmodelled },
            classes: Classes::default(),
            forest: Forest::new(ignore),
            held: HashMap::new(),
            parts: HashMap::new(),
        };
        for (section, set) in sections {
            for cells in set {
                let row = row(section.name, cells, &mut memory.classes)?;
                memory.add(section, row);
            }
        }
        Ok(memory)
    }

    /// The schema as it was read last.
    pub(super) fn snapshot(&mut self) -> Snapshot {
        if self.forest.is_stale() {
            self.snapshot.nodes = self.forest.nodes();
        }
        self.snapshot.clone()
    }

    fn add(&mut self, section: &'static Section, row: Row) {
        let relation = row.relation.unwrap_or(NO_RELATION);
        if row.address.2 == 0 {
            self.parts.entry(row.address.0).or_default().insert(row.address.1, relation);
        }
        let place = self.forest.add(row);
        self.held.entry((section.name, relation)).or_default().push(place);
    }

    fn remove(&mut self, place: Place) -> Option<Row> {
        let row = self.forest.remove(place)?;
        if row.address.2 == 0
            && let Some(parts) = self.parts.get_mut(&row.address.0)
        {
            parts.remove(&row.address.1);
        }
        Some(row)
    }

    /// The objects of `class` that were read last.
    pub(super) fn known(&mut self, class: &str) -> Vec<u32> {
        let parts = self.parts.get(&self.classes.number(class));
        parts.into_iter().flat_map(HashMap::keys).copied().collect()
    }

    /// Drops what was read with objects of `class` that are not `present` any more. Gives the
    /// relations that lost a part, and [`NO_RELATION`] if something else is gone.
    pub(super) fn forget(
        &mut self,
        class: &str,
        present: &HashSet<u32>,
        sections: &[&'static Section],
    ) -> HashSet<u32> {
        let number = self.classes.number(class);
        let parts = self.parts.get(&number).into_iter().flatten();
        let gone: Vec<(u32, u32)> = parts
            .filter(|(oid, _)| !present.contains(oid))
            .map(|(oid, relation)| (*oid, *relation))
            .collect();
        let mut touched = HashSet::new();
        for (oid, relation) in gone {
            if oid != relation || class != "pg_class" {
                touched.insert(relation);
            }
            if class == "pg_class" {
                for section in sections.iter().filter(|section| section.is_by_relation()) {
                    for place in self.held.remove(&(section.name, oid)).unwrap_or_default() {
                        self.remove(place);
                    }
                }
            }
            if let Some(parts) = self.parts.get_mut(&number) {
                parts.remove(&oid);
            }
        }
        touched
    }

    /// Puts fresh rows of a section in the place of the last ones: of `touched` relations, if it
    /// is read so.
    pub(super) fn replace(
        &mut self,
        section: &'static Section,
        fresh: ResultSet,
        touched: &HashSet<u32>,
        news: &mut News,
    ) -> Result<(), SchemaError> {
        let mut before: HashMap<Address, Vec<Place>> = HashMap::new();
        let whole = HashSet::from([NO_RELATION]);
        for relation in if section.is_by_relation() { touched } else { &whole } {
            for place in self.held.remove(&(section.name, *relation)).unwrap_or_default() {
                let Some(row) = self.forest.row(place) else { continue };
                before.entry(row.address).or_default().push(place);
            }
        }
        let mut added = Vec::new();
        for cells in fresh {
            let row = row(section.name, cells, &mut self.classes)?;
            let places = before.get_mut(&row.address);
            let is_same =
                |place: &Place| self.forest.row(*place).is_some_and(|old| old.is_same(&row));
            let same = places.and_then(|places| {
                let at = places.iter().position(is_same)?;
                Some(places.swap_remove(at))
            });
            match same {
                Some(place) => {
                    let relation = row.relation.unwrap_or(NO_RELATION);
                    self.held.entry((section.name, relation)).or_default().push(place);
                }
                None => added.push(row),
            }
        }
        for row in &added {
            let places = before.get(&row.address).into_iter().flatten();
            let names = places.filter_map(|place| self.forest.row(*place));
            if row.address.2 >= 0 && names.into_iter().any(|old| old.name != row.name) {
                news.note(row);
            }
        }
        for place in before.into_values().flatten() {
            self.remove(place);
        }
        for row in added {
            self.add(section, row);
        }
        Ok(())
    }

    /// How the texts of others may show an object that belongs to no relation.
    pub(super) fn face(&mut self, class: &str, oid: u32) -> Option<Face> {
        let row = self.forest.object((self.classes.number(class), oid, 0))?;
        Some(Face { name: row.name.clone(), text: row.text.clone() })
    }
}

impl News {
    /// Notes that a row has another name now.
    fn note(&mut self, row: &Row) {
        match row.relation {
            None => self.others_renamed = true,
            Some(relation) if is_shown_elsewhere(row) => drop(self.renamed.insert(relation)),
            Some(_) => {}
        }
    }
}

/// Whether the texts of other objects may hold the name of this one, which belongs to a relation.
fn is_shown_elsewhere(row: &Row) -> bool {
    matches!(
        row.kind.as_str(),
        "table" | "view" | "materialized view" | "foreign table" | "sequence" | "column"
    )
}

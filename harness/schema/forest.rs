//! From rows to trees: who belongs to whom, what is worth a line, in which order.
//!
//! Knows the row shape that all sections share, and keeps rows and trees from reading to reading, so
//! that a change costs what it touches. Must not know SQL.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::kinds::{child_rank, object_rank};
use super::model::Node;
use super::privileges::grants;
use super::rows::{Address, Row};

/// A text that begins with this is worth a line only when something hangs on it.
const IMPLIED: &str = "@implied";

/// Where a row is kept.
pub(super) type Place = usize;

/// All rows of one database and the trees they make.
#[derive(Debug, Default)]
pub(super) struct Forest {
    rows: Vec<Option<Row>>,
    free: Vec<Place>,
    /// Those that others can hang on.
    objects: HashMap<Address, Vec<Place>>,
    /// Those that hang on an address, whether or not an object is there.
    children: HashMap<Address, Vec<Place>>,
    /// The trees by their root's address.
    grown: HashMap<Address, Vec<Arc<Node>>>,
    /// All of them in the order of the text.
    nodes: Vec<Arc<Node>>,
    /// Roots whose trees must grow again.
    stale: HashSet<Address>,
    /// Tables that vanish with everything that hangs on them.
    ignored: Vec<String>,
    database_owner: String,
}

impl Forest {
    /// An empty one; `ignore` are (schema, name) of tables that are left out.
    pub(super) fn new(ignore: &[(String, String)]) -> Self {
        let ignored = ignore.iter().map(|(schema, name)| shown(schema, name)).collect();
        Self { ignored, ..Self::default() }
    }

    /// The row at a place.
    pub(super) fn row(&self, place: Place) -> Option<&Row> {
        self.rows.get(place)?.as_ref()
    }

    /// The row of an object.
    pub(super) fn object(&self, address: Address) -> Option<&Row> {
        self.row(*self.objects.get(&address)?.first()?)
    }

    /// Plants a row.
    pub(super) fn add(&mut self, row: Row) -> Place {
        let place = self.free.pop().unwrap_or_else(|| {
            self.rows.push(None);
            self.rows.len() - 1
        });
        if row.kind == "database" {
            self.database_owner = row.owner.clone().unwrap_or_default();
        }
        if row.parent.is_none() || !row.is_fact() {
            self.objects.entry(row.address).or_default().push(place);
        }
        if let Some(parent) = row.parent {
            self.children.entry(parent).or_default().push(place);
        }
        if let Some(slot) = self.rows.get_mut(place) {
            *slot = Some(row);
        }
        self.touch(place);
        place
    }

    /// Takes a row out.
    pub(super) fn remove(&mut self, place: Place) -> Option<Row> {
        self.touch(place);
        let row = self.rows.get_mut(place)?.take()?;
        self.free.push(place);
        drop_from(&mut self.objects, row.address, place);
        if let Some(parent) = row.parent {
            drop_from(&mut self.children, parent, place);
        }
        Some(row)
    }

    /// Notes that the tree of this row changes.
    fn touch(&mut self, place: Place) {
        let Some(row) = self.row(place) else { return };
        let Some(parent) = row.parent else {
            self.stale.insert(row.address);
            return;
        };
        let mut at = 0;
        while let Some(above) = self.objects.get(&parent).and_then(|above| above.get(at)) {
            self.touch(*above);
            at += 1;
        }
    }

    /// Whether a tree must grow again.
    pub(super) fn is_stale(&self) -> bool {
        !self.stale.is_empty()
    }

    /// The sorted top-level nodes. The owner of the database must not have changed since the rows
    /// were planted.
    pub(super) fn nodes(&mut self) -> Arc<[Arc<Node>]> {
        let mut fresh = Vec::new();
        for root in std::mem::take(&mut self.stale) {
            let mut old = self.grown.remove(&root).unwrap_or_default();
            let places = self.objects.get(&root).cloned().unwrap_or_default();
            let mut trees = Vec::with_capacity(places.len());
            for node in places.into_iter().filter_map(|place| self.tree(place)) {
                // What reads the same stays the same, and is compared at no price.
                let same = old.iter().position(|old| **old == node);
                if let Some(at) = same {
                    trees.push(old.swap_remove(at));
                } else {
                    let node = Arc::new(node);
                    fresh.push(Arc::clone(&node));
                    trees.push(node);
                }
            }
            for node in &old {
                self.fell(node);
            }
            if !trees.is_empty() {
                self.grown.insert(root, trees);
            }
        }
        if fresh.len() > self.nodes.len() {
            self.nodes.extend(fresh);
            self.nodes.sort_by(|a, b| key(a).cmp(&key(b)));
        } else {
            for node in fresh {
                let at = self.nodes.partition_point(|other| key(other) < key(&node));
                self.nodes.insert(at, node);
            }
        }
        self.nodes.iter().map(Arc::clone).collect()
    }

    fn fell(&mut self, node: &Arc<Node>) {
        let from = self.nodes.partition_point(|other| key(other) < key(node));
        let rest = self.nodes.get(from..).unwrap_or_default();
        if let Some(at) = rest.iter().position(|other| Arc::ptr_eq(other, node)) {
            self.nodes.remove(from + at);
        }
    }

    /// The tree of a root; nothing if it is to be left out.
    fn tree(&self, place: Place) -> Option<Node> {
        let root = self.row(place).filter(|row| row.parent.is_none())?;
        if self.ignored.contains(&root.name) {
            return None;
        }
        let (node, _) = self.grow(root, None)?;
        (!belongs_to(&node, &self.ignored)).then_some(node)
    }

    /// The node of a row with all below it, and its order among siblings.
    fn grow(&self, row: &Row, owner: Option<&str>) -> Option<(Node, Option<i64>)> {
        let owner = row.owner.as_deref().or(owner);
        let below = if row.is_fact() { None } else { self.children.get(&row.address) };
        let below = below.into_iter().flatten().filter_map(|place| self.row(*place));
        let mut parts: Vec<(Node, Option<i64>)> =
            below.filter_map(|child| self.grow(child, owner)).collect();
        if let Some(owner) = row.owner.as_deref().filter(|owner| *owner != self.database_owner) {
            parts.push((fact("owner", crate::schema::privileges::shown(owner)), None));
        }
        if let Some(acl) = &row.acl {
            let default = row.acl_default.as_deref().unwrap_or("{}");
            let lines = grants(acl, default, owner);
            parts.extend(lines.into_iter().map(|line| (fact("grant", line), None)));
        }
        let text = match row.text.strip_prefix(IMPLIED) {
            // Only a fact after a comma makes such a row worth its line.
            Some(text) if parts.is_empty() && !text.starts_with(", ") => return None,
            Some(text) => text.trim_start_matches([',', ' ']).to_owned(),
            None => row.text.clone(),
        };
        parts.sort_by(|(a, left), (b, right)| {
            let rank = child_rank(&a.kind).cmp(&child_rank(&b.kind));
            rank.then_with(|| a.kind.cmp(&b.kind))
                .then_with(|| left.unwrap_or(i64::MAX).cmp(&right.unwrap_or(i64::MAX)))
                .then_with(|| (&a.name, &a.text).cmp(&(&b.name, &b.text)))
        });
        let children = parts.into_iter().map(|(node, _)| node).collect();
        Some((Node { kind: row.kind.clone(), name: row.name.clone(), text, children }, row.order))
    }
}

/// Where a top-level node stands.
fn key(node: &Node) -> (usize, &str, &str, &str) {
    (object_rank(&node.kind), &node.kind, &node.name, &node.text)
}

fn drop_from(lists: &mut HashMap<Address, Vec<Place>>, address: Address, place: Place) {
    let Some(list) = lists.get_mut(&address) else { return };
    list.retain(|other| *other != place);
    if list.is_empty() {
        lists.remove(&address);
    }
}

/// Whether `node` is a sequence that a column of one of `tables` owns.
fn belongs_to(node: &Node, tables: &[String]) -> bool {
    let owner = node.children.iter().find(|child| child.kind == "owned by");
    owner.is_some_and(|owner| {
        tables.iter().any(|table| {
            owner.text.strip_prefix(table.as_str()).is_some_and(|rest| rest.starts_with('.'))
        })
    })
}

/// `schema.name` as the server's `quote_ident` writes it for names without reserved words.
fn shown(schema: &str, name: &str) -> String {
    let quoted = |part: &str| {
        let plain = part.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
            && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        if plain { part.to_owned() } else { crate::postgres::quote_ident(part) }
    };
    format!("{}.{}", quoted(schema), quoted(name))
}

fn fact(kind: &str, text: String) -> Node {
    Node { kind: kind.to_owned(), text, ..Node::default() }
}

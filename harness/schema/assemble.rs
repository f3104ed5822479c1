//! From rows to the tree: who belongs to whom, what is worth a line, in which order.
//!
//! Knows the row shape that all sections share. Must not know SQL.

use std::collections::HashMap;
use std::sync::Arc;

use super::kinds::{child_rank, object_rank};
use super::model::Node;
use super::privileges::grants;
use super::rows::{Address, Row};

/// A text that begins with this is worth a line only when something hangs on it.
const IMPLIED: &str = "@implied";

/// The trees of earlier readings, to be shared as long as their rows stay.
#[derive(Clone, Debug, Default)]
pub(super) struct Grown(HashMap<Address, Tree>);

/// One tree, and what it was grown from.
#[derive(Clone, Debug)]
struct Tree {
    rows: Rows,
    node: Arc<Node>,
}

/// Which rows a tree has: a changed row is newer, a lost one is not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Rows {
    count: usize,
    newest: u64,
}

/// All rows of one read, ready to become a tree.
struct Forest<'r> {
    rows: Vec<&'r Row>,
    children: HashMap<Address, Vec<usize>>,
    database_owner: &'r str,
}

/// Builds the sorted top-level nodes; `ignore` are (schema, name) of tables that vanish with
/// everything that hangs on them. What was `grown` before is shared; the owner of the database
/// must not have changed since.
pub(super) fn assemble<'r>(
    rows: impl Iterator<Item = &'r Row>,
    ignore: &[(String, String)],
    grown: &mut Grown,
) -> Vec<Arc<Node>> {
    let rows: Vec<&Row> = rows.collect();
    let ignored: Vec<String> = ignore.iter().map(|(schema, name)| shown(schema, name)).collect();
    let database = rows.iter().find(|row| row.kind == "database");
    let database_owner = database.and_then(|row| row.owner.as_deref()).unwrap_or_default();
    let mut children: HashMap<Address, Vec<usize>> = HashMap::with_capacity(rows.len());
    let mut roots = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        match &row.parent {
            Some(parent) => children.entry(*parent).or_default().push(at),
            None if ignored.contains(&row.name) => {}
            None => roots.push(at),
        }
    }
    let forest = Forest { rows, children, database_owner };
    let before = std::mem::take(grown);
    let mut nodes = Vec::with_capacity(roots.len());
    for at in roots {
        let Some(root) = forest.rows.get(at) else { continue };
        let mut rows = Rows::default();
        forest.count(at, &mut rows);
        let same = before.0.get(&root.address).filter(|tree| {
            tree.rows == rows && tree.node.kind == root.kind && tree.node.name == root.name
        });
        let node = match same {
            Some(tree) => Arc::clone(&tree.node),
            None => match forest.grow(at, None) {
                Some((node, _)) => Arc::new(node),
                None => continue,
            },
        };
        grown.0.insert(root.address, Tree { rows, node: Arc::clone(&node) });
        nodes.push(node);
    }
    nodes.retain(|node| !belongs_to(node, &ignored));
    nodes.sort_by(|a, b| {
        let (left, right) = (object_rank(&a.kind), object_rank(&b.kind));
        left.cmp(&right).then_with(|| (&a.kind, &a.name, &a.text).cmp(&(&b.kind, &b.name, &b.text)))
    });
    nodes
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

impl Forest<'_> {
    /// Adds the row and all below it.
    fn count(&self, at: usize, rows: &mut Rows) {
        let Some(row) = self.rows.get(at) else { return };
        rows.count += 1;
        rows.newest = rows.newest.max(row.reading);
        for below in self.below(row) {
            self.count(*below, rows);
        }
    }

    /// The children of a row. Facts of an object share its address; only the object itself has any.
    fn below(&self, row: &Row) -> &[usize] {
        if row.address.2 == -1 && row.acl.is_none() {
            return &[];
        }
        self.children.get(&row.address).map_or(&[], Vec::as_slice)
    }

    /// The node of a row with all below it, and its order among siblings.
    fn grow(&self, at: usize, owner: Option<&str>) -> Option<(Node, Option<i64>)> {
        let row = *self.rows.get(at)?;
        let owner = row.owner.as_deref().or(owner);
        let below = self.below(row).iter();
        let mut parts: Vec<(Node, Option<i64>)> =
            below.filter_map(|child| self.grow(*child, owner)).collect();
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

fn fact(kind: &str, text: String) -> Node {
    Node { kind: kind.to_owned(), text, ..Node::default() }
}

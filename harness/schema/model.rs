//! The model: a tree of nodes for each object of the schema.
//!
//! Knows names, texts and nesting. Must not know the catalog or the layout of the text.

use std::collections::HashSet;
use std::fmt::Write;
use std::sync::Arc;

use sha2::{Digest, Sha256};

/// An object, or a part of one. Two equal trees are the same schema.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// What it is, in words: `table`, `column`, `grant`.
    pub kind: String,
    /// Its name as SQL would write it; top-level names are qualified. Empty where the kind is
    /// unique in its parent.
    pub name: String,
    /// What differs from the default. May hold several lines (bodies).
    pub text: String,
    /// Its parts, in the order of the text.
    pub children: Vec<Node>,
}

/// The whole schema of one database at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    pub(super) major: u32,
    /// Shared with the snapshots before and after it as far as they are the same.
    pub(super) nodes: Arc<[Arc<Node>]>,
    pub(super) unmodelled: Vec<String>,
}

impl Snapshot {
    /// The sha256 of the rendered text, in hexadecimal.
    pub fn digest(&self) -> String {
        let mut digest = String::with_capacity(64);
        for byte in Sha256::digest(self.render().as_bytes()) {
            let _ = write!(digest, "{byte:02x}");
        }
        digest
    }

    /// The top-level objects, in the order of the text.
    pub fn objects(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().map(AsRef::as_ref)
    }

    /// The same without the top-level objects that `is_left_out` says.
    #[must_use]
    pub fn without(&self, is_left_out: impl Fn(&Node) -> bool) -> Self {
        let nodes = self.nodes.iter().filter(|node| !is_left_out(node)).cloned().collect();
        Self { nodes, ..self.clone() }
    }

    /// The same without indexes that the server calls invalid: a dump does not have them.
    #[must_use]
    pub fn without_invalid_indexes(&self) -> Self {
        let is_left_out = |part: &Node| part.kind == "index" && is_invalid(part);
        let nodes = self.nodes.iter().map(|node| {
            if node.children.iter().any(is_left_out) {
                let mut node = Node::clone(node);
                node.children.retain(|part| !is_left_out(part));
                Arc::new(node)
            } else {
                Arc::clone(node)
            }
        });
        Self { nodes: nodes.collect(), ..self.clone() }
    }

    /// The same without who owns extensions: a dump does not say it, and no statement changes it.
    #[must_use]
    pub fn without_extension_owners(&self) -> Self {
        let nodes = self.nodes.iter().map(|node| {
            if node.kind == "extension" && node.children.iter().any(|part| part.kind == "owner") {
                let mut node = Node::clone(node);
                node.children.retain(|part| part.kind != "owner");
                Arc::new(node)
            } else {
                Arc::clone(node)
            }
        });
        Self { nodes: nodes.collect(), ..self.clone() }
    }

    /// The objects of each that the other does not share. Those may still be equal.
    pub fn apart<'a>(&'a self, other: &'a Self) -> (Vec<&'a Node>, Vec<&'a Node>) {
        let pairs = self.nodes.iter().zip(other.nodes.iter());
        let first = pairs.take_while(|(one, two)| Arc::ptr_eq(one, two)).count();
        let rest = |of: &'a Self| of.nodes.get(first..).unwrap_or_default();
        let known = |of| rest(of).iter().map(Arc::as_ptr).collect::<HashSet<_>>();
        let only = |of: &'a Self, known: HashSet<*const Node>| -> Vec<&'a Node> {
            let alone = rest(of).iter().filter(|node| !known.contains(&Arc::as_ptr(node)));
            alone.map(AsRef::as_ref).collect()
        };
        (only(self, known(other)), only(other, known(self)))
    }

    /// The major version of the server that it was read from.
    pub fn major(&self) -> u32 {
        self.major
    }

    /// User-made objects of classes that the snapshot does not hold, as sentences. Whoever
    /// compares snapshots must fail when there are any.
    pub fn unmodelled(&self) -> &[String] {
        &self.unmodelled
    }

    /// The qualified names of indexes that the server calls invalid.
    pub fn invalid_indexes(&self) -> Vec<String> {
        let mut found = Vec::new();
        for object in self.nodes.iter() {
            let schema = schema_of(&object.name);
            for part in &object.children {
                let backing = part.children.iter().find(|child| child.kind == "index");
                let index = if part.kind == "index" { Some(part) } else { backing };
                if index.is_some_and(is_invalid) {
                    found.push(format!("{schema}.{}", part.name));
                }
            }
        }
        found
    }
}

fn is_invalid(index: &Node) -> bool {
    index.text == "INVALID" || index.text.ends_with(", INVALID")
}

/// The schema of a qualified name.
fn schema_of(qualified: &str) -> &str {
    let mut quoted = false;
    let dot = qualified.find(|c: char| {
        quoted ^= c == '"';
        c == '.' && !quoted
    });
    dot.and_then(|dot| qualified.get(..dot)).unwrap_or(qualified)
}

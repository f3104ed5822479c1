//! What differs between two snapshots, as data and as text.
//!
//! Knows the model. Must not know which differences matter to whom.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::fmt::Write;

use super::model::{Node, Snapshot};

/// How an object or a part of it differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DriftClass {
    /// Stood before, not after.
    Missing,
    /// Stands after, not before.
    Extra,
    /// Stands in both with another text.
    Changed,
    /// The same columns in another order.
    OrderOnly,
    /// The same constraint under another name.
    NameOnly,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// How it differs.
    pub class: DriftClass,
    /// The top-level object with its kind: `table public.orders`.
    pub object: String,
    /// The top-level object's name: `public.orders`.
    pub name: String,
    /// The part that differs, `column note` or `column note / comment`; `None` for the object.
    pub part: Option<String>,
    /// Its text before.
    pub before: Option<String>,
    /// Its text after.
    pub after: Option<String>,
}

/// All differences between two snapshots.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// In the order of the text.
    pub changes: Vec<Change>,
}

impl Snapshot {
    /// What differs in `after`.
    pub fn diff(&self, after: &Self) -> Difference {
        let mut changes = Vec::new();
        let (before, after) = self.apart(after);
        for (before, after) in pair(&before, &after) {
            let Some(node) = before.or(after) else { continue };
            let mut found = Found { object: node, path: Vec::new(), changes: &mut changes };
            match (before, after) {
                (Some(before), Some(after)) => found.compare(before, after),
                (Some(_), None) => found.push(DriftClass::Missing, before, None),
                _ => found.push(DriftClass::Extra, None, after),
            }
        }
        Difference { changes }
    }
}

/// Pairs nodes of the same kind and name, in the order of `before`, then what is only in `after`.
/// Of several with one kind and name the equal ones are paired first.
fn pair<'a, N: Borrow<Node>>(before: &'a [N], after: &'a [N]) -> Pairs<'a> {
    let (before, after) = (|| before.iter().map(N::borrow), || after.iter().map(N::borrow));
    let mut left: BTreeMap<(&str, &str), Vec<&Node>> = BTreeMap::new();
    for node in after() {
        left.entry((&node.kind, &node.name)).or_default().push(node);
    }
    let mut equal: Vec<Option<&Node>> = Vec::with_capacity(before().len());
    for node in before() {
        let same = left.get_mut(&(&*node.kind, &*node.name));
        equal.push(same.and_then(|same| {
            let at = same.iter().position(|other| is_same(other, node))?;
            Some(same.remove(at))
        }));
    }
    let mut pairs = Vec::with_capacity(before().len());
    for (node, equal) in before().zip(equal) {
        let other = equal.or_else(|| {
            let same = left.get_mut(&(&*node.kind, &*node.name))?;
            (!same.is_empty()).then(|| same.remove(0))
        });
        pairs.push((Some(node), other));
    }
    let rest: Vec<&Node> = left.into_values().flatten().collect();
    let is_left = |node: &&Node| rest.iter().any(|left| std::ptr::eq(*left, *node));
    pairs.extend(after().filter(is_left).map(|node| (None, Some(node))));
    pairs
}

/// Equality, at no price for what two snapshots share.
fn is_same(one: &Node, other: &Node) -> bool {
    std::ptr::eq(one, other) || one == other
}

/// Where the comparison stands, and what it found.
struct Found<'a> {
    object: &'a Node,
    path: Vec<String>,
    changes: &'a mut Vec<Change>,
}

impl Found<'_> {
    fn push(&mut self, class: DriftClass, before: Option<&Node>, after: Option<&Node>) {
        self.push_text(class, before.map(Node::render), after.map(Node::render));
    }

    fn push_text(&mut self, class: DriftClass, before: Option<String>, after: Option<String>) {
        self.changes.push(Change {
            class,
            object: self.object.title(),
            name: self.object.name.clone(),
            part: (!self.path.is_empty()).then(|| self.path.join(" / ")),
            before,
            after,
        });
    }

    fn compare(&mut self, before: &Node, after: &Node) {
        if is_same(before, after) {
            return;
        }
        if before.text != after.text {
            self.push(DriftClass::Changed, Some(&before.alone()), Some(&after.alone()));
        }
        let (renamed, rest) = split_renamed(pair(&before.children, &after.children));
        for (old, new) in renamed {
            self.inside(old.or(new), |found| found.push(DriftClass::NameOnly, old, new));
        }
        for (old, new) in rest {
            self.inside(old.or(new), |found| match (old, new) {
                (Some(old), Some(new)) => found.compare(old, new),
                (Some(_), None) => found.push(DriftClass::Missing, old, None),
                _ => found.push(DriftClass::Extra, None, new),
            });
        }
        self.compare_order(before, after);
    }

    fn inside(&mut self, node: Option<&Node>, act: impl FnOnce(&mut Self)) {
        let Some(node) = node else { return };
        self.path.push(node.title());
        act(self);
        self.path.pop();
    }

    /// The order of the children that stand in both, one change for each kind.
    fn compare_order(&mut self, before: &Node, after: &Node) {
        let (old, new) = (order(before, after), order(after, before));
        for (kind, names) in &old {
            let Some(others) = new.get(kind).filter(|others| *others != names) else { continue };
            let is_column = *kind == "column";
            let class = if is_column { DriftClass::OrderOnly } else { DriftClass::Changed };
            let line = |names: &[String]| format!("order of {kind}: {}\n", names.join(", "));
            self.push_text(class, Some(line(names)), Some(line(others)));
        }
    }
}

/// The names (or texts) by kind of the children that `other` has too.
fn order<'a>(node: &'a Node, other: &Node) -> BTreeMap<&'a str, Vec<String>> {
    let mut by_kind: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for child in &node.children {
        let is_common = other.children.iter().any(|o| {
            o.kind == child.kind
                && o.name == child.name
                && (!o.name.is_empty() || o.text == child.text)
        });
        if is_common {
            let word = if child.name.is_empty() { &child.text } else { &child.name };
            by_kind.entry(&child.kind).or_default().push(word.clone());
        }
    }
    by_kind
}

type Pairs<'a> = Vec<(Option<&'a Node>, Option<&'a Node>)>;

/// Takes the constraints out of `pairs` that only changed their name.
fn split_renamed(pairs: Pairs<'_>) -> (Pairs<'_>, Pairs<'_>) {
    let (mut gone, mut come, mut rest): (Vec<&Node>, Vec<&Node>, Pairs<'_>) = Default::default();
    for pair in pairs {
        match pair {
            (Some(old), None) if old.has_incidental_name() => gone.push(old),
            (None, Some(new)) if new.has_incidental_name() => come.push(new),
            pair => rest.push(pair),
        }
    }
    let mut renamed = Vec::new();
    for old in gone {
        let same = come.iter().position(|new| new.is_renamed(old));
        match same {
            Some(at) => renamed.push((Some(old), Some(come.remove(at)))),
            // A not-null constraint under the name that the server would choose has no line.
            None if old.kind == "not null" && old.text == "@18" => renamed.push((Some(old), None)),
            None => rest.push((Some(old), None)),
        }
    }
    for new in come {
        let is_name = new.kind == "not null" && new.text == "@18" && new.children.is_empty();
        if is_name { renamed.push((None, Some(new))) } else { rest.push((None, Some(new))) }
    }
    (renamed, rest)
}

impl Node {
    fn title(&self) -> String {
        if self.name.is_empty() {
            self.kind.clone()
        } else {
            format!("{} {}", self.kind, self.name)
        }
    }

    fn alone(&self) -> Self {
        Self { children: Vec::new(), ..self.clone() }
    }

    fn has_incidental_name(&self) -> bool {
        matches!(self.kind.as_str(), "constraint" | "not null")
    }

    fn is_renamed(&self, old: &Self) -> bool {
        self.kind == old.kind && self.text == old.text && self.children == old.children
    }
}

impl Difference {
    /// Whether the snapshots are equal.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// The differences by object, with `-` before what is missing and `+` before what is new.
    pub fn render(&self) -> String {
        let mut out = String::new();
        let mut object = "";
        for change in &self.changes {
            if change.object != object {
                object = &change.object;
                let _ = writeln!(out, "{object}");
            }
            if let Some(part) = &change.part {
                let _ = writeln!(out, "  {part}");
            }
            let (before, after) = (change.before.as_deref(), change.after.as_deref());
            let (before, after) = (before.unwrap_or_default(), after.unwrap_or_default());
            for line in similar::TextDiff::from_lines(before, after).iter_all_changes() {
                let sign = match line.tag() {
                    similar::ChangeTag::Delete => '-',
                    similar::ChangeTag::Insert => '+',
                    similar::ChangeTag::Equal => continue,
                };
                let _ = writeln!(out, "    {sign} {}", line.value().trim_end_matches('\n'));
            }
        }
        out
    }
}

//! The text of a snapshot, and back.
//!
//! Knows the layout: one line `kind name  text` for each node, two blanks deeper for its parts;
//! a text of several lines stands below with `|` before each. What does not fit the plain form
//! (a name with two blanks in a row) is written as a JSON list. Must not know the catalog.

use std::fmt::Write;
use std::sync::Arc;

use super::SchemaError;
use super::kinds::{is_nameless, split_kind};
use super::model::{Node, Snapshot};

const HEADER: &str = "schema-snapshot 1 · postgres ";
const UNMODELLED: &str = "unmodelled";

impl Snapshot {
    /// The canonical text. The same schema gives the same bytes.
    pub fn render(&self) -> String {
        let mut out = format!("{HEADER}{}\n", self.major);
        for missing in &self.unmodelled {
            let _ = write!(out, "\n{UNMODELLED} {missing}\n");
        }
        for node in self.nodes.iter() {
            out.push('\n');
            node.render_into(&mut out, 0);
        }
        out
    }

    /// The text without its header and without facts that only some major versions know: for
    /// comparing databases on servers of different versions.
    pub fn render_stable(&self) -> String {
        let mut out = String::new();
        for mut node in self.objects().cloned() {
            node.drop_major_facts();
            if !out.is_empty() {
                out.push('\n');
            }
            node.render_into(&mut out, 0);
        }
        out
    }

    /// Reads back what [`render`](Self::render) wrote.
    pub fn parse(text: &str) -> Result<Self, SchemaError> {
        let fail = |line, reason| SchemaError::Text { line, reason };
        let mut lines = text.split('\n').enumerate();
        let major = lines
            .next()
            .and_then(|(_, line)| line.strip_prefix(HEADER)?.parse().ok())
            .ok_or(fail(1, "it must begin with schema-snapshot 1"))?;
        let mut read = Read::default();
        let mut open: Vec<Node> = Vec::new();
        let mut is_bare = false;
        for (at, line) in lines.filter(|(_, line)| !line.is_empty()) {
            let content = line.trim_start_matches(' ');
            let depth = (line.len() - content.len()) / 2;
            if let Some(text) = content.strip_prefix('|') {
                let node = open.last_mut().ok_or(fail(at + 1, "a text without an object"))?;
                if !is_bare {
                    node.text.push('\n');
                }
                is_bare = false;
                node.text.push_str(text.strip_prefix(' ').unwrap_or(text));
                continue;
            }
            if depth > open.len() {
                return Err(fail(at + 1, "indented too deep"));
            }
            close(&mut open, depth, &mut read);
            let node = parse_line(content).ok_or(fail(at + 1, "not a line of a snapshot"))?;
            is_bare = node.text.is_empty();
            open.push(node);
        }
        close(&mut open, 0, &mut read);
        Ok(Self { major, nodes: read.nodes.into(), unmodelled: read.unmodelled })
    }
}

/// What has been read of a text.
#[derive(Default)]
struct Read {
    nodes: Vec<Arc<Node>>,
    unmodelled: Vec<String>,
}

/// Hands open nodes to their parents until `depth` are left.
fn close(open: &mut Vec<Node>, depth: usize, read: &mut Read) {
    while open.len() > depth {
        let Some(node) = open.pop() else { return };
        match open.last_mut() {
            Some(parent) => parent.children.push(node),
            None if node.kind == UNMODELLED => read.unmodelled.push(node.text),
            None => read.nodes.push(Arc::new(node)),
        }
    }
}

impl Node {
    /// Its block of the text, without indentation.
    pub fn render(&self) -> String {
        let mut out = String::new();
        self.render_into(&mut out, 0);
        out
    }

    fn render_into(&self, out: &mut String, depth: usize) {
        let indent = |out: &mut String, depth| (0..depth).for_each(|_| out.push_str("  "));
        indent(out, depth);
        let (line, below) = self.line();
        out.push_str(&line);
        out.push('\n');
        for line in below.into_iter().flat_map(|text| text.split('\n')) {
            indent(out, depth + 1);
            out.push_str(if line.is_empty() { "|" } else { "| " });
            out.push_str(line);
            out.push('\n');
        }
        for child in &self.children {
            child.render_into(out, depth + 1);
        }
    }

    /// Its own line, and the text that must stand below it.
    pub(super) fn line(&self) -> (String, Option<&str>) {
        let below = self.text.contains('\n').then_some(self.text.as_str());
        let text = if below.is_some() { "" } else { self.text.as_str() };
        let mut line = self.kind.clone();
        if !self.name.is_empty() {
            line.push(' ');
            line.push_str(&self.name);
        }
        if !text.is_empty() {
            let is_close = self.name.is_empty() && is_nameless(&self.kind);
            line.push_str(if is_close { " " } else { "  " });
            line.push_str(text);
        }
        let is_plain = !line.is_empty()
            && !line.contains('\n')
            && !line.starts_with(['[', ' ', '|'])
            && parse_line(&line).is_some_and(|read| {
                read.kind == self.kind && read.name == self.name && read.text == text
            });
        if is_plain {
            return (line, below);
        }
        let escaped = serde_json::json!([self.kind, self.name, self.text]);
        (escaped.to_string(), None)
    }

    fn drop_major_facts(&mut self) {
        self.children.retain(|child| !child.is_major_fact());
        self.children.iter_mut().for_each(Self::drop_major_facts);
    }

    /// Whether its text ends with the tag of a major version: `@18`.
    fn is_major_fact(&self) -> bool {
        let last = self.text.rsplit(' ').next().unwrap_or_default();
        let tag = last.strip_prefix('@').unwrap_or_default();
        !tag.is_empty() && tag.bytes().all(|byte| byte.is_ascii_digit())
    }
}

fn parse_line(line: &str) -> Option<Node> {
    if line.starts_with('[') {
        let (kind, name, text) = serde_json::from_str::<(String, String, String)>(line).ok()?;
        return Some(Node { kind, name, text, children: Vec::new() });
    }
    let (kind, rest) = split_kind(line);
    let node = |name: &str, text: &str| Node {
        kind: kind.to_owned(),
        name: name.to_owned(),
        text: text.to_owned(),
        children: Vec::new(),
    };
    if is_nameless(kind) {
        return Some(node("", rest.strip_prefix(' ').unwrap_or(rest)));
    }
    if let Some(text) = rest.strip_prefix("  ") {
        return Some(node("", text));
    }
    let rest = rest.strip_prefix(' ').unwrap_or(rest);
    let (name, text) = split_name(rest);
    Some(node(name, text))
}

/// A name ends at two blanks outside of quotes.
fn split_name(rest: &str) -> (&str, &str) {
    let mut quoted = false;
    let mut blank = false;
    for (at, c) in rest.char_indices() {
        quoted ^= c == '"';
        if c == ' ' && blank && !quoted {
            let name = rest.get(..at - 1).unwrap_or_default();
            return (name, rest.get(at + 1..).unwrap_or_default());
        }
        blank = c == ' ' && !quoted;
    }
    (rest, "")
}

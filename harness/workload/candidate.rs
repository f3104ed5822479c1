//! Which indexes might make a query faster, by what its plan reads row by row.
//!
//! Knows the shape of a plan. Must not know whether they do: only making them tells.

use std::time::Duration;

use crate::postgres::ident;
use crate::sql::{self, TokenKind};

use super::shape::{Node, Shape};

/// So many are worth being made.
const MOST: usize = 6;

/// An index that might help.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Candidate {
    /// The table, as SQL.
    pub table: String,
    /// Its columns, as SQL, in their order.
    pub columns: Vec<String>,
}

/// An index that was made for a query, and helps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingIndex {
    /// The statement that makes it.
    pub definition: String,
    /// How long the query takes alone without it.
    pub without: Duration,
    /// How long it takes with it.
    pub with: Duration,
}

impl Candidate {
    /// The statement that makes it.
    pub fn definition(&self) -> String {
        format!("CREATE INDEX ON {} ({})", self.table, self.columns.join(", "))
    }
}

/// Candidates for a plan, those of the fewest columns first.
pub fn candidates(shape: &Shape) -> Vec<Candidate> {
    let mut found: Vec<Candidate> = Vec::new();
    for scan in shape.0.iter().filter(|node| node.kind == "Seq Scan") {
        let Some((relation, schema)) = scan.relation.as_ref().zip(scan.schema.as_ref()) else {
            continue;
        };
        let table = format!("{}.{}", ident(schema), ident(relation));
        for columns in of_scan(scan, shape) {
            let columns = columns.iter().map(|name| ident(name)).collect();
            let candidate = Candidate { table: table.clone(), columns };
            if !found.contains(&candidate) {
                found.push(candidate);
            }
        }
    }
    found.sort_by_key(|it| it.columns.len());
    found.truncate(MOST);
    found
}

/// Lists of columns for one scan: each of those that are compared by itself, and all that must be equal
/// to something with one of the others behind them.
fn of_scan(scan: &Node, shape: &Shape) -> Vec<Vec<String>> {
    let alias = scan.alias.as_deref().or(scan.relation.as_deref()).unwrap_or_default();
    let (mut equal, mut others): (Vec<String>, Vec<String>) = Default::default();
    for text in shape.0.iter().flat_map(|node| &node.conditions) {
        for (column, is_equal) in compared(text, alias) {
            let list = if is_equal { &mut equal } else { &mut others };
            if !list.contains(&column) {
                list.push(column);
            }
        }
    }
    others.retain(|column| !equal.contains(column));
    let mut lists: Vec<Vec<String>> =
        equal.iter().chain(&others).map(|column| vec![column.clone()]).collect();
    if !equal.is_empty() {
        lists.push(equal.clone());
    }
    for other in others.iter().filter(|_| !equal.is_empty()) {
        lists.push(equal.iter().chain([other]).cloned().collect());
    }
    lists
}

/// The columns of `alias` in a condition, and whether each must be equal to something.
fn compared(text: &str, alias: &str) -> Vec<(String, bool)> {
    let tokens: Vec<(TokenKind, &str)> = sql::tokens(text)
        .filter(|token| !token.kind.is_blank())
        .filter_map(|token| Some((token.kind, text.get(token.bytes)?)))
        .collect();
    let name = |at: usize| match tokens.get(at) {
        Some((TokenKind::Word, word)) => Some((*word).to_owned()),
        Some((TokenKind::QuotedIdent, word)) => sql::names(word).pop()?.parts.pop(),
        _ => None,
    };
    let mut found = Vec::new();
    for at in 0..tokens.len() {
        if name(at).as_deref() != Some(alias) || tokens.get(at + 1).map(|it| it.1) != Some(".") {
            continue;
        }
        let Some(column) = name(at + 2) else { continue };
        let mut after = at + 3;
        // `(t.name)::text = ..` compares the column as well; the words of a type are skipped.
        let mut is_type = false;
        while let Some((kind, word)) = tokens.get(after) {
            match *word {
                "::" => is_type = true,
                ")" => is_type = false,
                _ if is_type && *kind != TokenKind::Operator => {}
                _ => break,
            }
            after += 1;
        }
        let operator = tokens.get(after).map(|it| it.1);
        let before = at.checked_sub(1).and_then(|at| tokens.get(at)).map(|it| it.1);
        found.push((column, operator == Some("=") || before == Some("=")));
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::shape::tests::shape;
    use super::{candidates, compared};

    #[test]
    fn columns_are_told_from_what_they_are_compared_with() {
        let of = |text| {
            let found = compared(text, "o");
            found
                .iter()
                .map(|(name, equal)| format!("{name}{}", if *equal { "=" } else { "" }))
                .collect::<Vec<_>>()
        };
        assert_eq!(of("(o.customer = 5)"), ["customer="]);
        assert_eq!(of("(((o.name)::character varying(9))::text = 'o.x'::text)"), ["name="]);
        assert_eq!(of("((o.at > '2024-01-01'::date) AND (o.\"isOpen\" = p.x))"), ["at", "isOpen="]);
        assert_eq!(of("(p.id = o.parent)"), ["parent="]);
        assert_eq!(of("o.at DESC"), ["at"]);
        assert_eq!(of("(p.o = 1)"), Vec::<String>::new());
    }

    #[test]
    fn what_is_read_row_by_row_has_candidates() {
        let plan = json!({"Node Type": "Limit", "Plans": [{
            "Node Type": "Sort", "Sort Key": ["o.at DESC"], "Plans": [{
                "Node Type": "Seq Scan", "Relation Name": "Order", "Schema": "public", "Alias": "o",
                "Filter": "((o.customer = 5) AND (o.open))"}]}]});
        let told: Vec<String> =
            candidates(&shape(&plan)).iter().map(super::Candidate::definition).collect();
        let on = |columns: &str| format!("CREATE INDEX ON public.\"Order\" ({columns})");
        assert_eq!(
            told,
            [on("customer"), on("at"), on("open"), on("customer, at"), on("customer, open")]
        );
        let by_index = json!({"Node Type": "Index Scan", "Relation Name": "t", "Schema": "public",
            "Filter": "(t.a = 1)"});
        assert!(candidates(&shape(&by_index)).is_empty());
    }
}

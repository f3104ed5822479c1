//! A file of a workload, made from a query that was counted.
//!
//! Knows how a query is written with named parameters, how they are called, and what a header says. Must
//! not know where the query was seen, nor touch the disk.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use super::catalog::Catalog;
use super::normal::{Normal, Slot};
use super::origin::{Origin, Parameter, origins};
use super::tally::{Cell, Group, PARAMETERS, Variant};
use super::usage::{Role, usage};
use super::words::{Gap, Words};
use crate::sql::TokenKind;

/// A literal that was the same in so many calls belongs to the query.
const SAME: u64 = 20;
/// The name of a file has so many letters at most.
const LONGEST: usize = 60;

/// What is known besides the query itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context<'c> {
    pub(super) catalog: Option<&'c Catalog>,
    /// Whether values that were seen may be written down.
    pub(super) values: bool,
    /// Whether literals were taken out already, so that those that are left belong to the text.
    pub(super) is_normalised: bool,
    /// Whether values that are at the same place within equal expressions are one: what `GROUP BY` needs.
    pub(super) unifies: bool,
}

/// A query on its way to a file.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    /// What the file would be called, without its ending.
    pub(super) stem: String,
    pub(super) sql: String,
    pub(super) notes: Vec<String>,
    pub(super) origins: Vec<Origin>,
    /// Values that were seen, by parameters.
    pub(super) seen: Option<Seen>,
    /// Whether values were wanted and none is known.
    pub(super) lacks_values: bool,
    /// Whether text in quotes stayed in it, which may be anybody's.
    pub(super) keeps_text: bool,
}

/// Values that were seen.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) names: Vec<String>,
    pub(super) rows: Vec<Vec<Option<String>>>,
    /// So many were left out, since an empty text can't be told from NULL there.
    pub(super) empty: usize,
}

/// A parameter with the slots that it fills; the first one speaks for the others.
struct Filled {
    slots: Vec<usize>,
    parameter: Parameter,
}

/// Makes the draft of a query; `None` where its text can't be taken apart.
pub(super) fn draft(group: &Group, context: Context<'_>) -> Option<Draft> {
    let variant = group.usual()?;
    let normal = Normal::read(&variant.text)?;
    let filled = parameters(&normal, variant, context);
    let sql = written(&normal, &filled);
    let stem = stem(&normal, &filled);
    let mut notes = Vec::new();
    if group.variants() > 1 {
        notes.push(
            "Lists of other lengths are counted with it; this is the length that came most often."
                .to_owned(),
        );
    }
    if variant.text.contains("/*, ... */") {
        notes.push("Lists have one value here: how many they had was not kept.".to_owned());
    }
    if let Some(column) = bounds(&filled) {
        notes.push(format!(
            "Both bounds of {column} are drawn by themselves: say how far apart they are."
        ));
    }
    let patterns: Vec<&str> = filled
        .iter()
        .filter(|it| it.parameter.usage.is_pattern && it.parameter.usage.column.is_some())
        .map(|it| it.parameter.name.as_str())
        .collect();
    let keeps_text = keeps_text(&normal, &filled);
    if keeps_text {
        notes.push("Text in quotes stayed in it: look it through before you commit it.".to_owned());
    }
    let seen = context.values.then(|| seen(variant, &filled)).flatten();
    if !patterns.is_empty() && seen.is_none() {
        notes.push(format!(
            "Values of :{} are whole ones of the column: LIKE may be sent others.",
            patterns.join(", :")
        ));
    }
    let lacks_values = context.values && seen.is_none() && !filled.is_empty();
    let parameters: Vec<Parameter> = filled.into_iter().map(|it| it.parameter).collect();
    let origins = match &seen {
        Some(_) => Vec::new(),
        None => origins(&parameters, &normal.scopes, context.catalog),
    };
    Some(Draft { stem, sql, notes, origins, seen, lacks_values, keeps_text })
}

/// The parameters, those of placeholders with one number as one.
fn parameters(normal: &Normal<'_>, variant: &Variant, context: Context<'_>) -> Vec<Filled> {
    // Statistics have some texts as they came: then one stands for all calls, whatever they had.
    let is_normalised = context.is_normalised && variant.has_placeholders;
    let is_settled = !context.is_normalised && variant.calls >= SAME;
    let keeps = variant.has_placeholders || is_settled;
    let mut filled: Vec<Filled> = Vec::new();
    let mut known: HashMap<String, usize> = HashMap::new();
    for (nth, slot) in normal.slots.iter().enumerate() {
        let is_same = variant.same.get(nth).is_some_and(Option::is_some);
        if is_same && keeps {
            continue;
        }
        let usage = usage(&normal.words, &normal.scopes, slot);
        let is_argument = usage.column.is_none() && usage.role == Role::Argument;
        if is_normalised && is_argument && kept(&normal.words, slot).is_some() {
            continue;
        }
        let key = match slot.number {
            _ if context.unifies && is_argument && normal.words.open(slot.at) > 0 => {
                around(&normal.words, slot)
            }
            Some(number) => format!("${number}"),
            None => format!("at {}", slot.at),
        };
        if let Some(place) = known.get(&key) {
            if let Some(before) = filled.get_mut(*place) {
                before.slots.push(nth);
                // What stands beside a column says more than what does not.
                if before.parameter.usage.column.is_none() && usage.column.is_some() {
                    before.parameter.usage = usage;
                }
            }
            continue;
        }
        known.insert(key, filled.len());
        let is_plain = matches!(usage.role, Role::Limit | Role::Offset | Role::Argument);
        let plain = variant.plain.get(&nth).filter(|_| is_plain).cloned().unwrap_or_default();
        let row = normal.words.open(slot.at);
        let parameter = Parameter { name: String::new(), usage, row, plain };
        filled.push(Filled { slots: vec![nth], parameter });
    }
    name(&mut filled);
    filled
}

/// The call that a placeholder is an argument of, with its place in it: the same in equal expressions.
fn around(words: &Words<'_>, slot: &Slot) -> String {
    let open = words.open(slot.at);
    format!("{} of {}", slot.at - open, call(words, open).join(" "))
}

/// The words of the call whose bracket is at `open`, without numbers of placeholders.
fn call<'t>(words: &Words<'t>, open: usize) -> Vec<&'t str> {
    let whole = open.saturating_sub(1)..=words.close(open);
    let plain = whole.map(|at| match words.kind(at) {
        TokenKind::Param => "?",
        _ => words.text(at),
    });
    plain.collect()
}

/// The literal that stands in the place of a placeholder in an equal call: `GROUP BY date_trunc('day', a)`
/// keeps its own where the same in the result has lost it.
fn kept<'t>(words: &Words<'t>, slot: &Slot) -> Option<&'t str> {
    let open = words.open(slot.at);
    let own = call(words, open);
    let offset = slot.at - open;
    let brackets = words.places().filter(|at| words.text(*at) == "(" && *at != open);
    let literal = |other: usize| {
        let their = call(words, other);
        let is_literal =
            |at: &usize| matches!(words.kind(*at), TokenKind::String | TokenKind::Number);
        let fits = |(own, their): (&&str, &&str)| own.eq_ignore_ascii_case(their) || *own == "?";
        let is_equal = own.len() == their.len() && own.iter().zip(&their).all(fits);
        Some(other + offset).filter(|at| is_equal && is_literal(at)).map(|at| words.text(at))
    };
    brackets.filter(|_| open > 0).find_map(literal)
}

fn name(filled: &mut [Filled]) {
    let mut names = Names::default();
    for (nth, it) in filled.iter_mut().enumerate() {
        let usage = &it.parameter.usage;
        let base = match (usage.role, &usage.column) {
            (Role::Limit, _) => "limit".to_owned(),
            (Role::Offset, _) => "offset".to_owned(),
            (_, Some(column)) => word(&column.name),
            (_, None) => format!("p{}", nth + 1),
        };
        it.parameter.name = names.free(&base);
    }
}

/// Names that are given.
#[derive(Default)]
pub(super) struct Names {
    taken: HashSet<String>,
    /// How often each was asked for.
    asked: HashMap<String, u32>,
}

impl Names {
    /// `base`, or with a number behind it if that is taken.
    pub(super) fn free(&mut self, base: &str) -> String {
        let asked = self.asked.entry(base.to_owned()).or_default();
        loop {
            *asked += 1;
            let name = if *asked == 1 { base.to_owned() } else { format!("{base}_{asked}") };
            if self.taken.insert(name.clone()) {
                return name;
            }
        }
    }
}

/// A name as one word.
fn word(name: &str) -> String {
    let plain: String =
        name.chars().map(|sign| if sign.is_alphanumeric() { sign } else { '_' }).collect();
    let begins = plain.starts_with(|first: char| first.is_alphabetic() || first == '_');
    if begins { plain } else { format!("_{plain}") }
}

/// Whether a string is left where no parameter stands.
fn keeps_text(normal: &Normal<'_>, filled: &[Filled]) -> bool {
    let gone: HashSet<usize> = (filled.iter().flat_map(|it| &it.slots))
        .filter_map(|nth| normal.slots.get(*nth).map(|slot| slot.at))
        .collect();
    let is_string =
        |at: usize| matches!(normal.words.kind(at), TokenKind::String | TokenKind::DollarString);
    normal.words.places().any(|at| is_string(at) && !gone.contains(&at))
}

/// What the file of a query would be called that has too many parameters for one.
pub(super) fn too_long(group: &Group) -> Option<(String, usize)> {
    let variant = group.usual().filter(|it| it.same.len() > PARAMETERS)?;
    Some((stem(&Normal::read(&variant.text)?, &[]), variant.same.len()))
}

/// The column of which two values are compared, neither of them as equal.
fn bounds(filled: &[Filled]) -> Option<&str> {
    let compared = filled.iter().filter(|it| it.parameter.usage.role == Role::Compared);
    let columns: Vec<_> = compared.filter_map(|it| it.parameter.usage.column.as_ref()).collect();
    let twice = columns
        .iter()
        .enumerate()
        .find(|(at, one)| columns.iter().skip(at + 1).any(|it| it == *one));
    twice.map(|(_, column)| column.name.as_str())
}

/// The tuples that were seen whole; `None` if there is none, or there is nothing to see.
fn seen(variant: &Variant, filled: &[Filled]) -> Option<Seen> {
    let cell = |cells: &[Cell], it: &Filled| match cells.get(*it.slots.first()?)? {
        Cell::Null => Some(None),
        // A file of comma-separated values has no empty text: it is NULL there.
        Cell::Text(text) if !text.is_empty() => Some(Some(text.clone())),
        Cell::Text(_) | Cell::Unknown => None,
    };
    let tuples = variant.tuples.iter();
    let rows: Vec<Vec<Option<String>>> =
        tuples.filter_map(|cells| filled.iter().map(|it| cell(cells, it)).collect()).collect();
    let names = filled.iter().map(|it| it.parameter.name.clone()).collect();
    let has_empty = |cells: &&Vec<Cell>| {
        let cells = filled.iter().filter_map(|it| cells.get(*it.slots.first()?));
        cells.into_iter().any(|cell| matches!(cell, Cell::Text(text) if text.is_empty()))
    };
    let empty = variant.tuples.iter().filter(has_empty).count();
    (!rows.is_empty() && !filled.is_empty()).then_some(Seen { names, rows, empty })
}

/// The text with named parameters.
fn written(normal: &Normal<'_>, filled: &[Filled]) -> String {
    let words = &normal.words;
    let mut named: HashMap<usize, (&Slot, &str)> = HashMap::new();
    let is_filled = |nth: &usize| filled.iter().any(|it| it.slots.contains(nth));
    let kept: HashMap<usize, &str> = (normal.slots.iter().enumerate())
        .filter(|(nth, slot)| slot.number.is_some() && !is_filled(nth))
        .filter_map(|(_, slot)| Some((slot.at, kept(words, slot)?)))
        .collect();
    for it in filled {
        for slot in it.slots.iter().filter_map(|nth| normal.slots.get(*nth)) {
            named.insert(slot.from, (slot, &it.parameter.name));
        }
    }
    let indent = words.places().filter_map(|at| match words.get(at).gap {
        Gap::Line(blanks) => Some(blanks),
        _ => None,
    });
    let margin = indent.min().unwrap_or_default();
    let mut text = String::new();
    let mut at = words.places().start;
    while at < words.places().end {
        let word = words.get(at);
        let gap = if text.is_empty() { Gap::None } else { word.gap };
        match gap {
            Gap::None => {}
            Gap::Space => text.push(' '),
            Gap::Line(blanks) => {
                text.push('\n');
                text.extend(std::iter::repeat_n(' ', blanks.saturating_sub(margin)));
            }
        }
        // A colon with a word right behind it would be a parameter, and two colons a cast.
        let is_near = text.ends_with(':') && !text.ends_with("::");
        match named.get(&at) {
            Some((slot, name)) => {
                text.push_str(if text.ends_with(':') { " :" } else { ":" });
                text.push_str(name);
                if slot.from < slot.at {
                    let of: Vec<&str> = (slot.from..slot.at).map(|at| words.text(at)).collect();
                    let _ = write!(text, "::{}", of.join(" "));
                }
                at = slot.at;
                if words.text(at + 1) == ":" && words.get(at + 1).gap == Gap::None {
                    text.push(' ');
                }
            }
            None if is_near && gap == Gap::None => {
                text.push(' ');
                text.push_str(word.text);
            }
            None => text.push_str(kept.get(&at).copied().unwrap_or(word.text)),
        }
        at += 1;
    }
    text
}

/// A file's name that says what the query does: `select_orders_by_customer_id`.
fn stem(normal: &Normal<'_>, filled: &[Filled]) -> String {
    let words = &normal.words;
    let scopes = &normal.scopes;
    let main = scopes.scope(0);
    let verb =
        main.map(|scope| scope.verb.as_str()).filter(|verb| !verb.is_empty()).unwrap_or("query");
    let counts = words.is(1, "select") && words.is(2, "count") && words.text(3) == "(";
    let verb = if counts { "count" } else { verb };
    let own = main.and_then(|scope| scope.relations.iter().find(|it| it.is_table));
    let table = own.or_else(|| scopes.tables().next()).and_then(|it| it.name.last().cloned());
    let function = || {
        let mut places = words.places();
        places.find(|at| words.text(at + 1) == "(").and_then(|at| words.name(at))
    };
    let mut parts = vec![verb.to_owned()];
    parts.extend(table.or_else(function));
    let mut columns: Vec<&str> = Vec::new();
    for it in filled {
        let usage = &it.parameter.usage;
        let selects =
            matches!(usage.role, Role::Compared | Role::Beside | Role::Listed | Role::Array);
        if let Some(column) = usage.column.as_ref().filter(|_| selects)
            && !columns.contains(&column.name.as_str())
            && columns.len() < 3
        {
            columns.push(&column.name);
        }
    }
    if !columns.is_empty() {
        parts.push("by".to_owned());
        parts.extend(columns.into_iter().map(str::to_owned));
    }
    let joined = parts.join("_").to_lowercase();
    joined
        .chars()
        .map(|sign| if sign.is_ascii_alphanumeric() { sign } else { '_' })
        .take(LONGEST)
        .collect()
}

#[cfg(test)]
mod tests;

//! A gate as text, for people.

use std::fmt::Write as _;

use comfy_table::{Table, presets};

use crate::runs::gate::{Ended, Fact, Gated};

use super::{closing, word};

/// The report for people.
pub fn gate_text(gated: &Gated) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    for fact in &gated.facts {
        let first = fact.detail.lines().next().unwrap_or_default().to_owned();
        table.add_row([fact.name.to_owned(), word(fact).to_owned(), first]);
    }
    let mut out = String::new();
    for line in table.to_string().lines() {
        let _ = writeln!(out, "{}", line.trim_end());
    }
    let is_open = |fact: &&Fact| matches!(fact.ended, Ended::Failed | Ended::Unknown);
    for fact in gated.facts.iter().filter(is_open) {
        out.push_str(&more(fact));
    }
    let _ = writeln!(out, "\n{}", closing(gated));
    out
}

/// The rest of what was seen, and what to do.
fn more(fact: &Fact) -> String {
    let mut out = String::new();
    let rest: Vec<&str> = fact.detail.lines().skip(1).collect();
    if rest.is_empty() && fact.help.is_none() {
        return out;
    }
    let _ = writeln!(out, "\n{}:", fact.name);
    for line in rest {
        let _ = writeln!(out, "  {line}");
    }
    let mut lines = fact.help.iter().flat_map(|help| help.lines());
    if let Some(first) = lines.next() {
        let _ = writeln!(out, "  help: {first}");
    }
    for line in lines {
        let _ = writeln!(out, "    {line}");
    }
    out
}

//! A finding as a card, and SQL that can be folded.
//!
//! Knows findings and the texts of files. Must not judge.

use std::fmt::Write as _;

use maud::{Markup, html};

use crate::finding::{Finding, Row, Span};

use super::words::plural;

/// So many lines of a file are shown.
const LINES: usize = 400;
/// A text of so many lines is shown at once.
const FEW: usize = 16;
/// So many lines around the place that a finding points at.
const AROUND: usize = 2;

/// How much of its file stands in a finding's card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::report) enum Shown {
    /// All of it.
    File,
    /// What the finding points at, with a few lines around it.
    Region,
}

/// A finding with all that is known of it. `source` is the text of its file.
pub(in crate::report) fn card(finding: &Finding, source: Option<&str>, shown: Shown) -> Markup {
    let severity = finding.severity.as_str();
    let is_accepted = finding.allowed.is_some();
    html! {
        article.finding.(severity).accepted[is_accepted] {
            h3 {
                span.severity { (severity) } " " code { (finding.check) } " "
                span.message { (finding.message) }
            }
            @if let Some(why) = finding.acceptance() { p.acceptance { (why) } }
            @if let Some(file) = &finding.file {
                p.file { (file.display()) @if let Some(span) = &finding.span { ":" (span.line) } }
            }
            @if let (Some(source), Some(span), Shown::Region) = (source, &finding.span, shown) {
                (region(source, span))
            }
            @if let Some(detail) = &finding.detail { pre.detail { (detail.trim_end()) } }
            (rows(&finding.rows))
            @if let Some(help) = &finding.help { p.help { b { "help: " } (help) } }
            @if let Some(repro) = &finding.repro {
                p.repro { "See it again with psql: " code { (repro.display()) } }
            }
            @if let (Some(source), Some(file), Shown::File) = (source, &finding.file, shown) {
                (sql(&format!("SQL of {}", file.display()), source, finding.span.as_ref()))
            }
        }
    }
}

/// Something that is not as it must be, in the form of a finding: the first line of what was seen beside its
/// name, the rest below it as it is.
pub(in crate::report) fn problem(
    severity: &str,
    name: &str,
    seen: &str,
    (about, help): (Option<&str>, Option<&str>),
) -> Markup {
    let (first, rest) = seen.split_once('\n').unwrap_or((seen, ""));
    html! {
        article.finding.(severity) {
            h3 { span.severity { (severity) } " " code { (name) } " " span.message { (first) } }
            @if let Some(about) = about { p.file { (about) } }
            @if !rest.trim().is_empty() { pre.detail { (rest.trim_end()) } }
            @if let Some(help) = help { p.help { b { "help: " } (help) } }
        }
    }
}

/// The rows that bring it out, as statements.
fn rows(rows: &[Row]) -> Markup {
    let mut text = String::new();
    for row in rows {
        // Writing to a String can't fail.
        let _ = writeln!(text, "{}", row.insert);
    }
    html! {
        @if !rows.is_empty() {
            p.rows { "Shown by " (plural(rows.len(), "row")) ":" }
            pre.rows { code { (text.trim_end()) } }
        }
    }
}

/// The lines that a finding points at, numbered, with what it is marked.
fn region(source: &str, span: &Span) -> Markup {
    let bytes = span.bytes.clone();
    let (Some(before), Some(marked)) = (source.get(..bytes.start), source.get(bytes)) else {
        return html! {};
    };
    // Blanks behind the last word are not what is meant.
    let marked = before.len()..before.len() + marked.trim_end().len();
    let first = before.matches('\n').count().saturating_sub(AROUND);
    let last = source.get(..marked.end).unwrap_or_default().matches('\n').count() + AROUND;
    let mut start = 0;
    let mut lines = Vec::new();
    for (at, line) in source.split_inclusive('\n').enumerate() {
        let end = start + line.len();
        if (first..=last).contains(&at) {
            lines.push((at + 1, start, line.trim_end_matches(['\n', '\r'])));
        }
        start = end;
    }
    let more = lines.len().saturating_sub(LINES);
    lines.truncate(LINES);
    html! {
        pre.region { code {
            @for (number, start, line) in &lines {
                span.line { (format!("{number:>4} ")) }
                @let cut = |at: usize| floor(line, at.saturating_sub(*start));
                @let (from, until) = (cut(marked.start), cut(marked.end));
                (line.get(..from).unwrap_or_default())
                @if from < until { mark { (line.get(from..until).unwrap_or_default()) } }
                (line.get(until..).unwrap_or_default()) "\n"
            }
        } }
        @if more > 0 { p.unknown { (plural(more, "more line")) " not shown." } }
    }
}

fn floor(line: &str, at: usize) -> usize {
    let at = at.min(line.len());
    (0..=at).rev().find(|at| line.is_char_boundary(*at)).unwrap_or(0)
}

/// A text of SQL that can be folded, with the place that a finding points at.
pub(in crate::report) fn sql(summary: &str, text: &str, span: Option<&Span>) -> Markup {
    let count = text.lines().count();
    // To the end of the last line that is shown.
    let end = text.match_indices('\n').nth(LINES - 1).map_or(text.len(), |(at, _)| at);
    let (shown, rest) = text.split_at(end);
    let marked = span.and_then(|span| {
        let before = shown.get(..span.bytes.start)?;
        Some((before, shown.get(span.bytes.clone())?, shown.get(span.bytes.end..)?))
    });
    html! {
        details.sql open[count <= FEW] {
            summary { (summary) }
            pre { code {
                @if let Some((before, marked, after)) = marked { (before) mark { (marked) } (after) }
                @else { (shown.trim_end()) }
            } }
            @if !rest.trim().is_empty() {
                p.unknown { (plural(count - LINES, "more line")) " of it " @if count - LINES == 1 { "is" } @else { "are" } " not shown." }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Shown, card, region};
    use crate::finding::{CheckId, Finding, Row, Span};

    const TEXT: &str = "a;\nb;\nc;\r\nDROP <é>\n  CASCADE; \n\nd;\ne;\nf;";

    fn at(needle: &str) -> Span {
        let start = TEXT.find(needle).unwrap();
        Span::new("f.sql", TEXT, start..start + needle.len())
    }

    #[test]
    fn the_place_is_marked_on_each_of_its_lines() {
        let text = region(TEXT, &at("<é>\n  CASCADE; \n")).into_string();
        let line =
            |number: u32, rest: &str| format!("<span class=\"line\">{number:>4} </span>{rest}\n");
        let wanted = [
            line(2, "b;"),
            line(3, "c;"),
            line(4, "DROP <mark>&lt;é&gt;</mark>"),
            line(5, "<mark>  CASCADE;</mark> "),
            line(6, ""),
            line(7, "d;"),
        ];
        assert!(text.contains(&wanted.concat()), "{text}");
    }

    #[test]
    fn a_place_that_is_not_in_the_text_is_left_out() {
        let gone = Span { file: "f.sql".into(), bytes: 100..110, line: 9 };
        let finding = Finding::new(CheckId::DataLoss, "m").at(gone);
        let text = card(&finding, Some(TEXT), Shown::Region).into_string();
        assert!(text.contains("f.sql:9") && !text.contains("<pre"), "{text}");
    }

    #[test]
    fn rows_and_the_script_that_shows_them_are_there() {
        let mut finding = Finding::new(CheckId::DataLoss, "m").help("h");
        finding.rows = vec![Row { table: "t".to_owned(), insert: "INSERT <x>".to_owned() }];
        finding.repro = Some("repro.sql".into());
        let text = card(&finding, None, Shown::Region).into_string();
        for part in ["Shown by 1 row", "INSERT &lt;x&gt;", "repro.sql", "help: </b>h"] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}

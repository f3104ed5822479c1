//! The findings, each with its SQL.
//!
//! Knows findings and the texts of files. Must not judge.

use maud::{Markup, html};

use crate::finding::{Finding, Span};
use crate::runs::Benched;

use super::words::plural;

/// So many lines of a file are shown.
const LINES: usize = 400;
/// A file of so many lines is shown at once.
const FEW: usize = 16;

/// All of them, in the order of the report.
pub(super) fn all(benched: &Benched) -> Markup {
    html! {
        section #findings aria-labelledby="findings-title" {
            h2 #findings-title { "Findings" }
            @if benched.findings.is_empty() { p { "None." } }
            @for finding in &benched.findings { (one(finding, benched)) }
        }
    }
}

fn one(finding: &Finding, benched: &Benched) -> Markup {
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
            @if let Some(detail) = &finding.detail { pre.detail { (detail.trim_end()) } }
            @if let Some(help) = &finding.help { p.help { b { "help: " } (help) } }
            @if let Some(file) = &finding.file {
                @if let Some(text) = benched.source(file) {
                    (sql(&format!("SQL of {}", file.display()), text, finding.span.as_ref()))
                }
            }
        }
    }
}

/// A text of SQL that can be folded, with the place that a finding points at.
pub(super) fn sql(summary: &str, text: &str, span: Option<&Span>) -> Markup {
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

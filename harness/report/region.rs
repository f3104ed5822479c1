//! Lines and columns of a finding, and the SQL it points at.
//!
//! Knows how tools count. Must not know any form.

use crate::finding::Finding;

use super::Report;

/// From the first character to the one after the last; lines and columns are counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Region {
    pub(super) line: usize,
    pub(super) end_line: usize,
    /// First and one past the last; unknown where the text is, or the finding is about a file.
    pub(super) columns: Option<(usize, usize)>,
}

/// What a column is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Unit {
    Characters,
    Utf16,
}

/// Where in its file the finding points; `None` without a file.
pub(super) fn region(finding: &Finding, report: &Report, unit: Unit) -> Option<Region> {
    finding.file.as_ref()?;
    let Some(span) = &finding.span else {
        return Some(Region { line: 1, end_line: 1, columns: None });
    };
    let line = span.line as usize;
    let Some((before, text)) = pieces(finding, report) else {
        return Some(Region { line, end_line: line, columns: None });
    };
    let width = |text: &str| match unit {
        Unit::Characters => text.chars().count(),
        Unit::Utf16 => text.encode_utf16().count(),
    };
    let start = width(last_line(before)) + 1;
    let breaks = text.matches('\n').count();
    let end = width(last_line(text)) + if breaks == 0 { start } else { 1 };
    Some(Region { line, end_line: line + breaks, columns: Some((start, end)) })
}

/// The whole lines that the finding points at.
pub(super) fn excerpt<'r>(finding: &Finding, report: &'r Report) -> Option<&'r str> {
    let (before, text) = pieces(finding, report)?;
    let source = source(finding, report)?;
    let start = before.len() - last_line(before).len();
    let after = before.len() + text.len();
    let end = source.get(after..)?.find('\n').map_or(source.len(), |at| after + at);
    source.get(start..end).map(str::trim_end)
}

/// The SQL that the finding points at, without blanks at its end.
pub(super) fn pointed<'r>(finding: &Finding, report: &'r Report) -> Option<&'r str> {
    pieces(finding, report).map(|(_, text)| text)
}

fn source<'r>(finding: &Finding, report: &'r Report) -> Option<&'r str> {
    report.sources.get(&finding.span.as_ref()?.file).map(AsRef::as_ref)
}

fn pieces<'r>(finding: &Finding, report: &'r Report) -> Option<(&'r str, &'r str)> {
    let source = source(finding, report)?;
    let bytes = finding.span.as_ref()?.bytes.clone();
    Some((source.get(..bytes.start)?, source.get(bytes)?.trim_end()))
}

fn last_line(text: &str) -> &str {
    text.rsplit('\n').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::{Region, Unit, excerpt, pointed, region};
    use crate::finding::{CheckId, Finding, Span};

    const TEXT: &str = "-- é\r\n  SELECT '😀', a;\r\nDROP TABLE t\n CASCADE;\n\n";

    fn at(needle: &str, end: usize) -> Finding {
        let start = TEXT.find(needle).unwrap();
        Finding::new(CheckId::SchemaDrift, "m").at(Span::new("f.sql", TEXT, start..end))
    }

    #[test]
    fn columns_are_counted_as_asked() {
        let mut report = samples::empty();
        report.sources.insert("f.sql".into(), TEXT.into());
        let finding = at("a;", TEXT.find("a;").unwrap() + 1);
        let characters = Region { line: 2, end_line: 2, columns: Some((15, 16)) };
        let utf16 = Region { line: 2, end_line: 2, columns: Some((16, 17)) };
        assert_eq!(region(&finding, &report, Unit::Characters), Some(characters));
        assert_eq!(region(&finding, &report, Unit::Utf16), Some(utf16));
        assert_eq!(excerpt(&finding, &report), Some("  SELECT '😀', a;"));
        assert_eq!(pointed(&finding, &report), Some("a"));
    }

    #[test]
    fn several_lines_end_where_the_text_ends() {
        let mut report = samples::empty();
        report.sources.insert("f.sql".into(), TEXT.into());
        let finding = at("DROP", TEXT.len());
        let lines = Region { line: 3, end_line: 4, columns: Some((1, 10)) };
        assert_eq!(region(&finding, &report, Unit::Utf16), Some(lines));
        assert_eq!(excerpt(&finding, &report), Some("DROP TABLE t\n CASCADE;"));
    }

    #[test]
    fn without_a_text_there_is_a_line_and_without_a_file_nothing() {
        let report = samples::empty();
        let line = |line| Some(Region { line, end_line: line, columns: None });
        assert_eq!(region(&at("DROP", TEXT.len()), &report, Unit::Utf16), line(3));
        let bare = Finding::new(CheckId::MultipleHeads, "m");
        assert_eq!(region(&bare, &report, Unit::Utf16), None);
        assert_eq!(region(&bare.in_file("f.sql"), &report, Unit::Utf16), line(1));
    }
}

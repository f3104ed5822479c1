//! goose's annotations: which lines are the way up and which the way back, and where goose ends a
//! statement.
//!
//! Knows what goose's parser does line by line (`internal/sqlparser/parser.go` of version 3.27), and refuses
//! what it refuses. A line that ends in a semicolon ends a statement, also inside of a body: where that
//! would cut one in two it is said, since the server would say it less well. Must not know folders.

use std::ops::Range;
use std::path::Path;

use super::MigrationsError;
use super::interpolate::interpolate;
use super::section::{BOM, Line, lines, wrong};
use crate::sql::{self, SplitError};

/// A file as goose reads it.
#[derive(Debug)]
pub(super) struct Parsed {
    /// Its text with the environment's values, line for line.
    pub(super) text: String,
    /// Where the annotation of the way back begins.
    pub(super) down: Option<usize>,
    /// Whether each way is one transaction.
    pub(super) is_transaction: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Annotation {
    Up,
    Down,
    StatementBegin,
    StatementEnd,
    NoTransaction,
    EnvsubOn,
    EnvsubOff,
}

const ANNOTATIONS: [(&str, Annotation); 7] = [
    ("Up", Annotation::Up),
    ("Down", Annotation::Down),
    ("StatementBegin", Annotation::StatementBegin),
    ("StatementEnd", Annotation::StatementEnd),
    ("NO TRANSACTION", Annotation::NoTransaction),
    ("ENVSUB ON", Annotation::EnvsubOn),
    ("ENVSUB OFF", Annotation::EnvsubOff),
];

/// Whether a text has a line that only goose means something by.
pub(super) fn is_marked(text: &str) -> bool {
    lines(text).any(|line| {
        let words = line.text.trim_start_matches(BOM).strip_prefix("--").map(str::trim_start);
        words.is_some_and(|words| words.starts_with("+goose"))
    })
}

/// A statement to goose: what it sends as one message.
#[derive(Debug)]
struct Chunk {
    bytes: Range<usize>,
    /// Its last line, counted from 1.
    line: usize,
    /// The lines of `StatementBegin` and `StatementEnd`, if it stands between them.
    between: Option<(Range<usize>, Range<usize>)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Before,
    Up,
    Down,
}

/// Reads a file line by line.
struct Reader<'a> {
    path: &'a Path,
    text: String,
    part: Part,
    down: Option<usize>,
    is_transaction: bool,
    /// Between `ENVSUB ON` and `ENVSUB OFF`.
    substitutes: bool,
    /// The line of a `StatementBegin` without its end.
    begun: Option<Range<usize>>,
    /// Where the statement begins that is not ended yet, and its line.
    open: Option<(usize, usize)>,
    chunks: Vec<Chunk>,
}

/// Reads the text of `path`; `values` gives the values of variables.
pub(super) fn parse(
    path: &Path,
    text: &str,
    values: &dyn Fn(&str) -> Option<String>,
) -> Result<Parsed, MigrationsError> {
    if text.starts_with(BOM) {
        let problem = "begins with a byte order mark, which hides the first line from goose: save it \
                       as UTF-8 without one";
        return Err(wrong(path, 1, problem));
    }
    let mut reader = Reader {
        path,
        text: String::with_capacity(text.len()),
        part: Part::Before,
        down: None,
        is_transaction: true,
        substitutes: false,
        begun: None,
        open: None,
        chunks: Vec::new(),
    };
    for line in lines(text) {
        reader.line(line, values)?;
        // The end of the line as it was.
        let end = line.at + line.text.len();
        let rest = text.get(end..).unwrap_or_default();
        let whole = rest.find('\n').map_or(rest.len(), |at| at + 1);
        reader.text.push_str(rest.get(..whole).unwrap_or_default());
    }
    reader.end()
}

impl Reader<'_> {
    fn wrong(&self, line: usize, problem: impl Into<String>) -> MigrationsError {
        wrong(self.path, line, problem)
    }

    fn line(
        &mut self,
        line: Line<'_>,
        values: &dyn Fn(&str) -> Option<String>,
    ) -> Result<(), MigrationsError> {
        let at = self.text.len();
        let trimmed = line.text.trim();
        if trimmed.starts_with("--") && trimmed.contains("+goose") {
            self.text.push_str(line.text);
            let annotation = self.annotation(line)?;
            return self.annotated(annotation, line, at..at + line.text.len());
        }
        if self.open.is_none() && (trimmed.is_empty() || trimmed.starts_with("--")) {
            self.text.push_str(line.text);
            return Ok(());
        }
        if self.part == Part::Before {
            let problem = "a statement before `-- +goose Up`, which goose refuses: move it below";
            return Err(self.wrong(line.number, problem));
        }
        if self.substitutes {
            let filled = interpolate(line.text, values);
            let filled = filled.map_err(|problem| self.wrong(line.number, problem))?;
            if filled.contains('\n') {
                let problem =
                    "a variable's value has several lines: put it on one, or write it here";
                return Err(self.wrong(line.number, problem));
            }
            self.text.push_str(&filled);
        } else {
            self.text.push_str(line.text);
        }
        let (start, _) = *self.open.get_or_insert((at, line.number));
        let written = self.text.get(at..).unwrap_or_default();
        if self.begun.is_none() && ends_statement(written) {
            let bytes = start..self.text.len();
            self.chunks.push(Chunk { bytes, line: line.number, between: None });
            self.open = None;
        }
        Ok(())
    }

    fn annotation(&self, line: Line<'_>) -> Result<Annotation, MigrationsError> {
        let known = || ANNOTATIONS.map(|(word, _)| word).join(", ");
        if line.text.starts_with([' ', '\t']) {
            let problem =
                "an annotation with blanks before it, which goose refuses: begin the line with it";
            return Err(self.wrong(line.number, problem));
        }
        let words = line.text.replace("--", "").replacen("+goose", "", 1);
        let word = words.trim();
        let found = ANNOTATIONS.iter().find(|(known, _)| known.eq_ignore_ascii_case(word));
        found.map(|(_, annotation)| *annotation).ok_or_else(|| {
            let problem = format!("goose knows no annotation {word:?}; known are {}", known());
            self.wrong(line.number, problem)
        })
    }

    fn annotated(
        &mut self,
        annotation: Annotation,
        line: Line<'_>,
        bytes: Range<usize>,
    ) -> Result<(), MigrationsError> {
        let refuse = |problem: &str| Err(wrong(self.path, line.number, problem));
        match (annotation, self.part) {
            (Annotation::Up, Part::Before) => self.part = Part::Up,
            (Annotation::Up, _) => {
                return refuse("a second `-- +goose Up`: goose wants one in a file");
            }
            (Annotation::Down, Part::Up) if self.begun.is_none() => {
                self.ended()?;
                (self.part, self.down) = (Part::Down, Some(bytes.start));
            }
            (Annotation::Down, _) => {
                return refuse("`-- +goose Down` must stand once, after the end of `-- +goose Up`");
            }
            (Annotation::StatementBegin, Part::Up | Part::Down) if self.begun.is_none() => {
                self.begun = Some(bytes);
            }
            (Annotation::StatementBegin, _) => {
                return refuse("`-- +goose StatementBegin` inside of another one, or before `Up`");
            }
            (Annotation::StatementEnd, _) => {
                let Some(begun) = self.begun.take() else {
                    return refuse("`-- +goose StatementEnd` without a `StatementBegin`");
                };
                let Some((start, _)) = self.open.take() else {
                    return refuse(
                        "no statement before this line: goose would lose the one after it",
                    );
                };
                let between = Some((begun, bytes.clone()));
                self.chunks.push(Chunk { bytes: start..bytes.start, line: line.number, between });
            }
            (Annotation::NoTransaction, _) => self.is_transaction = false,
            (Annotation::EnvsubOn, _) => self.substitutes = true,
            (Annotation::EnvsubOff, _) => self.substitutes = false,
        }
        Ok(())
    }

    /// Refuses a statement that no line has ended.
    fn ended(&self) -> Result<(), MigrationsError> {
        self.open.map_or(Ok(()), |(_, line)| {
            let problem = "the statement that begins here has no semicolon at the end of a line, which \
                           goose wants";
            Err(self.wrong(line, problem))
        })
    }

    fn end(mut self) -> Result<Parsed, MigrationsError> {
        if self.part == Part::Before {
            return Err(self.wrong(1, "no `-- +goose Up`: goose wants it above the upgrade"));
        }
        if let Some(begun) = &self.begun {
            let before = self.text.get(..begun.start).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            return Err(self.wrong(line, "`-- +goose StatementBegin` without a `StatementEnd`"));
        }
        self.ended()?;
        for chunk in std::mem::take(&mut self.chunks) {
            self.check(&chunk)?;
        }
        let Self { text, down, is_transaction, .. } = self;
        Ok(Parsed { text, down, is_transaction })
    }

    /// Whether a message of goose's is what its author meant.
    fn check(&mut self, chunk: &Chunk) -> Result<(), MigrationsError> {
        let text = self.text.get(chunk.bytes.clone()).unwrap_or_default();
        let statements = match sql::split(text) {
            Ok(statements) => statements,
            Err(SplitError::Unterminated { what, .. }) if chunk.between.is_none() => {
                let problem = format!(
                    "goose ends a statement with this line, inside of a {what}: put it between \
                     `-- +goose StatementBegin` and `-- +goose StatementEnd`"
                );
                return Err(self.wrong(chunk.line, problem));
            }
            // What else is wrong with it is said where it is run.
            Err(_) => return Ok(()),
        };
        let is_ended = statements.last().is_none_or(|last| last.terminated);
        if let (Some((_, end)), false) = (&chunk.between, is_ended) {
            // goose needs no semicolon there, and one message does.
            self.write(end.clone(), ";");
        }
        let text = self.text.get(chunk.bytes.clone()).unwrap_or_default();
        if self.is_transaction || statements.len() < 2 {
            return Ok(());
        }
        if let Some(words) =
            statements.iter().find_map(|it| sql::refuses_transaction(it.text(text)))
        {
            let problem = format!(
                "goose sends several statements as one message that ends here, and {words} must be \
                 alone in one"
            );
            return Err(self.wrong(chunk.line, problem));
        }
        if let Some((begin, end)) = chunk.between.clone() {
            // One message is one transaction.
            self.write(begin, "BEGIN;");
            self.write(end, ";COMMIT;");
        }
        Ok(())
    }

    /// Puts `words` in place of a line, which is longer.
    fn write(&mut self, line: Range<usize>, words: &str) {
        let blank = " ".repeat(line.len().saturating_sub(words.len()));
        self.text.replace_range(line, &format!("{words}{blank}"));
    }
}

/// Whether the last word before a comment ends in a semicolon.
fn ends_statement(line: &str) -> bool {
    let words = line.split_whitespace().take_while(|word| !word.starts_with("--"));
    words.last().is_some_and(|word| word.ends_with(';'))
}

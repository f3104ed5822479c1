//! The only place that prints: results to stdout, status and errors to stderr.

use std::error::Error;
use std::io::{IsTerminal, Write as _};

use anstream::ColorChoice;
use indicatif::ProgressBar;

use super::args::Colour;

/// Owns both streams. `NO_COLOR` and `CLICOLOR` are honoured by anstream.
#[derive(Debug)]
pub(super) struct Printer {
    bar: Option<ProgressBar>,
}

impl Printer {
    pub(super) fn new(colour: Colour) -> Self {
        match colour {
            Colour::Auto => {}
            Colour::Always => ColorChoice::Always.write_global(),
            Colour::Never => ColorChoice::Never.write_global(),
        }
        Self { bar: None }
    }

    /// A result, as it is. A reader that has gone away is no error of ours.
    pub(super) fn result(&mut self, text: &str) {
        self.finish_bar();
        let mut out = anstream::stdout().lock();
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }

    /// A line of status.
    pub(super) fn status(&mut self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| say(line)),
            None => say(line),
        }
    }

    /// An error with its causes, each on a line of its own.
    pub(super) fn error(&mut self, error: &dyn Error) {
        self.finish_bar();
        let mut said = error.to_string();
        say(&format!("error: {said}"));
        let mut cause = error.source();
        while let Some(next) = cause {
            let text = next.to_string();
            // Transparent errors repeat what was said.
            if !said.contains(&text) {
                say(&format!("  caused by: {text}"));
                said = text;
            }
            cause = next.source();
        }
    }

    /// A progress bar over `total` migrations, where stderr is a terminal.
    pub(super) fn begin_bar(&mut self, total: usize) {
        if std::io::stderr().is_terminal() && self.bar.is_none() {
            self.bar = Some(super::progress::bar(total));
        }
    }

    /// Shows which migration is being climbed, `done` of them being behind.
    pub(super) fn advance_bar(&mut self, done: usize, name: &str) {
        if let Some(bar) = &self.bar {
            bar.set_position(done.try_into().unwrap_or(u64::MAX));
            bar.set_message(name.to_owned());
        }
    }

    /// Shows how many bytes were written so far, where stderr is a terminal.
    pub(super) fn begin_bytes(&mut self) {
        if std::io::stderr().is_terminal() && self.bar.is_none() {
            self.bar = Some(super::progress::bytes());
        }
    }

    /// Shows that it is so many now.
    pub(super) fn advance_bytes(&mut self, bytes: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(bytes);
        }
    }

    /// The same, and what was done with them.
    pub(super) fn advance_amount(&mut self, word: &str, bytes: u64) {
        self.advance_bytes(bytes);
        if let Some(bar) = &self.bar {
            bar.set_message(word.to_owned());
        }
    }

    pub(super) fn finish_bar(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

/// A line on stderr. Where that is full or gone, nobody can be told, and the work goes on: a run must
/// not end half way because of a line.
fn say(line: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{line}");
}

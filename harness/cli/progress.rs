//! The progress bar and who feeds it.

use indicatif::{ProgressBar, ProgressStyle};

use crate::runs::{Event, Watch};

use super::printer::Printer;
use super::traces::Traces;

pub(super) fn bar(total: usize) -> ProgressBar {
    let bar = ProgressBar::new(total.try_into().unwrap_or(u64::MAX));
    if let Ok(style) = ProgressStyle::with_template("{pos:>5}/{len} {bar:30} {elapsed} {wide_msg}")
    {
        bar.set_style(style);
    }
    bar
}

/// For something of which nobody knows how large it becomes.
pub(super) fn bytes() -> ProgressBar {
    let bar = ProgressBar::no_length();
    if let Ok(style) = ProgressStyle::with_template("{bytes} {bytes_per_sec} {elapsed} {msg}") {
        bar.set_style(style);
    }
    bar
}

/// Turns events into status lines and a bar.
#[derive(Debug)]
pub(super) struct Narrator<'p> {
    printer: &'p mut Printer,
    quiet: bool,
    traces: Option<&'p mut Traces>,
}

impl<'p> Narrator<'p> {
    pub(super) fn new(printer: &'p mut Printer, quiet: bool) -> Self {
        Self { printer, quiet, traces: None }
    }

    /// The same, which is also told to whoever collects traces.
    pub(super) fn traced(self, traces: &'p mut Traces) -> Self {
        Self { traces: Some(traces), ..self }
    }
}

impl Watch for Narrator<'_> {
    fn event(&mut self, event: Event<'_>) {
        if let Some(traces) = &mut self.traces {
            traces.event(event);
        }
        if self.quiet {
            return;
        }
        match event {
            Event::Loaded { migrations, layout } => {
                self.printer.status(&format!("history: {migrations} migrations ({layout})"));
            }
            Event::Server(reason) => self.printer.status(&format!("server: {reason}")),
            Event::Restored { seconds, applied } => self.printer.status(&format!(
                "backup: restored in {seconds:.1} s, {applied} migrations are applied in it"
            )),
            Event::Begins { index, total, name } => {
                self.printer.begin_bar(total);
                self.printer.advance_bar(index, name);
            }
            Event::Judged { name, errors } => {
                if errors > 0 {
                    self.printer.status(&format!("FAIL {name}"));
                }
            }
            Event::Step(name) => {
                self.printer.finish_bar();
                self.printer.status(&format!("step: {name}"));
            }
            Event::Amount { word, bytes } => {
                self.printer.begin_bytes();
                self.printer.advance_amount(word, bytes);
            }
            Event::Part(text) | Event::Note(text) => self.printer.status(&format!("note: {text}")),
        }
    }
}

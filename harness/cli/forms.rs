//! Reports of one run in several forms: what is printed, what is written, and what their files say should
//! the run never come to its end.
//!
//! Knows when each is written. Must not know what a form looks like.

use std::time::Instant;

use clap::ValueEnum;

use crate::report::{ErrorReport, Style};

use super::Failure;
use super::printer::Printer;
use super::reports::{Wanted, all_writable, put_all};

/// The forms of one verb's report.
pub(super) trait Form: Copy + PartialEq + ValueEnum {
    /// What a run that came to its end has to say.
    type Outcome;

    /// The form for people: its errors go to stderr only.
    const FOR_PEOPLE: Self;

    /// The report in this form.
    fn text(self, outcome: &Self::Outcome, style: Style) -> String;

    /// The report of a run that `error` ended after so many seconds.
    fn unfinished(self, error: &ErrorReport, seconds: f64) -> String;
}

/// All reports of one run. Should it never come to its end, their files say so when this is dropped: an
/// old report must not pass for a new one.
#[derive(Debug)]
pub(super) struct FormedReports<F: Form> {
    /// `None` once they are written.
    files: Option<Vec<Wanted<F>>>,
    /// The form for stdout, if it goes there.
    stdout: Option<F>,
    start: Instant,
}

impl<F: Form> FormedReports<F> {
    /// One in `form` on stdout, or in the file `output`, and `more`; if all of it can be written.
    pub(super) fn begin(
        form: F,
        output: Option<&std::path::Path>,
        more: &[Wanted<F>],
    ) -> Result<Self, Failure> {
        let mut files = more.to_vec();
        files.extend(output.map(|path| Wanted { form, path: path.to_owned() }));
        all_writable(&files)?;
        let stdout = output.is_none().then_some(form);
        Ok(Self { files: Some(files), stdout, start: Instant::now() })
    }

    /// Prints and writes all of them.
    pub(super) fn finish(
        mut self,
        outcome: &F::Outcome,
        printer: &mut Printer,
    ) -> Result<(), Failure> {
        if let Some(form) = self.stdout {
            printer.result(&form.text(outcome, Style::Coloured));
        }
        self.write(|form| form.text(outcome, Style::Plain))
    }

    /// Prints and writes what there is to say of a run that ended so.
    pub(super) fn fail(mut self, failure: &Failure, printer: &mut Printer) -> Result<(), Failure> {
        let error = ErrorReport::new(failure.error.as_ref(), failure.exit);
        let seconds = self.start.elapsed().as_secs_f64();
        // As text it goes to stderr, like every error.
        if let Some(form) = self.stdout.filter(|form| *form != F::FOR_PEOPLE) {
            printer.result(&form.unfinished(&error, seconds));
        }
        self.write(|form| form.unfinished(&error, seconds))
    }

    fn write(&mut self, text: impl Fn(F) -> String) -> Result<(), Failure> {
        let files = self.files.take().unwrap_or_default();
        put_all(&files, |form| Ok(text(form)))
    }
}

impl<F: Form> Drop for FormedReports<F> {
    fn drop(&mut self) {
        if self.files.is_some() {
            let (error, seconds) = (ErrorReport::interrupted(), self.start.elapsed().as_secs_f64());
            // There is nobody left to tell.
            let _ = self.write(|form| form.unfinished(&error, seconds));
        }
    }
}

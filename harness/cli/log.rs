//! The log of a run on a database: a line of text and a line of JSON for each thing that happens,
//! with the time, in files of their own. What is told is shown on the terminal as well.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::sync::oneshot;

use crate::runs::production::{Amount, Ended, Listener, Told};

use crate::secret::Scrubber;

use super::printer::Printer;
use super::traces::Traces;

/// Between two lines about how much of a dump is written.
const PAUSE: Duration = Duration::from_secs(2);

/// Writes the log and tells the terminal.
#[derive(Debug)]
pub(super) struct Log<'p> {
    printer: &'p mut Printer,
    traces: &'p mut Traces,
    folder: PathBuf,
    files: Option<(File, File)>,
    /// Why nothing is logged, if nothing is.
    pub(super) broken: Option<String>,
    bytes: Option<(Instant, Instant)>,
    scrubber: Scrubber,
    /// Who waits for the run to have an id.
    tell: Option<oneshot::Sender<String>>,
}

impl<'p> Log<'p> {
    pub(super) fn new(
        printer: &'p mut Printer,
        traces: &'p mut Traces,
        folder: &Path,
        scrubber: Scrubber,
        tell: oneshot::Sender<String>,
    ) -> Self {
        let (folder, tell) = (folder.to_owned(), Some(tell));
        Self { printer, traces, folder, files: None, broken: None, bytes: None, scrubber, tell }
    }

    fn open(&mut self, run: &str) {
        let opened = (|| {
            DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
            let open = |end: &str| {
                let path = self.folder.join(format!("migration-{run}.{end}"));
                OpenOptions::new().append(true).create(true).mode(0o600).open(path)
            };
            Ok::<_, io::Error>((open("log")?, open("jsonl")?))
        })();
        match opened {
            Ok(files) => self.files = Some(files),
            Err(error) => self.fail(&error),
        }
    }

    fn fail(&mut self, error: &io::Error) {
        if self.broken.is_none() {
            let why = format!("the log in {} can't be written: {error}", self.folder.display());
            self.printer.status(&why);
            self.broken = Some(why);
        }
        self.files = None;
    }

    fn amount(&mut self, amount: Amount) {
        let now = Instant::now();
        let (since, last) = *self.bytes.get_or_insert((now, now));
        if now.duration_since(last) < PAUSE {
            return;
        }
        self.bytes = Some((since, now));
        let text = progress(amount, since.elapsed());
        self.printer.status(&format!("  {text}"));
        self.write("bytes", &text, json!({"bytes": amount.bytes}));
    }

    fn write(&mut self, kind: &str, text: &str, more: serde_json::Value) {
        let Some((lines, records)) = &mut self.files else { return };
        let at = jiff::Timestamp::now();
        let mut record = json!({"at": at.to_string(), "kind": kind, "text": text});
        if let (Some(record), serde_json::Value::Object(more)) = (record.as_object_mut(), more) {
            record.extend(more);
        }
        let record = record.to_string();
        let (text, record) = (self.scrubber.scrub(text), self.scrubber.scrub(&record));
        let written = writeln!(lines, "{} {text}", at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ"))
            .and_then(|()| writeln!(records, "{record}"));
        if let Err(error) = written {
            self.fail(&error);
        }
    }
}

/// `120 of about 400 MB restored, 35 MB/s`.
fn progress(Amount { word, bytes, of }: Amount, since: Duration) -> String {
    let megabytes = bytes / 1_000_000;
    let rate = u128::from(bytes) / since.as_millis().max(1) / 1000;
    let of = of.map(|of| format!(" of about {}", of / 1_000_000)).unwrap_or_default();
    format!("{megabytes}{of} MB {word}, {rate} MB/s")
}

impl Listener for Log<'_> {
    fn told(&mut self, told: Told<'_>) {
        self.traces.told(told);
        match told {
            Told::Run(run) => {
                self.open(run);
                if let Some(tell) = self.tell.take() {
                    // Nobody listens where there are no channels.
                    let _ = tell.send(run.to_owned());
                }
                self.printer.status(&format!("run {run}"));
                self.write("run", run, json!({}));
            }
            Told::Begins(step) => {
                self.bytes = None;
                self.printer.status(&format!("{step} .."));
                self.write("begins", step, json!({}));
            }
            Told::Note(text) => {
                let shown = self.scrubber.scrub(text).replace('\n', "\n  ");
                self.printer.status(&format!("  {shown}"));
                self.write("note", text, json!({}));
            }
            Told::Amount(amount) => self.amount(amount),
            // Its step says so.
            Told::Moved(_) => {}
            Told::Ends(step) => {
                let word = match step.ended {
                    Ended::Done => "done",
                    Ended::Failed => "FAILED",
                    Ended::Skipped => "skipped",
                };
                let text = format!("{} {word} ({:.2} s)", step.name, step.seconds);
                self.printer.status(&format!("  {word} ({:.2} s)", step.seconds));
                self.write("ends", &text, json!({"step": step}));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Amount, Duration, progress};

    #[test]
    fn progress_has_sizes_and_rates() {
        let written = Amount { word: "written", bytes: 90_000_000, of: None };
        assert_eq!(progress(written, Duration::from_secs(3)), "90 MB written, 30 MB/s");
        let restored = Amount { word: "restored", of: Some(400_000_000), ..written };
        let text = progress(restored, Duration::from_secs(2));
        assert_eq!(text, "90 of about 400 MB restored, 45 MB/s");
    }
}

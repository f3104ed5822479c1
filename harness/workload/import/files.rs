//! The files of a workload that was imported.
//!
//! Knows headers, names of files and the folder. Must not know where queries were seen.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::draft::{Draft, Names, Seen};
use super::tally::{Counted, Tally};
use super::{ImportError, ImportOptions, Skip};
use crate::workload::{Query, folder};

/// A workload that was made, not yet written.
#[derive(Clone, Debug)]
pub struct Imported {
    /// What it is made from.
    pub source: String,
    /// Of which time that is, if that is known.
    pub span: Option<String>,
    /// The queries, in the order in which they were chosen.
    pub made: Vec<Made>,
    /// How many different queries there are in all.
    pub found: usize,
    /// What is no query of an application, and how often it came.
    pub skipped: Vec<(Skip, u64)>,
    /// Queries that the server does not prepare, and why.
    pub refused: Vec<(String, String)>,
    /// What else must be said.
    pub notes: Vec<String>,
    /// Whether a server has prepared them.
    pub is_tried: bool,
    /// The rates of all queries together, where they have their own.
    pub rate: Option<f64>,
}

/// One query of it.
#[derive(Clone, Debug)]
pub struct Made {
    /// The file's name.
    pub file: String,
    /// What is in it.
    pub text: String,
    /// The name and the text of the file of values beside it.
    pub values: Option<(String, String)>,
    /// How often it came.
    pub calls: u64,
    /// How long it took, in milliseconds.
    pub mean: Option<f64>,
    /// Parameters, and where their values come from.
    pub parameters: Vec<(String, String)>,
    /// The parameters whose values nobody can tell.
    pub open: Vec<String>,
    /// Whether text in quotes stayed in the query.
    pub keeps_text: bool,
}

/// What becomes a workload.
#[derive(Debug)]
pub(super) struct Parts {
    source: String,
    pub(super) span: Option<String>,
    pub(super) seconds: Option<f64>,
    pub(super) drafts: Vec<(Draft, Counted)>,
    pub(super) found: usize,
    pub(super) skipped: BTreeMap<Skip, u64>,
    pub(super) refused: Vec<(String, String)>,
    pub(super) notes: Vec<String>,
    pub(super) is_tried: bool,
}

impl Parts {
    pub(super) fn new(source: String, tally: &Tally) -> Self {
        let mut notes = Vec::new();
        if tally.crowded > 0 {
            notes.push(format!("{} calls of ever new queries are not counted", tally.crowded));
        }
        Self {
            source,
            span: None,
            seconds: None,
            drafts: Vec::new(),
            found: 0,
            skipped: tally.skipped.clone(),
            refused: Vec::new(),
            notes,
            is_tried: false,
        }
    }

    fn sorted_skipped(&self) -> Vec<(Skip, u64)> {
        let mut skipped: Vec<_> = self.skipped.iter().map(|(why, count)| (*why, *count)).collect();
        skipped.sort_by(|(one, a), (other, b)| b.cmp(a).then(one.cmp(other)));
        skipped
    }

    /// What was skipped, in one line.
    pub(super) fn told_skipped(&self) -> String {
        let told = self.sorted_skipped().into_iter().map(|(why, count)| format!("{why} ({count})"));
        let told = told.collect::<Vec<_>>().join(", ");
        if told.is_empty() { "nothing else either".to_owned() } else { told }
    }

    /// What else there is to say, as further lines of an error.
    pub(super) fn told_notes(&self) -> String {
        self.notes.iter().flat_map(|note| ["\n  note: ", note]).collect()
    }

    /// Gives names to the files and writes their headers.
    pub(super) fn imported(mut self, options: &ImportOptions) -> Imported {
        let skipped = self.sorted_skipped();
        let drafts = std::mem::take(&mut self.drafts);
        let all: u64 = drafts.iter().map(|(_, group)| group.calls).sum();
        let seconds = self.seconds.filter(|_| options.rates);
        if options.rates && seconds.is_none() {
            self.notes.push(
                "nobody knows how long this took: weights are written and no rates".to_owned(),
            );
        }
        let mut names = Names::default();
        let (mut lacking, mut empty) = (Vec::new(), 0);
        let mut made = Vec::new();
        for (draft, group) in drafts {
            let stem = names.free(&draft.stem);
            let share = match seconds {
                Some(seconds) => format!("rate {}/s", rate(group.calls, seconds)),
                None => format!("weight {}", rounded(real(group.calls) * 100.0 / real(all.max(1)))),
            };
            match self.file(&draft, &group, &stem, &share) {
                Ok(file) => {
                    lacking.extend(draft.lacks_values.then(|| file.file.clone()));
                    empty += draft.seen.as_ref().map_or(0, |seen| seen.empty);
                    made.push(file);
                }
                Err(why) => self.refused.push((stem, why)),
            }
        }
        if !lacking.is_empty() {
            self.notes.push(format!(
                "the log has no whole set of values for {}, which are drawn as without --values",
                lacking.join(", ")
            ));
        }
        if empty > 0 {
            self.notes.push(format!(
                "{empty} of the sets of values have an empty text, which a file can't tell from NULL, and are \
                 left out"
            ));
        }
        let rate = seconds.map(|seconds| made.iter().map(|it| rate(it.calls, seconds)).sum());
        let Self { source, span, found, refused, notes, is_tried, .. } = self;
        Imported { source, span, made, found, skipped, refused, notes, is_tried, rate }
    }

    /// One file; what can't be read again is not written.
    fn file(
        &self,
        draft: &Draft,
        group: &Counted,
        stem: &str,
        share: &str,
    ) -> Result<Made, String> {
        let mean = (group.timed > 0).then(|| group.millis / real(group.timed));
        let each = mean.map(|mean| format!(", {} ms each", rounded(mean))).unwrap_or_default();
        let span = self.span.as_ref().map(|span| format!(" {span}")).unwrap_or_default();
        let calls =
            if group.calls == 1 { "1 call".to_owned() } else { format!("{} calls", group.calls) };
        let mut text = format!("-- From {}{span}: {calls}{each}.\n", self.source);
        for note in &draft.notes {
            let _ = writeln!(text, "-- {note}");
        }
        let _ = writeln!(text, "-- stairway: {share}");
        let (mut parameters, mut open, mut values) = (Vec::new(), Vec::new(), None);
        if let Some(seen) = &draft.seen {
            let names = seen.names.join(", ");
            let file = format!("{stem}.csv");
            let _ = writeln!(text, "-- stairway: param {names} from csv {file}");
            parameters.push((names, file.clone()));
            values = Some((file, comma_separated(seen)));
        }
        for origin in &draft.origins {
            let names = origin.names.join(", ");
            if let Some(from) = &origin.from {
                if origin.is_guess {
                    let _ = writeln!(text, "-- Nobody knows :{names}: {}.", origin.told);
                }
                let _ = writeln!(text, "-- stairway: param {names} from {from}");
            } else {
                let why = &origin.told;
                let _ =
                    writeln!(text, "-- Where values of :{names} come from can't be told: {why}.");
                let _ = writeln!(text, "-- Complete the next line and take TODO away.");
                let _ = writeln!(text, "-- TODO stairway: param {names} from SELECT .. FROM ..");
                open.extend(origin.names.iter().cloned());
            }
            parameters.push((names, origin.told.clone()));
        }
        let _ = writeln!(text, "{};", draft.sql);
        let file = format!("{stem}.sql");
        check(&file, &text, draft, &open)?;
        let (calls, keeps_text) = (group.calls, draft.keeps_text);
        Ok(Made { file, text, values, calls, mean, parameters, open, keeps_text })
    }
}

impl Draft {
    /// The query as it is sent.
    pub(super) fn query(&self) -> Query {
        Query::new("import.sql".into(), &self.sql)
    }
}

/// Reads the file as a workload is read: its parameters must be those that were meant.
fn check(file: &str, text: &str, draft: &Draft, open: &[String]) -> Result<(), String> {
    let read = folder::parse(Path::new(file), text);
    match read {
        Err(_) if !open.is_empty() => {}
        Err(error) => return Err(error.to_string()),
        Ok(_) => {}
    }
    let query = draft.query();
    let seen = draft.seen.iter().flat_map(|seen| &seen.names);
    let meant: Vec<&String> =
        draft.origins.iter().flat_map(|origin| &origin.names).chain(seen).collect();
    let has_all = query.parameters().iter().all(|name| meant.contains(&name));
    if has_all && query.parameters().len() == meant.len() {
        Ok(())
    } else {
        Err("its parameters can't be told from its text".to_owned())
    }
}

#[expect(clippy::cast_precision_loss, reason = "calls are counted to seven digits at most")]
fn real(number: u64) -> f64 {
    number as f64
}

/// Three digits of a number.
fn rounded(number: f64) -> f64 {
    let unit = 10_f64.powf((2.0 - number.abs().max(1e-9).log10().floor()).clamp(0.0, 9.0));
    (number * unit).round() / unit
}

/// Calls a second; not fewer than a header may say.
fn rate(calls: u64, seconds: f64) -> f64 {
    rounded(real(calls) / seconds).max(0.001)
}

fn comma_separated(seen: &Seen) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    // Into memory nothing fails.
    let _ = writer.write_record(&seen.names);
    for row in &seen.rows {
        let _ = writer.write_record(row.iter().map(|cell| cell.as_deref().unwrap_or_default()));
    }
    let bytes = writer.into_inner().unwrap_or_default();
    String::from_utf8(bytes).unwrap_or_default()
}

/// Writes the files into `folder`. Files of the same name are replaced only by `force`, and nothing is
/// written if one is in the way.
///
/// Gives the names of files that an earlier import left there: `bench` sends them as well.
pub fn write(imported: &Imported, folder: &Path, force: bool) -> Result<Vec<String>, ImportError> {
    let files = || {
        imported.made.iter().flat_map(|made| {
            let values = made.values.iter().map(|(name, text)| (name, text, 0o600));
            std::iter::once((&made.file, &made.text, 0o666)).chain(values)
        })
    };
    if !force {
        let mut there = files().map(|(name, _, _)| folder.join(name)).filter(|path| path.exists());
        if let Some(path) = there.next() {
            let more = match there.count() {
                0 => String::new(),
                1 => ", and 1 other".to_owned(),
                others => format!(", and {others} others"),
            };
            return Err(ImportError::Exists { path, more });
        }
    }
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| ImportError::Write { path, source }
    };
    fs::create_dir_all(folder).map_err(failed(folder))?;
    for (name, text, mode) in files() {
        let path = folder.join(name);
        put(&path, text, mode).map_err(failed(&path))?;
    }
    let written: Vec<&String> = files().map(|(name, _, _)| name).collect();
    let mut left = left(folder).map_err(failed(folder))?;
    left.retain(|name| !written.contains(&name));
    Ok(left)
}

/// The files that imports have written there, by what they begin with, and values beside them.
fn left(folder: &Path) -> std::io::Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let Ok(name) = entry?.file_name().into_string() else { continue };
        let Some(stem) = name.strip_suffix(".sql") else { continue };
        let text = fs::read_to_string(folder.join(&name)).unwrap_or_default();
        let is_made = text.starts_with("-- From ")
            && text.lines().next().is_some_and(|line| line.contains(" call"));
        if is_made {
            let values = format!("{stem}.csv");
            found.extend(folder.join(&values).exists().then_some(values));
            found.push(name);
        }
    }
    found.sort();
    Ok(found)
}

/// Writes the whole file or nothing.
fn put(path: &Path, text: &str, mode: u32) -> std::io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".partial");
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(mode).open(&name)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| fs::rename(&name, path));
    if written.is_err() {
        let _ = fs::remove_file(&name);
    }
    written
}

//! Which reports were asked for, and how they get to where they belong.
//!
//! Knows paths and forms. Must not know what a form looks like.

use std::error::Error;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::ValueEnum;

use crate::exit::Exit;
use crate::finding::Severity;
use crate::report::{self, ErrorReport, Report, Root, Style, Unfinished};
use crate::workload;

use super::Failure;
use super::args::{Format, VerifyArgs};
use super::printer::Printer;

/// `FORM=PATH` of `--report`.
#[derive(Clone, Debug)]
pub(super) struct Wanted<F = Format> {
    pub(super) form: F,
    pub(super) path: PathBuf,
}

/// Reads `FORM=PATH`.
pub(super) fn wanted<F: ValueEnum>(word: &str) -> Result<Wanted<F>, String> {
    let (form, path) = word
        .split_once('=')
        .ok_or_else(|| "give a form and a path, for example junit=target/junit.xml".to_owned())?;
    let form = F::from_str(form, false).map_err(|_| {
        let known = F::value_variants().iter().filter_map(F::to_possible_value);
        let known: Vec<String> = known.map(|form| form.get_name().to_owned()).collect();
        format!("no form is called {form:?}; known are {}", known.join(", "))
    })?;
    if path.is_empty() {
        return Err("the path is empty".to_owned());
    }
    Ok(Wanted { form, path: path.into() })
}

/// Reads `26h`, `2d`, and what a workload calls a time.
pub(super) fn time(text: &str) -> Result<Duration, String> {
    let units = [("h", 3600.0), ("d", 86_400.0)];
    let long = units.iter().find_map(|(unit, seconds)| {
        let number: f64 = text.strip_suffix(unit)?.trim().parse().ok()?;
        Duration::try_from_secs_f64(number * seconds).ok().filter(|time| !time.is_zero())
    });
    let wrong = |_| format!("{text:?} is no time above zero, as in 90min, 26h or 2d");
    long.map_or_else(|| workload::duration(text).map_err(wrong), Ok)
}

/// All reports of one run. Should the run never come to its end, their files say so when this is
/// dropped: an old report must not pass for a new one.
#[derive(Debug)]
pub(super) struct Reports {
    /// `None` once they are written.
    files: Option<Vec<Wanted>>,
    /// The form for stdout, if it goes there.
    stdout: Option<Format>,
    folder: PathBuf,
    fail_on: Severity,
    start: Instant,
}

impl Reports {
    /// What `args` ask for. A report that can't be written must be known before the work is done.
    pub(super) fn begin(
        args: &VerifyArgs,
        folder: &Path,
        fail_on: Severity,
    ) -> Result<Self, Failure> {
        let mut files = args.report.clone();
        let output =
            args.output.iter().map(|path| Wanted { form: args.format, path: path.clone() });
        files.extend(output);
        all_writable(&files)?;
        let stdout = args.output.is_none().then_some(args.format);
        let folder = folder.to_owned();
        Ok(Self { files: Some(files), stdout, folder, fail_on, start: Instant::now() })
    }

    /// Prints and writes all of them.
    pub(super) fn finish(mut self, report: &Report, printer: &mut Printer) -> Result<(), Failure> {
        let root = Root::find(&self.folder);
        if let Some(form) = self.stdout {
            printer.result(&text(form, report, &root, Style::Coloured)?);
        }
        self.write(|form| text(form, report, &root, Style::Plain))
    }

    /// Prints and writes what there is to say of a run that `error` ended.
    pub(super) fn fail(
        mut self,
        error: &(dyn Error + 'static),
        exit: Exit,
        printer: &mut Printer,
    ) -> Result<(), Failure> {
        let root = Root::find(&self.folder);
        let run = self.unfinished(ErrorReport::new(error, exit));
        // As text it goes to stderr, like every error.
        if let Some(form) = self.stdout.filter(|form| *form != Format::Text) {
            printer.result(&unfinished(form, &run, &root)?);
        }
        self.write(|form| unfinished(form, &run, &root))
    }

    fn unfinished(&self, error: ErrorReport) -> Unfinished {
        let seconds = self.start.elapsed().as_secs_f64();
        Unfinished::new(self.folder.clone(), self.fail_on, seconds, error)
    }

    fn write(&mut self, text: impl Fn(Format) -> Result<String, Failure>) -> Result<(), Failure> {
        let files = self.files.take().unwrap_or_default();
        put_all(&files, text)
    }
}

impl Drop for Reports {
    fn drop(&mut self) {
        if self.files.is_some() {
            let root = Root::find(&self.folder);
            let run = self.unfinished(ErrorReport::interrupted());
            // There is nobody left to tell.
            let _ = self.write(|form| unfinished(form, &run, &root));
        }
    }
}

fn text(form: Format, report: &Report, root: &Root, style: Style) -> Result<String, Failure> {
    match form {
        Format::Text => Ok(report::terminal(report, style)),
        Format::Json => report::json(report).map_err(Failure::usage),
        Format::Junit => report::junit(report, root).map_err(Failure::usage),
        Format::Sarif => report::sarif(report, root).map_err(Failure::usage),
        Format::Github => Ok(report::github(report, root)),
        Format::Markdown => Ok(report::markdown(report, root)),
        Format::Html => Ok(report::html(report)),
    }
}

fn unfinished(form: Format, run: &Unfinished, root: &Root) -> Result<String, Failure> {
    match form {
        Format::Text => Ok(format!("error: {}\n", run.error.text())),
        Format::Json => report::json(run).map_err(Failure::usage),
        Format::Junit => report::junit_unfinished(run, root).map_err(Failure::usage),
        Format::Sarif => report::sarif_unfinished(run, root).map_err(Failure::usage),
        Format::Github => Ok(report::github_unfinished(run)),
        Format::Markdown => Ok(report::markdown_unfinished(run)),
        Format::Html => Ok(report::html_unfinished(run)),
    }
}

/// Which file a path names, however it is written.
fn place(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    path.canonicalize().unwrap_or_else(|_| match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => {
            parent.canonicalize().unwrap_or_else(|_| parent.to_owned()).join(name)
        }
        _ => path.clone(),
    })
}

/// Whether each can be written, and to a place of its own.
pub(super) fn all_writable<F>(files: &[Wanted<F>]) -> Result<(), Failure> {
    let mut places: Vec<PathBuf> = Vec::new();
    for wanted in files {
        let place = place(&wanted.path);
        if places.contains(&place) {
            let path = wanted.path.display();
            return Err(Failure::usage(format!("two reports would be written to {path}")));
        }
        places.push(place);
    }
    files.iter().try_for_each(|wanted| writable(&wanted.path))
}

pub(super) fn writable(path: &Path) -> Result<(), Failure> {
    let tried = if path.exists() {
        std::fs::OpenOptions::new().append(true).open(path).map(drop)
    } else {
        beside(path).and_then(tempfile::NamedTempFile::close)
    };
    tried.map_err(|error| cannot_write(path, error))
}

/// Writes what can be written, and gives the first error.
pub(super) fn put_all<F: Copy>(
    files: &[Wanted<F>],
    text: impl Fn(F) -> Result<String, Failure>,
) -> Result<(), Failure> {
    let mut result = Ok(());
    for Wanted { form, path } in files {
        let written =
            text(*form).and_then(|text| put(path, &text).map_err(|it| cannot_write(path, it)));
        result = result.and(written);
    }
    result
}

pub(super) fn cannot_write(path: &Path, error: impl std::fmt::Display) -> Failure {
    Failure::usage(format!("can't write {}: {error}", path.display()))
}

/// Writes the whole file or nothing.
pub(super) fn put(path: &Path, text: &str) -> std::io::Result<()> {
    if is_special(path) {
        let mut file = std::fs::OpenOptions::new().append(true).open(path)?;
        return file.write_all(text.as_bytes());
    }
    // Through a symbolic link, to where it leads.
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let renamed = beside(&path).and_then(|mut temporary| {
        temporary.write_all(text.as_bytes())?;
        if let Ok(old) = path.metadata() {
            temporary.as_file().set_permissions(old.permissions())?;
        }
        temporary.persist(&path).map(drop).map_err(|error| error.error)
    });
    // A file that may be written in a folder that may not, or one that is a mount of its own.
    renamed.or_else(|error| if path.exists() { std::fs::write(&path, text) } else { Err(error) })
}

/// A temporary file in the folder of `path`, with the permissions of any new file.
fn beside(path: &Path) -> std::io::Result<tempfile::NamedTempFile> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    tempfile::Builder::new()
        .prefix(".stairway-")
        .permissions(std::fs::Permissions::from_mode(0o666))
        .tempfile_in(folder.unwrap_or_else(|| Path::new(".")))
}

/// Whether it is a pipe, a terminal or the like, or leads to an open file: `/dev/stdout` is a
/// regular file where the shell says so, and must not be replaced.
fn is_special(path: &Path) -> bool {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let is_other = path.metadata().is_ok_and(|found| !found.is_file());
    is_other || absolute.starts_with("/dev") || absolute.starts_with("/proc")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    use super::{Format, is_special, place, put, wanted, writable};

    #[test]
    fn a_report_is_a_form_and_a_path() {
        let wanted = wanted::<Format>;
        let junit = wanted("junit=a=b.xml").unwrap();
        assert_eq!(junit.path, Path::new("a=b.xml"));
        assert!(wanted("junit").unwrap_err().contains("junit=target/junit.xml"));
        assert!(wanted("xml=x").unwrap_err().contains("json"));
        assert!(wanted("json=").unwrap_err().contains("empty"));
    }

    #[test]
    fn one_file_under_two_names_is_one_place() {
        let scratch = tempfile::tempdir().unwrap();
        let (file, link) = (scratch.path().join("a"), scratch.path().join("link"));
        assert_eq!(place(&file), place(&scratch.path().join("./a")));
        std::fs::write(&file, "old").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        assert_eq!(place(&file), place(&link));
        assert_ne!(place(&file), place(&scratch.path().join("b")));
    }

    #[test]
    fn a_file_is_replaced_whole_and_keeps_its_link_and_permissions() {
        let scratch = tempfile::tempdir().unwrap();
        let (file, link) = (scratch.path().join("a"), scratch.path().join("link"));
        std::fs::write(&file, "something that is longer").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        writable(&link).unwrap();
        put(&link, "new").unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "new");
        assert!(link.is_symlink());
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o640);
        let names = std::fs::read_dir(scratch.path()).unwrap().count();
        assert_eq!(names, 2, "a temporary file was left");
    }

    #[test]
    fn a_check_leaves_nothing_behind() {
        let scratch = tempfile::tempdir().unwrap();
        writable(&scratch.path().join("new")).unwrap();
        assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0);
        assert!(writable(&scratch.path().join("no/new")).is_err());
        assert!(writable(scratch.path()).is_err());
    }

    #[test]
    fn devices_are_written_to_and_not_replaced() {
        assert!(is_special(Path::new("/dev/stdout")));
        assert!(is_special(Path::new("/dev/null")));
        assert!(!is_special(Path::new("Cargo.toml")));
        put(Path::new("/dev/null"), "x").unwrap();
    }
}

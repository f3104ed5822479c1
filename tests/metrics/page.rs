//! A page of metrics, read by its own rules and more strictly than Prometheus does.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use stairway::exit::Exit;
use stairway::report::prometheus::{FAMILIES, Kind};

use crate::promtool;

/// All samples of a file: name and labels as they are written, and the value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Page {
    job: String,
    samples: BTreeMap<String, f64>,
    pub(crate) text: String,
}

impl Page {
    /// The page of a job, which must be sound.
    pub(crate) fn of(folder: &Path, job: &str) -> Self {
        let path = folder.join(format!("stairway_{job}.prom"));
        let text =
            fs::read_to_string(&path).unwrap_or_else(|it| panic!("{}: {it}", path.display()));
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o7777, 0o644);
        promtool::takes(&text);
        Self::read(&text, job)
    }

    /// Reads a page without asking promtool.
    pub(crate) fn read(text: &str, job: &str) -> Self {
        let (mut samples, mut families) = (BTreeMap::new(), BTreeSet::new());
        assert!(text.ends_with('\n'), "it is cut off: {text}");
        let mut lines = text.lines().peekable();
        while let Some(line) = lines.next() {
            let (name, help) = line.strip_prefix("# HELP ").unwrap().split_once(' ').unwrap();
            let family = FAMILIES.iter().find(|it| it.name == name).expect(name);
            assert_eq!(help, family.help);
            assert_eq!(
                lines.next(),
                Some(format!("# TYPE {name} {}", family.kind.as_str()).as_str())
            );
            assert!(families.insert(name), "{name} is there twice");
            let mut count = 0;
            while let Some(line) = lines.next_if(|line| !line.starts_with('#')) {
                let (series, value) = line.rsplit_once(' ').unwrap();
                let (own, labels) = series.split_once('{').unwrap();
                let ends: &[&str] = match family.kind {
                    Kind::Summary => &["", "_sum", "_count"],
                    Kind::Gauge | Kind::Counter => &[""],
                };
                assert!(ends.iter().any(|end| own == format!("{name}{end}")), "{line}");
                assert!(labels.starts_with(&format!("job=\"{job}\"")), "{line}");
                assert!(labels.ends_with("\"}"), "{line}");
                assert!(
                    samples.insert(series.to_owned(), value.parse().unwrap()).is_none(),
                    "{line}"
                );
                count += 1;
            }
            assert!(count > 0, "{name} has no sample");
        }
        let page = Self { job: job.to_owned(), samples, text: text.to_owned() };
        page.outcome();
        page
    }

    /// A value, if it is there. `name` may have labels: `stairway_findings severity=error`.
    pub(crate) fn find(&self, name: &str) -> Option<f64> {
        let mut words = name.split(' ');
        let mut series = format!("stairway_{}{{job=\"{}\"", words.next().unwrap(), self.job);
        for word in words {
            let (label, value) = word.split_once('=').unwrap();
            write!(series, ",{label}=\"{value}\"").unwrap();
        }
        self.samples.get(&(series + "}")).copied()
    }

    /// A value that must be there.
    #[track_caller]
    pub(crate) fn value(&self, name: &str) -> f64 {
        self.find(name).unwrap_or_else(|| panic!("no {name}: {}", self.text))
    }

    /// How the run ended: the only outcome that is 1 of all that there are.
    pub(crate) fn outcome(&self) -> &'static str {
        let of = |exit: &&Exit| self.value(&format!("run_outcome outcome={}", exit.as_str()));
        let all: Vec<f64> = Exit::ALL.iter().map(|exit| of(&exit)).collect();
        assert_eq!(all.iter().sum::<f64>(), 1.0, "{}", self.text);
        Exit::ALL.iter().find(|exit| of(exit) == 1.0).unwrap().as_str()
    }

    /// It ended so, at or after `since`, and the last success was before it unless this was one.
    #[track_caller]
    pub(crate) fn ended(&self, outcome: &str, since: jiff::Timestamp) -> &Self {
        assert_eq!(self.outcome(), outcome, "{}", self.text);
        let now = jiff::Timestamp::now().as_duration().as_secs_f64();
        let last = self.value("last_run_timestamp_seconds");
        assert!((since.as_duration().as_secs_f64()..=now).contains(&last), "{last} {now}");
        let success = self.find("last_success_timestamp_seconds");
        let is_one = ["success", "undelivered"].contains(&outcome);
        assert_eq!(success == Some(last), is_one, "{}", self.text);
        assert!(success.is_none_or(|at| at <= last));
        let took = self.value("run_duration_seconds stage=total");
        assert!(took > 0.0 && took <= now - since.as_duration().as_secs_f64() + 1.0, "{took}");
        assert_eq!(self.value(&format!("build_info version={}", env!("CARGO_PKG_VERSION"))), 1.0);
        self
    }

    /// The names of all series.
    pub(crate) fn series(&self) -> impl Iterator<Item = &String> {
        self.samples.keys()
    }

    /// How many samples a family has.
    pub(crate) fn count(&self, family: &str) -> usize {
        let lead = format!("stairway_{family}{{");
        self.samples.keys().filter(|series| series.starts_with(&lead)).count()
    }
}

/// The names in a folder, sorted.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// node_exporter reads all files of a folder as one: no series may be in two of them.
pub(crate) fn all_are_one(folder: &Path) {
    let mut seen = BTreeSet::new();
    let names = names(folder);
    for name in &names {
        let job = name.strip_prefix("stairway_").and_then(|it| it.strip_suffix(".prom"));
        for series in Page::of(folder, job.unwrap_or_else(|| panic!("{name} is left"))).series() {
            assert!(seen.insert(series.clone()), "{series} is in two files");
        }
    }
    assert!(names.len() > 1, "{names:?}");
}

//! Samples of a run, and the text that they are written as.
//!
//! Knows Prometheus's text format. Must not know what a run is.

use std::fmt;
use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;

use super::families::{FAMILIES, Family};

/// A number: whole ones stay exact.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// A count or bytes.
    Whole(u64),
    /// Seconds.
    Real(f64),
}

impl fmt::Display for Value {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(number) => write!(out, "{number}"),
            Self::Real(number) if number.is_nan() => out.write_str("NaN"),
            Self::Real(number) if number.is_infinite() => {
                out.write_str(if *number > 0.0 { "+Inf" } else { "-Inf" })
            }
            Self::Real(number) => write!(out, "{number}"),
        }
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Whole(number)
    }
}

impl From<usize> for Value {
    fn from(number: usize) -> Self {
        Self::Whole(u64::try_from(number).unwrap_or(u64::MAX))
    }
}

impl From<bool> for Value {
    fn from(is: bool) -> Self {
        Self::Whole(is.into())
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Real(number)
    }
}

impl From<Duration> for Value {
    fn from(time: Duration) -> Self {
        Self::Real(time.as_secs_f64())
    }
}

impl From<Timestamp> for Value {
    fn from(at: Timestamp) -> Self {
        Self::Real(at.as_duration().as_secs_f64())
    }
}

/// Which of a summary's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// A quantile; of what is no summary, the value.
    Itself,
    /// All that was measured, added up.
    Sum,
    /// How often it was measured.
    Count,
}

impl Part {
    pub(super) fn suffix(self) -> &'static str {
        match self {
            Self::Itself => "",
            Self::Sum => "_sum",
            Self::Count => "_count",
        }
    }

    /// The labels that it has, beside `job`.
    pub(super) fn labels(self, family: &Family) -> &'static [&'static str] {
        match self {
            Self::Itself => family.labels,
            Self::Sum | Self::Count => &[],
        }
    }
}

/// One line.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    pub(super) family: &'static Family,
    pub(super) part: Part,
    /// The values of its labels, in their order.
    pub(super) labels: Vec<String>,
    pub(super) value: Value,
}

impl Sample {
    /// Whether it is one of this family's.
    pub fn is_named(&self, family: &Family) -> bool {
        self.family == family
    }

    pub(super) fn is_of(&self, other: &Self) -> bool {
        self.family == other.family && self.part == other.part && self.labels == other.labels
    }
}

/// What a run has to say, beside how it ended.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Samples {
    pub(super) given: Vec<Sample>,
    /// What is known not to be any more.
    pub(super) gone: Vec<&'static Family>,
}

impl Samples {
    /// Adds a value, in the place of one with the same labels.
    pub fn set(&mut self, family: &'static Family, labels: &[&str], value: impl Into<Value>) {
        debug_assert_eq!(labels.len(), family.labels.len(), "{}", family.name);
        self.put(family, Part::Itself, labels, value.into());
    }

    /// Adds a value if it is known.
    pub fn set_if(&mut self, family: &'static Family, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.set(family, &[], value);
        }
    }

    /// Adds one sample for each word of a closed set: 1 for the one that `is` it, 0 for all others.
    pub fn states<'w>(
        &mut self,
        family: &'static Family,
        words: impl IntoIterator<Item = &'w str>,
        is: &str,
    ) {
        for word in words {
            self.set(family, &[word], word == is);
        }
    }

    /// Adds the sum and the number of what a summary's quantiles are of.
    pub fn summed(&mut self, family: &'static Family, sum: impl Into<Value>, count: u64) {
        self.put(family, Part::Sum, &[], sum.into());
        self.put(family, Part::Count, &[], count.into());
    }

    /// Says that there is no such thing any more, so that nothing earlier is kept.
    pub fn gone(&mut self, family: &'static Family) {
        self.gone.push(family);
    }

    /// Adds all of another's.
    pub fn extend(&mut self, other: Self) {
        for Sample { family, part, labels, value } in other.given {
            let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
            self.put(family, part, &labels, value);
        }
        self.gone.extend(other.gone);
    }

    pub(super) fn has(&self, family: &Family) -> bool {
        self.given.iter().any(|it| it.family == family)
    }

    /// Counts on from an earlier number.
    pub(super) fn count_on(&mut self, before: &Sample) {
        match self.given.iter_mut().find(|it| it.is_of(before)) {
            // Anything but a whole number no run has written: it begins anew.
            Some(now) => {
                if let (Value::Whole(one), Value::Whole(other)) = (now.value, before.value) {
                    now.value = Value::Whole(one.saturating_add(other));
                }
            }
            None => self.given.push(before.clone()),
        }
    }

    fn put(&mut self, family: &'static Family, part: Part, labels: &[&str], value: Value) {
        let labels = labels.iter().map(|it| (*it).to_owned()).collect();
        let sample = Sample { family, part, labels, value };
        match self.given.iter_mut().find(|it| it.is_of(&sample)) {
            Some(there) => *there = sample,
            None => self.given.push(sample),
        }
    }
}

/// All samples of one job, as a file has them: each family once, with what it is.
pub(super) fn render(job: &str, samples: &[Sample]) -> String {
    let mut text = String::new();
    for family in FAMILIES {
        let mut lines = samples.iter().filter(|it| it.family == family).peekable();
        if lines.peek().is_none() {
            continue;
        }
        let (name, kind) = (family.name, family.kind.as_str());
        let help = family.help.replace('\\', "\\\\").replace('\n', "\\n");
        // Writing to a String can't fail.
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for Sample { part, labels, value, .. } in lines {
            let _ = write!(text, "{name}{}{{job=\"{}\"", part.suffix(), escaped(job));
            for (label, of) in part.labels(family).iter().zip(labels) {
                let _ = write!(text, ",{label}=\"{}\"", escaped(of));
            }
            let _ = writeln!(text, "}} {value}");
        }
    }
    text
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::super::families::{BACKUP_SIZE, BUILD_INFO, LAST_RUN, QUERY_LATENCY, STAGE_SUCCESS};
    use super::{Samples, Value, render};

    #[test]
    fn a_family_is_written_once_and_labels_are_escaped() {
        let mut samples = Samples::default();
        samples.set(&BACKUP_SIZE, &[], 9_007_199_254_740_993_u64);
        samples.set(&STAGE_SUCCESS, &["a\\b\"c\nd"], true);
        samples.set(&BUILD_INFO, &["1.0"], true);
        samples.set(&STAGE_SUCCESS, &["b"], true);
        samples.set(&STAGE_SUCCESS, &["b"], false);
        let text = render("drill", &samples.given);
        let lines: Vec<&str> = text.lines().filter(|line| !line.contains("# HELP ")).collect();
        assert_eq!(
            lines,
            [
                "# TYPE stairway_build_info gauge",
                "stairway_build_info{job=\"drill\",version=\"1.0\"} 1",
                "# TYPE stairway_stage_success gauge",
                "stairway_stage_success{job=\"drill\",stage=\"a\\\\b\\\"c\\nd\"} 1",
                "stairway_stage_success{job=\"drill\",stage=\"b\"} 0",
                "# TYPE stairway_backup_size_bytes gauge",
                "stairway_backup_size_bytes{job=\"drill\"} 9007199254740993",
            ]
        );
        assert!(text.ends_with('\n'));
    }

    #[test]
    fn a_summary_has_quantiles_a_sum_and_a_count() {
        let mut samples = Samples::default();
        samples.set(&QUERY_LATENCY, &["0.95"], 0.0125);
        samples.summed(&QUERY_LATENCY, 7.5, 1000);
        let text = render("bench", &samples.given);
        let lines: Vec<&str> = text.lines().skip(1).collect();
        assert_eq!(
            lines,
            [
                "# TYPE stairway_query_latency_seconds summary",
                "stairway_query_latency_seconds{job=\"bench\",quantile=\"0.95\"} 0.0125",
                "stairway_query_latency_seconds_sum{job=\"bench\"} 7.5",
                "stairway_query_latency_seconds_count{job=\"bench\"} 1000",
            ]
        );
    }

    #[test]
    fn numbers_are_written_as_prometheus_reads_them() {
        let shown = |value: Value| value.to_string();
        assert_eq!(shown(f64::INFINITY.into()), "+Inf");
        assert_eq!(shown(f64::NEG_INFINITY.into()), "-Inf");
        assert_eq!(shown(f64::NAN.into()), "NaN");
        assert_eq!(shown(1e21.into()), "1000000000000000000000");
        let at: jiff::Timestamp = "2026-01-31T12:00:00.25Z".parse().unwrap();
        assert_eq!(shown(at.into()), "1769860800.25");
        let mut samples = Samples::default();
        samples.set_if(&LAST_RUN, None::<u64>);
        assert_eq!(render("x", &samples.given), "", "what is not known is not written");
    }
}

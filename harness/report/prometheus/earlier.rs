//! Reading back what an earlier run wrote, for what the next one does not know.
//!
//! Knows the lines that this room writes and no others. Must not know where the file is.

use super::families::{FAMILIES, Family, Kind};
use super::sample::{Part, Sample, Value};

/// A file is not what a run of this job writes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// A line is no sample.
    #[error("line {line}: {problem}")]
    Line {
        /// The line, counted from 1.
        line: usize,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// There is no sample at all.
    #[error("there is no sample in it")]
    Empty,
}

/// The samples of an earlier file of `job`. What this version does not know is left out.
///
/// # Errors
///
/// [`Unreadable`] names the first line that no run of this job has written.
pub fn read(text: &str, job: &str) -> Result<Vec<Sample>, Unreadable> {
    let (mut samples, mut seen) = (Vec::new(), 0);
    let lines = text.lines().enumerate().filter(|(_, line)| !line.is_empty());
    for (at, line) in lines.filter(|(_, line)| !line.starts_with('#')) {
        let wrong = |problem| Unreadable::Line { line: at + 1, problem };
        let line = Line::read(line).map_err(wrong)?;
        if line.label("job") != Some(job) {
            return Err(wrong("it is not of this job"));
        }
        seen += 1;
        samples.extend(line.sample());
    }
    if seen == 0 { Err(Unreadable::Empty) } else { Ok(samples) }
}

/// A sample as it stands there.
struct Line<'t> {
    name: &'t str,
    labels: Vec<(&'t str, String)>,
    value: Value,
}

impl<'t> Line<'t> {
    fn read(line: &'t str) -> Result<Self, &'static str> {
        let (name, mut rest) = line.split_once('{').ok_or("it has no labels")?;
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Err("it begins with no name");
        }
        let mut labels = Vec::new();
        loop {
            let (label, after) = rest.split_once("=\"").ok_or("a label has no value")?;
            let (value, after) = quoted(after).ok_or("the value of a label has no end")?;
            labels.push((label, value));
            rest = match after.strip_prefix(',') {
                Some(next) => next,
                None => break rest = after,
            };
        }
        let value = rest.strip_prefix("} ").ok_or("its labels have no end")?;
        let whole = value.parse().map(Value::Whole);
        let value = whole.or_else(|_| value.parse().map(Value::Real));
        Ok(Self { name, labels, value: value.map_err(|_| "its value is no number")? })
    }

    fn label(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|(label, _)| *label == name).map(|(_, value)| value.as_str())
    }

    /// What it says, if this version knows such a thing.
    fn sample(&self) -> Option<Sample> {
        let (family, part) =
            FAMILIES.iter().find_map(|family| Some((*family, self.part(family)?)))?;
        let names = part.labels(family);
        let labels: Option<Vec<String>> =
            names.iter().map(|name| self.label(name).map(str::to_owned)).collect();
        let is_all = self.labels.len() == names.len() + 1;
        let labels = labels.filter(|_| is_all)?;
        Some(Sample { family, part, labels, value: self.value })
    }

    /// Which of a family's numbers it is.
    fn part(&self, family: &Family) -> Option<Part> {
        let suffix = self.name.strip_prefix(family.name)?;
        let parts: &[Part] = match family.kind {
            Kind::Gauge | Kind::Counter => &[Part::Itself],
            Kind::Summary => &[Part::Itself, Part::Sum, Part::Count],
        };
        parts.iter().copied().find(|part| part.suffix() == suffix)
    }
}

/// The value up to its closing quote, and what comes after that.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return text.get(at + 1..).map(|rest| (value, rest)),
            '\\' => value.push(match chars.next()?.1 {
                'n' => '\n',
                other => other,
            }),
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::families::{
        BACKUP_SIZE, LAST_SUCCESS, QUERY_LATENCY, ROLLBACKS, STAGE_SUCCESS,
    };
    use super::super::sample::{Samples, render};
    use super::{Unreadable, read};

    #[test]
    fn what_was_written_is_read_back() {
        let mut samples = Samples::default();
        samples.set(&LAST_SUCCESS, &[], 1_769_860_800.25);
        samples.set(&STAGE_SUCCESS, &["a\\b\"c\nd, e=\"f\"} 7"], true);
        samples.set(&BACKUP_SIZE, &[], u64::MAX);
        samples.set(&ROLLBACKS, &["restore"], 3_u64);
        samples.set(&QUERY_LATENCY, &["0.95"], f64::INFINITY);
        samples.summed(&QUERY_LATENCY, 1.5, 7);
        let text = render("drill", &samples.given);
        assert_eq!(read(&text, "drill"), Ok(samples.given), "{text}");
        let other = read(&text, "backup").unwrap_err();
        assert_eq!(other.to_string(), "line 3: it is not of this job");
    }

    #[test]
    fn what_no_run_has_written_is_refused_with_its_line() {
        for (text, problem) in [
            ("", "there is no sample in it"),
            ("# HELP x y\n\n", "there is no sample in it"),
            ("\u{0}\u{0}\u{0}", "line 1: it has no labels"),
            ("up 1\n", "line 1: it has no labels"),
            ("#\n{job=\"d\"} 1\n", "line 2: it begins with no name"),
            ("a b{job=\"d\"} 1\n", "line 1: it begins with no name"),
            ("up{job=\"d\",} 1\n", "line 1: a label has no value"),
            ("up{job=\"d} 1\n", "line 1: the value of a label has no end"),
            ("up{job=\"d\\", "line 1: the value of a label has no end"),
            ("up{job=\"d\"", "line 1: its labels have no end"),
            ("up{job=\"d\"} one\n", "line 1: its value is no number"),
            ("up{job=\"d\"} 1 1769860800\n", "line 1: its value is no number"),
            ("up{instance=\"d\"} 1\n", "line 1: it is not of this job"),
        ] {
            let error = read(text, "d").unwrap_err();
            assert_eq!(error.to_string(), problem, "{text:?}");
        }
        assert_eq!(read("up{job=\"d\"} 1\n", "d"), Ok(Vec::new()), "of another version");
        let older = "stairway_rollbacks_total{job=\"d\",by=\"hand\"} 1\n";
        assert_eq!(read(older, "d"), Ok(Vec::new()), "with other labels");
        assert_eq!(read("#\n", "d"), Err(Unreadable::Empty));
    }
}

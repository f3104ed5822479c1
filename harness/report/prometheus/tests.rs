//! Pages of jobs: what each has to say, and what stays of an earlier one.

use jiff::Timestamp;

use super::families::{
    BACKUP_SIZE, DRILL_RPO, FAMILIES, FK_ORPHANS, LAST_SUCCESS, ROLLBACKS, RUN_OUTCOME,
};
use super::{JobRun, Samples, page, read};
use crate::exit::Exit;

fn ended(exit: Exit, at: &str) -> JobRun<'static> {
    JobRun { job: "drill", exit, at: at.parse::<Timestamp>().unwrap(), seconds: 2.5 }
}

/// The value of a line that begins so.
fn value(text: &str, lead: &str) -> Option<String> {
    let mut found = text.lines().filter_map(|line| line.strip_prefix(lead)?.strip_prefix(' '));
    let value = found.next().map(str::to_owned);
    assert_eq!(found.next(), None, "twice: {lead}");
    value
}

#[test]
fn names_are_told_apart_and_end_with_their_unit() {
    for (at, family) in FAMILIES.iter().enumerate() {
        let name = family.name.strip_prefix("stairway_").unwrap();
        assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{name}");
        assert!(FAMILIES.iter().skip(at + 1).all(|other| other.name != family.name), "{name}");
        assert_eq!(name.ends_with("_total"), family.kind == super::Kind::Counter, "{name}");
        assert!(!family.help.ends_with('.') && family.help.len() > 10, "{name}");
        assert!(!family.labels.contains(&"job"), "{name}");
    }
}

#[test]
fn each_outcome_has_a_line_and_one_of_them_is_1() {
    for exit in Exit::ALL {
        let text = page(&ended(exit, "2026-01-31T00:00:00Z"), &Samples::default(), &[]);
        let lead = |word: &str| format!("{}{{job=\"drill\",outcome=\"{word}\"}}", RUN_OUTCOME.name);
        for other in Exit::ALL {
            let is = if other == exit { "1" } else { "0" };
            assert_eq!(value(&text, &lead(other.as_str())).as_deref(), Some(is), "{text}");
        }
        let success = value(&text, &format!("{}{{job=\"drill\"}}", LAST_SUCCESS.name));
        assert_eq!(success.is_some(), exit.is_done(), "{exit:?}");
        let total = "stairway_run_duration_seconds{job=\"drill\",stage=\"total\"}";
        assert_eq!(value(&text, total).as_deref(), Some("2.5"));
    }
}

#[test]
fn what_a_failed_run_does_not_know_stays() {
    let mut samples = Samples::default();
    samples.set(&BACKUP_SIZE, &[], 77_u64);
    samples.set(&DRILL_RPO, &[], 3600.0);
    samples.set(&FK_ORPHANS, &[], 3_u64);
    let first = page(&ended(Exit::Clean, "2026-01-31T00:00:00Z"), &samples, &[]);
    let earlier = read(&first, "drill").unwrap();
    let run = ended(Exit::NoServer, "2026-02-01T00:00:00Z");
    let second = page(&run, &Samples::default(), &earlier);
    let of = |text: &str, name: &str| value(text, &format!("{name}{{job=\"drill\"}}"));
    assert_eq!(of(&second, LAST_SUCCESS.name).as_deref(), Some("1769817600"));
    assert_eq!(of(&second, "stairway_last_run_timestamp_seconds").as_deref(), Some("1769904000"));
    assert_eq!(of(&second, BACKUP_SIZE.name).as_deref(), Some("77"));
    assert_eq!(of(&second, DRILL_RPO.name).as_deref(), Some("3600"));
    assert_eq!(of(&second, FK_ORPHANS.name), None, "it was judged by a run that is over");
    assert_eq!(
        value(&second, "stairway_run_outcome{job=\"drill\",outcome=\"success\"}").unwrap(),
        "0"
    );
    // What is known to be no more does not stay, and what is known anew is.
    let mut samples = Samples::default();
    samples.gone(&DRILL_RPO);
    samples.set(&BACKUP_SIZE, &[], 78_u64);
    let third = page(&run, &samples, &read(&second, "drill").unwrap());
    assert_eq!(of(&third, DRILL_RPO.name), None);
    assert_eq!(of(&third, BACKUP_SIZE.name).as_deref(), Some("78"));
    assert_eq!(of(&third, LAST_SUCCESS.name).as_deref(), Some("1769817600"));
}

#[test]
fn rollbacks_are_counted_over_runs() {
    let mut text = String::new();
    for (outcome, refused, restored) in
        [("restore", "0", "1"), ("refused", "1", "1"), ("", "1", "1"), ("restore", "1", "2")]
    {
        let mut samples = Samples::default();
        samples.states(&ROLLBACKS, ["restore", "refused"], outcome);
        let earlier = if text.is_empty() { Vec::new() } else { read(&text, "drill").unwrap() };
        text = page(&ended(Exit::Clean, "2026-01-31T00:00:00Z"), &samples, &earlier);
        let of = |word: &str| {
            value(&text, &format!("{}{{job=\"drill\",outcome=\"{word}\"}}", ROLLBACKS.name))
        };
        assert_eq!(of("refused").as_deref(), Some(refused), "{text}");
        assert_eq!(of("restore").as_deref(), Some(restored), "{text}");
    }
    // A run that ends before it could roll back anything leaves the number as it is.
    let earlier = read(&text, "drill").unwrap();
    let after = page(&ended(Exit::Usage, "2026-02-01T00:00:00Z"), &Samples::default(), &earlier);
    let lead = format!("{}{{job=\"drill\",outcome=\"restore\"}}", ROLLBACKS.name);
    assert_eq!(value(&after, &lead).as_deref(), Some("2"));
}

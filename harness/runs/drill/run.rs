//! A drill under way: what was seen so far, and who watches.

use std::collections::BTreeSet;
use std::time::Instant;

use crate::runs::{Event, Watch};

use super::Options;
use super::candidates::{Candidate, Source, age};
use super::outcome::{AGE, CHECKS, Check, Drilled, Ended, Fault, Phase, Stop, Tried};

/// What was seen of one backup.
#[derive(Debug, Default)]
pub(super) struct Exam {
    pub(super) checks: Vec<Check>,
    /// In how many things the copy is not what its manifest says.
    pub(super) mismatches: Option<usize>,
    /// How many rows are without a parent.
    pub(super) orphans: Option<u64>,
    phases: Vec<Phase>,
    phase: Option<(&'static str, Instant)>,
}

impl Exam {
    /// The first thing that is wrong with the backup itself.
    pub(super) fn wrong(&self) -> Option<String> {
        let is_wrong = |it: &&Check| {
            it.ended == Ended::Failed && it.fault == Some(Fault::Backup) && it.name != AGE
        };
        self.checks.iter().find(is_wrong).map(|it| format!("{}: {}", it.name, it.detail))
    }

    fn ends(&mut self) {
        if let Some((name, since)) = self.phase.take() {
            self.phases.push(Phase { name, seconds: since.elapsed().as_secs_f64() });
        }
    }
}

/// A drill under way.
pub(super) struct Drill<'a> {
    pub(super) options: &'a Options,
    /// The roles that may be made because a backup names them; `None` for all.
    pub(super) roles: Option<BTreeSet<String>>,
    pub(super) drilled: Drilled,
    /// Of the backup that is looked at.
    pub(super) exam: Exam,
    watch: &'a mut (dyn Watch + Send),
    begun: Instant,
}

impl std::fmt::Debug for Drill<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Drill").field("drilled", &self.drilled).finish_non_exhaustive()
    }
}

impl<'a> Drill<'a> {
    pub(super) fn new(
        options: &'a Options,
        roles: Option<BTreeSet<String>>,
        watch: &'a mut (dyn Watch + Send),
    ) -> Self {
        let (drilled, exam) = (Drilled::new(), Exam::default());
        Self { options, roles, drilled, exam, watch, begun: Instant::now() }
    }

    /// The next part of the work begins.
    pub(super) fn begins(&mut self, phase: &'static str) {
        self.exam.ends();
        self.watch.event(Event::Step(phase));
        self.exam.phase = Some((phase, Instant::now()));
    }

    pub(super) fn ends(&mut self) {
        self.exam.ends();
    }

    pub(super) fn event(&mut self, event: Event<'_>) {
        self.watch.event(event);
    }

    pub(super) fn watch(&mut self) -> &mut (dyn Watch + Send) {
        self.watch
    }

    pub(super) fn note(&mut self, text: impl Into<String>) {
        let text = text.into();
        self.watch.event(Event::Note(&text));
        self.drilled.notes.push(text);
    }

    /// Whether a check is to be made. One that is left out is said to be.
    pub(super) fn wants(&mut self, name: &'static str) -> bool {
        let is_left_out = self.options.left_out.contains(name);
        if is_left_out {
            self.say(name, Ended::LeftOut, None, "left out by name");
        }
        !is_left_out
    }

    pub(super) fn held(&mut self, name: &'static str, detail: impl Into<String>) {
        self.say(name, Ended::Held, None, detail);
    }

    pub(super) fn failed(&mut self, name: &'static str, fault: Fault, detail: impl Into<String>) {
        self.say(name, Ended::Failed, Some(fault), detail);
    }

    pub(super) fn skipped(&mut self, name: &'static str, detail: impl Into<String>) {
        self.say(name, Ended::Skipped, None, detail);
    }

    pub(super) fn absent(&mut self, name: &'static str, detail: impl Into<String>) {
        self.say(name, Ended::Absent, None, detail);
    }

    fn say(
        &mut self,
        name: &'static str,
        ended: Ended,
        fault: Option<Fault>,
        detail: impl Into<String>,
    ) {
        let detail = detail.into();
        let word = match ended {
            Ended::Failed => Some("failed"),
            Ended::Skipped => Some("not checked"),
            Ended::Held | Ended::LeftOut | Ended::Absent => None,
        };
        if let Some(word) = word {
            self.watch.event(Event::Note(&format!("{name}: {word}: {detail}")));
        }
        self.exam.checks.push(Check { name, ended, detail, fault });
    }

    /// A backup is looked at.
    pub(super) fn tries(&mut self, candidate: &Candidate) {
        let age = candidate.made.and_then(|made| age(made, self.drilled.began).ok());
        let age = age.map(|it| it.as_secs_f64());
        self.watch.event(Event::Note(&format!("backup {}", candidate.path.display())));
        let manifest = match &candidate.source {
            Source::Ours(backup) => Some(&backup.manifest),
            _ => None,
        };
        self.drilled.tried.push(Tried {
            file: candidate.path.clone(),
            kind: None,
            manifest: manifest.is_some(),
            database: manifest.map(|it| it.database.clone()),
            system_identifier: manifest.and_then(|it| it.system_identifier.clone()),
            made: candidate.made,
            age,
            recovered: None,
            bytes: candidate.bytes,
            level: match &candidate.source {
                Source::Ours(backup) => Some(backup.manifest.level.into()),
                Source::Doubted(_) | Source::Foreign | Source::Physical => None,
            },
            good: false,
            reason: None,
        });
    }

    /// The one that was looked at is good.
    pub(super) fn is_good(&mut self, candidate: &Candidate) {
        self.drilled.last_good = Some(candidate.path.clone());
        if let Some(tried) = self.drilled.tried.last_mut() {
            tried.good = true;
        }
    }

    /// It is not, by what was checked.
    pub(super) fn is_bad(&mut self) {
        self.exam.ends();
        let reason = self.exam.wrong();
        self.drilled.last_good = None;
        if let Some(tried) = self.drilled.tried.last_mut() {
            (tried.good, tried.reason) = (false, reason);
        }
    }

    /// Ends it, with what stopped it.
    pub(super) fn end(mut self, stopped: Option<Stop>) -> Drilled {
        self.exam.ends();
        let place = |name: &str| CHECKS.iter().position(|(known, _)| *known == name);
        self.exam.checks.sort_by_key(|check| place(check.name));
        let mut drilled = self.drilled;
        drilled.checks = self.exam.checks;
        drilled.phases = self.exam.phases;
        (drilled.mismatches, drilled.orphans) = (self.exam.mismatches, self.exam.orphans);
        if let (Some(stop), Some(tried)) = (&stopped, drilled.tried.last_mut())
            && !tried.good
            && tried.reason.is_none()
        {
            tried.reason = Some(stop.reason.clone());
        }
        drilled.judge(stopped);
        drilled.seconds = self.begun.elapsed().as_secs_f64();
        drilled
    }
}

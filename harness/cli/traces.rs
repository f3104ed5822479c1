//! What is said of a run in its trace.
//!
//! Knows the events of runs and their outcomes. Must not let a value of a row, a password or a message
//! through: whoever collects traces is somebody else.

use std::time::Duration;

use crate::exit::Exit;
use crate::report::Report;
use crate::runs::drill::Drilled;
use crate::runs::gate::{Ended as Fact, Gated};
use crate::runs::production::{Account, Ended, MoveAccount, Told};
use crate::runs::{Benched, Event};
use crate::trace::{Attribute, Trace, Value};

use super::Outcome;
use super::printer::Printer;

/// The span of one migration.
const CLIMB: &str = "climb";
/// What one part at a time is known by.
const PART: &str = "";

/// The trace of a run, if one is asked for.
#[derive(Debug, Default)]
pub(super) struct Traces {
    trace: Option<Trace>,
}

impl Traces {
    /// That of `job`, which begins now. Where there can be none, the run goes on without.
    pub(super) fn begin(job: Option<&'static str>, printer: &mut Printer) -> Self {
        let begun = job.map_or(Ok(None), Trace::begin);
        let trace = begun.unwrap_or_else(|why| {
            printer.status(&format!("warning: no trace: {why}"));
            None
        });
        let mut traces = Self { trace };
        traces.set(&[("db.system.name", "postgresql".into())]);
        traces
    }

    /// What a recipe on servers of ours tells.
    pub(super) fn event(&mut self, event: Event<'_>) {
        let Some(trace) = &mut self.trace else { return };
        match event {
            Event::Loaded { migrations, layout } => {
                trace.set(&[
                    ("stairway.history.migrations", migrations.into()),
                    ("stairway.history.layout", layout.into()),
                ]);
            }
            Event::Restored { seconds, applied } => {
                let applied = [("stairway.backup.applied", applied.into())];
                trace.was("restore", Duration::from_secs_f64(seconds.max(0.0)), false, &applied);
            }
            Event::Begins { name, .. } => {
                trace.part(CLIMB, name, &[("stairway.migration", name.into())]);
            }
            Event::Judged { name, errors } => {
                trace.part_ends(name, errors > 0, &[("stairway.errors", errors.into())]);
            }
            Event::Step(name) => trace.step(name),
            Event::Part(name) => {
                trace.part_ends(PART, false, &[]);
                trace.part(name, PART, &[]);
            }
            Event::Server(_) | Event::Amount { .. } | Event::Note(_) => {}
        }
    }

    /// What a run on a database that matters tells.
    pub(super) fn told(&mut self, told: Told<'_>) {
        let Some(trace) = &mut self.trace else { return };
        match told {
            Told::Run(run) => trace.set(&[("stairway.run", run.into())]),
            Told::Begins(step) => trace.step(step),
            Told::Moved(one) => moved(trace, one),
            Told::Ends(step) => {
                let ended = match step.ended {
                    Ended::Done => "done",
                    Ended::Failed => "failed",
                    Ended::Skipped => "skipped",
                };
                let said = [("stairway.step.ended", ended.into())];
                trace.step_ends(step.ended == Ended::Failed, &said);
            }
            Told::Note(_) | Told::Amount(_) => {}
        }
    }

    pub(super) fn verification(&mut self, report: &Report) {
        self.set(&[
            ("stairway.verdict", report.verdict.as_str().into()),
            ("stairway.findings", report.all_findings().count().into()),
            ("stairway.server.version", report.server.version.as_str().into()),
            ("stairway.server.backend", report.server.backend.into()),
        ]);
    }

    pub(super) fn bench(&mut self, benched: &Benched) {
        self.set(&[
            ("stairway.verdict", benched.verdict.as_str().into()),
            ("stairway.findings", benched.findings.len().into()),
            ("stairway.server.version", benched.server_version.as_str().into()),
            ("stairway.p95", benched.overall.gate.p95.as_secs_f64().into()),
        ]);
    }

    pub(super) fn drill(&mut self, drilled: &Drilled) {
        self.set(&[
            ("stairway.run", drilled.run.as_str().into()),
            ("stairway.verdict", drilled.verdict.as_str().into()),
            ("stairway.backups.tried", drilled.tried.len().into()),
        ]);
        let server = drilled.server.as_ref().map(|it| it.version.as_str().into());
        self.set_some("stairway.server.version", server);
        self.set_some("stairway.rto", drilled.rto.as_ref().map(|it| it.seconds.into()));
        self.set_some("stairway.rpo", drilled.rpo.map(Value::from));
    }

    pub(super) fn gate(&mut self, gated: &Gated) {
        let unmet = gated.facts.iter().filter(|it| it.required && it.ended != Fact::Held);
        let unmet: Vec<&str> = unmet.map(|it| it.name).collect();
        self.set(&[
            ("stairway.verdict", gated.verdict.as_str().into()),
            ("stairway.environment", gated.environment.as_str().into()),
            ("stairway.gate.unmet", unmet.join(", ").as_str().into()),
            ("stairway.pending", gated.pending.len().into()),
            ("stairway.server.version", gated.database.server.as_str().into()),
        ]);
    }

    pub(super) fn production(&mut self, account: &Account) {
        self.set(&[
            ("stairway.environment", account.environment.as_str().into()),
            ("stairway.state", account.state.as_str().into()),
        ]);
        let text = |it: &Option<String>| it.as_deref().map(Value::from);
        self.set_some("stairway.server.version", text(&account.server));
        self.set_some("stairway.from", text(&account.from));
        self.set_some("stairway.to", text(&account.to));
        if let Some(trouble) = &account.trouble {
            self.set(&[("stairway.trouble.step", trouble.step.as_str().into())]);
            self.set_some("db.response.status_code", text(&trouble.sqlstate));
        }
    }

    /// The run ends so. A trace that nobody takes is said to be lost and changes nothing else.
    pub(super) fn end(self, outcome: &Outcome, printer: &mut Printer) {
        let Some(mut trace) = self.trace else { return };
        let exit = outcome.as_ref().map_or_else(|failure| failure.exit, |exit| *exit);
        trace.set(&[("process.exit.code", usize::from(exit.code()).into())]);
        let wrong = (exit != Exit::Clean).then(|| exit.as_str());
        if let Err(why) = trace.end(wrong) {
            printer.status(&format!("warning: the trace is not complete: {why}"));
        }
    }

    fn set(&mut self, attributes: &[Attribute]) {
        if let Some(trace) = &mut self.trace {
            trace.set(attributes);
        }
    }

    fn set_some(&mut self, name: &'static str, value: Option<Value>) {
        if let Some(value) = value {
            self.set(&[(name, value)]);
        }
    }
}

fn moved(trace: &mut Trace, one: &MoveAccount) {
    let tries = usize::try_from(one.tries).unwrap_or(usize::MAX);
    trace.was(
        one.direction,
        Duration::try_from_secs_f64(one.seconds).unwrap_or_default(),
        one.ended == Ended::Failed,
        &[
            ("stairway.migration", one.revision.as_str().into()),
            ("stairway.tries", tries.into()),
            ("stairway.blockers", one.blockers.len().into()),
        ],
    );
}

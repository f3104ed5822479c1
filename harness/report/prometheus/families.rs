//! All that a file of metrics can say: names, help, labels.
//!
//! Knows the contract with rules and dashboards. Must not know where a value comes from.

/// What a monitor may do with the values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// What was seen at the last run.
    Gauge,
    /// What is counted over all runs.
    Counter,
    /// Quantiles, the sum and the number of what was measured at the last run.
    Summary,
}

impl Kind {
    /// The word in `# TYPE`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gauge => "gauge",
            Self::Counter => "counter",
            Self::Summary => "summary",
        }
    }
}

/// What has one name. Each of its samples has the label `job` as well, since the files of all jobs are
/// read as one.
#[derive(Debug, PartialEq, Eq)]
pub struct Family {
    /// Its name, with the base unit at its end.
    pub name: &'static str,
    /// One line on what it is.
    pub help: &'static str,
    /// What may be done with it.
    pub kind: Kind,
    /// The labels beside `job`.
    pub labels: &'static [&'static str],
    /// Whether it stays as it was after a run that does not know it.
    pub is_kept: bool,
}

const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Family {
    Family { name, help, kind: Kind::Gauge, labels, is_kept: false }
}

const fn kept(name: &'static str, help: &'static str) -> Family {
    Family { name, help, kind: Kind::Gauge, labels: &[], is_kept: true }
}

/// Which version made the last run.
pub static BUILD_INFO: Family = gauge(
    "stairway_build_info",
    &["version"],
    "The version of Stairway that made the last run; always 1",
);
/// When the last run ended.
pub static LAST_RUN: Family =
    gauge("stairway_last_run_timestamp_seconds", &[], "When the last run ended, however it ended");
/// When the last run ended that did what it was asked.
pub static LAST_SUCCESS: Family = kept(
    "stairway_last_success_timestamp_seconds",
    "When the last run ended that did what it was asked; a run that fails leaves it as it was",
);
/// How the last run ended: one of [`Exit::ALL`](crate::exit::Exit::ALL).
pub static RUN_OUTCOME: Family = gauge(
    "stairway_run_outcome",
    &["outcome"],
    "How the last run ended: 1 for its outcome, 0 for all others",
);
/// How long the last run took, by stage.
pub static RUN_DURATION: Family = gauge(
    "stairway_run_duration_seconds",
    &["stage"],
    "How long the stages of the last run took; the stage total is all of it",
);
/// How the stages of the last run ended.
pub static STAGE_SUCCESS: Family = gauge(
    "stairway_stage_success",
    &["stage"],
    "Whether a stage of the last run ended well; those that were not begun are left out",
);
/// The size of the newest backup that the job knows.
pub static BACKUP_SIZE: Family =
    kept("stairway_backup_size_bytes", "The size of the newest backup that this job knows");
/// When that one was made.
pub static BACKUP_CREATED: Family = kept(
    "stairway_backup_created_timestamp_seconds",
    "When the newest backup that this job knows was made",
);
/// What is proven of it.
pub static BACKUP_LEVEL: Family = kept(
    "stairway_backup_verified_level",
    "What is proven of that backup: 0 written, 1 read back, 2 decoded, 3 restored, 4 drilled",
);
/// How many there are.
pub static BACKUPS_RETAINED: Family = kept(
    "stairway_backups_retained",
    "How many backups of the database are in the folder and can be relied on",
);
/// Rollbacks that were begun, by what came of them.
pub static ROLLBACKS: Family = Family {
    name: "stairway_rollbacks_total",
    help: "Rollbacks that were begun, by what came of them",
    kind: Kind::Counter,
    labels: &["outcome"],
    is_kept: true,
};
/// How long the last restore took.
pub static RESTORE_DURATION: Family =
    kept("stairway_restore_duration_seconds", "How long the last restore of a backup took");
/// Recovery time.
pub static DRILL_RTO: Family = kept(
    "stairway_drill_rto_seconds",
    "Recovery time of the last drill: from the start of fetching to the first answer",
);
/// Recovery point.
pub static DRILL_RPO: Family = kept(
    "stairway_drill_rpo_seconds",
    "Recovery point of the last drill: the age of the newest good backup when it began",
);
/// What was checked of the newest backup.
pub static DRILL_CHECK: Family = gauge(
    "stairway_drill_check",
    &["check"],
    "Whether a check of the last drill held; those that were not made are left out",
);
/// What of a restored copy is not as it was backed up.
pub static ROW_MISMATCHES: Family = gauge(
    "stairway_drill_row_mismatches",
    &[],
    "In how many things the restored copy is not what its manifest says: tables, sequences, large objects",
);
/// Rows without a parent.
pub static FK_ORPHANS: Family = gauge(
    "stairway_fk_orphans",
    &[],
    "Rows that were seen without their parent, over all foreign keys",
);
/// Latencies of the workload.
pub static QUERY_LATENCY: Family = Family {
    name: "stairway_query_latency_seconds",
    help: "Latencies of the workload with all migrations applied, as they were measured last",
    kind: Kind::Summary,
    labels: &["quantile"],
    is_kept: true,
};
/// What the p95 must be under.
pub static LATENCY_BUDGET: Family =
    kept("stairway_latency_budget_seconds", "What the p95 of the workload must be under");
/// What the measurement, or the gate, comes to.
pub static GATE_VERDICT: Family = gauge(
    "stairway_gate_verdict",
    &["verdict"],
    "What the last measurement of the workload, or the last gate, comes to: 1 for its verdict, 0 for all others",
);
/// What a gate saw.
pub static GATE_FACT: Family = gauge(
    "stairway_gate_fact",
    &["fact"],
    "Whether a fact of the last gate is so; 0 also where nobody can tell",
);
/// How long others waited.
pub static LOCK_WAIT: Family = gauge(
    "stairway_lock_wait_seconds_max",
    &[],
    "How long others waited at most for the locks of a pending migration on the copy",
);
/// What was found.
pub static FINDINGS: Family = gauge(
    "stairway_findings",
    &["severity"],
    "Findings of the last run that no claim and no baseline accepts",
);

/// All of them, in the order in which they are written.
pub static FAMILIES: [&Family; 23] = [
    &BUILD_INFO,
    &LAST_RUN,
    &LAST_SUCCESS,
    &RUN_OUTCOME,
    &RUN_DURATION,
    &STAGE_SUCCESS,
    &FINDINGS,
    &BACKUP_SIZE,
    &BACKUP_CREATED,
    &BACKUP_LEVEL,
    &BACKUPS_RETAINED,
    &ROLLBACKS,
    &RESTORE_DURATION,
    &DRILL_RTO,
    &DRILL_RPO,
    &DRILL_CHECK,
    &ROW_MISMATCHES,
    &FK_ORPHANS,
    &QUERY_LATENCY,
    &LATENCY_BUDGET,
    &GATE_VERDICT,
    &GATE_FACT,
    &LOCK_WAIT,
];

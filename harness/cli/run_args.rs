//! The command line of the verbs that touch a database, as it is typed.

use std::path::PathBuf;

use clap::builder::TypedValueParser;
use clap::{Args as Arguments, ValueEnum};

use crate::runs::production::Accepted;

use super::args::{DatabaseArgs, FolderArgs, MetricsArgs};

/// So many seconds fit the server's timeouts; it is 23 days.
const LONGEST: u64 = 2_000_000;

fn seconds(least: u64) -> impl TypedValueParser<Value = u64> {
    clap::value_parser!(u64).range(least..=LONGEST)
}

/// What every run on a database takes, before or after the verb.
#[derive(Clone, Debug, Arguments)]
pub(super) struct RunArgs {
    #[command(flatten)]
    pub(super) folder: FolderArgs,
    #[command(flatten)]
    pub(super) database: DatabaseArgs,
    /// Look at everything, print the exact SQL, and change nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Make no backup, so no rehearsal and no way back by restore
    #[arg(long)]
    pub(super) skip_backup: bool,
    /// Don't rehearse on a copy made from the backup
    #[arg(long)]
    pub(super) skip_test: bool,
    /// Go on although the rehearsal failed; the report says so
    #[arg(long)]
    pub(super) force: bool,
    /// How long the migrations may take, and as long again on the copy
    #[arg(long, value_name = "SECONDS", default_value = "300", value_parser = seconds(1))]
    pub(super) timeout: u64,
    /// Keep other roles out while it runs, so that a restore would lose nothing
    #[arg(long)]
    pub(super) fence: bool,
    /// Allow a restore to lose so many row versions that were written since the backup, or all, also
    /// what can't be counted
    #[arg(long, value_name = "N|all", value_parser = accepted)]
    pub(super) accept_loss: Option<Accepted>,
    /// Go on although the schema was changed since the last run
    #[arg(long)]
    pub(super) allow_drift: bool,
    /// How long to wait for another runner to end
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds(0))]
    pub(super) wait: u64,
    /// How long one try may wait for a lock; others wait behind it as long
    #[arg(long, value_name = "MILLISECONDS", default_value = "2000", value_parser = clap::value_parser!(u64).range(1..=1000 * LONGEST))]
    pub(super) lock_timeout: u64,
    /// How often a migration is tried while others hold its locks
    #[arg(long, value_name = "N", default_value = "20", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) tries: u32,
    /// The longest pause between two tries
    #[arg(long, value_name = "SECONDS", default_value = "15", value_parser = seconds(0))]
    pub(super) max_pause: u64,
    /// After how long without work the server ends our open transaction, and frees its locks
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds(1))]
    pub(super) idle_timeout: u64,
    /// Refuse to begin while a transaction has been open for so long
    #[arg(long, value_name = "SECONDS", default_value = "300", value_parser = seconds(0))]
    pub(super) max_transaction: u64,
    /// Where the copy is made: auto, local, container, command, a URL or same-server
    #[arg(long, value_name = "SERVER", default_value = "auto")]
    pub(super) copy_on: String,
    /// Dump into a folder with so many jobs [default: into one file, from 10 GB on into a folder]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(super) jobs: Option<u32>,
    /// A table that must be there and have rows afterwards; may be given more than once
    #[arg(long, value_name = "TABLE")]
    pub(super) critical_table: Vec<String>,
    /// A folder of query tests: each query passes if it gives no row, or only true [default: checks
    /// in the deployment directory, if it is there]
    #[arg(long, value_name = "DIR")]
    pub(super) checks: Option<PathBuf>,
    /// production, staging or development: reads .env.<name> [default: production]
    #[arg(long, value_name = "NAME")]
    pub(super) env: Option<String>,
    /// The folder of .env.<name>, logs, backups and journals [default: DEPLOYMENT_DIR, the current one]
    #[arg(long, value_name = "DIR")]
    pub(super) deployment_dir: Option<PathBuf>,
    /// The folder of backups [default: BACKUP_DIR, backups/migrations in the deployment's folder]
    #[arg(long, value_name = "DIR")]
    pub(super) backup_dir: Option<PathBuf>,
    /// The form of the report on stdout
    #[arg(long, value_enum, default_value = "text", value_name = "FORM")]
    pub(super) format: AccountFormat,
    /// Write what goes to stdout into a file instead
    #[arg(long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    #[command(flatten)]
    pub(super) metrics: MetricsArgs,
}

/// Options of runs with verbs that change nothing: the script that this replaces took all of them
/// with all verbs.
#[derive(Clone, Debug, Default, Arguments)]
pub(super) struct GuideArgs {
    #[arg(long, hide = true)]
    dry_run: bool,
    #[arg(long, hide = true)]
    skip_backup: bool,
    #[arg(long, hide = true)]
    skip_test: bool,
    #[arg(long, hide = true)]
    force: bool,
    #[arg(long, hide = true, value_name = "SECONDS", value_parser = seconds(1))]
    timeout: Option<u64>,
}

impl GuideArgs {
    /// Those that were given, and say nothing here.
    pub(super) fn idle(&self) -> Option<String> {
        idle(&[
            (self.dry_run, "--dry-run"),
            (self.skip_backup, "--skip-backup"),
            (self.skip_test, "--skip-test"),
            (self.force, "--force"),
            (self.timeout.is_some(), "--timeout"),
        ])
    }
}

impl RunArgs {
    /// Options that were given and say nothing to a run that only looks.
    pub(super) fn idle(&self) -> Option<String> {
        idle(&[
            (self.dry_run, "--dry-run"),
            (self.skip_backup, "--skip-backup"),
            (self.skip_test, "--skip-test"),
            (self.force, "--force"),
            (self.fence, "--fence"),
        ])
    }
}

/// A line about options that have no effect, if there are any.
pub(super) fn idle(options: &[(bool, &str)]) -> Option<String> {
    let given = options.iter().filter(|(is_given, _)| *is_given).map(|(_, name)| *name);
    let given: Vec<&str> = given.collect();
    (!given.is_empty()).then(|| format!("note: without effect here: {}", given.join(", ")))
}

/// `stairway history` as it is typed.
#[derive(Debug, Arguments)]
#[command(after_help = "Examples:\n  stairway history --migrations db/migrations\n  \
                        stairway history --tool golang-migrate")]
pub(super) struct HistoryArgs {
    #[command(flatten)]
    pub(super) folder: FolderArgs,
    #[command(flatten)]
    pub(super) guide: GuideArgs,
    #[arg(long, hide = true, value_name = "NAME")]
    pub(super) env: Option<String>,
    #[arg(long, short, hide = true)]
    pub(super) verbose: bool,
}

fn accepted(word: &str) -> Result<Accepted, String> {
    match word {
        "all" => Ok(Accepted::All),
        number => number.parse().map(Accepted::Rows).map_err(|_| "a number, or all".to_owned()),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum AccountFormat {
    /// For people
    Text,
    /// For programs
    Json,
    /// One page that needs no network
    Html,
}

/// Whether a gate must have let the release pass.
#[derive(Clone, Debug, Default, Arguments)]
pub(super) struct AttestationArgs {
    /// What a gate attested of this release; without it nothing is applied where a key is named
    /// [default: STAIRWAY_ATTESTATION]
    #[arg(long, value_name = "FILE")]
    pub(super) attestation: Option<PathBuf>,
    /// The public key of Ed25519 that must have signed it, in PEM [default:
    /// STAIRWAY_ATTESTATION_KEY, stairway.toml]
    #[arg(long, value_name = "FILE")]
    pub(super) attestation_key: Option<PathBuf>,
}

#[derive(Debug, Arguments)]
#[command(
    after_help = "Examples:\n  stairway upgrade\n  stairway upgrade --dry-run --output plan.sql\n  stairway upgrade --dry-run --format html --output plan.html\n  \
                        stairway --env staging upgrade 20240131120000 --timeout 60"
)]
pub(super) struct UpgradeArgs {
    /// Up to where: head, +N, an id or its unique prefix
    #[arg(value_name = "REV", default_value = "head", allow_hyphen_values = true)]
    pub(super) revision: String,
    #[command(flatten)]
    pub(super) attestation: AttestationArgs,
    #[command(flatten)]
    pub(super) run: RunArgs,
}

#[derive(Debug, Arguments)]
#[command(after_help = "Examples:\n  stairway downgrade -1\n  stairway downgrade base --dry-run")]
pub(super) struct DowngradeArgs {
    /// Down to where: -N, base, an id or its unique prefix
    #[arg(value_name = "REV", allow_hyphen_values = true)]
    pub(super) revision: String,
    #[command(flatten)]
    pub(super) run: RunArgs,
}

#[derive(Debug, Arguments)]
#[command(
    after_help = "Examples:\n  stairway validate\n  stairway validate --critical-table public.orders"
)]
pub(super) struct ValidateArgs {
    #[command(flatten)]
    pub(super) run: RunArgs,
}

#[derive(Debug, Arguments)]
#[command(
    after_help = "Nothing is dropped and nothing is overwritten: the backup is restored into a \
                        new database, held against its manifest, and the two change names.\n\n\
                        Examples:\n  stairway backup --list\n  stairway restore latest\n  \
                        stairway restore pre-migration-20260131T120000Z.dump --accept-loss 12"
)]
pub(super) struct RestoreArgs {
    /// A file of a backup, its name in the folder of backups, or latest: the newest one of this
    /// database on this server
    #[arg(value_name = "BACKUP")]
    pub(super) backup: PathBuf,
    /// Take the backup of another server; all that is here is lost, which --accept-loss all accepts
    #[arg(long)]
    pub(super) from_other_server: bool,
    #[command(flatten)]
    pub(super) run: RunArgs,
}

#[derive(Debug, Arguments)]
#[command(
    after_help = "Example:\n  stairway stamp 20240131120000 --reason 'applied by hand after the outage'"
)]
pub(super) struct StampArgs {
    /// Where the database is: head, base, an id or its unique prefix
    #[arg(value_name = "REV")]
    pub(super) revision: String,
    /// Why, for the audit trail
    #[arg(long, value_name = "TEXT")]
    pub(super) reason: String,
    #[command(flatten)]
    pub(super) run: RunArgs,
}

#[derive(Debug, Arguments)]
#[command(after_help = "Example:\n  stairway recover")]
pub(super) struct RecoverArgs {
    #[command(flatten)]
    pub(super) run: RunArgs,
}

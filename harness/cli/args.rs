//! The command line as it is typed.

use std::path::PathBuf;

use clap::builder::TypedValueParser;
use clap::{Args as Arguments, Parser, Subcommand, ValueEnum};

use crate::config::MOST_ROWS;
use crate::finding::Severity;
use crate::runs::{Shard, TransactionMode};

pub(super) use super::bench::BenchArgs;
pub(super) use super::completions::CompletionsArgs;
pub(super) use super::drill::DrillArgs;
pub(super) use super::gate::GateArgs;
pub(super) use super::init::InitArgs;
pub(super) use super::man::ManArgs;
pub(super) use super::metrics::MetricsArgs;
use super::reports::{self, Wanted};
pub(super) use super::run_args::{
    AccountFormat, AttestationArgs, DowngradeArgs, GuideArgs, HistoryArgs, RecoverArgs,
    RestoreArgs, RunArgs, StampArgs, UpgradeArgs, ValidateArgs,
};
pub(super) use super::workload::WorkloadArgs;

/// Tells you before you deploy whether a `PostgreSQL` migration is safe to run and whether you can
/// get back.
#[derive(Debug, Parser)]
#[command(name = "stairway", version, propagate_version = true, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 clean, 1 findings or a difference, 2 usage or configuration, \
                        3 no server could be had, 130 and 143 interrupted; of runs on a database \
                        10 refused, 11 another runner, 12 backup failed, 13 rehearsal or drill failed, 14 too slow, 15 nobody can tell, 20 not applied, \
                        21 and 22 rolled back, 30 unknown, 31 way back refused, 40 not told.\n\n\
                        Examples:\n  stairway init\n  stairway verify migrations\n  stairway verify --list-checks\n  \
                        stairway doctor"
)]
pub(super) struct Args {
    /// When to use colours; NO_COLOR is honoured
    #[arg(long = "color", value_enum, default_value = "auto", global = true, value_name = "WHEN")]
    pub(super) colour: Colour,
    #[command(subcommand)]
    pub(super) verb: Option<Verb>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Colour {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Begin: find the migrations, write settings, a test and a job of the CI, say what is next
    Init(Box<InitArgs>),
    /// Climb every migration up, down and up again on an ephemeral server
    Verify(Box<VerifyArgs>),
    /// Record today's findings, so that only new ones fail a verification
    Baseline(Box<BaselineArgs>),
    /// Measure the p95 of queries before and after the pending migrations, against a budget
    Bench(Box<BenchArgs>),
    /// Restore the newest backup where nobody sees it, prove it, and rehearse what is pending on it
    Drill(Box<DrillArgs>),
    /// Answer whether a release may go out, from facts: verification, p95, drill, backup, drift
    Gate(Box<GateArgs>),
    /// Make a workload for `bench` out of what an application does
    Workload(Box<WorkloadArgs>),
    /// Move a database forward: backup, rehearsal on a copy, apply, validation, a way back
    Upgrade(Box<UpgradeArgs>),
    /// Move a database back by its downgrades, with the same steps
    Downgrade(Box<DowngradeArgs>),
    /// Check a database as it is: version table, schema, foreign keys, indexes, query tests
    Validate(Box<ValidateArgs>),
    /// Put a backup in the place of the database, which is kept under another name
    Restore(Box<RestoreArgs>),
    /// Write into the version table where a database is, without running anything
    Stamp(Box<StampArgs>),
    /// Settle runs that were killed
    Recover(Box<RecoverArgs>),
    /// List the migrations of a folder, base first
    History(Box<HistoryArgs>),
    /// Tell which revision a database is at
    Current(Box<CurrentArgs>),
    /// Print the canonical schema of a database
    Snapshot(SnapshotArgs),
    /// Compare the schemas of two databases or snapshot files
    Diff(DiffArgs),
    /// Dump a database with a manifest that a restore can be held against
    Backup(Box<BackupArgs>),
    /// Explain which servers were found and which one would be used
    Doctor(DoctorArgs),
    /// Show or clear what is kept between runs
    Cache(CacheArgs),
    /// Print what a shell needs to complete command lines
    Completions(CompletionsArgs),
    /// Print the page of the manual, or write a page for each verb
    Man(ManArgs),
}

/// Where the migrations are.
#[derive(Clone, Debug, Arguments)]
pub(super) struct FolderArgs {
    /// The folder of migrations [default: STAIRWAY_MIGRATIONS, stairway.toml, ./migrations]
    #[arg(long, value_name = "DIR")]
    pub(super) migrations: Option<PathBuf>,
    /// Force a layout: sqlx, golang-migrate, diesel, dbmate, goose, refinery, refinery-int8, flyway, plain or alembic
    #[arg(long, value_name = "TOOL")]
    pub(super) tool: Option<String>,
    /// For the env.py of Alembic, like alembic -x; may be given several times [default: stairway.toml]
    #[arg(short = 'x', value_name = "KEY=VALUE")]
    pub(super) x: Vec<String>,
}

/// Which server.
#[derive(Clone, Debug, Arguments)]
pub(super) struct ServerArgs {
    /// auto, local, container, command or a URL [default: STAIRWAY_SERVER, stairway.toml, auto]
    #[arg(long, value_name = "SERVER")]
    pub(super) server: Option<String>,
    /// The major version that is wanted, 14 to 18 [default: STAIRWAY_POSTGRES, stairway.toml, any]
    #[arg(long, value_name = "MAJOR")]
    pub(super) postgres: Option<u32>,
}

/// Which rows each migration is tried on.
#[derive(Clone, Debug, Arguments)]
pub(super) struct RowArgs {
    /// How many different sets of rows each migration is tried on [default: stairway.toml, 1]
    #[arg(long, value_name = "N", value_parser = count())]
    pub(super) cases: Option<u32>,
    /// How many rows a table gets at most [default: stairway.toml, 32]
    #[arg(long, value_name = "N", value_parser = count())]
    pub(super) rows_per_table: Option<u32>,
    /// The same seed gives the same rows on every machine [default: STAIRWAY_SEED, stairway.toml, 0]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(super) seed: Option<u64>,
    /// How long the rows that show what is wrong with one migration may be made fewer and simpler
    /// [default: stairway.toml, 20]
    #[arg(long, value_name = "SECONDS", value_parser = count())]
    pub(super) rows_budget: Option<u32>,
    /// Climb on empty tables only: nothing is said about data
    #[arg(long, conflicts_with_all = ["cases", "rows_per_table", "seed", "rows_budget", "keep_rows"])]
    pub(super) no_rows: bool,
    /// The folder of rows that are tried first: those that showed something once, which `stairway
    /// verify` adds to it [default: stairway.toml, stairway-rows or tests/stairway-rows if it is
    /// there]
    #[arg(long, value_name = "DIR")]
    pub(super) keep_rows: Option<PathBuf>,
    /// Try generated rows only, and keep none
    #[arg(long, conflicts_with = "keep_rows")]
    pub(super) no_kept_rows: bool,
}

fn count() -> impl TypedValueParser<Value = u32> {
    clap::value_parser!(u32).range(1..=i64::from(MOST_ROWS))
}

#[derive(Debug, Arguments)]
#[command(
    after_help = "Examples:\n  stairway verify\n  stairway verify db/migrations --postgres 15\n  \
                        stairway verify --diff-base origin/main\n  \
                        stairway verify --backup nightly.dump --format json --output report.json\n  \
                        stairway verify --format github --report junit=junit.xml --report sarif=stairway.sarif\n  \
                        stairway verify --report html=verify.html\n  \
                        stairway verify --explain schema-drift"
)]
pub(super) struct VerifyArgs {
    /// The folder of migrations, like --migrations
    #[arg(value_name = "DIR", conflicts_with = "migrations")]
    pub(super) dir: Option<PathBuf>,
    #[command(flatten)]
    pub(super) folder: FolderArgs,
    #[command(flatten)]
    pub(super) server: ServerArgs,
    /// Restore a pg_dump archive (-Fc, -Fd, -Ft or plain) first and climb what is pending from there
    #[arg(long, value_name = "FILE")]
    pub(super) backup: Option<PathBuf>,
    /// How migrations are put into transactions
    #[arg(long, value_enum, default_value = "as-is", value_name = "MODE")]
    pub(super) transaction: Transaction,
    /// The severity from which a finding fails the run [default: stairway.toml, error]
    #[arg(long, value_enum, value_name = "SEVERITY")]
    pub(super) fail_on: Option<FailOn>,
    /// Stop after the first migration that fails
    #[arg(long)]
    pub(super) fail_fast: bool,
    /// Judge only what comes after this revision: an id, its unique prefix, base or -N
    #[arg(long, value_name = "REV", allow_hyphen_values = true)]
    pub(super) since: Option<String>,
    /// Judge only what is new or changed since this branch left that commit or branch of git
    #[arg(long, value_name = "GIT_REF", conflicts_with = "since")]
    pub(super) diff_base: Option<String>,
    /// Judge one of N equal parts, for one of several machines [default: STAIRWAY_SHARD]
    #[arg(long, value_name = "K/N")]
    pub(super) shard: Option<Shard>,
    /// Findings that are known and fail nothing, as `stairway baseline` wrote them [default:
    /// stairway.toml, stairway-baseline.json if it is there]
    #[arg(long, value_name = "FILE")]
    pub(super) baseline: Option<PathBuf>,
    /// Let known findings fail as well
    #[arg(long, conflicts_with = "baseline")]
    pub(super) no_baseline: bool,
    /// How many servers climb side by side [default: the number of cores]
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) jobs: Option<u16>,
    /// Climb everything anew and keep nothing for the next run [default: STAIRWAY_NO_CACHE]
    #[arg(long)]
    pub(super) no_cache: bool,
    #[command(flatten)]
    pub(super) rows: RowArgs,
    /// The form of the report
    #[arg(long, value_enum, default_value = "text", value_name = "FORM")]
    pub(super) format: Format,
    /// Write the report into a file instead of to stdout
    #[arg(long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// Write another report into a file, in any form of --format; may be given more than once
    #[arg(long, value_name = "FORM=PATH", value_parser = reports::wanted::<Format>)]
    pub(super) report: Vec<Wanted>,
    #[command(flatten)]
    pub(super) metrics: MetricsArgs,
    /// The folder for scripts that show a finding again with psql
    #[arg(long, value_name = "DIR", default_value = ".stairway/repro")]
    pub(super) repro: PathBuf,
    /// Write no such scripts
    #[arg(long, conflicts_with = "repro")]
    pub(super) no_repro: bool,
    /// Say nothing but the report
    #[arg(long, short)]
    pub(super) quiet: bool,
    /// List the checks and end
    #[arg(long)]
    pub(super) list_checks: bool,
    /// Explain one check and end
    #[arg(long, value_name = "ID")]
    pub(super) explain: Option<String>,
}

#[derive(Debug, Arguments)]
#[command(
    after_help = "Everything that fails today is written down, and `stairway verify` shows it from \
                        then on without failing. What could not be judged can't be recorded.\n\n\
                        Examples:\n  stairway baseline\n  \
                        stairway baseline db/migrations --output db/baseline.json\n  \
                        stairway verify --no-baseline"
)]
pub(super) struct BaselineArgs {
    /// The folder of migrations, like --migrations
    #[arg(value_name = "DIR", conflicts_with = "migrations")]
    pub(super) dir: Option<PathBuf>,
    #[command(flatten)]
    pub(super) folder: FolderArgs,
    #[command(flatten)]
    pub(super) server: ServerArgs,
    /// Restore a pg_dump archive (-Fc, -Fd, -Ft or plain) first and climb what is pending from there
    #[arg(long, value_name = "FILE")]
    pub(super) backup: Option<PathBuf>,
    /// How migrations are put into transactions
    #[arg(long, value_enum, default_value = "as-is", value_name = "MODE")]
    pub(super) transaction: Transaction,
    /// How many servers climb side by side [default: the number of cores]
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) jobs: Option<u16>,
    /// Climb everything anew and keep nothing for the next run [default: STAIRWAY_NO_CACHE]
    #[arg(long)]
    pub(super) no_cache: bool,
    #[command(flatten)]
    pub(super) rows: RowArgs,
    /// Where to write it [default: stairway.toml, stairway-baseline.json]
    #[arg(long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// Say nothing but errors
    #[arg(long, short)]
    pub(super) quiet: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Transaction {
    /// As the tool does it
    AsIs,
    /// Each script in a transaction of its own
    PerMigration,
    /// Besides the climb, all upgrades in one transaction
    All,
}

impl From<Transaction> for TransactionMode {
    fn from(mode: Transaction) -> Self {
        match mode {
            Transaction::AsIs => Self::AsIs,
            Transaction::PerMigration => Self::PerMigration,
            Transaction::All => Self::All,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum FailOn {
    Error,
    Warning,
}

impl From<FailOn> for Severity {
    fn from(fail_on: FailOn) -> Self {
        match fail_on {
            FailOn::Error => Self::Error,
            FailOn::Warning => Self::Warning,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people, with a table
    Text,
    /// For programs
    Json,
    /// XML for test viewers: a test case for each migration
    Junit,
    /// SARIF 2.1.0 for code scanning and editors
    Sarif,
    /// Annotations beside the SQL in GitHub Actions
    Github,
    /// A comment for a pull request
    Markdown,
    /// One page that needs no network
    Html,
}

/// A database that is only looked at.
#[derive(Clone, Debug, Arguments)]
pub(super) struct DatabaseArgs {
    /// The database to look at [default: DATABASE_URL]
    #[arg(long, value_name = "URL")]
    pub(super) database_url: Option<String>,
}

#[derive(Debug, Arguments)]
#[command(after_help = "Example:\n  DATABASE_URL=postgres://localhost/shop stairway current")]
pub(super) struct CurrentArgs {
    #[command(flatten)]
    pub(super) folder: FolderArgs,
    #[command(flatten)]
    pub(super) database: DatabaseArgs,
    /// production, staging or development: reads .env.<name> [default: production]
    #[arg(long, value_name = "NAME")]
    pub(super) env: Option<String>,
    /// Show the last runs on this database
    #[arg(long, short)]
    pub(super) verbose: bool,
    #[command(flatten)]
    pub(super) guide: GuideArgs,
}

#[derive(Debug, Arguments)]
#[command(
    after_help = "Example:\n  stairway snapshot --database-url postgres://localhost/shop > shop.schema"
)]
pub(super) struct SnapshotArgs {
    #[command(flatten)]
    pub(super) database: DatabaseArgs,
    /// Print only the digest: two equal schemas have the same one
    #[arg(long)]
    pub(super) digest: bool,
    /// Write into a file instead of to stdout
    #[arg(long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
}

#[derive(Debug, Arguments)]
#[command(after_help = "Example:\n  stairway diff shop.schema postgres://localhost/shop")]
pub(super) struct DiffArgs {
    /// A URL or a file that `stairway snapshot` wrote
    pub(super) before: String,
    /// Another one
    pub(super) after: String,
}

#[derive(Debug, Arguments)]
#[command(
    after_help = "Exit codes: 0 done, 2 usage or no connection, 10 refused before anything was done, \
                        12 the backup failed.\n\n\
                        Examples:\n  stairway backup --database-url postgres://localhost/shop\n  \
                        stairway backup --format directory --jobs 4\n  \
                        stairway backup --list"
)]
pub(super) struct BackupArgs {
    /// List the backups that are there and end
    #[arg(long, conflicts_with_all = ["format", "jobs", "database_url", "lock_wait"])]
    pub(super) list: bool,
    #[command(flatten)]
    pub(super) database: DatabaseArgs,
    /// The folder of backups [default: BACKUP_DIR, backups/migrations in the deployment's folder]
    #[arg(long, value_name = "DIR")]
    pub(super) backup_dir: Option<PathBuf>,
    /// production, staging or development: reads .env.<name> [default: production]
    #[arg(long, value_name = "NAME")]
    pub(super) env: Option<String>,
    /// The folder of .env.<name> and backups [default: DEPLOYMENT_DIR, the current one]
    #[arg(long, value_name = "DIR")]
    pub(super) deployment_dir: Option<PathBuf>,
    /// How the dump is stored [default: custom, from 10 GB on directory]
    #[arg(long, value_enum, value_name = "FORM")]
    pub(super) format: Option<BackupFormat>,
    /// How many processes write a folder [default: as many as there are processors, 4 at most]
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) jobs: Option<u16>,
    /// How long to wait for a table that somebody has locked
    #[arg(long, value_name = "SECONDS", default_value = "10")]
    pub(super) lock_wait: u32,
    #[command(flatten)]
    pub(super) metrics: MetricsArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum BackupFormat {
    /// One file
    Custom,
    /// A folder, which several processes can write
    Directory,
}

#[derive(Debug, Arguments)]
#[command(after_help = "Example:\n  stairway doctor --postgres 15")]
pub(super) struct DoctorArgs {
    #[command(flatten)]
    pub(super) folder: FolderArgs,
    #[command(flatten)]
    pub(super) server: ServerArgs,
}

#[derive(Debug, Arguments)]
#[command(after_help = "Examples:\n  stairway cache\n  stairway cache clear")]
pub(super) struct CacheArgs {
    #[command(subcommand)]
    pub(super) action: Option<CacheAction>,
}

#[derive(Clone, Copy, Debug, Subcommand)]
pub(super) enum CacheAction {
    /// Remove verdicts and data directories, which runs make again, and servers that tests left
    Clear,
    /// Print the folder, for the cache step of a CI
    Path,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_sound() {
        super::Args::command().debug_assert();
    }
}

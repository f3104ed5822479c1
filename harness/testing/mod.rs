//! What a user calls from `cargo test`: a suite of tests for a history, databases for tests of
//! their own, and plain async functions over the recipes.
//!
//! Knows how a test fails. Must not know anything that the command line does not do too.
//!
//! A suite needs a test target with `harness = false`:
//!
//! ```no_run
//! use std::process::ExitCode;
//!
//! fn main() -> ExitCode {
//!     stairway::testing::Suite::new("migrations").main()
//! }
//! ```
//!
//! A database at some revision, for tests of the code that uses it:
//!
//! ```no_run
//! use rstest::rstest;
//! use stairway::testing::{TestDatabase, migrated_to};
//!
//! #[rstest]
//! #[tokio::test]
//! async fn plans_are_counted(#[future(awt)] migrated_to: TestDatabase) {
//!     assert!(migrated_to.url().starts_with("postgres://"));
//! }
//! ```
//!
//! All of it in one test:
//!
//! ```no_run
//! #[tokio::test]
//! async fn migrations_go_up_and_down() -> Result<(), stairway::runs::RunError> {
//!     stairway::testing::verify("migrations").await?.assert_clean();
//!     Ok(())
//! }
//! ```

mod database;
mod families;
mod fixtures;
mod properties;
mod snapshots;
mod suite;
mod verdicts;
mod verified;

pub use crate::data::{GeneratedRows, TableStrategy};
pub use database::{TestDatabase, TestError};
pub use fixtures::{migrated_to, postgres};
pub use properties::table_rows;
#[doc(no_inline)]
pub use proptest;
pub use snapshots::Beside;
pub use suite::Suite;
pub use verified::{Verified, verify, verify_with};

#[doc(hidden)]
pub use insta;

use crate::config::{Config, RowSettings};
use crate::env;
use crate::finding::Severity;
use crate::runs::{BASELINE_FILE, Caching, KeptRows, Options, RowOptions};
use crate::server::TestRun;

/// What the environment and `stairway.toml` ask for, as the command line reads them.
fn options(folder: std::path::PathBuf) -> Result<Options, TestError> {
    let config = Config::load()?;
    let mut options = Options::new(folder);
    options.tool = config.tool(None)?;
    options.alembic = config.alembic(&[]);
    options.server = config.server(None, None)?;
    options.fail_on = config.fail_on().unwrap_or(Severity::Error);
    options.claims = config.claims()?;
    options.rows = RowOptions::written(&config, RowSettings::default())?;
    options.keep_rows = config.kept_rows().map(KeptRows::new);
    let usual = std::path::Path::new(BASELINE_FILE);
    let baseline = config.baseline().or(usual.exists().then_some(usual));
    options.baseline = baseline.map(std::path::Path::to_owned);
    options.shard = env::SHARD.get().map(|text| text.parse()).transpose()?;
    options.caching = match (env::NO_CACHE.is_on(), TestRun::current()) {
        (false, _) => Caching::On,
        // The processes of one run share their work in any case.
        (true, Some(run)) => Caching::Among(run.id().to_owned()),
        (true, None) => Caching::Off,
    };
    Ok(options)
}

//! Fixtures for `rstest`; called as plain functions they do the same.

use rstest::fixture;

use super::TestDatabase;

/// An empty database of the test's own, on a server that all tests share.
///
/// # Panics
///
/// If no server can be had, with the ways to get one.
#[fixture]
pub async fn postgres() -> TestDatabase {
    TestDatabase::empty().await.unwrap_or_else(|error| fail(&error))
}

/// A database at `revision`, `head` by default, of the project's history: `STAIRWAY_MIGRATIONS`,
/// `stairway.toml` or `./migrations`.
///
/// # Panics
///
/// If the revision can't be reached, or no server can be had.
#[fixture]
pub async fn migrated_to(#[default("head")] revision: &str) -> TestDatabase {
    TestDatabase::at(revision).await.unwrap_or_else(|error| fail(&error))
}

#[expect(clippy::panic, reason = "this is how a test fails")]
fn fail(error: &super::TestError) -> ! {
    panic!("{}", crate::server::causes(error))
}

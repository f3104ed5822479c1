//! What a tool can do by itself, and where its program is.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::place::Place;

/// The files of one migration.
pub(crate) struct Scripts {
    /// As `stairway current` prints it.
    pub(crate) revision: &'static str,
    /// As the version table has it.
    pub(crate) version: &'static str,
    /// Path within the folder, and text.
    pub(crate) files: &'static [(&'static str, &'static str)],
}

/// A tool that moves databases without Stairway.
pub(crate) trait Native {
    fn name(&self) -> &'static str;
    fn table(&self) -> &'static str;
    /// All columns but times.
    fn columns(&self) -> &'static str;
    /// When a migration was applied, as timestamptz; NULL for a table that does not say.
    fn applied_at(&self) -> &'static str;
    /// How many rows its table has where nothing is applied.
    fn bare(&self) -> usize {
        0
    }
    fn history(&self) -> &'static [Scripts];
    /// How many migrations it takes for applied.
    fn applied(&self, place: &Place, database: &str) -> usize;
    /// Moves until the first `count` migrations are applied.
    fn go(&self, place: &Place, database: &str, count: usize);
    /// Asks it for everything that is pending; fails if it does something.
    fn finds_nothing_to_do(&self, place: &Place, database: &str);
}

/// The program, or nothing where there is none (which is then said).
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let found = find(name);
    if found.is_none() {
        let is_required = stairway::env::REQUIRE_TOOLS.is_on();
        assert!(!is_required, "{name} is required and is in none of {:?}", folders());
        eprintln!("SKIPPED: there is no {name} here, nothing is tested with it; ci/test builds it");
    }
    found
}

/// The program, or nothing where there is none.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    folders().iter().map(|folder| folder.join(name)).find(|path| path.is_file())
}

fn folders() -> Vec<PathBuf> {
    let folders = [stairway::env::TOOLS.get(), stairway::env::PATH.get()];
    folders.iter().flatten().flat_map(|list| std::env::split_paths(list)).collect()
}

/// Runs a program on a database, in a folder without settings.
pub(crate) fn run(program: &Path, place: &Place, database: &str, words: &[&str]) -> Output {
    Command::new(program)
        .args(words)
        .current_dir(place.path())
        .env("DATABASE_URL", place.url(database))
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// What it printed, if it ended well.
pub(crate) fn printed(program: &Path, place: &Place, database: &str, words: &[&str]) -> String {
    let output = run(program, place, database, words);
    assert!(
        output.status.success(),
        "{} {words:?}: {}{}",
        program.display(),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

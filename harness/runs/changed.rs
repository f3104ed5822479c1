//! What a branch changed in a history, as git and the files say it.
//!
//! Knows how the two are brought together. Must not know commands of git, nor layouts.

use crate::git::{Base, GitError};
use crate::migrations::{Before, Changes, History, changes};

use super::verify::{Options, TransactionMode};
use super::{Event, RunError, Watch, batch};

/// Compares `history` with what it was where HEAD left `reference`.
pub(super) async fn since(
    reference: &str,
    options: &Options,
    history: &History,
    watch: &mut (dyn Watch + Send),
) -> Result<Changes, RunError> {
    let base = Base::find(&history.folder, reference).await?;
    // Gone with all old files as soon as they are compared.
    let scratch = tempfile::tempdir().map_err(GitError::Scratch)?;
    let folder = base.export(scratch.path()).await?.filter(|folder| folder.is_dir());
    let mut migrations = match &folder {
        Some(folder) => Before::load(folder, history).map_err(|source| {
            let commit = base.short().to_owned();
            RunError::Old { folder: base.folder().to_owned(), commit, source }
        })?,
        None => Vec::new(),
    };
    if options.transaction == TransactionMode::PerMigration {
        batch::wrap_each(&mut migrations);
    }
    let changed = base.changed().await?;
    let before = Before {
        name: reference.to_owned(),
        folder: folder.unwrap_or_default(),
        migrations,
        changed,
    };
    let changes = changes(&before, history);
    let place = format!("{}, where this branch left {reference}", base.short());
    let note = match changes.counts {
        [0, 0, 0] => format!("nothing has changed since {place}"),
        [new, changed, gone] => {
            format!("since {place}: {new} new, {changed} changed, {gone} gone")
        }
    };
    watch.event(Event::Note(&note));
    Ok(changes)
}

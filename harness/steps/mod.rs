//! The steps that verification and production share, one file each.
//!
//! Only this room executes migrations. A step does one thing to one database and says what came
//! of it; it must not judge, order other steps, or print.

mod apply;
mod defaults;
mod backup;
mod contents;
mod fingerprint;
mod ground;
mod probe;
mod replay;
mod restore;
mod revert;
mod script;
mod trial;
mod version_table;
mod view;

pub use apply::{apply, apply_together};
pub use defaults::{Doubt, Refusal, probe_defaults};
pub use backup::{BackupFailure, BackupRequest, backup};
pub use contents::{compare_copy, contents};
pub use fingerprint::fingerprint;
pub use ground::{Ground, GroundError, Origin, Reading};
pub use probe::{Routine, probe_routines};
pub use replay::replay;
pub use restore::{RestoreError, Restored, restore};
pub use revert::revert;
pub use script::{StepFailure, is_all_or_nothing};
pub use trial::{Looks, Trial, Tried, Way, all_readable, is_artefact, readable};
pub use version_table::Ledger;

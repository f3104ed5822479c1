//! The steps that verification and production share, one file each.
//!
//! Only this room executes migrations. A step does one thing to one database and says what came
//! of it; it must not judge, order other steps, or print.

mod amcheck;
mod apply;
mod audit;
mod backup;
mod contents;
mod defaults;
mod deploy;
mod fingerprint;
mod footprint;
mod ground;
mod guise;
mod lock;
mod newer;
mod preflight;
mod probe;
mod program;
mod properties;
mod rehearse;
mod replay;
mod restore;
mod revert;
mod scene;
mod script;
mod silence;
mod stamp;
mod swap;
mod trial;
mod undo;
mod validate;
mod version_table;
mod view;
mod watched;
mod written;

pub use amcheck::amcheck;
pub use apply::{apply, apply_together};
pub use audit::{
    AUDIT_SCHEMA, MoveRow, RunRow, begin_run, end_run, has_audit, last_runs, last_schema,
    make_audit,
};
pub use backup::{BackupFailure, BackupRequest, backup};
pub use contents::{compare_copy, contents};
pub use defaults::{Doubt, Refusal, probe_defaults};
pub use deploy::{Blocker, DeployFailure, Limits, Mark, Marker, deploy, is_atomic, script_of};
pub use fingerprint::fingerprint;
pub use footprint::{Footprint, Relation, footprint};
pub use ground::{Ground, GroundError, Origin, Reading};
pub use guise::{become_role, give_to};
pub use lock::{Holder, LockError, is_locked, lock, unlock};
pub use newer::{Newer, export_newer, written_into_new};
pub use preflight::{Facts, Identity, Other, Since, facts, identity, is_pooled, others, size};
pub use probe::{Routine, probe_routines};
pub use program::{compare_models, connect, listen};
pub use properties::{
    carry_on, creation_of, grants_of, kept_private, path_of, places_of, sequences, settings_of,
};
pub use rehearse::{Back, Copy, Deployed, RehearseError, Rehearsed, deployed};
pub use replay::replay;
pub use restore::{RestoreError, Restored, Restoring, forget_roles, restore, restore_by};
pub use revert::revert;
pub use scene::{
    CONTROL, CONTROL_SCHEMA, Rewrite, analyse, drop_made_index, flush_statistics, index_definition,
    invalid_index_names, make_control, make_index, note_rewrites, noted_rewrites, pass_rows,
    settle_rows,
};
pub use script::{Left, StepFailure, is_all_or_nothing, left_by};
pub use silence::{Silenced, silence};
pub use stamp::stamp;
pub use swap::{allow_connections, drop_restored, is_closed, is_there, keep_others_out, swap};
pub use trial::{Looks, Trial, Tried, Way, all_readable, is_artefact, readable};
pub use undo::{drop_invalid, invalid_indexes, undo};
pub use validate::{
    Orphans, QueryTest, behind, extensions, has_rows, largest_table, orphans, query_files,
    query_tests, unpopulated,
};
pub use version_table::{Astray, Ledger};
pub use view::foreign;
pub use written::{
    Before, SinceBackup, Written, before, export, moves_since, not_as_backed_up, written_since,
};

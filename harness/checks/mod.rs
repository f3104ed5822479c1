//! Judges: what was observed goes in, findings come out, one file per check.
//!
//! Knows what is wrong and how to say it. Must not touch a server, a file or the clock.

mod blocking_lock;
mod body;
mod broken_object;
mod claims;
mod column_order;
mod data_added;
mod data_dependent_failure;
mod data_loss;
mod defaults;
mod downgrade_failed;
mod downgrade_missing;
mod explain;
mod failure;
mod invalid_index;
mod latency_budget;
mod latency_regression;
mod migration_budget;
mod models_differ;
mod observation;
mod order_dependent;
mod place;
mod refused_row;
mod repeated;
mod restore_failed;
mod reupgrade_drift;
mod reupgrade_failed;
mod safer;
#[cfg(test)]
mod samples;
mod schema_drift;
mod sequence_behind;
mod table_rewrite;
mod times;
mod unfetched;
mod upgrade_failed;

pub use blocking_lock::{Waited, blocking_lock, failed_beside, unprobed_lock, workload_waited};
pub use broken_object::{lost_routines, may_be_older, may_break};
pub use claims::{accept, accept_measured, came_true, claimed_table, settle};
pub use data_dependent_failure::{advice, named_rows};
pub use defaults::{Whose, doubts};
pub use explain::explain;
pub use failure::finding as failure;
pub use invalid_index::invalid_index;
pub use latency_budget::over_budget;
pub use latency_regression::{Slower, slower};
pub use migration_budget::{Spent, migration_budget};
pub use models_differ::models_differ;
pub use observation::{Class, Climbed, Suspicion, Tested};
pub use order_dependent::{Orders, order_dependent};
pub use refused_row::{is_of_a_default, is_of_the_schema, refused_row};
pub use restore_failed::judge as restore_failed;
pub use safer::Budgets;
pub use table_rewrite::{Written, table_rewrite};
pub use times::{megabytes, millis, size};

use crate::finding::Finding;

/// All findings about one migration, in the order of its steps, before claims are settled.
pub fn judge(climbed: &Climbed<'_>) -> Vec<Finding> {
    [
        upgrade_failed::judge,
        invalid_index::judge,
        broken_object::judge,
        refused_row::judge,
        downgrade_missing::judge,
        downgrade_failed::judge,
        schema_drift::judge,
        column_order::judge,
        reupgrade_failed::judge,
        reupgrade_drift::judge,
    ]
    .iter()
    .flat_map(|check| check(climbed))
    .collect()
}

/// What is to be said about a migration's rows, before counterexamples are made small.
pub fn suspect(tested: &Tested<'_>) -> Vec<Suspicion> {
    let failure = data_dependent_failure::suspect(tested);
    let mut found: Vec<Suspicion> = failure
        .into_iter()
        .chain(data_loss::suspect(tested))
        .chain(data_loss::suspect_one_way(tested))
        .chain(data_added::suspect(tested))
        .chain(sequence_behind::suspect(tested))
        .collect();
    // What the second upgrade makes of rows that were spoilt before it is no other finding.
    if found.iter().all(|it| it.finding.allowed.is_some()) {
        found.extend(repeated::suspect(tested));
    }
    found
}

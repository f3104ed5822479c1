//! `table-rewrite`: an upgrade wrote a table anew.

use crate::finding::{CheckId, Finding};
use crate::migrations::Migration;

use super::safer::{Budgets, over, safer};

/// The finding about a table that was rewritten.
pub fn table_rewrite(
    migration: &Migration,
    table: &str,
    (rows, bytes): (u64, u64),
    budgets: Budgets,
) -> Finding {
    let message = format!("the upgrade writes {table} anew: {rows} rows");
    let finding = Finding::new(CheckId::TableRewrite, message)
        .in_file(&migration.upgrade.path)
        .about([table.to_owned()])
        .detail(format!("it has another file afterwards, of {bytes} bytes with its indexes"))
        .help(safer(&migration.upgrade.text));
    over(finding, rows > budgets.rewrite_rows)
}

//! `table-rewrite`: an upgrade wrote a table anew.

use crate::finding::{CheckId, Finding};
use crate::migrations::Migration;

use super::safer::{Budgets, over, safer};
use super::times::megabytes;

/// A table that was rewritten.
#[derive(Clone, Copy, Debug)]
pub struct Written<'a> {
    /// As SQL.
    pub table: &'a str,
    /// Its rows on the copy, about.
    pub rows: u64,
    /// Its size afterwards with indexes, in bytes.
    pub bytes: u64,
    /// Why, in the server's words, if it says so.
    pub reasons: &'a [&'static str],
    /// Its rows in production, if anybody says.
    pub in_production: Option<u64>,
}

/// The finding about a table that was rewritten.
pub fn table_rewrite(migration: &Migration, written: &Written<'_>, budgets: Budgets) -> Finding {
    let Written { table, rows, bytes, reasons, in_production } = *written;
    let mut message = format!("the upgrade writes {table} anew: {rows} rows");
    let there = in_production.filter(|there| *there > rows);
    if let Some(there) = there {
        message = format!("{message}, and {there} in production");
    }
    let why = match reasons {
        [] => String::new(),
        reasons => format!(", since {}", reasons.join(" and ")),
    };
    let size = megabytes(bytes);
    let finding = Finding::new(CheckId::TableRewrite, message)
        .in_file(&migration.upgrade.path)
        .about([table.to_owned()])
        .detail(format!("it has another file afterwards, of {size} with its indexes{why}"))
        .help(safer(&migration.upgrade.sql()));
    over(finding, rows.max(there.unwrap_or(0)) > budgets.rewrite_rows)
}

#[cfg(test)]
mod tests {
    use super::{Budgets, Written, table_rewrite};
    use crate::checks::samples::migration;
    use crate::finding::Severity;

    #[test]
    fn the_rows_of_production_count() {
        let of = |in_production| {
            let reasons = &["a column's type changes"][..];
            let written =
                Written { table: "public.t", rows: 900, bytes: 81_000_000, reasons, in_production };
            let script = "ALTER TABLE t ALTER a TYPE bigint";
            table_rewrite(&migration(script), &written, Budgets::default())
        };
        let here = of(None);
        assert_eq!(
            (here.severity, here.message.as_str()),
            (Severity::Warning, "the upgrade writes public.t anew: 900 rows")
        );
        assert!(
            here.detail
                .unwrap()
                .ends_with("of 81.0 MB with its indexes, since a column's type changes")
        );
        let there = of(Some(4_000_000));
        assert_eq!(there.severity, Severity::Error);
        assert!(there.message.ends_with("900 rows, and 4000000 in production"));
        assert_eq!(of(Some(5)).severity, Severity::Warning);
    }
}

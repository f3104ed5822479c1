//! The parts of a script that have to do with rows: those of the counterexample, and how the rows of
//! all tables are put side by side.
//!
//! Everything is plain psql: `\o` writes the rows of a moment into a file, `diff` compares two.

use std::fmt::Write as _;

use crate::finding::{CheckId, Finding};
use crate::migrations::{Migration, Script};
use crate::postgres::quote_literal;
use crate::sql;

use super::{own_transactions, part};

/// A query for each table: its rows with their columns by name and in one order, so that two
/// readings differ only where rows do.
const LOOK: &str = r#"
-- The rows of all tables, whatever the order of rows and columns.
\pset null NULL
\pset footer off
\set look 'SELECT format(''SELECT %L AS "table", %s FROM ONLY %s ORDER BY ROW(%2$s)::text COLLATE "C"'', c.oid::regclass, string_agg(quote_ident(a.attname), '', '' ORDER BY a.attname), c.oid::regclass) FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid WHERE c.relkind = ''r'' AND c.relnamespace::regnamespace::text !~ ''^(pg_|information_schema)'' AND a.attnum > 0 AND NOT a.attisdropped GROUP BY c.oid ORDER BY c.oid::regclass::text'
"#;

/// Sequences as after an application that gave the rows itself.
const PAST: &str = r"
-- The sequences are past the rows, as they are where an application wrote them.
SELECT format('SELECT setval(%1$L, greatest(max(%2$I), (SELECT last_value FROM %1$s))) FROM %3$s HAVING count(%2$I) > 0', s.name, s.attname, s.owner)
FROM (
  SELECT attname, attrelid::regclass AS owner, pg_get_serial_sequence(attrelid::regclass::text, attname) AS name
  FROM pg_attribute
  WHERE attrelid IN (SELECT oid FROM pg_class WHERE relkind = 'r') AND attnum > 0 AND NOT attisdropped
) s
WHERE s.name IS NOT NULL \gexec
";

/// The next value of a sequence beside the highest one that stands in each column it is for.
const NEXT: &str = r#"SELECT format('SELECT %1$L AS "column", next, highest, next <= highest AS collides FROM (SELECT nextval(%2$L) AS next, (SELECT max(%3$I) FROM %4$s) AS highest) s', c.relation || '.' || a.attname, @sequence@, a.attname, c.relation)
FROM (
  SELECT refobjid::regclass AS relation, refobjsubid AS place FROM pg_depend
  WHERE objid = @sequence@::regclass AND classid = 'pg_class'::regclass AND deptype IN ('a', 'i') AND refobjsubid > 0
  UNION
  SELECT e.adrelid::regclass, e.adnum FROM pg_depend d JOIN pg_attrdef e ON e.oid = d.objid
  WHERE d.classid = 'pg_attrdef'::regclass AND d.refobjid = @sequence@::regclass
) c JOIN pg_attribute a ON a.attrelid = c.relation AND a.attnum = c.place \gexec
"#;

/// Whether a finding is about rows.
pub(super) fn is_about_rows(check: CheckId) -> bool {
    matches!(
        check,
        CheckId::DataDependentFailure
            | CheckId::DataLoss
            | CheckId::DataAdded
            | CheckId::OrderDependent
            | CheckId::SequenceBehind
            | CheckId::RefusedRow
    )
}

/// What follows the upgrades before the migration.
pub(super) fn show(out: &mut String, finding: &Finding, migration: &Migration) {
    out.push_str("\n-- Errors are shown with their SQLSTATE.\n\\set VERBOSITY verbose\n");
    match finding.check {
        CheckId::OrderDependent => in_two_orders(out, finding, migration),
        CheckId::SequenceBehind => {
            given(out, finding);
            part(out, "up", migration, &migration.upgrade);
            for sequence in &finding.objects {
                let asked = NEXT.replace("@sequence@", &quote_literal(sequence));
                let _ = write!(out, "\n\\echo == the next value of {sequence}\n{asked}");
            }
        }
        CheckId::RefusedRow => {
            let mut before = finding.clone();
            let refused = before.rows.pop();
            given(out, &before);
            part(out, "up", migration, &migration.upgrade);
            out.push('\n');
            let detail = finding.detail.as_deref().unwrap_or_default();
            for line in std::iter::once(finding.message.as_str()).chain(detail.lines()) {
                let _ = writeln!(out, "-- {line}");
            }
            if let Some(row) = refused {
                let _ = write!(out, "\\echo == the row\n{}\n", row.insert);
            }
        }
        check => there_and_back(out, check, finding, migration),
    }
}

fn there_and_back(out: &mut String, check: CheckId, finding: &Finding, migration: &Migration) {
    let compares = check != CheckId::DataDependentFailure;
    given(out, finding);
    if compares {
        out.push_str(LOOK);
        look(out, "before");
    }
    part(out, "up", migration, &migration.upgrade);
    let Some(downgrade) = migration.downgrade.as_ref().filter(|script| !script.is_blank()) else {
        if compares {
            look(out, "upgraded");
            differ(out, "before", "upgraded");
        }
        return;
    };
    let is_of_second = compares && finding.is_of_second;
    if is_of_second {
        look(out, "upgraded");
    }
    part(out, "down", migration, downgrade);
    if is_of_second {
        part(out, "up again", migration, &migration.upgrade);
        look(out, "reupgraded");
        differ(out, "upgraded", "reupgraded");
    } else if compares {
        look(out, "downgraded");
        differ(out, "before", "downgraded");
    } else {
        part(out, "up again", migration, &migration.upgrade);
    }
}

/// The upgrade on the rows in one order and in the other, each taken back.
fn in_two_orders(out: &mut String, finding: &Finding, migration: &Migration) {
    out.push_str(LOOK);
    if own_transactions(&migration.upgrade) {
        given(out, finding);
        part(out, "up", migration, &migration.upgrade);
        look(out, "upgraded");
        return;
    }
    for (name, reversed) in [("one", false), ("other", true)] {
        let _ = write!(out, "\n\\echo == the rows in {name} order\nBEGIN;\n");
        insert(out, finding, reversed);
        out.push_str(statements(&migration.upgrade).as_str());
        look(out, name);
        out.push_str("ROLLBACK;\n");
    }
    differ(out, "one", "other");
}

fn statements(script: &Script) -> String {
    let text = script.sql();
    let text = text.trim_end();
    let end = if sql::split(text).is_ok() && text.ends_with(';') { "" } else { "\n;" };
    format!("\n{text}{end}\n")
}

fn given(out: &mut String, finding: &Finding) {
    out.push_str("\n\\echo == rows\nDISCARD ALL;\n");
    if finding.rows.is_empty() {
        out.push_str("-- Those that the upgrades before it insert are enough.\n");
        return;
    }
    out.push_str("BEGIN;\n");
    insert(out, finding, false);
    out.push_str("COMMIT;\n");
    out.push_str(PAST);
}

fn insert(out: &mut String, finding: &Finding, reversed: bool) {
    out.push_str("-- As they are: no trigger and no foreign key looks at them.\n");
    out.push_str("SET LOCAL session_replication_role TO replica;\n");
    let rows: Vec<&str> = finding.rows.iter().map(|row| row.insert.as_str()).collect();
    let rows: Vec<&str> = if reversed { rows.into_iter().rev().collect() } else { rows };
    for row in rows {
        let _ = writeln!(out, "{row}");
    }
    out.push_str("SET LOCAL session_replication_role TO origin;\n");
}

fn look(out: &mut String, name: &str) {
    let _ = write!(out, "\nRESET ALL;\n\\o {name}.rows\n:look \\gexec\n\\o\n");
}

fn differ(out: &mut String, one: &str, other: &str) {
    let _ =
        write!(out, "\n\\echo == rows, {one} against {other}\n\\! diff {one}.rows {other}.rows\n");
}

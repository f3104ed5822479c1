//! Flyway: `V1_2__name.sql` with `U1_2__name.sql`, and `R__name.sql`, which is run again when it changes; the
//! table `flyway_schema_history` with a CRC-32 of the text.
//!
//! A version is numbers parted by dots or underscores. Each file is sent in a transaction, unless its `.conf`
//! says `executeInTransaction=false` or all of its statements are such that Flyway knows to refuse one. What
//! is set beside the files is told by `flyway_settings.rs`. Callbacks, and migrations in other languages, are
//! refused: nobody may think that they were run.
//!
//! *Repeatable migrations* come last, by name, as Flyway runs them. Nothing takes them back, which is a claim
//! that the layout makes for them. The version table can't say that one is applied and a versioned one
//! before it is not, since a place in a history is a number of migrations: where something before it is
//! pending, or its text is another one, it is pending, too, and is run and recorded once more. Flyway would
//! leave one that did not change; its author has promised that it may be run at any time.
//!
//! The column `script` has a file's name, without the folders that it is in within the folder: Flyway shows it
//! and compares it with nothing. What is taken back loses its row. Flyway's editions with `undo` add a row `UNDO_SQL` instead, which is
//! read here; the edition without it can't read a table that has one.
//!
//! Source: `flyway-core` of version 13 (`MigrationVersion`, `ResourceNameParser`, `ChecksumCalculator`,
//! `JdbcTableSchemaHistory`) and its `PostgreSQLDatabase` and `PostgreSQLParser`.

use std::collections::BTreeMap;
use std::path::Path;

use super::flyway_settings::{OwnSettings, Settings};
use super::folder::Loaded;
use super::history::{Lineage, Migration, Script, Wrap};
use super::section::{BOM, wrong};
use super::{Applied, MigrationsError, VersionTable, folder, refinery};
use crate::finding::{Claim, ClaimKind};
use crate::postgres::quote_literal;
use crate::sql::{self, Statement};

pub(super) const LAYOUT: &str = "flyway: V1_2__name.sql with U1_2__name.sql, and R__name.sql";

pub(super) const TABLE: VersionTable = VersionTable {
    name: "flyway_schema_history",
    create: "CREATE TABLE {table} (\n    \"installed_rank\" INT NOT NULL,\n    \"version\" \
             VARCHAR(50),\n    \"description\" VARCHAR(200) NOT NULL,\n    \"type\" VARCHAR(20) NOT \
             NULL,\n    \"script\" VARCHAR(1000) NOT NULL,\n    \"checksum\" INTEGER,\n    \
             \"installed_by\" VARCHAR(100) NOT NULL,\n    \"installed_on\" TIMESTAMP NOT NULL DEFAULT \
             now(),\n    \"execution_time\" INTEGER NOT NULL,\n    \"success\" BOOLEAN NOT \
             NULL\n);\nALTER TABLE {table} ADD CONSTRAINT \"flyway_schema_history_pk\" PRIMARY KEY \
             (\"installed_rank\");\nCREATE INDEX \"flyway_schema_history_s_idx\" ON {table} (\"success\");",
    // The last row of each tells. A baseline stands for all up to it.
    read: "SELECT CASE WHEN type LIKE '%BASELINE' THEN 'baseline ' || version \
           ELSE coalesce(version, 'R ' || description) END, checksum, success \
           FROM (SELECT DISTINCT ON (coalesce(version, 'R ' || description)) * FROM {table} \
           WHERE type <> 'SCHEMA' ORDER BY coalesce(version, 'R ' || description), installed_rank DESC) \
           AS last WHERE type <> 'DELETE' AND type NOT LIKE 'UNDO%' ORDER BY installed_rank",
};

/// What a file's name says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind<'a> {
    Versioned(&'a str),
    Undo(&'a str),
    Repeatable,
}

/// Reads `V1_2__name.sql`, `U1_2__name.sql` and `R__name.sql`.
pub(super) fn named(file: &str) -> Option<(Kind<'_>, &str)> {
    let (stem, end) = file.split_at_checked(file.len().checked_sub(4)?)?;
    let (version, name) = stem.get(1..)?.split_once("__").unwrap_or((stem.get(1..)?, ""));
    let is_version = number(version).is_some();
    let kind = match stem.chars().next()? {
        'V' if is_version => Kind::Versioned(version),
        'U' if is_version => Kind::Undo(version),
        'R' if version.is_empty() => Kind::Repeatable,
        _ => return None,
    };
    end.eq_ignore_ascii_case(".sql").then_some((kind, name))
}

/// Whether a file among `files` is named as no refinery names one.
pub(super) fn is_only(file: &str, files: &[String]) -> bool {
    let is_there = |undone: &str| {
        files.iter().filter_map(|file| named(file)).any(|(kind, _)| match kind {
            Kind::Versioned(version) => number(version) == number(undone),
            _ => false,
        })
    };
    match named(file) {
        Some((Kind::Repeatable, _)) => true,
        Some((Kind::Versioned(_), _)) => refinery::named(file).is_none(),
        Some((Kind::Undo(version), _)) => refinery::named(file).is_none() || is_there(version),
        None => file.strip_suffix(".conf").is_some_and(|script| named(script).is_some()),
    }
}

/// A version as numbers, each as its length and its digits; zeros at the end say nothing.
type Number = Vec<(usize, String)>;

fn number(version: &str) -> Option<Number> {
    let mut parts = Vec::new();
    for part in version.split(['.', '_']) {
        if part.is_empty() || !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let digits = part.trim_start_matches('0').to_owned();
        parts.push((digits.len(), digits));
    }
    while parts.last().is_some_and(|(length, _)| *length == 0) {
        parts.pop();
    }
    Some(parts)
}

pub(super) fn load(from: &Path) -> Result<Loaded, MigrationsError> {
    load_set(from, from)
}

/// With the settings that stand above `set`.
pub(super) fn load_set(from: &Path, set: &Path) -> Result<Loaded, MigrationsError> {
    let settings = Settings::load(set)?;
    let (mut versioned, mut undone) = (BTreeMap::new(), Vec::new());
    let mut repeatable = BTreeMap::new();
    for relative in folder::nested(from)? {
        let path = from.join(&relative);
        let file = relative.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Some((kind, name)) = named(&file) else {
            refuse(&path, &file)?;
            continue;
        };
        let script = script(&path, &settings, kind == Kind::Repeatable)?;
        let name = name.replace('_', " ");
        match kind {
            Kind::Versioned(version) => {
                let number = number(version).unwrap_or_default();
                versioned.insert((number, relative), one(version, name, script));
            }
            Kind::Undo(version) => undone.push((number(version).unwrap_or_default(), script)),
            Kind::Repeatable => {
                let stem = file.get(..file.len().saturating_sub(4)).unwrap_or_default();
                repeatable.insert((name.clone(), relative), again(stem, name, script));
            }
        }
    }
    same_numbers(&versioned)?;
    let mut lone = Vec::new();
    for (number, script) in undone {
        match versioned.iter_mut().find(|((other, _), _)| *other == number) {
            Some((_, migration)) => migration.downgrade = Some(script),
            None => lone.push(script.path),
        }
    }
    let migrations = versioned.into_values().chain(repeatable.into_values()).collect();
    Ok(Loaded { migrations, records: None, lone })
}

fn one(version: &str, name: String, upgrade: Script) -> Migration {
    Migration {
        lineage: Lineage::default(),
        revision: version.to_owned(),
        version: version.replace('_', "."),
        name,
        upgrade,
        downgrade: None,
        claims: Vec::new(),
    }
}

fn again(stem: &str, name: String, upgrade: Script) -> Migration {
    let claim = Claim {
        kind: ClaimKind::Irreversible,
        object: String::new(),
        reason: "Flyway takes no repeatable migration back: it is changed and run again".to_owned(),
        span: None,
    };
    Migration {
        lineage: Lineage::default(),
        revision: stem.to_owned(),
        version: format!("R {name}"),
        name,
        upgrade,
        downgrade: None,
        claims: vec![claim],
    }
}

/// What somebody may take for a part of the history.
fn refuse(path: &Path, file: &str) -> Result<(), MigrationsError> {
    let (stem, end) = file.rsplit_once('.').unwrap_or((file, ""));
    let lead = stem.split("__").next().unwrap_or_default();
    let is_digit = |letter: char| letter.is_ascii_digit();
    let is_numbered =
        |prefix: char| lead.strip_prefix(prefix).is_some_and(|it| it.starts_with(is_digit));
    let is_event = |word: &str| {
        lead.strip_prefix(word)
            .is_some_and(|it| it.starts_with(|letter: char| letter.is_uppercase()))
    };
    let is_sql = end.eq_ignore_ascii_case("sql");
    let problem = match end.to_lowercase().as_str() {
        "java" | "py" | "sh" | "bash" | "ps1" | "bat" | "cmd"
            if is_numbered('V') || lead == "R" =>
        {
            "a migration that is not SQL can't be run here: write it in SQL, or name a folder without it"
        }
        _ if is_sql && is_numbered('B') => {
            "a baseline migration stands for those before it, which is not understood here: move it elsewhere"
        }
        _ if is_sql && (is_event("before") || is_event("after") || lead == "createSchema") => {
            "Flyway runs a callback around migrations, which is not done here: make it a migration, or name \
             a folder without it"
        }
        _ if is_sql && (is_numbered('V') || is_numbered('U') || stem.starts_with("R_")) => {
            "Flyway leaves it out: call it V1__name.sql, U1__name.sql or R__name.sql"
        }
        _ => return Ok(()),
    };
    Err(MigrationsError::Name { path: path.to_owned(), problem: problem.to_owned() })
}

/// `1` and `1.0` are one version to Flyway, which then does nothing.
fn same_numbers(
    versioned: &BTreeMap<(Number, std::path::PathBuf), Migration>,
) -> Result<(), MigrationsError> {
    let pairs = versioned.iter().zip(versioned.iter().skip(1));
    for (((number, _), one), ((other, _), migration)) in pairs {
        if number == other && one.version != migration.version {
            let problem = format!("its version is that of {}, too", one.upgrade.path.display());
            return Err(MigrationsError::Name { path: migration.upgrade.path.clone(), problem });
        }
    }
    Ok(())
}

fn script(path: &Path, settings: &Settings, repeats: bool) -> Result<Script, MigrationsError> {
    let raw = folder::text(path)?;
    let own = OwnSettings::load(path)?;
    // Flyway drops the mark, which the server would not understand.
    let text = match raw.strip_prefix(BOM) {
        Some(rest) => format!("{}{rest}", " ".repeat(BOM.len_utf8())),
        None => raw.to_string(),
    };
    let replaces = own.replaces.unwrap_or_else(|| settings.is("placeholderReplacement", true));
    let text = if replaces { settings.fill(path, &text)? } else { text };
    let recorded = Some(checksum(if repeats && replaces { &text } else { &raw }));
    let wrap = wrap(path, &text, settings, own)?;
    Ok(Script {
        path: path.to_owned(),
        file: text.as_str().into(),
        text: text.into(),
        recorded,
        program: None,
        wrap,
    })
}

/// Line by line, so that neither ends of lines nor a mark at the beginning matter.
fn checksum(text: &str) -> String {
    let mut hasher = crc32fast::Hasher::new();
    for line in text.trim_start_matches(BOM).split(['\r', '\n']) {
        hasher.update(line.as_bytes());
    }
    // Java's int has a sign.
    hasher.finalize().cast_signed().to_string()
}

fn wrap(
    path: &Path,
    text: &str,
    settings: &Settings,
    own: OwnSettings,
) -> Result<Wrap, MigrationsError> {
    let usual = settings.is("executeInTransaction", true);
    let statements = sql::split(text).unwrap_or_default();
    let is_outside = |it: &&Statement| refuses_transaction(it.text(text));
    let outside = statements.iter().find(is_outside);
    let inside = statements.iter().find(|it| !is_outside(it));
    let is_mixed = own.in_transaction.is_none() && usual && !settings.is("mixed", false);
    if let (Some(outside), Some(inside), true) = (outside, inside, is_mixed) {
        let at = outside.bytes.start.max(inside.bytes.start);
        let line = text.get(..at).unwrap_or_default().matches('\n').count() + 1;
        let problem = "statements that may be in a transaction and such that may not, which Flyway refuses \
                       in one file: give them files of their own, or set flyway.mixed=true";
        return Err(wrong(path, line, problem));
    }
    let is_inside = own.in_transaction.unwrap_or(usual && outside.is_none());
    Ok(if is_inside { Wrap::Transaction } else { Wrap::Statements })
}

/// Those that Flyway knows; what it does not know fails in its transaction, and in ours.
fn refuses_transaction(statement: &str) -> bool {
    let words = sql::tokens(statement).filter(|token| !token.kind.is_blank());
    let words = words.take(4).filter_map(|token| statement.get(token.bytes));
    let words: Vec<String> = words.map(str::to_uppercase).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    matches!(
        words.as_slice(),
        ["CREATE" | "DROP", "DATABASE" | "TABLESPACE" | "SUBSCRIPTION", ..]
            | ["CREATE" | "DROP", "INDEX", "CONCURRENTLY", ..]
            | ["CREATE" | "DROP", "UNIQUE", "INDEX", "CONCURRENTLY"]
            | ["ALTER", "SYSTEM", ..]
            | ["REINDEX", "SCHEMA" | "DATABASE" | "SYSTEM", ..]
            | ["REINDEX", "VERBOSE", "SCHEMA" | "DATABASE" | "SYSTEM", ..]
            | ["VACUUM", ..]
            | ["DISCARD", "ALL", ..]
    )
}

/// The name of a repeatable migration in the column of versions.
pub(super) fn is_repeatable(version: &str) -> bool {
    version.starts_with("R ")
}

pub(super) fn expand(rows: Vec<Applied>, history: &[Migration]) -> Vec<Applied> {
    let mut applied: Vec<Applied> = Vec::new();
    for row in rows {
        let baseline = row.version.strip_prefix("baseline ").and_then(number);
        if let Some(baseline) = baseline {
            let below = history.iter().filter(|migration| {
                number(&migration.version).is_some_and(|number| number <= baseline)
            });
            applied.extend(below.map(|migration| Applied {
                version: migration.version.clone(),
                checksum: None,
                whole: true,
            }));
            continue;
        }
        // A file may be called 1.0 by now where the table has 1.
        let own = number(&row.version);
        let named = history.iter().find(|it| own.is_some() && number(&it.version) == own);
        let version = named.map_or(row.version, |it| it.version.clone());
        applied.push(Applied { version, ..row });
    }
    let mut is_whole = true;
    for migration in history {
        let row = applied.iter().find(|row| row.version == migration.version);
        let is_same = |row: &Applied| row.checksum == migration.upgrade.recorded || !row.whole;
        is_whole &= row.is_some_and(|row| !is_repeatable(&migration.version) || is_same(row));
        if !is_whole && is_repeatable(&migration.version) {
            applied.retain(|row| row.version != migration.version);
        }
    }
    applied
}

pub(super) fn record(table: &str, migration: &Migration) -> String {
    let version = (!is_repeatable(&migration.version)).then(|| quote_literal(&migration.version));
    let script = migration.upgrade.path.file_name().unwrap_or_default().to_string_lossy();
    format!(
        "INSERT INTO {table} (installed_rank, version, description, type, script, checksum, \
         installed_by, execution_time, success) SELECT coalesce(max(installed_rank), 0) + 1, {}, {}, \
         'SQL', {}, {}, current_user, 0, TRUE FROM {table}",
        version.as_deref().unwrap_or("NULL"),
        quote_literal(&description(&migration.name)),
        quote_literal(&script),
        migration.upgrade.recorded.as_deref().unwrap_or("NULL")
    )
}

/// As long as the column, cut as Flyway cuts it.
fn description(name: &str) -> String {
    if name.chars().count() <= 200 {
        return name.to_owned();
    }
    let cut: String = name.chars().take(197).collect();
    format!("{cut}...")
}

pub(super) fn erase(table: &str, migration: &Migration) -> String {
    forget(table, &migration.version)
}

pub(super) fn forget(table: &str, version: &str) -> String {
    format!(
        "DELETE FROM {table} WHERE coalesce(version, 'R ' || description) = {}",
        quote_literal(version)
    )
}

/// Who made the schema stays known.
pub(super) fn forget_all(table: &str) -> String {
    format!("DELETE FROM {table} WHERE type <> 'SCHEMA'")
}

#[cfg(test)]
mod tests {
    use super::{Kind, checksum, named, number, refuses_transaction};

    #[test]
    fn names_are_read_as_flyway_reads_them() {
        assert_eq!(named("V1_2__add_pets.sql"), Some((Kind::Versioned("1_2"), "add_pets")));
        assert_eq!(named("V2024.01__a__b.SQL"), Some((Kind::Versioned("2024.01"), "a__b")));
        assert_eq!(named("V7.sql"), Some((Kind::Versioned("7"), "")));
        assert_eq!(named("U1.2__back.sql"), Some((Kind::Undo("1.2"), "back")));
        assert_eq!(named("R__views.sql"), Some((Kind::Repeatable, "views")));
        for other in ["V1_a.sql", "v1__a.sql", "R1__a.sql", "V__a.sql", "V1__a.txt", "é"] {
            assert_eq!(named(other), None, "{other}");
        }
    }

    #[test]
    fn versions_are_numbers_part_by_part() {
        assert!(number("1.10") > number("1.9"));
        assert!(number("1.0.1") > number("1"));
        assert_eq!(number("01_0"), number("1"));
        assert!(number("99999999999999999999999999999") > number("20240101000000"));
        assert_eq!(number("1..2"), None);
    }

    /// CRC-32 of "SELECT 1;SELECT 2;" as zlib has it, with Java's sign.
    #[test]
    fn ends_of_lines_and_a_mark_do_not_matter() {
        let sum = checksum("SELECT 1;SELECT 2;");
        for text in ["SELECT 1;\nSELECT 2;\n", "\u{feff}SELECT 1;\r\n\r\nSELECT 2;"] {
            assert_eq!(checksum(text), sum);
        }
        assert_eq!(checksum(""), "0");
        assert_eq!(checksum("123456789"), "-873187034");
    }

    #[test]
    fn what_flyway_sends_outside() {
        for text in ["create unique  index concurrently i on t (a)", "VACUUM t", "reindex schema s"]
        {
            assert!(refuses_transaction(text), "{text}");
        }
        assert!(!refuses_transaction("REINDEX INDEX CONCURRENTLY i"));
        assert!(!refuses_transaction("CREATE INDEX i ON t (a)"));
    }
}

//! What a migration's text speaks of.

use std::collections::BTreeSet;

use super::guards::{Guards, makes_one};
use super::harmless::{Fresh, Side, is_harmless, statements};
use super::items::{names_in_strings, says, words_in};
use super::seeds::without_seeds;
use crate::migrations::{Migration, Script};
use crate::schema::Snapshot;
use crate::sql::{self, StatementKind as K, TokenKind};

/// What a migration's text speaks of.
#[derive(Clone, Debug, Default)]
pub(in crate::runs) struct Spoken {
    /// Everything that could be a name, in bodies and strings as well.
    pub(super) words: BTreeSet<String>,
    /// Whether a statement may touch tables that the text does not name.
    pub(super) is_dynamic: bool,
    /// Whether anything in it can have to do with rows.
    pub(super) has_to_do_with_rows: bool,
    /// Whether the upgrade may leave a sequence where it should not be.
    pub(super) may_move_sequences: bool,
    /// Whether the upgrade draws numbers itself.
    pub(super) draws: bool,
    /// Whether the upgrade inserts rows of its own.
    pub(super) inserts: bool,
    /// Whether rows may be turned away after the upgrade.
    pub(super) may_refuse: bool,
    /// Whether triggers may meet other rows or other functions after the upgrade.
    pub(super) has_guards: bool,
    /// Whether tables that the upgrade makes may turn rows away, since it makes triggers.
    pub(super) makes_guards: bool,
    /// Whether what the upgrade does may depend on the order in which it meets rows.
    pub(super) depends_on_order: bool,
    /// Both scripts, as far as their constants are worth trying.
    pub(super) text: String,
}

pub(super) fn of(migration: &Migration, before: &Snapshot) -> Spoken {
    let mut spoken = Spoken::default();
    let upgrade = migration.upgrade.sql();
    let downgrade = migration.downgrade.as_ref().map(Script::sql).unwrap_or_default();
    let (upgrade, downgrade) = (upgrade.as_ref(), downgrade.as_ref());
    let guards = Guards::of(before);
    let is_guarded = |text: &str| guards.may_fail_after(text);
    spoken.has_guards = any(upgrade, |_, text| is_guarded(text));
    spoken.makes_guards = any(upgrade, |_, text| makes_one(text));
    if !spoken.has_guards && !spoken.makes_guards && is_harmless(upgrade, downgrade) {
        return spoken;
    }
    let fresh = Fresh::of(upgrade);
    for (script, side) in [(upgrade, Side::Upgrade), (downgrade, Side::Downgrade)] {
        let concerns = |text: &&str| {
            let is_about_guards = is_guarded(text) || makes_one(text);
            !fresh.is_without(text, side) || side == Side::Upgrade && is_about_guards
        };
        for text in statements(script).into_iter().flatten().filter(concerns) {
            spoken.has_to_do_with_rows = true;
            spoken.is_dynamic |= is_dynamic(sql::kind(text), text);
            words_in(text, &mut spoken.words);
            names_in_strings(text, &mut spoken.words);
        }
    }
    spoken.may_move_sequences = may_move_sequences(upgrade);
    spoken.draws = says(upgrade, &["nextval"]);
    spoken.inserts = says(upgrade, &["insert", "copy", "merge"]);
    spoken.may_refuse = spoken.has_guards || spoken.makes_guards || may_refuse(upgrade, &fresh);
    // The tables that it makes are not there before.
    spoken.is_dynamic |= spoken.makes_guards;
    spoken.depends_on_order = depends_on_order(upgrade);
    let (upgrade, downgrade) = without_seeds(upgrade, downgrade);
    spoken.text = format!("{upgrade}\n{downgrade}\n");
    spoken
}

/// Whether this is true of a statement; of the whole text if it can't be cut.
fn any(script: &str, is: impl Fn(K, &str) -> bool) -> bool {
    match statements(script) {
        Some(mut texts) => texts.any(|text| is(sql::kind(text), text)),
        None => is(K::Do, script),
    }
}

fn may_move_sequences(upgrade: &str) -> bool {
    // A new table's sequence is where its rows are: there are none.
    any(upgrade, |kind, text| match kind {
        K::CreateTable => {
            says(text, &["as", "of", "partition", "inherits"]) && says(text, SEQUENCES)
        }
        K::CreateIndex | K::CreateSequence | K::Comment => false,
        _ => says(text, SEQUENCES),
    })
}

/// Whether a statement changes what the tables of before take.
fn may_refuse(upgrade: &str, fresh: &Fresh) -> bool {
    any(upgrade, |kind, text| match kind {
        K::Select | K::Insert | K::Update | K::Delete | K::Comment | K::CreateIndex => false,
        // A function that was there before may be what a trigger calls.
        K::CreateFunction => says(text, &["replace"]),
        // A new table's constraints are about its own rows.
        K::CreateTable => says(text, &["partition", "inherits"]),
        _ => !fresh.is_without(text, Side::Upgrade) && says(text, REFUSE),
    })
}

/// Whether a statement reads rows, or does so in its body.
fn depends_on_order(upgrade: &str) -> bool {
    any(upgrade, |kind, text| {
        let is_definition =
            matches!(kind, K::CreateTable | K::CreateIndex | K::AlterTable | K::Delete);
        // These are only words of theirs where no query is in them.
        let is_theirs = |word: &str| {
            is_definition && matches!(word, "from" | "array") && !says(text, &["select"])
        };
        let order: Vec<&str> = ORDER.iter().copied().filter(|word| !is_theirs(word)).collect();
        says(text, &order)
    })
}

const SEQUENCES: &[&str] = &[
    "insert",
    "copy",
    "merge",
    "setval",
    "sequence",
    "serial",
    "bigserial",
    "smallserial",
    "serial2",
    "serial4",
    "serial8",
    "identity",
    "restart",
    "type",
    "nextval",
];

const REFUSE: &[&str] = &[
    "default",
    "check",
    "trigger",
    "rename",
    "function",
    "rule",
    "domain",
    "generated",
    "constraint",
    "type",
    "exclude",
    "cascade",
];

const ORDER: &[&str] = &[
    "limit",
    "fetch",
    "distinct",
    "row_number",
    "rank",
    "first_value",
    "last_value",
    "nth_value",
    "lag",
    "lead",
    "ntile",
    "array_agg",
    "string_agg",
    "json_agg",
    "jsonb_agg",
    "xmlagg",
    "json_object_agg",
    "jsonb_object_agg",
    "array",
    "from",
    "conflict",
    "loop",
    "ctid",
    "offset",
];

fn is_dynamic(kind: K, text: &str) -> bool {
    let has = |word: &str| {
        sql::tokens(text).any(|token| {
            token.kind == TokenKind::Word
                && text.get(token.bytes).is_some_and(|it| it.eq_ignore_ascii_case(word))
        })
    };
    match kind {
        K::Do | K::Call | K::Select => true,
        K::DropSchema | K::DropType | K::DropDomain | K::DropExtension | K::DropTable => {
            has("cascade")
        }
        _ => false,
    }
}

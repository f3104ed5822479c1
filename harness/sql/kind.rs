//! What kind of statement a statement is, told by its leading words.
//!
//! Knows the first words of `PostgreSQL`'s commands. Must not know what follows them.

use super::token::{Token, TokenKind, tokens};

/// The kind of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each is the command of its own name")]
pub enum StatementKind {
    CreateTable,
    CreateForeignTable,
    CreateIndex,
    CreateView,
    CreateMaterializedView,
    CreateSequence,
    CreateFunction,
    CreateProcedure,
    CreateAggregate,
    CreateTrigger,
    CreateEventTrigger,
    CreateRule,
    CreatePolicy,
    CreateType,
    CreateDomain,
    CreateSchema,
    CreateExtension,
    CreateStatistics,
    CreateRole,
    CreateDatabase,
    CreateTablespace,
    CreatePublication,
    CreateSubscription,
    /// `CREATE` of anything else.
    CreateOther,
    AlterTable,
    AlterForeignTable,
    AlterIndex,
    AlterView,
    AlterMaterializedView,
    AlterSequence,
    AlterFunction,
    AlterProcedure,
    AlterTrigger,
    AlterEventTrigger,
    AlterRule,
    AlterPolicy,
    AlterType,
    AlterDomain,
    AlterSchema,
    AlterExtension,
    AlterStatistics,
    AlterRole,
    AlterDatabase,
    AlterDefaultPrivileges,
    AlterSystem,
    AlterTablespace,
    AlterPublication,
    AlterSubscription,
    /// `ALTER` of anything else.
    AlterOther,
    DropTable,
    DropForeignTable,
    DropIndex,
    DropView,
    DropMaterializedView,
    DropSequence,
    DropFunction,
    DropProcedure,
    DropAggregate,
    DropTrigger,
    DropEventTrigger,
    DropRule,
    DropPolicy,
    DropType,
    DropDomain,
    DropSchema,
    DropExtension,
    DropStatistics,
    DropRole,
    DropDatabase,
    DropTablespace,
    DropPublication,
    DropSubscription,
    /// `DROP` of anything else, also `DROP OWNED`.
    DropOther,
    /// `SELECT`, `VALUES`, `TABLE` or a parenthesis before them.
    Select,
    /// `WITH`: a query, or a change with queries before it.
    With,
    Insert,
    Update,
    Delete,
    Merge,
    Truncate,
    Copy,
    Comment,
    SecurityLabel,
    Grant,
    Revoke,
    ReassignOwned,
    ImportForeignSchema,
    Refresh,
    Reindex,
    Cluster,
    Vacuum,
    Analyze,
    Checkpoint,
    Do,
    Call,
    Explain,
    Lock,
    /// `SET` for the session.
    Set,
    SetLocal,
    SetTransaction,
    SetConstraints,
    Reset,
    Show,
    Discard,
    /// `BEGIN` or `START TRANSACTION`.
    Begin,
    /// `COMMIT` or `END`.
    Commit,
    /// `ROLLBACK` or `ABORT`.
    Rollback,
    Savepoint,
    RollbackToSavepoint,
    Release,
    PrepareTransaction,
    CommitPrepared,
    RollbackPrepared,
    Notify,
    Listen,
    Load,
    /// Any other command, and what is no command.
    Other,
}

impl StatementKind {
    /// Whether it begins or ends a transaction, or a part of one.
    pub fn controls_transaction(self) -> bool {
        self.ends_transaction()
            || matches!(
                self,
                Self::Begin | Self::Savepoint | Self::RollbackToSavepoint | Self::Release
            )
    }

    /// Whether the transaction that it runs in is over afterwards. The two `PREPARED` ones are not
    /// among them: they end another session's transaction.
    pub fn ends_transaction(self) -> bool {
        matches!(self, Self::Commit | Self::Rollback | Self::PrepareTransaction)
    }
}

use StatementKind as K;

/// Commands by their leading words; the first row that fits is taken.
const COMMANDS: &[(&[&str], StatementKind)] = &[
    (&["select"], K::Select),
    (&["values"], K::Select),
    (&["table"], K::Select),
    (&["with"], K::With),
    (&["insert"], K::Insert),
    (&["update"], K::Update),
    (&["delete"], K::Delete),
    (&["merge"], K::Merge),
    (&["truncate"], K::Truncate),
    (&["copy"], K::Copy),
    (&["comment"], K::Comment),
    (&["security", "label"], K::SecurityLabel),
    (&["grant"], K::Grant),
    (&["revoke"], K::Revoke),
    (&["reassign"], K::ReassignOwned),
    (&["import"], K::ImportForeignSchema),
    (&["refresh"], K::Refresh),
    (&["reindex"], K::Reindex),
    (&["cluster"], K::Cluster),
    (&["vacuum"], K::Vacuum),
    (&["analyze"], K::Analyze),
    (&["analyse"], K::Analyze),
    (&["checkpoint"], K::Checkpoint),
    (&["do"], K::Do),
    (&["call"], K::Call),
    (&["explain"], K::Explain),
    (&["lock"], K::Lock),
    (&["set", "local"], K::SetLocal),
    (&["set", "transaction"], K::SetTransaction),
    (&["set", "constraints"], K::SetConstraints),
    (&["set"], K::Set),
    (&["reset"], K::Reset),
    (&["show"], K::Show),
    (&["discard"], K::Discard),
    (&["begin"], K::Begin),
    (&["start", "transaction"], K::Begin),
    (&["commit", "prepared"], K::CommitPrepared),
    (&["commit"], K::Commit),
    (&["end"], K::Commit),
    (&["rollback", "prepared"], K::RollbackPrepared),
    (&["rollback", "to"], K::RollbackToSavepoint),
    (&["rollback", "work", "to"], K::RollbackToSavepoint),
    (&["rollback", "transaction", "to"], K::RollbackToSavepoint),
    (&["rollback"], K::Rollback),
    (&["abort"], K::Rollback),
    (&["savepoint"], K::Savepoint),
    (&["release"], K::Release),
    (&["prepare", "transaction"], K::PrepareTransaction),
    (&["notify"], K::Notify),
    (&["listen"], K::Listen),
    (&["load"], K::Load),
];

/// Objects by their words, with what `CREATE`, `ALTER` and `DROP` of them are.
const OBJECTS: &[(&[&str], [StatementKind; 3])] = &[
    (&["table"], [K::CreateTable, K::AlterTable, K::DropTable]),
    (&["foreign", "table"], [K::CreateForeignTable, K::AlterForeignTable, K::DropForeignTable]),
    (&["index"], [K::CreateIndex, K::AlterIndex, K::DropIndex]),
    (&["view"], [K::CreateView, K::AlterView, K::DropView]),
    (
        &["materialized", "view"],
        [K::CreateMaterializedView, K::AlterMaterializedView, K::DropMaterializedView],
    ),
    (&["sequence"], [K::CreateSequence, K::AlterSequence, K::DropSequence]),
    (&["function"], [K::CreateFunction, K::AlterFunction, K::DropFunction]),
    (&["procedure"], [K::CreateProcedure, K::AlterProcedure, K::DropProcedure]),
    (&["aggregate"], [K::CreateAggregate, K::AlterOther, K::DropAggregate]),
    (&["trigger"], [K::CreateTrigger, K::AlterTrigger, K::DropTrigger]),
    (&["event", "trigger"], [K::CreateEventTrigger, K::AlterEventTrigger, K::DropEventTrigger]),
    (&["rule"], [K::CreateRule, K::AlterRule, K::DropRule]),
    (&["policy"], [K::CreatePolicy, K::AlterPolicy, K::DropPolicy]),
    (&["type"], [K::CreateType, K::AlterType, K::DropType]),
    (&["domain"], [K::CreateDomain, K::AlterDomain, K::DropDomain]),
    (&["schema"], [K::CreateSchema, K::AlterSchema, K::DropSchema]),
    (&["extension"], [K::CreateExtension, K::AlterExtension, K::DropExtension]),
    (&["statistics"], [K::CreateStatistics, K::AlterStatistics, K::DropStatistics]),
    (&["user", "mapping"], [K::CreateOther, K::AlterOther, K::DropOther]),
    (&["role"], [K::CreateRole, K::AlterRole, K::DropRole]),
    (&["user"], [K::CreateRole, K::AlterRole, K::DropRole]),
    (&["group"], [K::CreateRole, K::AlterRole, K::DropRole]),
    (&["database"], [K::CreateDatabase, K::AlterDatabase, K::DropDatabase]),
    (&["default", "privileges"], [K::CreateOther, K::AlterDefaultPrivileges, K::DropOther]),
    (&["system"], [K::CreateOther, K::AlterSystem, K::DropOther]),
    (&["tablespace"], [K::CreateTablespace, K::AlterTablespace, K::DropTablespace]),
    (&["publication"], [K::CreatePublication, K::AlterPublication, K::DropPublication]),
    (&["subscription"], [K::CreateSubscription, K::AlterSubscription, K::DropSubscription]),
];

/// Words between `CREATE` and the object that do not change what is created.
const MODIFIERS: &[&str] = &[
    "or",
    "replace",
    "global",
    "local",
    "temp",
    "temporary",
    "unlogged",
    "unique",
    "recursive",
    "constraint",
];

/// How many leading words are looked at.
const LEADING: usize = 8;

/// What kind of statement it is, from its leading words only. Comments and blanks before and
/// between them, semicolons and parentheses before them are skipped.
pub fn kind(statement: &str) -> StatementKind {
    let mut words = [""; LEADING];
    for (slot, word) in words.iter_mut().zip(leading(statement)) {
        *slot = word;
    }
    let (column, objects) = match words.split_first() {
        Some((first, rest)) if first.eq_ignore_ascii_case("create") => {
            let skipped = rest.iter().take_while(|word| is_one_of(word, MODIFIERS)).count();
            (0, rest.get(skipped..).unwrap_or_default())
        }
        Some((first, rest)) if first.eq_ignore_ascii_case("alter") => (1, rest),
        Some((first, rest)) if first.eq_ignore_ascii_case("drop") => (2, rest),
        _ => return look_up(COMMANDS, &words).copied().unwrap_or(K::Other),
    };
    let others = [K::CreateOther, K::AlterOther, K::DropOther];
    let kinds = look_up(OBJECTS, objects).unwrap_or(&others);
    kinds.get(column).copied().unwrap_or(K::Other)
}

fn is_one_of(word: &str, words: &[&str]) -> bool {
    words.iter().any(|other| word.eq_ignore_ascii_case(other))
}

fn look_up<'a, T>(table: &'a [(&[&str], T)], words: &[&str]) -> Option<&'a T> {
    let fits = |row: &[&str]| {
        row.len() <= words.len()
            && row.iter().zip(words).all(|(want, word)| word.eq_ignore_ascii_case(want))
    };
    table.iter().find(|(row, _)| fits(row)).map(|(_, value)| value)
}

/// The words that a statement begins with, up to the first thing that is no word.
fn leading(statement: &str) -> impl Iterator<Item = &str> {
    significant(statement)
        .skip_while(|(_, text)| matches!(*text, "(" | ";"))
        .map_while(|(token, text)| (token.kind == TokenKind::Word).then_some(text))
}

/// The tokens that the server's grammar sees, each with its text.
pub(super) fn significant(statement: &str) -> impl Iterator<Item = (Token, &str)> {
    tokens(statement).filter(|token| !token.kind.is_blank()).map(|token| {
        let text = statement.get(token.bytes.clone()).unwrap_or_default();
        (token, text)
    })
}

#[cfg(test)]
mod tests {
    use super::{StatementKind as K, kind};

    #[test]
    fn leading_words_tell_the_kind() {
        for (text, want) in [
            ("create table a (b int)", K::CreateTable),
            ("CREATE /* x */ GLOBAL\nTEMPORARY TABLE a ()", K::CreateTable),
            ("create unlogged table a ()", K::CreateTable),
            ("create foreign table a () server b", K::CreateForeignTable),
            ("create foreign data wrapper a", K::CreateOther),
            ("create unique index concurrently a on b (c)", K::CreateIndex),
            ("create or replace temp recursive view a as select 1", K::CreateView),
            ("create materialized view a as select 1", K::CreateMaterializedView),
            ("create or replace function a() returns int", K::CreateFunction),
            ("create constraint trigger a", K::CreateTrigger),
            ("create event trigger a", K::CreateEventTrigger),
            ("create user mapping for a server b", K::CreateOther),
            ("create user a", K::CreateRole),
            ("create operator + ()", K::CreateOther),
            ("alter table if exists only a add b int", K::AlterTable),
            ("alter default privileges grant all on tables to a", K::AlterDefaultPrivileges),
            ("alter system set a = 1", K::AlterSystem),
            ("alter large object 1 owner to a", K::AlterOther),
            ("drop materialized view a", K::DropMaterializedView),
            ("drop owned by a", K::DropOther),
            ("-- x\n ((select 1))", K::Select),
            ("with a as (select 1) delete from b", K::With),
            ("set search_path = ''", K::Set),
            ("set local a = 1", K::SetLocal),
            ("set session characteristics as transaction read only", K::Set),
            ("set constraints all deferred", K::SetConstraints),
            ("begin isolation level serializable", K::Begin),
            ("start transaction", K::Begin),
            ("end", K::Commit),
            ("commit and chain", K::Commit),
            ("commit prepared 'a'", K::CommitPrepared),
            ("rollback work to savepoint a", K::RollbackToSavepoint),
            ("rollback to a", K::RollbackToSavepoint),
            ("abort", K::Rollback),
            ("prepare transaction 'a'", K::PrepareTransaction),
            ("prepare a as select 1", K::Other),
            ("\"create\" table a", K::Other),
            ("créate table a", K::Other),
            ("", K::Other),
        ] {
            assert_eq!(kind(text), want, "{text}");
        }
    }

    #[test]
    fn transaction_control_is_told_apart() {
        assert!(kind("commit").ends_transaction() && kind("savepoint a").controls_transaction());
        assert!(!kind("rollback to a").ends_transaction());
        assert!(!kind("set transaction read only").controls_transaction());
    }
}

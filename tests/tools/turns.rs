//! What holds of every tool: whoever moves a database, the other takes over.

use stairway::postgres::ResultSet;

use crate::native::Native;
use crate::place::Place;

/// What the tool leaves by itself after each number of migrations.
struct Learnt {
    rows: Vec<ResultSet>,
    schemas: Vec<String>,
}

/// Has the tool go all the way up, one by one, and all the way down.
fn learn(place: &Place, native: &dyn Native) -> Learnt {
    let count = native.history().len();
    place.make("theirs");
    let mut learnt = Learnt { rows: Vec::new(), schemas: Vec::new() };
    for applied in 0..=count {
        native.go(place, "theirs", applied);
        learnt.rows.push(place.rows("theirs", native));
        learnt.schemas.push(place.schema("theirs"));
    }
    native.go(place, "theirs", 0);
    assert_eq!(place.rows("theirs", native), learnt.rows[0]);
    assert_eq!(learnt.rows[0].len(), native.bare());
    let mut different = learnt.rows.clone();
    different.dedup();
    assert_eq!(different.len(), count + 1, "the rows do not tell one place from another");
    learnt
}

impl Learnt {
    /// Fails unless `database` is what the tool alone would have made of it, and both say so.
    #[track_caller]
    fn holds(&self, place: &Place, native: &dyn Native, database: &str, applied: usize) {
        assert_eq!(place.rows(database, native), self.rows[applied], "after {applied}");
        assert_eq!(place.schema(database), self.schemas[applied], "after {applied}");
        assert_eq!(native.applied(place, database), applied);
    }
}

/// What `stairway current` begins with after so many migrations.
fn current(native: &dyn Native, applied: usize) -> String {
    let history = native.history();
    let revision = applied.checked_sub(1).map_or("base", |last| history[last].revision);
    let head = if applied == history.len() { " (head)" } else { "" };
    format!("{revision}{head}\n")
}

/// Stairway all the way, with backup and rehearsal: the tool has nothing left to do. And back. A schema
/// that is there already is only recorded.
pub(crate) fn stairway_leaves_what_the_tool_would(place: &Place, native: &dyn Native) {
    let learnt = learn(place, native);
    by_itself(place, native, &learnt);
    stamped(place, native, &learnt);
}

fn by_itself(place: &Place, native: &dyn Native, learnt: &Learnt) {
    let count = native.history().len();
    place.make("ours");
    let zone = "ALTER DATABASE ours SET timezone = 'Asia/Tokyo'";
    place.sql("ours", zone);
    let began = place.value("ours", "SELECT clock_timestamp()");
    place.stairway("ours", "upgrade").ended(0).says("there and back and there again");
    learnt.holds(place, native, "ours", count);
    let strange = format!(
        "SELECT count(*) FROM {} WHERE NOT coalesce({} BETWEEN '{began}' AND clock_timestamp(), true)",
        native.table(),
        native.applied_at()
    );
    assert_eq!(place.value("ours", &strange), "0", "applied at another time than it was");
    native.finds_nothing_to_do(place, "ours");
    learnt.holds(place, native, "ours", count);
    place.stairway("ours", "downgrade base --skip-backup").ended(0);
    learnt.holds(place, native, "ours", 0);
    native.go(place, "ours", count);
    learnt.holds(place, native, "ours", count);
}

/// Each migration goes up by one and comes down by the other, both ways; and several at once. One that
/// fails is in the table for neither.
pub(crate) fn they_take_turns(place: &Place, native: &dyn Native) {
    let learnt = learn(place, native);
    by_turns(place, native, &learnt);
    failed(place, native, &learnt);
}

fn by_turns(place: &Place, native: &dyn Native, learnt: &Learnt) {
    let count = native.history().len();
    let database = "shared";
    let stairway = |words: &str| place.stairway(database, &format!("{words} --skip-backup"));
    place.make(database);
    for before in 0..count {
        let after = before + 1;
        stairway("upgrade +1").ended(0);
        learnt.holds(place, native, database, after);
        native.go(place, database, before);
        assert_eq!(place.rows(database, native), learnt.rows[before]);
        native.go(place, database, after);
        assert_eq!(place.rows(database, native), learnt.rows[after]);
        stairway("downgrade -1").ended(0);
        learnt.holds(place, native, database, before);
        native.go(place, database, after);
        let ran = place.stairway(database, "current");
        assert!(ran.ended(0).said.starts_with(&current(native, after)), "{}", ran.said);
    }
    stairway("upgrade").ended(0).says("nothing to do");
    stairway("downgrade -2").ended(0);
    learnt.holds(place, native, database, count - 2);
    native.go(place, database, 0);
    let ran = place.stairway(database, "current");
    assert!(ran.ended(0).said.starts_with("base\n"), "{}", ran.said);
    stairway("upgrade +2").ended(0);
    learnt.holds(place, native, database, 2);
    native.go(place, database, count);
    assert_eq!(place.rows(database, native), learnt.rows[count]);
}

/// A schema that is there already is only recorded, with a reason, and the tool believes it.
fn stamped(place: &Place, native: &dyn Native, learnt: &Learnt) {
    let count = native.history().len();
    native.go(place, "theirs", count);
    place.sql("theirs", &format!("DROP TABLE {}", native.table()));
    let revision = native.history()[count - 1].revision;
    let stamp = format!("stamp {revision} --reason adopted");
    place.stairway("theirs", &stamp).ended(0);
    learnt.holds(place, native, "theirs", count);
    native.finds_nothing_to_do(place, "theirs");
    let told = "SELECT verb || ' ' || revision_to || ' ' || reason FROM stairway.run";
    assert_eq!(place.value("theirs", told), format!("stamp {revision} adopted"));
    // Back to where only some are applied: the others are forgotten, and nothing is run.
    let revision = native.history()[1].revision;
    place.stairway("theirs", &format!("stamp {revision} --reason mistaken")).ended(0);
    assert_eq!(place.rows("theirs", native), learnt.rows[2]);
    assert_eq!(place.schema("theirs"), learnt.schemas[count]);
    place.stairway("theirs", "stamp base --reason mistaken").ended(0);
    assert_eq!(place.rows("theirs", native), learnt.rows[0]);
}

/// A migration outside of a transaction that fails leaves the table as it was, and both go on.
fn failed(place: &Place, native: &dyn Native, learnt: &Learnt) {
    let database = "failing";
    place.make(database);
    native.go(place, database, 1);
    // The second migration is a unique index without a transaction.
    place.sql(database, "INSERT INTO accounts (email) VALUES ('same'), ('same')");
    let ran = place.stairway(database, "upgrade --skip-backup");
    assert!(matches!(ran.code, Some(20 | 21)), "{}", ran.said);
    learnt.holds(place, native, database, 1);
    place.sql(database, "DELETE FROM accounts");
    place.stairway(database, "upgrade +1 --skip-backup").ended(0);
    learnt.holds(place, native, database, 2);
    native.go(place, database, native.history().len());
    place.stairway(database, "upgrade --skip-backup").ended(0).says("nothing to do");
}

//! The second witness for generated DDL: random statements of all kinds, with `pg_dump` after each.
//!
//! After each step (a statement, some of them, or a transaction that may be rolled back) a database
//! is looked at three times: a whole snapshot by a fresh reader, the snapshot of a reader that follows
//! what was touched, and `pg_dump --schema-only --create`. The two snapshots must be equal, and any
//! two states of a database must have equal snapshots exactly when they have equal dumps, but for
//! the differences on purpose that `deliberate` lists. What disagrees is cut down to few
//! statements and printed as SQL.
//!
//! `STAIRWAY_SWEEP=full cargo test --test schema_oracle -- --nocapture` is the long form.
//! `STAIRWAY_SEED=7` (or `7,8,9`) deals other statements, `STAIRWAY_ORACLE_MAJORS=18` takes only that
//! major, and `STAIRWAY_DEALT=FILE` looks after each line of a file instead.

mod deck;
mod deliberate;
mod dump;
mod servers;

use std::collections::BTreeMap;

use deck::{Deck, START, mark};
use deliberate::{LIST, Pair};
use dump::{Dump, lines_that_differ};
use servers::{TestServer, server};
use stairway::postgres::Session;
use stairway::schema::{FLUSH, Reader, Snapshot};

/// The database of all deals, one after the other: statements name it.
const DATABASE: &str = "dealt";
const ROLES: [&str; 3] = ["auditor", "clerk", "keeper"];
/// A reader's first look is dear: every how many looks there is a fresh one.
const FRESH: usize = 4;
/// What a lane cuts down and prints at most.
const QUARRELS: usize = 12;

/// How much is dealt to each major for each seed.
#[derive(Clone, Copy)]
struct Plan {
    is_full: bool,
    databases: usize,
    steps: usize,
}

/// What is sent between two looks.
#[derive(Clone, Debug, PartialEq)]
struct Step {
    form: Form,
    statements: Vec<Statement>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// Each statement is a transaction of its own.
    Single,
    Committed,
    RolledBack,
}

#[derive(Clone, Debug, PartialEq)]
struct Statement {
    sql: String,
    /// Undone by a savepoint, within a transaction.
    is_undone: bool,
}

/// A state of a database as both witnesses see it.
#[derive(Clone)]
struct Sight {
    snapshot: Snapshot,
    dump: String,
    /// Of both, to compare many.
    marks: (u64, u64),
}

/// What does not agree.
#[derive(Debug)]
struct Quarrel {
    kind: &'static str,
    /// The steps after which the two states were seen.
    between: (usize, usize),
    text: String,
}

/// What one server said.
#[derive(Default)]
struct Outcome {
    dealt: usize,
    played: usize,
    looks: usize,
    changed: usize,
    excused: BTreeMap<&'static str, usize>,
    problems: Vec<String>,
}

#[test]
fn snapshots_and_dumps_agree_about_generated_statements() {
    let is_full = std::env::var("STAIRWAY_SWEEP").is_ok_and(|sweep| sweep == "full");
    let plan = if is_full {
        Plan { is_full, databases: 24, steps: 100 }
    } else {
        Plan { is_full, databases: 2, steps: 60 }
    };
    let seeds: Vec<u64> = std::env::var("STAIRWAY_SEED")
        .map_or(vec![1], |seeds| seeds.split(',').map(|seed| seed.parse().unwrap()).collect());
    let wanted = std::env::var("STAIRWAY_ORACLE_MAJORS").unwrap_or_default();
    let is_wanted = |major: &u32| wanted.is_empty() || wanted.contains(&major.to_string());
    let majors: Vec<u32> = servers::MAJORS.into_iter().filter(is_wanted).collect();
    let outcomes: Vec<(u32, Outcome)> = std::thread::scope(|scope| {
        let lane = |major: &u32| {
            let (major, seeds) = (*major, seeds.clone());
            scope.spawn(move || server(major).map(|server| lane(&server, plan, &seeds)))
        };
        let lanes: Vec<_> = majors.iter().map(lane).collect();
        let ends = lanes.into_iter().map(|lane| lane.join().unwrap());
        majors.iter().copied().zip(ends).filter_map(|(major, end)| Some((major, end?))).collect()
    });
    let mut problems = Vec::new();
    let mut excused = BTreeMap::<&str, usize>::new();
    for (major, outcome) in outcomes {
        println!(
            "PostgreSQL {major}, seeds {seeds:?}: {} statements dealt, {} taken, {} looks, {} changes, {} quarrels",
            outcome.dealt,
            outcome.played,
            outcome.looks,
            outcome.changed,
            outcome.problems.len()
        );
        for (name, count) in outcome.excused {
            println!("  on purpose, {count} times: {name}");
            *excused.entry(name).or_default() += count;
        }
        problems
            .extend(outcome.problems.into_iter().map(|problem| format!("on {major}: {problem}")));
    }
    if is_full {
        let unused = LIST.iter().filter(|one| !excused.contains_key(one.name));
        problems.extend(unused.map(|one| format!("never needed: {}", one.name)));
    }
    assert!(problems.is_empty(), "{}", problems.join("\n\n"));
}

/// Everything on one server.
fn lane(server: &TestServer, plan: Plan, seeds: &[u64]) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let admin = server.session("postgres").await;
        let mut table = Table { server, admin, outcome: Outcome::default() };
        let shelf = server.directory("shelf");
        table.sql(&format!("CREATE TABLESPACE shelf LOCATION '{}'", shelf.display())).await;
        if let Ok(file) = std::env::var("STAIRWAY_DEALT") {
            let steps = steps(&std::fs::read_to_string(file).unwrap());
            let found = table.replay_all(&steps).await;
            table.outcome.problems.extend(found);
            return table.outcome;
        }
        let mut deck = Deck::new(server.major);
        for seed in seeds {
            deck.shuffle(*seed);
            for database in 0..plan.databases {
                deck.focus(database % 2 == 1);
                table.play(&mut deck, plan).await;
            }
        }
        table.tally(&deck, plan);
        table.outcome
    })
}

/// Where is dealt: one server, one database at a time.
struct Table<'s> {
    server: &'s TestServer,
    admin: Session,
    outcome: Outcome,
}

/// The database with those who look at it.
struct Room<'s> {
    server: &'s TestServer,
    writer: Session,
    /// Reads what was touched since it read before.
    follower: Reader,
    /// Reads all, with plans that it has; another one takes its place now and then.
    whole: Reader,
    looks: usize,
}

impl<'s> Table<'s> {
    async fn sql(&mut self, sql: &str) {
        self.admin.execute(sql).await.unwrap_or_else(|error| panic!("{error:?}: {sql}"));
    }

    /// Holds that the deal was not for nothing.
    fn tally(&mut self, deck: &Deck, plan: Plan) {
        let (dealt, played) = deck.tally();
        (self.outcome.dealt, self.outcome.played) = (dealt, played);
        if let Ok(file) = std::env::var("STAIRWAY_REFUSED") {
            std::fs::write(format!("{file}.{}", self.server.major), deck.refused()).unwrap();
        }
        let mut complain = |what: String| self.outcome.problems.push(what);
        if played * 2 < dealt {
            complain(format!("only {played} of {dealt} statements were taken"));
        }
        let missing = deck.kinds_not_played();
        if !missing.is_empty() {
            complain(format!("no statement was taken of these kinds: {missing:?}"));
        }
        let missing = deck.cards_not_played();
        if plan.is_full && !missing.is_empty() {
            complain(format!("never taken:\n  {}", missing.join("\n  ")));
        }
    }

    /// A new database, and only our roles.
    async fn room(&mut self) -> Room<'s> {
        let others =
            "SELECT quote_ident(rolname) FROM pg_roles WHERE NOT rolsuper AND rolname !~ '^pg_'";
        for role in self.admin.rows(others).await.unwrap().into_iter().flatten().flatten() {
            self.sql(&format!("DROP ROLE {role}")).await;
        }
        for role in ROLES {
            self.sql(&format!("CREATE ROLE {role}")).await;
        }
        let target = self.server.create_database(&mut self.admin, DATABASE).await;
        let mut writer = Session::connect(&target, "test").await.unwrap();
        writer.execute("SET lock_timeout = '5s'; SET client_min_messages = error").await.unwrap();
        let follower = Session::connect(&target, "test").await.unwrap();
        let mut follower = Reader::new(follower, self.server.major);
        follower.read(&[]).await.unwrap();
        let whole = Session::connect(&target, "test").await.unwrap();
        let whole = Reader::new(whole, self.server.major);
        Room { server: self.server, writer, follower, whole, looks: 0 }
    }

    async fn leave(&mut self, mut room: Room<'s>) {
        let subscriptions = "SELECT format('ALTER SUBSCRIPTION %1$I DISABLE; ALTER SUBSCRIPTION %1$I \
             SET (slot_name = NONE); DROP SUBSCRIPTION %1$I', subname) \
             FROM pg_subscription";
        let found = room.writer.rows(subscriptions).await.unwrap();
        for sql in found.into_iter().flatten().flatten() {
            room.writer.execute(&sql).await.unwrap();
        }
        room.writer.close().await.unwrap();
        room.follower.into_session().close().await.unwrap();
        room.whole.into_session().close().await.unwrap();
        self.sql(&format!("DROP DATABASE {DATABASE} WITH (FORCE)")).await;
    }

    /// One database from start to end.
    async fn play(&mut self, deck: &mut Deck, plan: Plan) {
        let mut room = self.room().await;
        let mut history = steps(START);
        for step in &history {
            let taken = room.send(step).await;
            assert_eq!(taken, [true], "{step:?}");
        }
        let first = room.look().await.unwrap_or_else(|quarrel| panic!("{}", quarrel.text));
        let start = history.len();
        let mut sights = vec![first];
        for _ in 0..plan.steps {
            let Some(step) = room.deal(deck).await else { continue };
            history.push(step);
            self.outcome.looks += 1;
            let seen = room.look().await;
            let quarrel = match seen {
                Ok(sight) => {
                    let changed = sights.last().unwrap().marks != sight.marks;
                    self.outcome.changed += usize::from(changed);
                    sights.push(sight);
                    self.compare(&sights, &history, start)
                }
                Err(quarrel) => Some(quarrel),
            };
            let Some(mut quarrel) = quarrel else { continue };
            if quarrel.between.1 == 0 {
                quarrel.between = (history.len() - 1, history.len());
            }
            self.leave(room).await;
            let problem = if self.outcome.problems.len() < QUARRELS {
                self.cut_down(&history, &quarrel).await
            } else {
                quarrel.text
            };
            println!("{problem}\n");
            self.outcome.problems.push(problem);
            return;
        }
        self.leave(room).await;
    }

    /// Compares the last state with all before it.
    fn compare(&mut self, sights: &[Sight], history: &[Step], start: usize) -> Option<Quarrel> {
        let (last, before) = sights.split_last()?;
        for (at, sight) in before.iter().enumerate().rev() {
            let (snapshots, dumps) = (sight.marks.0 == last.marks.0, sight.marks.1 == last.marks.1);
            if snapshots == dumps {
                continue;
            }
            let between = (start + at, history.len());
            match judge(sight, last, &history[between.0..between.1]) {
                Ok(names) if at + 1 == before.len() => {
                    for name in names {
                        *self.outcome.excused.entry(name).or_default() += 1;
                    }
                }
                Ok(_) => {}
                Err(text) => return Some(Quarrel { kind: "witnesses", between, text }),
            }
        }
        None
    }

    /// Leaves out of the history whatever the quarrel does not need, and says what is left.
    async fn cut_down(&mut self, history: &[Step], quarrel: &Quarrel) -> String {
        let (from, to) = quarrel.between;
        let mut before = history[..from].to_vec();
        let mut after = history[from..to].to_vec();
        let mut text = quarrel.text.clone();
        if self.replay(&before, &after, quarrel.kind).await.is_none() {
            return format!("{text}\nnot seen again after\n{}", script(&before, &after));
        }
        // Most do not need their transactions.
        let apart = (taken_apart(&before), taken_apart(&after));
        if let Some(found) = self.replay(&apart.0, &apart.1, quarrel.kind).await {
            ((before, after), text) = (apart, found);
        }
        let mut width = before.len().max(1);
        loop {
            let mut is_smaller = false;
            let mut at = 0;
            while at < before.len() + after.len() {
                let (mut fewer, mut later) = (before.clone(), after.clone());
                let end = (at + width).min(before.len() + after.len());
                let split = before.len();
                let cut = |range: std::ops::Range<usize>| range.start.min(range.end)..range.end;
                later.drain(cut(at.max(split) - split..end.max(split) - split));
                fewer.drain(cut(at.min(split)..end.min(split)));
                let found = if later.is_empty() {
                    None
                } else {
                    self.replay(&fewer, &later, quarrel.kind).await
                };
                if let Some(found) = found {
                    (before, after, text, is_smaller) = (fewer, later, found, true);
                } else {
                    at += width;
                }
            }
            if width == 1 && !is_smaller {
                break;
            }
            width = (width / 2).max(1);
        }
        // Then the statements within what is left.
        for at in 0..before.len() + after.len() {
            let length =
                before.iter().chain(&after).nth(at).map_or(0, |step| step.statements.len());
            for one in (0..length).rev().filter(|_| length > 1) {
                let (mut fewer, mut later) = (before.clone(), after.clone());
                fewer.iter_mut().chain(&mut later).nth(at).unwrap().statements.remove(one);
                if let Some(found) = self.replay(&fewer, &later, quarrel.kind).await {
                    (before, after, text) = (fewer, later, found);
                }
            }
        }
        format!("{text}\nafter\n{}", script(&before, &after))
    }

    /// Sends all again in a new database and looks between and at the end: the quarrel, if it is
    /// of the same kind.
    async fn replay(&mut self, before: &[Step], after: &[Step], kind: &str) -> Option<String> {
        let mut room = self.room().await;
        let found = async {
            let mut sights = Vec::new();
            for (at, step) in before.iter().chain(after).enumerate() {
                if at == before.len() {
                    sights.push(room.look().await?);
                }
                room.send(step).await;
                room.follow().await?;
            }
            sights.push(room.look().await?);
            let (one, other) = (&sights[0], &sights[1]);
            judge(one, other, after).map(drop).map_err(|text| Quarrel {
                kind: "witnesses",
                between: (0, 0),
                text,
            })
        };
        let found = found.await.err().filter(|quarrel| quarrel.kind == kind);
        self.leave(room).await;
        found.map(|quarrel| quarrel.text)
    }

    /// Sends what a file says and compares after each step.
    async fn replay_all(&mut self, steps: &[Step]) -> Vec<String> {
        let mut room = self.room().await;
        let mut problems = Vec::new();
        let mut sights = Vec::new();
        for (at, step) in steps.iter().enumerate() {
            println!("{:?} {}", room.send(step).await, step.statements[0].sql);
            match room.look().await {
                Ok(sight) => sights.push(sight),
                Err(quarrel) => problems.push(quarrel.text),
            }
            if let [.., one, other] = sights.as_slice() {
                problems.extend(judge(one, other, &steps[at..=at]).err());
            }
        }
        self.leave(room).await;
        problems
    }
}

impl Room<'_> {
    /// Deals the next step and sends it; `None` if nothing of it was taken.
    async fn deal(&mut self, deck: &mut Deck) -> Option<Step> {
        let (form, length) = match deck.below(10) {
            0..6 => (Form::Single, 1),
            6 => (Form::Single, 3),
            7 | 8 => (Form::Committed, 4),
            _ => (Form::RolledBack, 3),
        };
        let within = form != Form::Single;
        let mut statements = Vec::new();
        self.begin(form).await;
        for _ in 0..length {
            let Some(dealt) = deck.deal(&mut self.writer, within).await else { continue };
            let is_undone = within && deck.below(4) == 0;
            let statement = Statement { sql: dealt.sql.clone(), is_undone };
            let taken = self.try_one(form, &statement).await;
            deck.is_played(&dealt, &taken);
            // What can't be in a transaction may fail and leave something behind.
            if taken.is_ok() || statement.sql.contains("CONCURRENTLY") {
                statements.push(statement);
            }
        }
        self.end(form).await;
        (!statements.is_empty()).then_some(Step { form, statements })
    }

    /// Sends a step; says of each statement whether the server took it.
    async fn send(&mut self, step: &Step) -> Vec<bool> {
        self.begin(step.form).await;
        let mut taken = Vec::new();
        for statement in &step.statements {
            taken.push(self.try_one(step.form, statement).await.is_ok());
        }
        self.end(step.form).await;
        taken
    }

    async fn begin(&mut self, form: Form) {
        if form != Form::Single {
            self.writer.execute("BEGIN").await.unwrap();
        }
    }

    async fn try_one(&mut self, form: Form, statement: &Statement) -> Result<(), String> {
        let said = |error: stairway::postgres::PostgresError| {
            error.sql().map_or_else(|| format!("{error:?}"), |failure| failure.message.clone())
        };
        if form == Form::Single {
            return self.writer.execute(&statement.sql).await.map_err(said);
        }
        self.writer.execute("SAVEPOINT one").await.unwrap();
        let taken = self.writer.execute(&statement.sql).await.map_err(said);
        let end = if taken.is_err() || statement.is_undone {
            "ROLLBACK TO SAVEPOINT one"
        } else {
            "RELEASE SAVEPOINT one"
        };
        self.writer.execute(end).await.unwrap();
        taken
    }

    async fn end(&mut self, form: Form) {
        let end = match form {
            Form::Single => return,
            Form::Committed => "COMMIT",
            Form::RolledBack => "ROLLBACK",
        };
        // Deferred work may refuse to be committed: then nothing was.
        let _ = self.writer.execute(end).await;
    }

    /// What the follower says after the writer has done something.
    async fn follow(&mut self) -> Result<Snapshot, Quarrel> {
        self.writer.execute(FLUSH).await.unwrap();
        self.follower.reread(&[]).await.map_err(|error| quarrel("follower", format!("{error:?}")))
    }

    async fn look(&mut self) -> Result<Sight, Quarrel> {
        let followed = self.follow().await?;
        let target = self.server.target(DATABASE);
        let dump = Dump::start(self.server.programs(), &target, &["--create"]);
        self.looks += 1;
        if self.looks.is_multiple_of(FRESH) {
            let fresh = Session::connect(&target, "test").await.unwrap();
            let fresh = Reader::new(fresh, self.server.major);
            let old = std::mem::replace(&mut self.whole, fresh);
            old.into_session().close().await.unwrap();
        }
        let whole = self.whole.read(&[]).await;
        let dump = dump.text();
        let snapshot = whole.map_err(|error| quarrel("reader", format!("{error:?}")))?;
        let dump = dump.map_err(|error| quarrel("pg_dump", error))?;
        if snapshot != followed {
            let difference = snapshot.diff(&followed).render();
            return Err(quarrel("follower", format!("not followed:\n{difference}")));
        }
        if let Some(missing) = snapshot.unmodelled().first() {
            return Err(quarrel("model", missing.clone()));
        }
        let text = snapshot.render();
        if Snapshot::parse(&text).ok().as_ref() != Some(&snapshot) {
            return Err(quarrel("text", format!("the text does not read back:\n{text}")));
        }
        let marks = (mark(&text), mark(&dump));
        Ok(Sight { snapshot, dump, marks })
    }
}

fn quarrel(kind: &'static str, text: String) -> Quarrel {
    Quarrel { kind, between: (0, 0), text }
}

/// Whether the witnesses agree about two states with `steps` between them: the names of the
/// differences on purpose, if there are any, or what does not agree.
fn judge(one: &Sight, other: &Sight, steps: &[Step]) -> Result<Vec<&'static str>, String> {
    let difference = one.snapshot.diff(&other.snapshot);
    assert_eq!(difference.is_empty(), one.snapshot == other.snapshot, "{difference:?}");
    let dumps_are_equal = one.dump == other.dump;
    if difference.is_empty() == dumps_are_equal {
        return Ok(Vec::new());
    }
    let statements: Vec<&str> =
        steps.iter().flat_map(|step| &step.statements).map(|one| one.sql.as_str()).collect();
    let snapshots = [&one.snapshot, &other.snapshot];
    let pair = Pair {
        statements: &statements,
        snapshots,
        difference: &difference,
        dumps: [&one.dump, &other.dump],
    };
    let names = pair.excuse();
    if !names.is_empty() {
        return Ok(names);
    }
    let lines = lines_that_differ(&one.dump, &other.dump);
    Err(if dumps_are_equal {
        format!("only the snapshots differ:\n{}", difference.render())
    } else {
        format!("only the dumps differ:\n{lines}")
    })
}

/// What is left of steps with each statement on its own.
fn taken_apart(steps: &[Step]) -> Vec<Step> {
    let kept = steps.iter().filter(|step| step.form != Form::RolledBack);
    let statements = kept.flat_map(|step| &step.statements).filter(|one| !one.is_undone);
    let alone = |one: &Statement| Step { form: Form::Single, statements: vec![one.clone()] };
    statements.map(alone).collect()
}

/// One statement a line, each a step of its own.
fn steps(text: &str) -> Vec<Step> {
    let lines = text.lines().map(|line| line.trim().trim_end_matches(';'));
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with("--"));
    let statement = |line: &str| Statement { sql: line.to_owned(), is_undone: false };
    lines.map(|line| Step { form: Form::Single, statements: vec![statement(line)] }).collect()
}

/// Steps as SQL for psql.
fn script(before: &[Step], after: &[Step]) -> String {
    let mut lines = Vec::new();
    for (at, step) in before.iter().chain(after).enumerate() {
        if at == before.len() {
            lines.push("-- here it was seen, and after".to_owned());
        }
        if step.form != Form::Single {
            lines.push("BEGIN;".to_owned());
        }
        for statement in &step.statements {
            lines.push(if statement.is_undone {
                format!("SAVEPOINT one; {}; ROLLBACK TO SAVEPOINT one;", statement.sql)
            } else {
                format!("{};", statement.sql)
            });
        }
        match step.form {
            Form::Single => {}
            Form::Committed => lines.push("COMMIT;".to_owned()),
            Form::RolledBack => lines.push("ROLLBACK;".to_owned()),
        }
    }
    lines.join("\n")
}

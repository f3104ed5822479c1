//! Kills at random moments while others write, and what `recover` makes of them: the database is where
//! it was or where it was to be, and a witness outside misses no row.
//!
//! Eight kills on each major, or as many as `STAIRWAY_KILLS` says: `ci/kills` makes a thousand.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::load::Load;
use crate::site::{Site, random};

/// What a run is asked for, and what of it goes wrong by itself.
#[derive(Clone, Copy, Debug)]
struct Plan {
    words: &'static [&'static str],
    /// A query test fails, so that it goes back.
    fails: bool,
    /// The downgrade fails, so that only a restore leads back.
    no_way_back: bool,
    /// Without a kill it ends like this.
    code: i32,
}

/// What nobody rehearsed and changes rows can be led back by a restore alone, which loses nothing only
/// behind a fence.
const UP: [Plan; 5] = [
    Plan { words: &["upgrade"], fails: false, no_way_back: false, code: 0 },
    Plan { words: &["upgrade"], fails: true, no_way_back: false, code: 21 },
    Plan { words: &["upgrade", "--fence"], fails: false, no_way_back: false, code: 0 },
    Plan {
        words: &["upgrade", "--skip-test", "--fence"],
        fails: false,
        no_way_back: false,
        code: 0,
    },
    Plan {
        words: &["upgrade", "--skip-test", "--fence"],
        fails: true,
        no_way_back: true,
        code: 22,
    },
];
const DOWN: [Plan; 2] = [
    Plan { words: &["downgrade", "1", "--fence"], fails: false, no_way_back: false, code: 0 },
    Plan {
        words: &["downgrade", "1", "--fence", "--skip-test"],
        fails: false,
        no_way_back: false,
        code: 0,
    },
];

fn history(site: &Site) {
    site.migration(
        2,
        "ALTER TABLE orders ADD COLUMN note text;\n\
         SELECT pg_sleep(0.1);\n\
         UPDATE orders SET note = 'seventh' WHERE id % 7 = 0 AND amount < 1000;\n",
        "ALTER TABLE orders DROP COLUMN note;\n",
    );
    site.migration(
        3,
        "CREATE INDEX CONCURRENTLY orders_card ON orders (card);\n",
        "DROP INDEX CONCURRENTLY orders_card;\n",
    );
    site.migration(
        4,
        "CREATE TABLE refunds (id int PRIMARY KEY, order_id bigint);\n\
         SELECT pg_sleep(0.1);\n\
         INSERT INTO refunds SELECT id, id FROM orders WHERE id <= 50;\n",
        "DO $$ BEGIN IF (SELECT seconds FROM gate) = 9 THEN RAISE 'no way back'; END IF; END $$;\n\
         DROP TABLE refunds;\n",
    );
}

/// The schema, as pg_dump has it, without rows.
fn schema(site: &Site) -> String {
    site.dump(&["--schema-only"])
}

struct Ground<'s> {
    site: &'s Site,
    before: String,
    after: String,
}

impl Ground<'_> {
    fn is_up(&self) -> bool {
        let now = schema(self.site);
        assert!(now == self.before || now == self.after, "neither BEFORE nor AFTER:\n{now}");
        let version = self.site.value("SELECT version FROM schema_migrations");
        let is_up = now == self.after;
        assert_eq!(version, if is_up { "4" } else { "1" }, "the version table says something else");
        is_up
    }

    /// Databases that were replaced are kept: whoever looked at them may drop them.
    fn tidy(&self) {
        for row in
            self.site.sql("SELECT datname FROM pg_database WHERE datname LIKE 'shop\\_failed\\_%'")
        {
            self.site.sql(&format!("DROP DATABASE \"{}\"", row[0].as_ref().unwrap()));
        }
    }

    fn ready(&self, plan: &Plan) {
        let seconds = if plan.no_way_back { 9 } else { 0 };
        self.site.sql(&format!("UPDATE gate SET seconds = {seconds} WHERE seconds <> {seconds}"));
        let test = if plan.fails { "SELECT false;\n" } else { "SELECT true;\n" };
        std::fs::write(self.site.path("checks/test.sql"), test).unwrap();
    }
}

fn one_of(plans: &'static [Plan], roll: f64) -> &'static Plan {
    let count = f64::from(u32::try_from(plans.len()).unwrap());
    plans.iter().zip(1..).find(|(_, nth)| roll * count <= f64::from(*nth)).unwrap().0
}

/// Ends a run after a while, unless it has ended by itself: counted from its start, or from its first
/// move, where most can go wrong.
fn kill_after(site: &Site, words: &[&str], wait: Duration, moving: bool) -> bool {
    let known = journals(site).len();
    let mut child = site.start(words);
    let has_begun = || {
        let journals = journals(site);
        let last = journals.last().filter(|_| journals.len() > known);
        last.and_then(|path| std::fs::read_to_string(path.join("journal.jsonl")).ok())
            .is_some_and(|text| text.contains("\"moving\""))
    };
    let (mut began, mut counts) = (Instant::now(), !moving);
    while !counts || began.elapsed() < wait {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        if !counts && has_begun() {
            (began, counts) = (Instant::now(), true);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    let _ = child.kill();
    child.wait().unwrap().code().is_none()
}

/// The folders of runs, the oldest first.
pub(crate) fn journals(site: &Site) -> Vec<PathBuf> {
    let folders = std::fs::read_dir(site.path(".stairway/runs")).into_iter().flatten();
    let mut found: Vec<PathBuf> = folders.map(|folder| folder.unwrap().path()).collect();
    found.sort();
    found
}

#[test]
fn random_kills_under_load_lose_nothing_on_15() {
    random_kills(15, 8);
}

#[test]
fn random_kills_under_load_lose_nothing_on_18() {
    random_kills(18, 8);
}

fn random_kills(major: u32, usual: u32) {
    let kills = std::env::var("STAIRWAY_KILLS").ok().and_then(|text| text.parse().ok());
    let kills: u32 = kills.unwrap_or(usual);
    if let Some(site) = Site::new(major) {
        std::fs::create_dir(site.path("checks")).unwrap();
        let load = Load::start(&site, 2);
        history(&site);
        let mut ground = Ground { site: &site, before: schema(&site), after: String::new() };
        let ran = site.run(&["upgrade", "--allow-drift"]);
        assert_eq!(ran.code, Some(0), "{}", ran.said);
        ground.after = schema(&site);
        let (mut done, mut ends, mut nth) = (0, [0, 0], 0);
        let mut took: BTreeMap<String, Duration> = BTreeMap::new();
        while done < kills {
            nth += 1;
            let roll = |words: &str| random(&format!("{words} {nth} {major}"));
            let is_up = ground.is_up();
            let plan = if is_up { one_of(&DOWN, roll("plan")) } else { one_of(&UP, roll("plan")) };
            ground.ready(plan);
            // As long as the last one took that was not killed: where it is anywhere is a fair place.
            let name = format!("{plan:?}");
            let Some(long) = took.get(&name).copied() else {
                let start = Instant::now();
                let ran = site.run(plan.words);
                assert_eq!(ran.code, Some(plan.code), "{plan:?}: {}", ran.said);
                took.insert(name, start.elapsed());
                load.compare(&site);
                ground.tidy();
                continue;
            };
            let wait = long.mul_f64(roll("when"));
            if !kill_after(&site, plan.words, wait, roll("moving") < 0.6) {
                continue;
            }
            done += 1;
            // Whoever settles may be killed as well.
            if roll("again") < 0.25 {
                kill_after(
                    &site,
                    &["recover"],
                    Duration::from_secs(1).mul_f64(roll("soon")),
                    false,
                );
            }
            let ran = site.run(&["recover"]);
            assert_eq!(ran.code, Some(0), "kill {done} of {plan:?}: {}", ran.said);
            let now = ground.is_up();
            ends[usize::from(now != is_up)] += 1;
            load.compare(&site);
            site.sessions_are_gone();
            ground.tidy();
            if done % 25 == 0 || done == kills {
                println!(
                    "PostgreSQL {major}: {done} kills: {ends:?} (BEFORE, AFTER), {} rows",
                    load.count()
                );
                site.others_are_gone();
            }
        }
        drop(load);
        site.nothing_is_left();
    }
}

//! Situations before a release, each with the exit code that it must have and the fact that says why.

use std::collections::BTreeSet;
use std::fs;

use serde_json::json;

use crate::ground::{Gate, bare, edit, gate, must, pending, release, verified};
use crate::servers;
use crate::site::Site;

/// What comes of a situation: the exit code, the fact that makes it so, how that ended, and words of it.
type Expected = (i32, &'static str, &'static str, &'static str);

/// A situation, made out of a release that may go out and taken back again.
struct Situation {
    name: &'static str,
    expected: Expected,
    run: fn(&Site) -> Gate,
}

/// With another text in a file while the gate runs.
fn with(site: &Site, file: &str, text: &str, run: impl FnOnce() -> Gate) -> Gate {
    let path = site.path(file);
    let was = fs::read(&path).ok();
    fs::write(&path, text).unwrap();
    let gate = run();
    match was {
        Some(was) => fs::write(&path, was).unwrap(),
        None => fs::remove_file(&path).unwrap(),
    }
    gate
}

/// With another report while the gate runs.
fn with_report(
    site: &Site,
    file: &str,
    change: impl FnOnce(&mut serde_json::Value),
    run: impl FnOnce() -> Gate,
) -> Gate {
    let path = site.path(file);
    let was = fs::read(&path).unwrap();
    edit(&path, change);
    let gate = run();
    fs::write(&path, was).unwrap();
    gate
}

/// With another schema while the gate runs.
fn with_sql(site: &Site, sql: &str, back: &str) -> Gate {
    site.sql(sql);
    let gate = gate(site, &[]);
    site.sql(back);
    gate
}

/// With the second migration like this, verified.
fn with_second(site: &Site, up: &str, down: &str, run: impl FnOnce() -> Gate) -> Gate {
    site.migration(2, up, down);
    verified(site, &[]);
    let gate = run();
    pending(site);
    verified(site, &[]);
    gate
}

/// An allowed loss, whose review says this of the text.
fn with_allowance(site: &Site, review: Option<&str>) -> Gate {
    let (up, down) = (
        "-- stairway: lossy public.orders.card reason: cards are with the bank now\n\
         ALTER TABLE orders DROP COLUMN card;\n",
        "ALTER TABLE orders ADD COLUMN card text;\n",
    );
    with_second(site, up, down, || match review {
        None => gate(site, &[]),
        Some(sha256) => {
            let review = format!(
                "[[gate.reviewed]]\nrevision = \"2\"\ncheck = \"data-loss\"\nsha256 = \"{sha256}\"\n"
            );
            with(site, "stairway.toml", &review, || gate(site, &[]))
        }
    })
}

/// The SHA-256 of the second migration's upgrade in [`with_allowance`], as its report says.
const REVIEWED: &str = "31cf118974a4";

/// With a workload, and a bench that came to this.
fn with_bench(site: &Site, change: impl FnOnce(&mut serde_json::Value)) -> Gate {
    fs::create_dir(site.path("workload")).unwrap();
    let query = "-- name: recent\nSELECT id FROM orders ORDER BY id DESC LIMIT 5;\n";
    fs::write(site.path("workload/recent.sql"), query).unwrap();
    let backup = site.backups().pop().unwrap();
    let words = [
        "bench",
        "--quiet",
        "--budget",
        "10s",
        "--requests",
        "100",
        "--runs",
        "3",
        "--rate",
        "400",
        "--pairs",
        "0",
        "--no-impact",
        "--report",
        "json=bench.json",
        "--backup",
    ];
    let mut command = site.command(&words);
    let ran = site.ran(&command.arg(backup).output().unwrap());
    assert!(matches!(ran.code, Some(0 | 15)), "{}", ran.said);
    edit(&site.path("bench.json"), change);
    let gate = gate(site, &["--bench", "bench.json"]);
    fs::remove_dir_all(site.path("workload")).unwrap();
    fs::remove_file(site.path("bench.json")).unwrap();
    gate
}

const SITUATIONS: &[Situation] = &[
    Situation {
        name: "all of it is there and good",
        expected: (0, "verification", "held", "2 pending, verified in verify.json"),
        run: |site| gate(site, &[]),
    },
    Situation {
        name: "nothing was verified yet",
        expected: (0, "verification", "held", "verified now"),
        run: |site| bare(site, &["--drill", "drill.json"]),
    },
    Situation {
        name: "a pending file was edited after it was verified",
        expected: (14, "verification", "failed", "2, or one before it, is not what was verified"),
        run: |site| {
            let text = "ALTER TABLE orders ADD COLUMN note text NOT NULL DEFAULT '';\n";
            with(site, "migrations/2_it.up.sql", text, || gate(site, &[]))
        },
    },
    Situation {
        name: "a downgrade was edited after it was verified",
        expected: (14, "verification", "failed", "3, or one before it, is not what was verified"),
        run: |site| with(site, "migrations/3_it.down.sql", "SELECT 1;\n", || gate(site, &[])),
    },
    Situation {
        name: "a file before the pending ones was edited",
        expected: (14, "verification", "failed", "2, or one before it, is not what was verified"),
        run: |site| {
            let text = "CREATE TABLE users (id int); CREATE TABLE orders (id int);\n";
            with(site, "migrations/1_it.up.sql", text, || gate(site, &[]))
        },
    },
    Situation {
        name: "a migration was added after the verification",
        expected: (15, "verification", "unknown", "4 is in no report"),
        run: |site| {
            with(site, "migrations/4_it.up.sql", "CREATE TABLE a ();\n", || {
                with(site, "migrations/4_it.down.sql", "DROP TABLE a;\n", || gate(site, &[]))
            })
        },
    },
    Situation {
        name: "what is pending has a finding",
        expected: (14, "verification", "failed", "2: schema-drift"),
        run: |site| {
            let up = "ALTER TABLE orders ADD COLUMN note text, ADD COLUMN two text;\n";
            let down = "ALTER TABLE orders DROP COLUMN note;\n";
            with_second(site, up, down, || gate(site, &[]))
        },
    },
    Situation {
        name: "the same, found on the spot",
        expected: (14, "verification", "failed", "2: downgrade-missing"),
        run: |site| {
            let run = || bare(site, &["--drill", "drill.json"]);
            with(site, "migrations/2_it.down.sql", "-- later\n", run)
        },
    },
    Situation {
        name: "only half of it was verified",
        expected: (15, "verification", "unknown", "is in no report"),
        run: |site| {
            verified(site, &["--shard", "1/2"]);
            let gate = gate(site, &[]);
            verified(site, &[]);
            gate
        },
    },
    Situation {
        name: "both halves were",
        expected: (0, "verification", "held", "verified in 2 reports"),
        run: |site| {
            verified(site, &["--shard", "1/2"]);
            fs::rename(site.path("verify.json"), site.path("first.json")).unwrap();
            verified(site, &["--shard", "2/2"]);
            let gate = gate(site, &["--verification", "first.json"]);
            verified(site, &[]);
            gate
        },
    },
    Situation {
        name: "it was verified on empty tables",
        expected: (15, "verification", "unknown", "2 was not tried on rows"),
        run: |site| {
            verified(site, &["--no-rows"]);
            let gate = gate(site, &[]);
            verified(site, &[]);
            gate
        },
    },
    Situation {
        name: "the same, and nobody wants rows",
        expected: (0, "verification", "held", "2 pending"),
        run: |site| {
            verified(site, &["--no-rows"]);
            let gate = with(site, "stairway.toml", "[gate]\nrows = false\n", || gate(site, &[]));
            verified(site, &[]);
            gate
        },
    },
    Situation {
        name: "it was verified on another major version",
        expected: (15, "verification", "unknown", "it was verified on 13.7"),
        run: |site| {
            let change =
                |report: &mut serde_json::Value| report["server"]["version"] = "13.7".into();
            with_report(site, "verify.json", change, || gate(site, &[]))
        },
    },
    Situation {
        name: "an allowed loss that nobody reviewed",
        expected: (14, "allowances", "failed", "2: data-loss is allowed, and nobody reviewed it"),
        run: |site| with_allowance(site, None),
    },
    Situation {
        name: "the same, reviewed",
        expected: (0, "allowances", "held", "1 reviewed"),
        run: |site| with_allowance(site, Some(REVIEWED)),
    },
    Situation {
        name: "the same, reviewed in another text",
        expected: (14, "allowances", "failed", "sha256 = \"31cf118974a4\""),
        run: |site| with_allowance(site, Some("0123456789ab")),
    },
    Situation {
        name: "no drill is known",
        expected: (15, "drill", "unknown", "no drill is known"),
        run: |site| bare(site, &["--verification", "verify.json"]),
    },
    Situation {
        name: "the newest drill found a bad backup",
        expected: (14, "drill", "failed", "bad backup: digest"),
        run: |site| {
            let backup = site.backups().pop().unwrap();
            let was = fs::read(&backup).unwrap();
            let mut bad = was.clone();
            let middle = bad.len() / 2;
            bad[middle] ^= 0x40;
            fs::write(&backup, bad).unwrap();
            fs::create_dir(site.path("drills")).unwrap();
            fs::copy(site.path("drill.json"), site.path("drills/a.json")).unwrap();
            fs::copy(site.path("verify.json"), site.path("drills/verify.json")).unwrap();
            let ran = site.run(&["drill", "--quiet", "--report", "json=drills/b.json"]);
            assert_eq!(ran.code, Some(12), "{}", ran.said);
            let gate = bare(site, &["--verification", "verify.json", "--drill", "drills"]);
            fs::remove_dir_all(site.path("drills")).unwrap();
            fs::write(&backup, was).unwrap();
            gate
        },
    },
    Situation {
        name: "the newest drill came to no end",
        expected: (15, "drill", "unknown", "the newest drill says nothing"),
        run: |site| {
            fs::create_dir(site.path("drills")).unwrap();
            fs::copy(site.path("drill.json"), site.path("drills/a.json")).unwrap();
            let words = ["drill", "--quiet", "--server", "postgres://127.0.0.1:9/x", "--report"];
            let mut command = site.command(&words);
            let ran = site.ran(&command.arg("json=drills/b.json").output().unwrap());
            assert_ne!(ran.code, Some(0), "{}", ran.said);
            let gate = bare(site, &["--verification", "verify.json", "--drill", "drills"]);
            fs::remove_dir_all(site.path("drills")).unwrap();
            gate
        },
    },
    Situation {
        name: "the newest drill is too old",
        expected: (14, "drill", "failed", "the newest drill is"),
        run: |site| gate(site, &["--drill-max-age", "1ms"]),
    },
    Situation {
        name: "the drill was of another database",
        expected: (14, "drill", "failed", "the drill was of till, and this is shop"),
        run: |site| {
            let change = |it: &mut serde_json::Value| it["tried"][0]["database"] = "till".into();
            with_report(site, "drill.json", change, || gate(site, &[]))
        },
    },
    Situation {
        name: "the drill was of the same name on another server",
        expected: (14, "drill", "failed", "the drill was of shop on another server"),
        run: |site| {
            let change =
                |it: &mut serde_json::Value| it["tried"][0]["system_identifier"] = "1".into();
            with_report(site, "drill.json", change, || gate(site, &[]))
        },
    },
    Situation {
        name: "there is no backup",
        expected: (14, "backup", "failed", "there is no backup of shop"),
        run: |site| bare(site, &["--backup-dir", "nowhere", "--require", "backup"]),
    },
    Situation {
        name: "the newest backup is too old",
        expected: (14, "backup", "failed", "the newest one is"),
        run: |site| gate(site, &["--backup-max-age", "1ms"]),
    },
    Situation {
        name: "somebody changed the schema by hand",
        expected: (14, "drift", "failed", "somebody changed it since the last run"),
        run: |site| {
            let sql = "ALTER TABLE users ADD COLUMN by_hand int";
            with_sql(site, sql, "ALTER TABLE users DROP COLUMN by_hand")
        },
    },
    Situation {
        name: "no run says what the schema should be",
        expected: (15, "drift", "unknown", "no run of Stairway's says"),
        run: |site| {
            let sql = "ALTER SCHEMA stairway RENAME TO elsewhere";
            with_sql(site, sql, "ALTER SCHEMA elsewhere RENAME TO stairway")
        },
    },
    Situation {
        name: "the version table names what has no file",
        expected: (14, "history", "failed", "unknown-revision"),
        run: |site| {
            let sql = "UPDATE schema_migrations SET version = 7";
            with_sql(site, sql, "UPDATE schema_migrations SET version = 1")
        },
    },
    Situation {
        name: "a migration was begun by hand and not finished",
        expected: (14, "history", "failed", "1 was begun and not finished (dirty)"),
        run: |site| {
            let sql = "UPDATE schema_migrations SET dirty = true";
            with_sql(site, sql, "UPDATE schema_migrations SET dirty = false")
        },
    },
    Situation {
        name: "two files have one version",
        expected: (14, "one-head", "failed", "both have the version 3"),
        run: |site| {
            with(site, "migrations/3_other.up.sql", "CREATE TABLE o ();\n", || {
                with(site, "migrations/3_other.down.sql", "DROP TABLE o;\n", || gate(site, &[]))
            })
        },
    },
    Situation {
        name: "there is a workload that nobody measured",
        expected: (15, "latency", "unknown", "were not measured"),
        run: |site| {
            fs::create_dir(site.path("workload")).unwrap();
            let gate = gate(site, &[]);
            fs::remove_dir(site.path("workload")).unwrap();
            gate
        },
    },
    Situation {
        name: "the p95 is required by name, and nothing says what to measure",
        expected: (15, "latency", "unknown", "no bench is known"),
        run: |site| gate(site, &["--require", "latency"]),
    },
    Situation {
        name: "the p95 was measured and is within its budget",
        expected: (0, "latency", "held", "the p95 is within its budget"),
        run: |site| with_bench(site, |report| report["verdict"] = "pass".into()),
    },
    Situation {
        name: "the p95 is over its budget",
        expected: (14, "latency", "failed", "too slow"),
        run: |site| {
            with_bench(site, |report| {
                report["verdict"] = "fail".into();
                report["reason"] = "too slow".into();
            })
        },
    },
    Situation {
        name: "nobody can tell the p95",
        expected: (15, "latency", "unknown", "the machine moved"),
        run: |site| {
            with_bench(site, |report| {
                report["verdict"] = "inconclusive".into();
                report["reason"] = "the machine moved".into();
            })
        },
    },
    Situation {
        name: "the p95 was measured without the last migration",
        expected: (14, "latency", "failed", "no bench was of what is pending"),
        run: |site| {
            with_bench(site, |report| {
                report["verdict"] = "pass".into();
                report["digests"].as_array_mut().unwrap().pop();
            })
        },
    },
    Situation {
        name: "little is required",
        expected: (0, "history", "held", "1 applied"),
        run: |site| {
            bare(site, &["--require", "history", "--require", "one-head", "--backup-dir", "no"])
        },
    },
    Situation {
        name: "too little is proven of the newest backup",
        expected: (14, "backup", "failed", "level 2 is proven, 4 at least"),
        run: |site| {
            // The drill has proven the one before.
            must(site, &["backup"]);
            with(site, "stairway.toml", "[gate]\nbackup-level = 4\n", || gate(site, &[]))
        },
    },
];

#[test]
fn the_exit_code_is_right_in_every_situation() {
    let site = release(0);
    let good = gate(&site, &[]);
    assert_eq!(good.code, Some(0), "{}\n{:#}", good.said, good.report);
    for Situation { name, expected: (code, fact, ended, words), run } in SITUATIONS {
        let gate = run(&site);
        assert_eq!(gate.code, Some(*code), "{name}: {}\n{:#}", gate.said, gate.report);
        let (was, said) = gate.fact(fact);
        assert!(was == *ended && said.contains(words), "{name}: {was}: {said}");
        let verdict = match code {
            0 => "pass",
            14 => "fail",
            _ => "inconclusive",
        };
        assert_eq!(
            (&gate.report["verdict"], &gate.report["exit"]),
            (&json!(verdict), &json!(code))
        );
    }
    // What was changed is as it was.
    let again = gate(&site, &[]);
    assert_eq!(again.code, Some(0), "{}\n{:#}", again.said, again.report);
    let names: BTreeSet<&str> = SITUATIONS.iter().map(|it| it.name).collect();
    assert!(names.len() >= 20 && names.len() == SITUATIONS.len());
}

#[test]
fn what_can_not_be_asked_is_an_error_that_names_it() {
    let site = release(1);
    let ran = site.run(&["gate", "--database-url", "postgres://127.0.0.1:9/shop"]);
    assert_eq!(ran.code, Some(10), "{}", ran.said);
    ran.says("the database can't be looked at");
    let ran = site.run(&["gate", "--verification", "drill.json"]);
    assert_eq!(ran.code, Some(2), "{}", ran.said);
    ran.says("drill.json is no report of `stairway verify` as JSON");
    let ran = site.run(&["gate", "--bench", "nowhere.json"]);
    assert_eq!(ran.code, Some(2), "{}", ran.said);
    ran.says("nowhere.json can't be read");
    let ran = site.run(&["gate", "--require", "luck"]);
    assert_eq!(ran.code, Some(2), "{}", ran.said);
    ran.says("known are verification, allowances");
    fs::write(site.path("stairway.toml"), "[gate]\nrequire = [\"luck\"]\n").unwrap();
    let ran = site.run(&["gate"]);
    assert_eq!(ran.code, Some(2), "{}", ran.said);
    ran.says("stairway.toml: gate: no fact is called \"luck\"");
}

/// Nothing is pending after the release; the next gate has nothing to hold against the reports.
#[test]
fn a_gate_after_the_release() {
    let site = release(servers::majors().len() - 1);
    must(&site, &["upgrade"]);
    let gate = gate(&site, &[]);
    assert_eq!(gate.code, Some(0), "{}\n{:#}", gate.said, gate.report);
    assert_eq!(gate.fact("verification").0, "absent");
    let text = site.run(&["gate", "--drill", "drill.json"]);
    text.says("gate: pass; nothing is pending on shop").says("3 applied");
    let markdown = site.run(&["gate", "--drill", "drill.json", "--format", "markdown"]);
    markdown.says("### Stairway gate: pass").says("| drift | ok |");
    site.nothing_is_left();
}

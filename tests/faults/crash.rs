//! Death at every line of the journal, and what `recover` makes of it.

use crate::site::on;

/// Every place of a short run: after each line, and before it.
#[test]
fn wherever_a_run_dies_it_is_settled() {
    on(0, |site| {
        site.migration(
            2,
            "ALTER TABLE orders ADD COLUMN note text;\nUPDATE orders SET note = 'x' WHERE id < 10;\n",
            "ALTER TABLE orders DROP COLUMN note;\n",
        );
        site.migration(3, "CREATE TABLE extra (id int PRIMARY KEY);\n", "DROP TABLE extra;\n");
        let before = site.print();
        let reached = site.run(&["upgrade"]);
        site.holds(&reached, 0, "AFTER");
        let after = site.print();
        let mut ends = [0, 0];
        let mut at: usize = 1;
        loop {
            let back = site.run(&["downgrade", "1", "--skip-backup"]);
            site.holds(&back, 0, "AFTER");
            assert_eq!(site.print(), before);
            // Both sides of every second line in turn; a full sweep takes both of all.
            let place = if at.is_multiple_of(2) {
                format!("{}-", at / 2)
            } else {
                at.div_ceil(2).to_string()
            };
            let died =
                site.command(&["upgrade"]).env("STAIRWAY_ABORT_AT", &place).output().unwrap();
            if died.status.code() == Some(0) {
                break;
            }
            assert_eq!(died.status.code(), None, "{}", String::from_utf8_lossy(&died.stderr));
            let ran = site.run(&["recover"]);
            assert_eq!(ran.code, Some(0), "at {place}: {}", ran.said);
            site.nothing_is_left();
            let now = site.print();
            if now == before {
                ends[0] += 1;
            } else {
                assert_eq!(now, after, "neither BEFORE nor AFTER at {place}: {}", ran.said);
                ends[1] += 1;
                // A run that died after its last line has nothing to settle.
                let is_closed = ran.said.contains("there is nothing to settle");
                assert!(is_closed || ran.report["state"] == "AFTER", "at {place}: {}", ran.said);
            }
            at += 1;
        }
        assert!(ends.iter().all(|count| *count > 0), "{ends:?}");
    });
}

/// The same where validation fails, the downgrade fails in production, and a fenced restore leads back:
/// whichever line it dies at, also in the middle of the swap.
#[test]
fn wherever_a_restore_dies_it_is_settled() {
    on(1, |site| {
        crate::rollback::no_way_back(&site);
        let before = site.print();
        let is_full = std::env::var("STAIRWAY_SWEEP").is_ok_and(|it| it == "full");
        let mut died = 0;
        for at in (1..40).step_by(if is_full { 1 } else { 3 }) {
            let place = if at % 2 == 0 { format!("{}-", at / 2) } else { (at + 1).to_string() };
            let words = ["upgrade", "--skip-test", "--fence"];
            let output = site.command(&words).env("STAIRWAY_ABORT_AT", &place).output().unwrap();
            died += usize::from(output.status.code().is_none());
            let ran = site.run(&["recover", "--fence"]);
            assert_eq!(ran.code, Some(0), "at {place}: {}", ran.said);
            site.nothing_is_left();
            assert_eq!(site.print(), before, "at {place}: {}", ran.said);
            let open = "SELECT has_database_privilege('public', 'shop', 'CONNECT') \
                        AND bool_and(datallowconn) FROM pg_database WHERE datname LIKE 'shop%'";
            assert_eq!(site.value(open), "t", "at {place}: {}", ran.said);
        }
        assert!(died > 3, "it died {died} times only");
    });
}

/// Whoever settles a run by a restore is killed in that restore, again and again: each half-made database
/// goes in the end.
#[test]
fn wherever_a_settling_restore_dies_it_is_settled() {
    on(0, |site| {
        crate::rollback::no_way_back(&site);
        let before = site.print();
        let lines = || -> Vec<String> {
            let journals = crate::kills::journals(&site);
            let text = std::fs::read_to_string(journals.last().unwrap().join("journal.jsonl"));
            text.unwrap_or_default()
                .lines()
                .filter(|it| !it.is_empty())
                .map(str::to_owned)
                .collect()
        };
        // Then the new database is there, and has not taken the place of the other one.
        let restores = || lines().iter().filter(|it| it.contains("\"swapping\"")).count();
        let dies = |words: &[&str], place: usize| {
            let mut command = site.command(words);
            let output = command.env("STAIRWAY_ABORT_AT", place.to_string()).output().unwrap();
            assert_eq!(output.status.code(), None, "{}", String::from_utf8_lossy(&output.stderr));
        };
        // The first restore begins somewhere after the move.
        let mut place = 1;
        dies(&["upgrade", "--skip-test", "--fence"], 8);
        for wanted in 1..=2 {
            while restores() < wanted {
                dies(&["recover"], lines().len() + place);
                place += 1;
                assert!(place < 60, "it never restores:\n{}", lines().join("\n"));
            }
            place = 1;
        }
        let ran = site.run(&["recover"]);
        assert_eq!(ran.code, Some(0), "{}", ran.said);
        site.nothing_is_left();
        assert_eq!(site.print(), before, "{}", ran.said);
    });
}

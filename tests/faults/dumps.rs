//! Faults of a dump in its middle, and of a dump that is done.

use std::process::Command;

use crate::hook::Hook;
use crate::site::{Ran, Site, on};

/// A migration to make, and rows enough for a dump that has a middle.
fn ready(site: &mut Site) -> (String, Hook) {
    site.migration(
        2,
        "ALTER TABLE orders ADD COLUMN note text;\n",
        "ALTER TABLE orders DROP COLUMN note;\n",
    );
    site.sql(
        "INSERT INTO orders (user_id, amount, card) \
         SELECT 1 + n % 1000, n, md5(n::text) || md5((-n)::text) FROM generate_series(1, 20000) n",
    );
    (site.print(), Hook::of(site))
}

fn with_programs(site: &mut Site, name: &str, script: &str) {
    let folder = site.programs_but(name, script);
    site.set("STAIRWAY_POSTGRES_BIN", folder.display().to_string());
}

/// It ended with 12, everything is as it was, somebody was told, and no backup is left.
fn failed(site: &Site, ran: &Ran, (before, hook): &(String, Hook), words: &str) {
    site.holds(ran, 12, "BEFORE");
    ran.says(words);
    assert_eq!(site.print(), *before);
    assert_eq!(site.backups().len(), 0, "a backup is left");
    assert_eq!(hook.last()["exit"], 12, "nobody was told");
}

/// A `pg_dump` that writes so much, makes the file `began`, and goes on when the file `hold` is gone.
fn held(site: &Site, bytes: u32) -> String {
    let folder = site.directory.path().display();
    std::fs::write(site.path("hold"), "").unwrap();
    format!(
        "mkfifo {folder}/dump-$$; \"$REAL\" \"$@\" >{folder}/dump-$$ & P=$!; \
         {{ head -c {bytes}; : >{folder}/began; while [ -e {folder}/hold ]; do sleep 0.02; done; cat; }} \
         <{folder}/dump-$$; rm {folder}/dump-$$; wait $P"
    )
}

fn begins(site: &Site) {
    let start = std::time::Instant::now();
    while !site.path("began").exists() {
        assert!(start.elapsed() < std::time::Duration::from_mins(1), "pg_dump did not begin");
        std::thread::yield_now();
    }
}

const DUMPS: &str = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE '%pg_dump%'";

/// F10: the limit for the size of files ends `pg_dump` by a signal.
#[test]
fn a_dump_that_a_signal_ends_is_none() {
    on(0, |mut site| {
        let was = ready(&mut site);
        let blocks = 20 + site.place(200);
        with_programs(&mut site, "pg_dump", &format!("ulimit -f {blocks}; exec \"$REAL\" \"$@\""));
        let ran = site.run(&["upgrade", "--jobs", "1"]);
        failed(&site, &ran, &was, "pg_dump was ended by signal");
    });
}

/// F11: killed half-way, which is told by the server's processes as well.
#[test]
fn a_dump_that_is_killed_is_none() {
    on(1, |mut site| {
        let was = ready(&mut site);
        let bytes = 1 + site.place(400_000);
        let folder = site.directory.path().display();
        let script = format!(
            "mkfifo {folder}/dump-$$; \"$REAL\" \"$@\" >{folder}/dump-$$ & P=$!; \
             head -c {bytes} <{folder}/dump-$$; kill -9 $P; rm {folder}/dump-$$; wait $P"
        );
        with_programs(&mut site, "pg_dump", &script);
        let ran = site.run(&["upgrade"]);
        failed(&site, &ran, &was, "pg_dump ");
        site.wait_for(&format!("SELECT ({DUMPS}) = 0"));
    });
}

/// F12: its session is ended by the server.
#[test]
fn a_dump_whose_session_is_ended_is_none() {
    on(0, |mut site| {
        let was = ready(&mut site);
        let script = held(&site, 1 + site.place(200_000));
        with_programs(&mut site, "pg_dump", &script);
        let child = site.start(&["upgrade"]);
        begins(&site);
        site.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE application_name LIKE '%pg_dump%'",
        );
        std::fs::remove_file(site.path("hold")).unwrap();
        let ran = site.end(child);
        failed(&site, &ran, &was, "pg_dump");
    });
}

/// F14: the run is killed while `pg_dump` works, which ends with it; the next one begins clean.
#[test]
fn a_dump_ends_with_its_run() {
    on(1, |mut site| {
        let (before, _) = ready(&mut site);
        let script = held(&site, 1 + site.place(200_000));
        with_programs(&mut site, "pg_dump", &script);
        let mut child = site.start(&["upgrade"]);
        begins(&site);
        child.kill().unwrap();
        child.wait().unwrap();
        site.wait_for(&format!("SELECT ({DUMPS}) = 0"));
        assert_eq!(site.print(), before);
        std::fs::remove_file(site.path("hold")).unwrap();
        // The pipe of the wrapper, which ended with the rest: who reads it would wait for ever.
        for entry in std::fs::read_dir(site.directory.path()).unwrap() {
            let path = entry.unwrap().path();
            if path.file_name().unwrap().to_string_lossy().starts_with("dump-") {
                std::fs::remove_file(path).unwrap();
            }
        }
        let ran = site.run(&["upgrade"]);
        site.holds(&ran, 0, "AFTER");
        ran.says("ended at: working").says("is settled: BEFORE");
        assert_eq!(site.backups().len(), 1);
    });
}

/// What happens to the finished dump before it is used: `$F` is the file, `$N` a place in it.
fn spoilt(mut site: Site, how: &str) {
    let was = ready(&mut site);
    let percent = site.place(100);
    // It is asked for the list of contents when the dump is written and hashed.
    let script = format!(
        "case \"$*\" in *--list*) for F; do :; done; S=$(wc -c <\"$F\"); N=$((S * {percent} / 100)); {how};; \
         esac; exec \"$REAL\" \"$@\""
    );
    // Whether the list can still be read is not the question.
    let script = script.replace("exec \"$REAL\" \"$@\"", "\"$REAL\" \"$@\" || true");
    with_programs(&mut site, "pg_restore", &script);
    let ran = site.run(&["upgrade"]);
    site.holds(&ran, 12, "BEFORE");
    assert_eq!(site.print(), was.0);
    assert_eq!(was.1.last()["exit"], 12, "nobody was told");
    // What is there is not taken for a backup that can be relied on.
    let listed = Command::new(env!("CARGO_BIN_EXE_stairway"))
        .args(["restore", "latest"])
        .current_dir(site.directory.path())
        .env("DATABASE_URL", site.target.url_with_password())
        .env("DEPLOYMENT_DIR", site.directory.path())
        .output()
        .unwrap();
    assert_eq!(listed.status.code(), Some(12), "{}", String::from_utf8_lossy(&listed.stderr));
    assert_eq!(site.print(), was.0);
}

/// F15
#[test]
fn a_bit_that_flipped_in_a_dump_is_seen() {
    on(0, |site| {
        let flip = "B=$(od -An -tu1 -j $N -N 1 \"$F\"); printf \"\\\\$(printf %03o $((B ^ 1)))\" | \
                    dd of=\"$F\" bs=1 seek=$N conv=notrunc 2>/dev/null";
        spoilt(site, flip);
    });
}

/// F16
#[test]
fn a_byte_that_is_missing_from_a_dump_is_seen() {
    on(1, |site| spoilt(site, "truncate -s -1 \"$F\""));
}

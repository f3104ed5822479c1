//! Which backup is drilled, which one is the last good one, and what is said where there is none, or no
//! server.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use stairway::backup::Format;

use crate::servers;
use crate::yard::{Yard, cut, resealed};

/// F40, and what is said if none is good.
#[tokio::test]
async fn the_ones_before_a_bad_one_are_looked_at() {
    for major in servers::majors() {
        let yard = Yard::new(*major).await;
        let mut made = Vec::new();
        for _ in 0..3 {
            made.push(yard.ours("shop", "store", Format::Custom).await);
        }
        let folder = made[0].path.parent().unwrap().to_str().unwrap().to_owned();
        let age = jiff::SignedDuration::from_hours(5);
        resealed(&made[1], |it| it.created_at -= age);
        resealed(&made[0], |it| it.created_at -= age + age);
        let all = ["--backups", folder.as_str()];
        yard.drill(&all).is(0, "ok");
        cut(&made[2].path, 0.7);
        let ran = yard.drill(&all);
        ran.is(13, "bad-backup").says("bytes instead of");
        let tried = ran.report["tried"].as_array().unwrap();
        assert_eq!(tried.len(), 2, "{tried:#?}");
        assert_eq!((&tried[0]["good"], &tried[1]["good"]), (&false.into(), &true.into()));
        assert_eq!(ran.report["last_good"], made[1].path.to_str().unwrap());
        let rpo = ran.report["rpo"].as_f64().unwrap();
        assert!((18_000.0..18_600.0).contains(&rpo), "the age of the good one: {rpo}");
        let help = ran.report["help"].as_str().unwrap();
        assert!(help.contains(made[1].path.to_str().unwrap()), "{help}");
        // The next one restores, and has not the rows that it should have.
        resealed(&made[1], |it| it.contents.tables[0].rows += 1);
        let ran = yard.drill(&all);
        ran.is(13, "bad-backup");
        assert_eq!(ran.report["last_good"], made[0].path.to_str().unwrap());
        let reason = ran.report["tried"][1]["reason"].as_str().unwrap();
        assert!(reason.starts_with("rows: table "), "{reason}");
        cut(&made[0].path, 0.3);
        let ran = yard.drill(&all);
        ran.is(12, "bad-backup");
        assert_eq!((&ran.report["last_good"], &ran.report["rpo"]), (&().into(), &().into()));
        assert_eq!(ran.report["tried"].as_array().unwrap().len(), 3);
        let ran = yard.drill(&["--backups", &folder, "--tries", "1"]);
        assert_eq!(ran.report["tried"].as_array().unwrap().len(), 1);
        yard.end().await;
    }
}

/// X69: it is stale, and restored all the same.
#[tokio::test]
async fn a_stale_backup_is_restored_to_show_how_long_it_takes() {
    let yard = Yard::new(servers::majors()[0]).await;
    let backup = yard.ours("shop", "store", Format::Custom).await;
    resealed(&backup, |it| it.created_at -= jiff::SignedDuration::from_hours(30));
    let toml = "[drill]\nmax-age-hours = 26\nbackups = \"BACKUPS\"\n";
    let folder = backup.path.parent().unwrap().to_str().unwrap();
    let toml = toml.replace("BACKUPS", folder);
    fs::write(yard.project.path().join("stairway.toml"), toml).unwrap();
    let ran = yard.drill(&[]);
    ran.is(12, "bad-backup").says("age: stale: 30.0 h old, 26.0 h are allowed");
    assert!(ran.report["rto"]["seconds"].as_f64().unwrap() > 0.0);
    assert!(ran.report["rpo"].as_f64().unwrap() > 100_000.0);
    assert_eq!(ran.report["tried"][0]["good"], true);
    assert_eq!(ran.check("rows").0, "held");
    yard.drill(&["--max-age", "31h"]).is(0, "ok");
    yard.end().await;
}

#[tokio::test]
async fn ours_and_those_of_others_are_one_row_of_backups() {
    let yard = Yard::new(servers::majors()[0]).await;
    let backup = yard.ours("shop", "store", Format::Custom).await;
    let folder = backup.path.parent().unwrap().to_owned();
    let drilled = |words: &[&str]| {
        let mut all = vec!["--backups", folder.to_str().unwrap()];
        all.extend(words);
        yard.drill(&all)
    };
    // What is not there yet is none.
    fs::write(folder.join("late.dump.partial"), "PGDMP").unwrap();
    fs::write(folder.join("pre-migration-20200101T000000Z.dump.partial"), "PGDMP").unwrap();
    let ran = drilled(&[]);
    ran.is(0, "ok");
    let notes = ran.report["notes"].to_string();
    assert!(notes.contains("20200101T000000Z.dump.partial was never finished"), "{notes}");
    let dump = yard.foreign("shop", "store/nightly.dump", &["-Fc"]);
    let ran = drilled(&[]);
    ran.is(0, "ok");
    assert_eq!(ran.report["tried"][0]["file"], dump.to_str().unwrap());
    fs::write(&dump, "").unwrap();
    let ran = drilled(&[]);
    ran.is(13, "bad-backup");
    assert_eq!(ran.report["last_good"], backup.path.to_str().unwrap());
    // Backups of two databases: somebody must say which is meant.
    yard.furnish("crm").await;
    let other = yard.ours("crm", "store", Format::Custom).await;
    let ran = drilled(&[]);
    ran.is(2, "environment").says("several databases: crm, shop");
    let ran = drilled(&["--of", "crm"]);
    assert_eq!(ran.report["last_good"], other.path.to_str().unwrap(), "{:#}", ran.report);
    yard.end().await;
}

#[tokio::test]
async fn what_is_missing_here_is_not_the_backups_fault() {
    let yard = Yard::new(servers::majors()[0]).await;
    let backup = yard.ours("shop", "store", Format::Custom).await;
    let ran = yard.of(&backup.path, &["--postgres", "99"]);
    ran.is(3, "environment").says("no PostgreSQL server can be had");
    assert_eq!(ran.report["tried"][0]["good"], false);
    let ran = yard.of(&backup.path, &["--max-disk", "1MB"]);
    ran.is(13, "environment").says("bytes were restored, more than the 1000000");
    let ran = yard.of(&backup.path, &["--timeout", "1ms"]);
    ran.is(13, "environment").says("the drill took longer than");
    // X68: what is to make the server fails.
    let programs = yard.folder("bin");
    let real = &yard.ground.programs.folder;
    // A link would lead to the installation itself, whose initdb is sound.
    fs::copy(real.join("postgres"), programs.join("postgres")).unwrap();
    let initdb = real.join("initdb");
    let script = format!(
        "#!/bin/sh\n[ \"$1\" = --version ] && exec {} --version\necho out of luck >&2\nexit 1\n",
        initdb.display()
    );
    fs::write(programs.join("initdb"), script).unwrap();
    fs::set_permissions(programs.join("initdb"), fs::Permissions::from_mode(0o755)).unwrap();
    let (cache, runtime) =
        (tempfile::tempdir_in("/tmp").unwrap(), tempfile::tempdir_in("/tmp").unwrap());
    for folder in [cache.path(), runtime.path(), programs.as_path(), yard.ground.scratch.path()] {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let output = yard
        .command(&["--backup", backup.path.to_str().unwrap()])
        .env("STAIRWAY_POSTGRES_BIN", &programs)
        .env("STAIRWAY_CACHE", cache.path())
        .env("STAIRWAY_RUNTIME", runtime.path())
        .output()
        .unwrap();
    let ran = crate::yard::Ran::of(&output);
    ran.is(13, "environment").says("out of luck");
    assert_eq!(ran.report["tried"][0]["good"], false, "nothing is said of the backup");
    assert_eq!(fs::read_dir(runtime.path()).unwrap().count(), 0, "something is left");
    yard.end().await;
}

#[tokio::test]
async fn bad_input_names_the_thing_and_what_to_do() {
    let yard = Yard::new(servers::majors()[0]).await;
    let empty = yard.folder("empty");
    let ran = yard.drill(&["--backups", empty.to_str().unwrap()]);
    ran.is(12, "bad-backup").says("there is no backup in");
    let ran = yard.drill(&["--backups", "no/such/folder"]);
    ran.is(2, "environment").says("can't read the backup no/such/folder");
    let ran = yard.drill(&["--backup", "no-such.dump"]);
    ran.is(2, "environment").says("no-such.dump");
    for (words, told) in [
        (vec!["--leave-out", "restore"], "no check is called \"restore\" that can be left out"),
        (vec!["--max-age", "soon"], "is no time above zero, as in 90min, 26h or 2d"),
        (vec!["--max-disk", "9"], "is no size above zero, as in 500MB or 20GB"),
        (vec!["--fetch", "true", "--backups", "x"], "cannot be used with"),
        (vec!["--migrations", "nowhere"], "there is no folder of migrations nowhere"),
        (vec!["--checks", "nowhere"], "there is no folder of query tests nowhere"),
        (vec!["--workload", "nowhere"], "there is no workload nowhere"),
    ] {
        let output = yard.command(&words).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{words:?}: {said}");
        assert!(said.contains(told), "{words:?}: {said}");
    }
    for (toml, told) in [
        ("[drill]\nmax-age-hours = 0\n", "drill.max-age-hours is 0"),
        ("[drill]\nfetch = \"true\"\nbackups = \"x\"\n", "both backups and fetch"),
        ("[drill]\nleave-out = [\"all\"]\n", "no check is called \"all\""),
        ("[drill]\nsometimes = 1\n", "unknown field"),
    ] {
        fs::write(yard.project.path().join("stairway.toml"), toml).unwrap();
        let output = yard.command(&[]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{toml}: {said}");
        assert!(said.contains(told), "{toml}: {said}");
    }
    yard.end().await;
}

/// Each form says the same, and a report of an earlier drill does not pass for this one's.
#[tokio::test]
async fn reports_are_written_whatever_happens() {
    let yard = Yard::new(servers::majors()[0]).await;
    let backup = yard.ours("shop", "store", Format::Custom).await;
    let file = |name: &str| yard.project.path().join(name).to_str().unwrap().to_owned();
    let [text, markdown, html] = ["drill.txt", "drill.md", "drill.html"].map(file);
    let reports = [format!("text={text}"), format!("markdown={markdown}"), format!("html={html}")];
    let words: Vec<&str> = reports.iter().flat_map(|it| ["--report", it]).collect();
    yard.of(&backup.path, &words).is(0, "ok");
    let read = |path: &str| fs::read_to_string(Path::new(path)).unwrap();
    assert!(read(&text).contains("\nok: ") && read(&text).contains("RTO: "), "{}", read(&text));
    assert!(read(&markdown).starts_with("### Stairway drill: ok\n"), "{}", read(&markdown));
    assert!(read(&html).contains("<title>stairway drill: ok: "), "{}", read(&html));
    cut(&backup.path, 0.5);
    yard.of(&backup.path, &words).is(12, "bad-backup");
    assert!(read(&html).contains("<title>stairway drill: FAIL: bad backup: "), "{}", read(&html));
    assert!(read(&text).contains("FAIL: bad backup: "), "{}", read(&text));
    assert!(read(&markdown).contains("| digest | FAIL |"), "{}", read(&markdown));
    yard.end().await;
}

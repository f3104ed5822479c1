//! Words of the command line: those of the older script, a dry run, an environment by name; and who is
//! told that a run begins.

use std::io::{Read, Write};
use std::net::TcpListener;

use serde_json::Value;

use crate::site::on;

/// Before and after each of the five verbs.
#[test]
fn all_options_of_the_older_script_go_with_all_verbs() {
    on(0, |site| {
        let idle = ["--dry-run", "--skip-backup", "--skip-test", "--force", "--timeout", "60"];
        let place = ["--env", "production"];
        for verb in ["history", "current", "validate"] {
            for words in [
                [&[verb], &idle[..], &place].concat(),
                [&idle[..], &place, &[verb]].concat(),
                [&["--color", "never"], &place[..], &[verb]].concat(),
            ] {
                let ran = site.run(&words);
                assert_eq!(ran.code, Some(0), "{words:?}: {}", ran.said);
                assert!(
                    !words.contains(&"--force")
                        || ran.said.contains("note: without effect here: --dry-run, "),
                    "{words:?}: {}",
                    ran.said
                );
            }
        }
        let ran = site.run(&["--verbose", "current"]);
        assert_eq!(ran.code, Some(0), "{}", ran.said);
        ran.says("upgrade base -> 1");
        for verb in ["upgrade", "downgrade"] {
            let ran = site.run(&[&place[..], &idle, &[verb, "1"]].concat());
            assert_eq!(ran.code, Some(0), "{}", ran.said);
        }
        let ran = site.run(&["history", "--env", "nowhere"]);
        assert_eq!(ran.code, Some(2), "{}", ran.said);
    });
}

#[test]
fn who_can_not_connect_is_helped() {
    on(1, |mut site| {
        // Who is told no is not asked to wait.
        site.set("DATABASE_URL", site.target.as_role("nobody").url_with_password());
        for (words, code) in [(&["current"][..], 2), (&["backup"], 2), (&["validate"], 10)] {
            let ran = site.run(words);
            assert_eq!(ran.code, Some(code), "{words:?}: {}", ran.said);
            ran.says("  help: check ");
        }
    });
}

/// It makes no folder, has a form for programs, and says no password.
#[test]
fn a_dry_run_writes_nothing() {
    on(0, |site| {
        site.migration(2, "CREATE TABLE a (id int);\n", "DROP TABLE a;\n");
        let folders = || {
            let entries = std::fs::read_dir(site.directory.path()).unwrap();
            let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            names
        };
        let before = folders();
        let output = site.command(&["upgrade", "--dry-run", "--format", "json"]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{said}");
        assert!(said.contains("dry run: this would run"), "{said}");
        let account: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(account["sql"].as_str().unwrap().contains("CREATE TABLE a"), "{account}");
        assert_eq!(account["verb"], "upgrade");
        assert!(!account["preflight"].as_array().unwrap().is_empty());
        assert_eq!(folders(), before);
        std::fs::write(site.path("backups"), "no folder").unwrap();
        let ran = site.run(&["upgrade", "--dry-run"]);
        assert_eq!(ran.code, Some(10), "{}", ran.said);
        ran.says("no backup can be written to ");
    });
}

/// An exported variable must not lead a run elsewhere than the file of the environment says.
#[test]
fn an_environment_by_name_is_not_another_one() {
    on(1, |site| {
        let file = site.path(".env.staging");
        std::fs::write(&file, "DATABASE_URL=postgres://ann:hidden-word@staging/shop\n").unwrap();
        for words in [&["upgrade", "--env", "staging"][..], &["--env", "staging", "current"]] {
            let ran = site.run(words);
            assert_eq!(ran.code, Some(2), "{}", ran.said);
            ran.says("at staging:5432 as ann").says("unset DATABASE_URL");
            assert!(!ran.said.contains("hidden-word"), "{}", ran.said);
        }
        let url = site.target.url_with_password();
        let ran = site.run(&["upgrade", "--env", "staging", "--database-url", &url]);
        assert_eq!(ran.code, Some(0), "{}", ran.said);
        std::fs::write(&file, format!("DATABASE_URL={url}\n")).unwrap();
        let ran = site.run(&["upgrade", "--env", "staging"]);
        assert_eq!(ran.code, Some(0), "{}", ran.said);
    });
}

/// Its beginning comes first, and what was kept from before is told of.
#[test]
fn a_beginning_is_told() {
    on(0, |mut site| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port());
        let (lines, told) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut text = vec![0; 1 << 16];
                let count = stream.read(&mut text).unwrap();
                let text = String::from_utf8_lossy(&text[..count]).into_owned();
                let _ = lines.send(text.lines().next().unwrap_or_default().to_owned());
                let answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        let channels = "[[alert]]\nkind = \"healthchecks\"\nurl-env = \"CHECK\"\nbudget = 2\n\
                        [[alert]]\nkind = \"webhook\"\nurl-env = \"HOOK\"\non = [\"started\"]\n";
        std::fs::write(site.path("stairway.toml"), channels).unwrap();
        site.set("HOOK", format!("{address}/hook"));
        site.set("CHECK", "http://127.0.0.1:1/check");
        let ran = site.run(&["validate"]);
        assert_eq!(ran.code, Some(40), "{}", ran.said);
        ran.says("was not told of the beginning")
            .says("not told, kept for the next run: healthchecks");
        site.set("CHECK", format!("{address}/check"));
        let ran = site.run(&["validate"]);
        assert_eq!(ran.code, Some(0), "{}", ran.said);
        ran.says("was told now (validate.succeeded of ");
        let lines: Vec<String> = told.try_iter().collect();
        let path = |line: &String| line.split([' ', '?']).nth(1).unwrap_or_default().to_owned();
        let mut paths: Vec<String> = lines.iter().map(path).collect();
        assert_eq!(paths.remove(0), "/hook");
        paths[..2].sort();
        assert_eq!(paths, ["/check/start", "/hook", "/check", "/check"]);
    });
}

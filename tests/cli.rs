//! The program as its user runs it: exit code, stdout and stderr.

mod program;
mod servers;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use insta::assert_snapshot;

struct Ran {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Ran {
    /// Code and both streams, with what differs from run to run taken out.
    fn shown(&self) -> String {
        let all =
            format!("exit {}\n--- stdout\n{}--- stderr\n{}", self.code, self.stdout, self.stderr);
        without_times(&all).replace(env!("CARGO_MANIFEST_DIR"), "<here>")
    }
}

/// Times, minor versions and places become words.
fn without_times(text: &str) -> String {
    let mut lines = Vec::new();
    for line in text.lines() {
        let mut words: Vec<String> = Vec::new();
        for word in line.split(' ') {
            let is_number = word.parse::<f64>().is_ok() && word.contains('.');
            words.push(if is_number { "<n>".to_owned() } else { word.to_owned() });
        }
        let mut line = words.join(" ");
        if let Some(at) = line.find("server: PostgreSQL") {
            line.truncate(at);
            line.push_str("server: <which>");
        }
        // The widths of columns follow the times in them.
        let is_row = [" <n> ms", " -  "].iter().any(|cell| line.contains(cell));
        if is_row || line.trim_start().starts_with("revision ") {
            line = line.split_whitespace().collect::<Vec<_>>().join(" ");
        }
        lines.push(line.trim_end().to_owned());
    }
    lines.join("\n")
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// Runs the program in `folder` without anything of this machine's environment that it reads.
fn stairway_in(folder: &Path, args: &[&str]) -> Ran {
    let mut command = program::program();
    // What an earlier test run climbed would not be climbed again.
    command.env("STAIRWAY_NO_CACHE", "1");
    let output = command.args(args).current_dir(folder).stdin(Stdio::null()).output().unwrap();
    Ran {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn stairway(args: &[&str]) -> Ran {
    stairway_in(&root(), args)
}

/// On the oldest server at hand, without repro files in the sources.
fn verify(folder: &str, more: &[&str]) -> Ran {
    let major = servers::majors()[0].to_string();
    let mut args = vec!["verify", folder, "--server", "local", "--postgres", &major];
    args.extend(["--no-repro", "--no-cache"]);
    args.extend(more);
    stairway(&args)
}

#[test]
fn a_sound_history_passes() {
    assert_snapshot!(verify("fixtures/layouts/sqlx-reversible", &[]).shown());
}

#[test]
fn findings_print_like_rustc_and_fail() {
    let scratch = tempfile::tempdir().unwrap();
    for (name, sql) in [
        (
            "1_orders.up.sql",
            "CREATE TABLE orders (id int PRIMARY KEY, note text, total int);\nCREATE INDEX orders_total ON orders (total);\n",
        ),
        ("1_orders.down.sql", "DROP TABLE orders;\n"),
        ("2_totals.up.sql", "ALTER TABLE orders DROP COLUMN total;\n"),
        ("2_totals.down.sql", "ALTER TABLE orders ADD COLUMN total int;\n"),
        ("3_names.up.sql", "ALTER TABLE orders\n  RENAME COLUMN nte TO remark;\n"),
        ("3_names.down.sql", "ALTER TABLE orders RENAME COLUMN remark TO note;\n"),
    ] {
        let folder = scratch.path().join("migrations");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(name), sql).unwrap();
    }
    let major = servers::majors()[0].to_string();
    let ran = stairway_in(
        scratch.path(),
        &["verify", "--tool", "sqlx", "--server", "local", "--postgres", &major],
    );
    assert_snapshot!(ran.shown());
    // The script that is named there is there, and stays out of commits.
    let repro = scratch.path().join(".stairway/repro/2-schema-drift.sql");
    let script = std::fs::read_to_string(repro).unwrap();
    assert!(script.contains("ALTER TABLE orders ADD COLUMN total int;"), "{script}");
    let ignore = std::fs::read_to_string(scratch.path().join(".stairway/repro/.gitignore"));
    assert_eq!(ignore.unwrap(), "*\n");
}

#[test]
fn json_goes_to_stdout_alone_and_has_the_promised_shape() {
    let ran = verify("fixtures/clinic-faulty/migrations", &["--format", "json", "--no-rows"]);
    assert_eq!(ran.code, 1);
    let report: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(report["schema"], 1);
    assert_eq!(report["tool"]["name"], "stairway");
    assert_eq!(report["verdict"], "fail");
    assert_eq!(report["server"]["backend"], "local");
    assert!(report["server"]["version"].as_str().unwrap().contains('.'));
    for key in ["tables", "tables_seeded", "rows"] {
        assert!(report["coverage"][key].is_u64(), "{key}");
    }
    let migrations = report["migrations"].as_array().unwrap();
    assert!(migrations.len() > 20);
    for migration in migrations {
        for key in ["revision", "name", "file", "verdict", "findings"] {
            assert!(!migration[key].is_null(), "{key} of {migration}");
        }
        for key in ["upgrade", "downgrade", "reupgrade"] {
            let seconds = &migration["seconds"][key];
            assert!(seconds.is_f64() || seconds.is_null());
        }
        assert!(migration["seconds"]["total"].is_f64());
    }
    let findings: Vec<_> =
        migrations.iter().flat_map(|migration| migration["findings"].as_array().unwrap()).collect();
    for finding in &findings {
        for key in ["check", "severity", "message", "file", "line"] {
            assert!(!finding[key].is_null(), "{key} of {finding}");
        }
        for key in ["detail", "repro", "allowed", "rows"] {
            assert!(finding.get(key).is_some(), "{key} of {finding}");
        }
    }
    assert!(findings.iter().any(|finding| finding["allowed"].is_string()));
}

#[test]
fn a_report_can_go_into_a_file() {
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("report.json");
    let ran = verify(
        "fixtures/layouts/plain",
        &["--format", "json", "--output", file.to_str().unwrap(), "--quiet"],
    );
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (0, "", ""));
    let report: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    assert_eq!(report["verdict"], "pass");
    let ran = verify("fixtures/layouts/plain", &["--output", "no/such/folder/report"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("no/such/folder/report"), "{}", ran.stderr);
}

#[test]
fn warnings_fail_when_asked_to() {
    let scratch = tempfile::tempdir().unwrap();
    for (name, sql) in [
        ("up/1_a.sql", "CREATE TABLE t (a int, b int)"),
        ("down/1_a.sql", "DROP TABLE t"),
        ("up/2_b.sql", "-- stairway: lossy public.t.a reason: unused\nALTER TABLE t DROP COLUMN a"),
        ("down/2_b.sql", "ALTER TABLE t ADD COLUMN a int"),
    ] {
        let path = scratch.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, sql).unwrap();
    }
    let folder = scratch.path().to_str().unwrap();
    assert_eq!(verify(folder, &[]).code, 0);
    assert_eq!(verify(folder, &["--fail-on", "warning"]).code, 1);
    std::fs::write(scratch.path().join("stairway.toml"), "fail-on = \"warning\"\n\n[[claim]]\nrevision = \"2\"\nclaim = \"order-drift public.t reason: nobody counts\"\n").unwrap();
    let major = servers::majors()[0].to_string();
    let ran =
        stairway_in(scratch.path(), &["verify", ".", "--server", "local", "--postgres", &major]);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
}

#[test]
fn bad_input_names_the_thing_and_what_to_do() {
    let shown = [
        stairway(&["verify", "no/such/folder"]),
        stairway(&["verify", "fixtures/schema"]),
        stairway(&["verify", "--tool", "rails"]),
        stairway(&["verify", "--explain", "no-such-check"]),
        stairway(&["verify", "--fail-on", "sometimes"]),
        stairway(&["current", "--migrations", "fixtures/clinic/migrations"]),
        stairway(&["snapshot", "--database-url", "mysql://localhost/x"]),
        stairway(&["diff", "no-such-file", "neither"]),
        stairway(&["verify", "fixtures/clinic/migrations", "--server", "mainframe"]),
        stairway(&["verify", "fixtures/clinic/migrations", "--backup", "no-such.dump"]),
    ];
    let shown: Vec<String> = shown
        .iter()
        .map(|ran| {
            assert_eq!(ran.code, 2, "{}", ran.stderr);
            ran.shown()
        })
        .collect();
    assert_snapshot!(shown.join("\n\n"));
}

#[test]
fn history_lists_and_checks_are_explained() {
    let history = stairway(&["history", "--migrations", "fixtures/layouts/golang-migrate"]);
    let checks = stairway(&["verify", "--list-checks"]);
    let page = stairway(&["verify", "--explain", "column-order"]);
    assert_snapshot!([history.shown(), checks.shown(), page.shown()].join("\n\n"));
}

#[test]
fn help_says_what_there_is() {
    let verbs = [
        "init",
        "verify",
        "baseline",
        "drill",
        "upgrade",
        "downgrade",
        "validate",
        "restore",
        "stamp",
        "recover",
        "history",
        "current",
        "snapshot",
        "diff",
        "doctor",
        "completions",
        "man",
    ];
    let mut shown = vec![stairway(&["--help"]).shown()];
    shown.extend(verbs.iter().map(|verb| stairway(&[verb, "--help"]).shown()));
    shown.push(stairway(&["workload", "import", "--help"]).shown());
    assert_snapshot!(shown.join("\n\n"));
}

#[tokio::test]
async fn current_snapshot_and_diff_look_at_a_database() {
    use stairway::postgres::Session;
    use stairway::server::{Server, Template};

    let server = Server::acquire(&servers::spec(servers::majors()[0])).await.unwrap();
    let one = server.create_database(Template::Empty).await.unwrap();
    let other = server.create_database(Template::Empty).await.unwrap();
    let (one_url, other_url) = (one.target.url_with_password(), other.target.url_with_password());
    let current = |url: &str| {
        stairway(&[
            "current",
            "--migrations",
            "fixtures/layouts/golang-migrate",
            "--tool",
            "golang-migrate",
            "--database-url",
            url,
        ])
    };
    assert_eq!(current(&one_url).stdout, "base\n");
    let mut session = Session::connect(&one.target, "test").await.unwrap();
    session
        .execute(
            "CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL); \
             INSERT INTO schema_migrations VALUES (2, false); CREATE TABLE t (a int)",
        )
        .await
        .unwrap();
    let at_two = current(&one_url);
    assert_eq!((at_two.code, at_two.stdout.as_str()), (0, "000002\n"), "{}", at_two.stderr);
    assert!(at_two.stderr.contains("2 applied in public.schema_migrations, 2 pending"));
    session.execute("UPDATE schema_migrations SET version = 77, dirty = true").await.unwrap();
    let lost = current(&one_url);
    assert_eq!(lost.code, 1);
    assert!(lost.stderr.contains("unknown-revision"), "{}", lost.stderr);
    assert!(lost.stderr.contains("dirty: 77"), "{}", lost.stderr);
    session.execute("DROP TABLE schema_migrations").await.unwrap();
    session.close().await.unwrap();

    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("one.schema");
    let file = file.to_str().unwrap();
    let printed = stairway(&["snapshot", "--database-url", &one_url, "--output", file]);
    assert_eq!(printed.code, 0, "{}", printed.stderr);
    assert!(std::fs::read_to_string(file).unwrap().contains("table public.t"));
    let same = stairway(&["diff", file, &one_url]);
    assert_eq!(same.code, 0, "{}{}", same.stdout, same.stderr);
    let differs = stairway(&["diff", file, &other_url]);
    assert_eq!(differs.code, 1, "{}", differs.stderr);
    assert!(differs.stdout.contains("- table public.t"), "{}", differs.stdout);
    let digests: Vec<String> = [&one_url, &one_url, &other_url]
        .iter()
        .map(|url| stairway(&["snapshot", "--digest", "--database-url", url]).stdout)
        .collect();
    assert_eq!(digests[0], digests[1]);
    assert_ne!(digests[0], digests[2]);
    server.stop().await.unwrap();
}

#[test]
fn a_signal_stops_the_server_and_says_so() {
    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;
    use std::io::{BufRead, BufReader};

    for (signal, code) in [(Signal::SIGINT, 130), (Signal::SIGTERM, 143)] {
        let major = servers::majors()[0].to_string();
        let runtime = tempfile::Builder::new().prefix("sw").tempdir_in("/tmp").unwrap();
        open(runtime.path());
        let mut child = Command::new(env!("CARGO_BIN_EXE_stairway"))
            .args(["verify", "fixtures/clinic/migrations", "--server", "local", "--no-repro"])
            .args(["--postgres", &major])
            .current_dir(root())
            .env("STAIRWAY_RUNTIME", runtime.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let up = lines.by_ref().map(Result::unwrap).find(|line| line.starts_with("server: "));
        assert!(up.is_some(), "the server never came up");
        kill(Pid::from_raw(child.id().try_into().unwrap()), signal).unwrap();
        let rest: Vec<String> = lines.map(Result::unwrap).collect();
        assert_eq!(child.wait().unwrap().code(), Some(code), "{rest:?}");
        assert!(rest.iter().any(|line| line.contains("stopped and removed")), "{rest:?}");
        let left: Vec<_> = walk(runtime.path());
        assert!(left.is_empty(), "{left:?}");
    }
}

fn open(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// Every server's folder that is left below the runtime folder.
fn walk(folder: &Path) -> Vec<PathBuf> {
    let inner = std::fs::read_dir(folder).unwrap().flat_map(|entry| {
        let path = entry.unwrap().path();
        std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>()
    });
    inner.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("s-")).collect()
}

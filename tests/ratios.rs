//! The table of `ci/bench`: what benches print is what `ci/ratios` reads, and what can't be read is no
//! result; and `ci/bench` runs every bench that there is.

#[path = "../benches/ratio/mod.rs"]
mod ratio;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use ratio::Turns;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn table(words: &[&str], printed: &str) -> Output {
    let mut child = Command::new(root().join("ci/ratios"))
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A script that wants no input is gone by now; its output tells.
    let _ = child.stdin.take().unwrap().write_all(printed.as_bytes());
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// Measured in as many turns as there are numbers, in milliseconds, against a floor of 2 ms.
fn line(what: &str, milliseconds: &[u64]) -> String {
    let mut turns = Turns::default();
    for ours in milliseconds {
        turns.add(Duration::from_millis(*ours), Duration::from_millis(2));
    }
    turns.line(what, "the floor").unwrap()
}

#[test]
fn a_line_has_medians_and_quartiles() {
    assert_eq!(
        line("work", &[9, 1, 5, 7, 3]),
        "ratio: work (5.00 ms) against the floor (2.00 ms): 2.50 (quartiles of 5 rounds: 1.50 to 3.50)"
    );
    assert!(Turns::default().line("nothing", "the floor").is_none());
}

#[test]
fn what_warms_up_is_no_round() {
    let calls = |counts: &[u32]| {
        let call = |count: &u32| {
            let mut turns = Turns::default();
            (0..*count).for_each(|_| turns.add_seconds(1.0, 1.0));
            turns
        };
        ratio::measured(counts.iter().map(call).collect()).count()
    };
    assert_eq!(calls(&[1, 1, 1, 1]), 3);
    assert_eq!(calls(&[1, 2, 4, 3, 3, 3]), 9);
    assert_eq!(calls(&[1, 2, 4, 4, 4, 4]), 12);
    assert_eq!(calls(&[1, 2, 4, 8, 8, 8]), 16, "a sample that can't be told is left out");
    assert_eq!((calls(&[1]), calls(&[1, 2]), calls(&[])), (1, 3, 0));
}

#[test]
fn times_and_ratios_have_three_digits() {
    let said = |ours: f64, floor: f64| {
        let mut turns = Turns::default();
        turns.add_seconds(ours, floor);
        turns.line("it", "that").unwrap()
    };
    let start = |ours, floor| said(ours, floor).split(" (quartiles").next().unwrap().to_owned();
    assert_eq!(start(123.4, 0.1234), "ratio: it (123 s) against that (123 ms): 1000");
    assert_eq!(start(12.34e-6, 1.234e-3), "ratio: it (12.3 us) against that (1.23 ms): 0.0100");
    assert_eq!(start(0.5e-9, 1e-9), "ratio: it (0.500 ns) against that (1.00 ns): 0.500");
    // What is less than the noise of its start is still a line that can be read.
    for (ours, floor) in [(1.0, 0.0), (-0.002, 0.1), (0.0, 0.0)] {
        let output = table(&["odd"], &said(ours, floor));
        assert!(output.status.success(), "{}", text(&output.stderr));
    }
}

#[test]
fn lines_become_rows() {
    let head = table(&[], "");
    assert!(head.status.success());
    let columns = |line: &str| line.matches('|').count();
    let widths: Vec<usize> = text(&head.stdout).lines().map(columns).collect();
    assert_eq!(widths, [9, 9]);

    let printed = format!(
        "sql/split    time:   [3.1 ms 3.2 ms 3.3 ms]\n{}\nsome table 1 2 3\n{}\nskipped: work/more: no pgbench\n",
        line("work (all of it)", &[1, 5, 3]),
        line("work against time", &[8]),
    );
    let rows = table(&["work"], &printed);
    assert!(rows.status.success(), "{}", text(&rows.stderr));
    assert_eq!(
        text(&rows.stdout),
        "| work | work (all of it) | 3.00 ms | the floor | 2.00 ms | 1.50 | 0.500 to 2.50 | 3 |\n\
         | work | work against time | 8.00 ms | the floor | 2.00 ms | 4.00 | 4.00 to 4.00 | 1 |\n\
         | work | work/more: no pgbench | | skipped | | | | |\n"
    );
    assert!(text(&rows.stdout).lines().all(|row| columns(row) == 9));
}

#[test]
fn silence_is_no_result() {
    for printed in ["", "all is well\n", "ratio: work is fast\n"] {
        let output = table(&["work"], printed);
        assert!(!output.status.success(), "{printed:?}");
        assert!(text(&output.stderr).contains("work"), "{printed:?}");
    }
}

#[test]
fn every_bench_is_run() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let names = manifest.split("[[bench]]\nname = \"").skip(1);
    let mut there: Vec<&str> = names.map(|rest| rest.split('"').next().unwrap()).collect();
    let script = std::fs::read_to_string(root().join("ci/bench")).unwrap();
    let all = script.lines().find_map(|line| line.strip_prefix("all=\"")).unwrap();
    let mut run: Vec<&str> = all.trim_end_matches('"').split(' ').collect();
    there.sort_unstable();
    run.sort_unstable();
    assert_eq!(run, there);
}

/// What `ci/bench` needs, in a folder of its own, with a cargo whose benches take no time.
fn repository() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let script = |name: &str, text: &str| {
        let file = folder.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    };
    for name in ["ci/bench", "ci/ratios", "ci/setup"] {
        script(name, &std::fs::read_to_string(root().join(name)).unwrap());
    }
    script("target/debug/stairway", "#!/bin/sh\n");
    script("bin/cargo", &format!("#!/bin/sh\necho '{}'\n", line("work", &[1, 5, 3])));
    folder
}

fn ci_bench(repository: &Path, args: &[&str]) -> Output {
    let path = format!("{}:{}", repository.join("bin").display(), std::env::var("PATH").unwrap());
    let elsewhere = repository.join("elsewhere");
    std::fs::create_dir_all(&elsewhere).unwrap();
    let mut command = Command::new(repository.join("ci/bench"));
    command.args(args).env("PATH", path).current_dir(elsewhere).output().unwrap()
}

#[test]
fn the_table_goes_where_its_caller_says() {
    let repository = repository();
    let absolute = repository.path().join("there/absolute.md");
    let absolute = absolute.to_str().unwrap();
    for (args, file) in [
        (&["relative.md", "split", "rows"][..], "elsewhere/relative.md"),
        (&[absolute, "split", "rows"], "there/absolute.md"),
        (&[], "target/bench.md"),
    ] {
        let ran = ci_bench(repository.path(), args);
        assert!(ran.status.success(), "{}", text(&ran.stderr));
        let table = std::fs::read_to_string(repository.path().join(file)).unwrap();
        let rows = table.lines().filter(|line| line.contains("| the floor |")).count();
        assert_eq!(rows, if args.is_empty() { 10 } else { 2 }, "{table}");
    }
}

#[test]
fn a_bench_is_no_file() {
    let repository = repository();
    for args in [&["split"][..], &["rows", "split"], &["x.md", "splits"]] {
        let ran = ci_bench(repository.path(), args);
        assert_eq!(ran.status.code(), Some(2), "{args:?}");
        let said = text(&ran.stderr);
        assert!(said.contains("usage: ci/bench [FILE [NAME..]]"), "{said}");
        assert!(said.contains(args.last().unwrap()), "{said}");
    }
}

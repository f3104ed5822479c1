//! Every form of a report, on real runs: what one says, all say, and the standards' own readers
//! read it.

mod program;
mod servers;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const FORMS: [&str; 7] = ["json", "junit", "sarif", "github", "markdown", "html", "text"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn program(folder: &Path, args: &[&str]) -> Command {
    let mut command = program::program();
    command.args(["verify", "--quiet", "--no-repro", "--no-cache"]).args(args);
    command.current_dir(folder).stdin(Stdio::null());
    command
}

fn run(folder: &Path, args: &[&str]) -> Output {
    program(folder, args).output().unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

/// One `--report` for each form, into `scratch`.
fn all_forms(scratch: &Path) -> Vec<String> {
    FORMS.iter().map(|form| format!("--report={form}={}", path(scratch, form).display())).collect()
}

fn path(scratch: &Path, form: &str) -> PathBuf {
    scratch.join(format!("report.{form}"))
}

fn read(scratch: &Path, form: &str) -> String {
    std::fs::read_to_string(path(scratch, form)).unwrap()
}

/// On the oldest server at hand, with a report in each form.
fn verify(folder: &str, scratch: &Path, more: &[&str]) -> Output {
    let major = servers::majors()[0].to_string();
    let reports = all_forms(scratch);
    let mut args = vec![folder, "--server", "local", "--postgres", &major];
    args.extend(reports.iter().map(String::as_str));
    args.extend(more);
    run(&root(), &args)
}

/// The only run of a log that the schema accepts.
fn sarif(text: &str) -> Value {
    let schema = include_str!("../fixtures/sarif/sarif-schema-2.1.0.json");
    let schema: Value = serde_json::from_str(schema).unwrap();
    let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
    let document: Value = serde_json::from_str(text).unwrap();
    let errors: Vec<String> = validator
        .iter_errors(&document)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{}", errors.join("\n"));
    document["runs"][0].clone()
}

/// The findings of the JSON, those of the run first.
fn findings(report: &Value) -> Vec<Value> {
    let own = report["findings"].as_array().unwrap().iter();
    let migrations = report["migrations"].as_array().unwrap().iter();
    let of_migrations = migrations.flat_map(|migration| migration["findings"].as_array().unwrap());
    own.chain(of_migrations).cloned().collect()
}

#[test]
fn all_forms_say_the_same_of_a_faulty_history() {
    let scratch = tempfile::tempdir().unwrap();
    let output =
        verify("fixtures/clinic-faulty/migrations", scratch.path(), &["--format", "github"]);
    assert_eq!(code(&output), 1);
    let report: Value = serde_json::from_str(&read(scratch.path(), "json")).unwrap();
    let findings = findings(&report);
    assert!(findings.len() > 15);
    results_are_the_findings(&sarif(&read(scratch.path(), "sarif")), &findings);
    failures_are_the_findings(&read(scratch.path(), "junit"), &report);
    let github = read(scratch.path(), "github");
    assert_eq!(github, String::from_utf8(output.stdout).unwrap());
    annotations_are_the_findings(&github, &report, &findings);
    let markdown = read(scratch.path(), "markdown");
    assert!(markdown.starts_with("**stairway:** FAIL: "), "{markdown}");
    assert_eq!(markdown.matches("\n#### ").count(), findings.len());
    assert!(markdown.contains("```sql\n"));
    assert!(markdown.len() < 65_536);
    let html = read(scratch.path(), "html");
    assert_eq!(html.matches("<article class=\"finding ").count(), findings.len());
    let text = read(scratch.path(), "text");
    assert!(text.contains("error[schema-drift]") && !text.contains('\u{1b}'));
}

fn results_are_the_findings(run: &Value, findings: &[Value]) {
    let results = run["results"].as_array().unwrap();
    assert_eq!(results.len(), findings.len());
    for (result, finding) in results.iter().zip(findings) {
        assert_eq!(result["ruleId"], finding["check"]);
        assert_eq!(result["level"], finding["severity"]);
        let reason = result["suppressions"].get(0).map(|it| &it["justification"]);
        assert_eq!(reason.unwrap_or(&Value::Null), &finding["allowed"]);
        let place = &result["locations"][0]["physicalLocation"];
        let artifact = &place["artifactLocation"];
        assert_eq!(artifact["uri"], finding["file"], "relative to the repository, as it was given");
        assert_eq!(artifact["uriBaseId"], "%SRCROOT%");
        let region = &place["region"];
        assert_eq!(region["startLine"], finding["line"]);
        if let Some(end) = region["endColumn"].as_u64() {
            let text =
                std::fs::read_to_string(root().join(finding["file"].as_str().unwrap())).unwrap();
            let number = |key: &str| usize::try_from(region[key].as_u64().unwrap()).unwrap();
            let width =
                |line: usize| text.lines().nth(line - 1).unwrap().encode_utf16().count() as u64;
            assert!(end <= width(number("endLine")) + 1, "{region}");
            assert!(
                number("startLine") < number("endLine")
                    || number("startColumn") < number("endColumn")
            );
        }
    }
    let prints: std::collections::BTreeSet<String> =
        results.iter().map(|result| result["partialFingerprints"].to_string()).collect();
    assert_eq!(prints.len(), results.len(), "a fingerprint is not unique");
    assert_eq!(run["invocations"][0]["executionSuccessful"], true);
}

fn failures_are_the_findings(text: &str, report: &Value) {
    let document = roxmltree::Document::parse(text).unwrap();
    let cases: Vec<_> =
        document.descendants().filter(|node| node.has_tag_name("testcase")).collect();
    let migrations = report["migrations"].as_array().unwrap();
    assert_eq!(cases.len(), migrations.len() + 1);
    let mut failed = 0;
    for (case, migration) in cases[1..].iter().zip(migrations) {
        let word = |key: &str| migration[key].as_str().unwrap();
        let name = format!("{} {}", word("revision"), word("name"));
        assert_eq!(case.attribute("name"), Some(name.as_str()));
        assert_eq!(case.attribute("classname"), Some("fixtures/clinic-faulty/migrations (sqlx)"));
        assert!(case.attribute("time").unwrap().parse::<f64>().unwrap() >= 0.0);
        let mut types: Vec<_> = case
            .children()
            .filter(|node| node.has_tag_name("failure"))
            .map(|node| node.attribute("type").unwrap())
            .collect();
        let counts =
            |finding: &&Value| finding["allowed"].is_null() && finding["severity"] == "error";
        let found = migration["findings"].as_array().unwrap().iter().filter(counts);
        let mut checks: Vec<_> = found.map(|finding| finding["check"].as_str().unwrap()).collect();
        types.sort_unstable();
        checks.sort_unstable();
        assert_eq!(types, checks, "{name}");
        failed += usize::from(!types.is_empty());
        let is_error = case.children().any(|node| node.has_tag_name("error"));
        assert_eq!(is_error, word("verdict") == "inconclusive", "{name}");
    }
    let total = document.root_element().attribute("failures").unwrap();
    assert_eq!(total.parse::<usize>().unwrap(), failed);
    assert!(text.contains("accepted by a claim: "));
}

fn annotations_are_the_findings(text: &str, report: &Value, findings: &[Value]) {
    let lines: Vec<&str> = text.lines().collect();
    let unjudged = report["migrations"].as_array().unwrap().iter();
    let unjudged = unjudged.filter(|migration| migration["unjudged"].is_string()).count();
    assert_eq!(lines.len(), findings.len() + unjudged + 1);
    for (line, finding) in lines.iter().zip(findings) {
        let level = match finding["severity"].as_str().unwrap() {
            _ if finding["allowed"].is_string() => "notice",
            "note" => "notice",
            word => word,
        };
        let start = format!(
            "::{level} file={},line={},",
            finding["file"].as_str().unwrap(),
            finding["line"]
        );
        assert!(line.starts_with(&start), "{start}\n{line}");
        assert!(line.contains(&format!("title={}::", finding["check"].as_str().unwrap())));
    }
    let last = lines.last().unwrap();
    assert!(last.starts_with("::notice title=stairway::FAIL: "), "{last}");
    let errors = lines.iter().filter(|line| line.starts_with("::error ")).count();
    assert!(errors > 10 && last.contains(&format!(" here are {errors} errors")), "{last}");
}

#[test]
fn a_sound_history_passes_in_every_form() {
    let scratch = tempfile::tempdir().unwrap();
    let output = verify("fixtures/layouts/plain", scratch.path(), &[]);
    assert_eq!(code(&output), 0);
    let run = sarif(&read(scratch.path(), "sarif"));
    assert_eq!(run["results"], serde_json::json!([]));
    let junit = read(scratch.path(), "junit");
    let document = roxmltree::Document::parse(&junit).unwrap();
    let totals =
        ["tests", "failures", "errors"].map(|name| document.root_element().attribute(name));
    assert_eq!(totals, [Some("5"), Some("0"), Some("0")]);
    let github = read(scratch.path(), "github");
    assert!(github.starts_with("pass: 4 migrations") && github.lines().count() == 1, "{github}");
    assert!(read(scratch.path(), "markdown").starts_with("**stairway:** pass: 4 migrations"));
    assert!(
        read(scratch.path(), "html").contains("<title>stairway verify: pass, 4 migrations in ")
    );
}

#[test]
fn a_run_that_gets_no_server_says_so_in_every_form() {
    let scratch = tempfile::tempdir().unwrap();
    for form in FORMS {
        std::fs::write(path(scratch.path(), form), "an old report that passed").unwrap();
    }
    let reports = all_forms(scratch.path());
    let mut args = vec!["fixtures/coupons", "--format", "json"];
    args.extend(["--server", "postgres://nobody@127.0.0.1:1/none"]);
    args.extend(reports.iter().map(String::as_str));
    let output = run(&root(), &args);
    assert_eq!(code(&output), 3);
    let stderr = String::from_utf8(output.stderr).unwrap();
    let message = stderr.lines().next().unwrap().strip_prefix("error: ").unwrap();
    let json = read(scratch.path(), "json");
    let report: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&report["schema"], &report["verdict"]), (&1.into(), &"inconclusive".into()));
    assert_eq!(report["tool"]["name"], "stairway");
    assert_eq!(report["history"]["folder"], "fixtures/coupons");
    assert_eq!(report["migrations"], serde_json::json!([]));
    assert_eq!(report["error"]["exit"], 3);
    let said = report["error"]["message"].as_str().unwrap();
    assert_eq!(said.lines().next().unwrap(), message);
    let on_stdout: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(on_stdout["error"], report["error"]);
    let invocation = sarif(&read(scratch.path(), "sarif"))["invocations"][0].clone();
    assert_eq!(invocation["executionSuccessful"], false);
    let notified = &invocation["toolExecutionNotifications"][0]["message"]["text"];
    assert!(notified.as_str().unwrap().starts_with(message), "{notified}");
    let junit = read(scratch.path(), "junit");
    let document = roxmltree::Document::parse(&junit).unwrap();
    let error = document.descendants().find(|node| node.has_tag_name("error")).unwrap();
    assert!(error.text().unwrap().starts_with(message));
    assert_eq!(error.parent().unwrap().tag_name().name(), "testcase");
    let github = read(scratch.path(), "github");
    assert!(github.starts_with("::error title=stairway::") && github.lines().count() == 1);
    let markdown = read(scratch.path(), "markdown");
    assert!(markdown.starts_with("**stairway:** not finished"), "{markdown}");
    assert!(read(scratch.path(), "html").contains("The verification did not finish: "));
    assert!(read(scratch.path(), "text").starts_with(&format!("error: {message}")));
}

#[test]
fn an_interrupted_run_leaves_no_old_report() {
    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;
    use std::io::{BufRead, BufReader};

    let scratch = tempfile::tempdir().unwrap();
    let file = path(scratch.path(), "junit");
    std::fs::write(&file, "an old report that passed").unwrap();
    let major = servers::majors()[0].to_string();
    let mut child = Command::new(env!("CARGO_BIN_EXE_stairway"))
        .args([
            "verify",
            "fixtures/clinic/migrations",
            "--no-repro",
            "--no-cache",
            "--server",
            "local",
        ])
        .args(["--postgres", &major, "--report", &format!("junit={}", file.display())])
        .current_dir(root())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.starts_with("server: ")), "the server never came up");
    kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
    lines.for_each(drop);
    assert_eq!(child.wait().unwrap().code(), Some(143));
    let junit = std::fs::read_to_string(&file).unwrap();
    let document = roxmltree::Document::parse(&junit).unwrap();
    let error = document.descendants().find(|node| node.has_tag_name("error")).unwrap();
    assert_eq!(error.attribute("message"), Some("the run was interrupted before its end"));
}

#[test]
fn what_can_not_be_written_is_said_before_the_work() {
    let scratch = tempfile::tempdir().unwrap();
    let file = path(scratch.path(), "junit");
    let [junit, sarif] = ["junit", "sarif"].map(|form| format!("{form}={}", file.display()));
    let output = file.to_str().unwrap();
    for (args, words) in [
        (vec!["--report", &junit, "--report", &sarif], "two reports would be written to"),
        (vec!["--report", &junit, "--output", output], "two reports would be written to"),
        (vec!["--report", "xml=x"], "known are text, json, junit, sarif, github, markdown, html"),
        (vec!["--report", "x.xml"], "FORM=PATH"),
        (vec!["--report", "junit=no/such/folder/x"], "can't write no/such/folder/x"),
        (vec!["--report", "junit=fixtures"], "can't write fixtures"),
    ] {
        // No server is there: one that was looked for would give another code.
        let server = ["fixtures/coupons", "--server", "postgres://nobody@127.0.0.1:1/none"];
        let ran = run(&root(), &[&server[..], &args].concat());
        let stderr = String::from_utf8(ran.stderr.clone()).unwrap();
        assert_eq!(code(&ran), 2, "{stderr}");
        assert!(stderr.contains(words), "{words}: {stderr}");
    }
    assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0);
}

#[test]
fn alerts_stay_the_same_when_lines_shift() {
    let scratch = tempfile::tempdir().unwrap();
    let migrations = scratch.path().join("db/my migrations");
    std::fs::create_dir_all(&migrations).unwrap();
    std::fs::create_dir(scratch.path().join(".git")).unwrap();
    let up = migrations.join("1_a.up.sql");
    std::fs::write(&up, "CREATE TABLE a (x int, y int);").unwrap();
    std::fs::write(migrations.join("1_a.down.sql"), "DROP TABLE a;").unwrap();
    let second = migrations.join("2_b.up.sql");
    std::fs::write(&second, "ALTER TABLE a DROP COLUMN y;").unwrap();
    let down = migrations.join("2_b.down.sql");
    std::fs::write(&down, "SELECT 1;\nALTER TABLE a ADD COLUMN yy int;").unwrap();
    let major = servers::majors()[0].to_string();
    let result = || {
        let args = ["my migrations", "--server", "local", "--postgres", &major, "--tool", "sqlx"];
        // From a folder below the root of the repository.
        let ran = run(&scratch.path().join("db"), &[&args[..], &["--format", "sarif"]].concat());
        assert_eq!(code(&ran), 1, "{ran:?}");
        let run = sarif(&String::from_utf8(ran.stdout).unwrap());
        assert_eq!(run["automationDetails"]["id"], "stairway/db/my migrations/");
        run["results"][0].clone()
    };
    let before = result();
    let place = |result: &Value| result["locations"][0]["physicalLocation"].clone();
    let uri = place(&before)["artifactLocation"]["uri"].as_str().unwrap().to_owned();
    assert!(uri.starts_with("db/my%20migrations/2_b."), "{uri}");
    for file in [&second, &down] {
        let text = std::fs::read_to_string(file).unwrap();
        std::fs::write(file, format!("-- a word on it\n\n{text}")).unwrap();
    }
    let after = result();
    assert_eq!(before["partialFingerprints"], after["partialFingerprints"]);
    let line = |result: &Value| place(result)["region"]["startLine"].as_u64().unwrap();
    assert_eq!(line(&before) + 2, line(&after));
}

#[test]
fn a_report_can_go_to_stdout_behind_another() {
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("stdout");
    let major = servers::majors()[0].to_string();
    let mut command =
        program(&root(), &["fixtures/layouts/plain", "--server", "local", "--postgres", &major]);
    command.args(["--report", "github=/dev/stdout"]);
    // A regular file, as the shell's `>` makes it: it must not be replaced or cut.
    command.stdout(std::fs::File::create(&file).unwrap());
    assert!(command.status().unwrap().success());
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains(" revision"), "{text}");
    assert_eq!(text.matches("pass: 4 migrations").count(), 2, "{text}");
    assert!(text.lines().last().unwrap().starts_with("pass: 4 migrations"), "{text}");
}

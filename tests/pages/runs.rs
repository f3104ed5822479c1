//! Runs of each verb, and what their pages say.

use std::fs;
use std::path::{Path, PathBuf};

use roxmltree::{Document, Node};
use serde_json::Value;

use crate::document::{
    all, by_id, closed, is_accessible, numbers, of_class, stands_alone, text, value, values,
};
use crate::looked_at::by_chromium;
use crate::servers;
use crate::site::Site;

/// What a page must not take for its own; Chromium sees to it that it does not.
const HOSTILE: &str =
    "-- </code></pre><script>document.title = 'taken'</script> & <!-- 'quoted' \u{202e}\n";

/// A page that was read, and the JSON of the same run.
struct Page {
    path: PathBuf,
    source: String,
    report: Value,
}

impl Page {
    /// The page and the JSON, wherever a run wrote them.
    fn at(html: PathBuf, json: &Path) -> Self {
        let source = fs::read_to_string(&html).unwrap();
        let report = serde_json::from_str(&fs::read_to_string(json).unwrap()).unwrap();
        Self { path: html, source, report }
    }

    /// A copy of it under a name that pictures can have.
    fn rename(&mut self, path: PathBuf) {
        fs::copy(&self.path, &path).unwrap();
        self.path = path;
    }

    /// Looks at the page as a document, after what holds for every page.
    fn read(&self, verb: &str, verdict: &str, look: impl FnOnce(&Document<'_>, &Value)) {
        let xml = closed(&self.source);
        let page = Document::parse(&xml).unwrap_or_else(|error| panic!("{error}: {xml}"));
        stands_alone(&page, &self.source);
        is_accessible(&page);
        let told = text(by_id(&page, "verdict"));
        assert!(
            told.ends_with(verdict) && told.chars().count() > verdict.chars().count(),
            "{told}"
        );
        let tool = text(of_class(page.root(), "tool").next().unwrap());
        assert_eq!(tool, format!("stairway {verb}"));
        look(&page, &self.report);
    }
}

/// Each text stands in the node.
#[track_caller]
fn says(node: Node<'_, '_>, words: &[&str]) {
    let told = text(node);
    for word in words {
        assert!(told.contains(word), "{word}: {told}");
    }
}

/// The rows of the only table in a section.
fn rows<'a>(page: &'a Document<'a>, id: &str) -> Vec<Node<'a, 'a>> {
    all(all(by_id(page, id), "tbody").next().unwrap(), "tr").collect()
}

/// The number by its name is that of JSON.
#[track_caller]
fn number(page: &Document<'_>, id: &str, wanted: &Value) {
    assert_eq!(Some(value(by_id(page, id))), wanted.as_f64(), "{id}");
}

/// Runs the program, which writes a page and JSON beside it; they must be of a run with this exit code.
fn run(site: &Site, words: &[&str], name: &str, code: i32) -> Page {
    let [html, json] = ["html", "json"].map(|form| site.path(&format!("{name}.{form}")));
    let [page, data] =
        [("html", &html), ("json", &json)].map(|(form, path)| format!("{form}={}", path.display()));
    let mut all = words.to_vec();
    all.extend(["--quiet", "--report", &page, "--report", &data]);
    let ran = site.run(&all);
    assert_eq!(ran.code, Some(code), "{}", ran.said);
    Page::at(html, &json)
}

/// A run on the database; its page is beside the other reports.
fn account(site: &Site, words: &[&str], code: i32) -> Page {
    let ran = site.run(words);
    assert_eq!(ran.code, Some(code), "{}", ran.said);
    let run = ran.report["run"].as_str().unwrap();
    let beside = |end: &str| site.path(&format!("logs/migration-report-{run}.{end}"));
    let page = Page::at(beside("html"), &beside("json"));
    assert!(site.path("logs").join(format!("migration-report-{run}.txt")).exists());
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&page.path.metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600, "only its owner reads it");
    page
}

#[test]
fn pages_say_what_json_says_and_can_be_read_by_everybody() {
    let site = Site::new(*servers::majors().last().unwrap()).unwrap();
    let mut pages = vec![verification(&site), broken_verification(&site)];
    site.migration(
        2,
        "ALTER TABLE orders ADD COLUMN note text;\n",
        "ALTER TABLE orders DROP COLUMN note;\n",
    );
    let check = |length: u32| {
        format!("SELECT 1;\nALTER TABLE users ADD CHECK (length(email) > {length});\n")
    };
    site.migration(3, &check(3), "SELECT 1;\n");
    pages.push(failed_rehearsal(&site, "failed-script", &["users_email_check"]));
    site.migration(3, &check(1), "SELECT 1;\n");
    pages.push(failed_rehearsal(&site, "drift", &["does not lead back", "users_email_check"]));
    pages.push(rolled_back(&site));
    site.migration(3, "CREATE TABLE refunds (id int PRIMARY KEY);\n", "DROP TABLE refunds;\n");
    pages.extend(drills(&site));
    pages.push(dry_run(&site));
    keeps_secrets(&site);
    pages.push(refused_gate(&site));
    pages.push(upgrade(&site));
    pages.push(open_gate(&site));
    let paths: Vec<&Path> = pages.iter().map(|it| it.path.as_path()).collect();
    by_chromium(&paths);
}

/// One finding with rows, one with a difference, and a migration without any.
fn verification(site: &Site) -> Page {
    let up = format!(
        "{HOSTILE}ALTER TABLE orders ADD COLUMN note text;\nALTER TABLE users ALTER COLUMN email TYPE varchar(5);\n"
    );
    site.migration(2, &up, "ALTER TABLE orders DROP COLUMN note;\n");
    site.migration(3, "CREATE TABLE refunds (id int PRIMARY KEY);\n", "DROP TABLE refunds;\n");
    let page = run(site, &["verify"], "verify", 1);
    page.read("verify", "fail", |page, report| {
        let found: Vec<&Value> = report["migrations"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|it| it["findings"].as_array().unwrap())
            .collect();
        let cards: Vec<String> = of_class(by_id(page, "findings"), "finding").map(text).collect();
        assert_eq!(cards.len(), found.len(), "{report:#}");
        for finding in &found {
            let parts = ["check", "severity", "message", "help", "repro"].map(|it| &finding[it]);
            let rows = finding["rows"].as_array().unwrap().iter().map(|it| &it["insert"]);
            let mut parts: Vec<String> = parts
                .into_iter()
                .chain(rows)
                .filter_map(|it| Some(it.as_str()?.to_owned()))
                .collect();
            if let (Some(file), Some(line)) = (finding["file"].as_str(), finding["line"].as_u64()) {
                let whole = cards.iter().any(|it| it.contains(&format!("{file}:{line}")));
                assert!(whole || line == 1, "{file}:{line}: {cards:?}");
                parts.push(file.to_owned());
            }
            assert!(
                cards.iter().any(|card| parts.iter().all(|it| card.contains(it))),
                "{parts:?}: {cards:#?}"
            );
        }
        let fails = found.iter().find(|it| it["check"] == "data-dependent-failure").unwrap();
        assert_eq!(fails["line"], 3, "{fails:#}");
        let marked: Vec<String> = all(by_id(page, "findings"), "mark").map(text).collect();
        assert!(
            marked.iter().any(|it| it.contains("ALTER COLUMN email TYPE varchar(5)")),
            "{marked:?}"
        );
        says(
            by_id(page, "findings"),
            &["<script>document.title = 'taken'</script>", "\u{fffd}", "INSERT INTO"],
        );
        assert_eq!(rows(page, "migrations").len(), 3);
        for (row, migration) in
            rows(page, "migrations").iter().zip(report["migrations"].as_array().unwrap())
        {
            let took = &migration["seconds"];
            let wanted = ["upgrade", "downgrade", "reupgrade", "total"].map(|it| &took[it]);
            assert_eq!(values(*row), numbers(wanted.into_iter().filter(|it| !it.is_null())));
        }
        number(page, "seconds", &report["seconds"]);
        number(page, "rows", &report["coverage"]["rows"]);
        let parts = ["plan", "start", "pass", "climb", "end", "keep"];
        let parts = parts.map(|it| &report["parts"][it]);
        assert_eq!(values(by_id(page, "times")), numbers(parts));
    });
    page
}

/// An error ended it: the page says so, also on stdout.
fn broken_verification(site: &Site) -> Page {
    fs::write(site.path("broken.html"), "an old page that passed").unwrap();
    let words = ["verify", "--server", "postgres://nobody@127.0.0.1:1/x", "--quiet", "--no-cache"];
    let report = format!("html={}", site.path("broken.html").display());
    let output =
        site.command(&words).args(["--format", "html", "--report", &report]).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
    let page = Page {
        path: site.path("broken.html"),
        source: fs::read_to_string(site.path("broken.html")).unwrap(),
        report: Value::Null,
    };
    assert!(
        String::from_utf8(output.stdout).unwrap().contains("The verification did not finish: ")
    );
    page.read("verify", "inconclusive", |page, _| {
        says(page.root_element(), &["The verification did not finish: ", "Nothing was judged."]);
        assert_eq!(text(by_id(page, "exit")), "3");
    });
    page
}

/// What a copy shows is on the page in full, and nothing was changed.
fn failed_rehearsal(site: &Site, name: &str, words: &[&str]) -> Page {
    let mut page = account(site, &["upgrade"], 13);
    page.read("upgrade", "rehearsal failed", |page, report| {
        assert_eq!(text(by_id(page, "state")), "BEFORE");
        number(page, "exit", &13.into());
        let trouble = &report["trouble"];
        assert_eq!(trouble["step"], "rehearse", "{report:#}");
        says(by_id(page, "findings"), words);
        for line in trouble["message"].as_str().unwrap().lines() {
            says(by_id(page, "findings"), &[line]);
            says(by_id(page, "rehearsal"), &[line]);
        }
        for part in ["place", "sqlstate", "object", "help"] {
            says(page.root_element(), &[trouble[part].as_str().unwrap_or_default()]);
        }
        let is_placed = trouble["place"].as_str().is_some_and(|it| it.ends_with("3_it.up.sql:2"));
        assert_eq!(is_placed, name == "failed-script", "{trouble:#}");
        says(by_id(page, "unchecked"), &["the migrations: the run did not come to it"]);
        steps(page, report);
    });
    page.rename(site.path(&format!("{name}.html")));
    page
}

/// Each step has a row with its notes and its time.
fn steps(page: &Document<'_>, report: &Value) {
    let steps = report["steps"].as_array().unwrap();
    let rows = rows(page, "steps");
    assert_eq!(rows.len(), steps.len());
    for (row, step) in rows.iter().zip(steps) {
        says(*row, &[step["name"].as_str().unwrap()]);
        for note in step["notes"].as_array().unwrap() {
            note.as_str().unwrap().lines().for_each(|line| says(*row, &[line.trim_end()]));
        }
        assert_eq!(values(*row), numbers([&step["seconds"]]));
        assert_eq!(of_class(*row, "span").count(), 1, "a bar");
    }
    let remarks = report["preflight"].as_array().unwrap();
    for remark in remarks {
        says(by_id(page, "preflight"), &[remark["message"].as_str().unwrap()]);
    }
    number(page, "seconds", &report["seconds"]);
    assert_eq!(text(by_id(page, "run")), report["run"].as_str().unwrap());
}

/// Nobody rehearsed it, it failed on the database, and what was there was put back.
fn rolled_back(site: &Site) -> Page {
    let up = "CREATE TABLE refunds (id int PRIMARY KEY);\nSELECT count(*) FROM nothing;\n";
    site.migration(3, up, "DROP TABLE refunds;\n");
    let mut page = account(site, &["upgrade", "--skip-test"], 21);
    page.read("upgrade", "rolled back", |page, report| {
        assert_eq!(text(by_id(page, "state")), "BEFORE");
        let place = report["trouble"]["place"].as_str().unwrap();
        assert!(place.ends_with("3_it.up.sql:2"), "{place}");
        says(by_id(page, "findings"), &[place, "42P01"]);
        says(by_id(page, "unchecked"), &["--skip-test: nobody has seen these migrations"]);
        steps(page, report);
        moves(page, report);
        let ways: Vec<&str> = report["moves"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|it| it["direction"].as_str())
            .collect();
        assert_eq!(ways, ["upgrade", "upgrade", "downgrade"]);
    });
    page.rename(site.path("rolled-back.html"));
    page
}

/// Each script that was run on the database has a row.
fn moves(page: &Document<'_>, report: &Value) {
    let (rows, moves) = (rows(page, "migrations"), report["moves"].as_array().unwrap());
    assert_eq!(rows.len(), moves.len());
    for (row, one) in rows.iter().zip(moves) {
        says(*row, &["revision", "direction", "ended"].map(|it| one[it].as_str().unwrap()));
        let numbers_of = ["tries", "seconds", "rehearsed"].map(|it| &one[it]);
        assert_eq!(values(*row), numbers(numbers_of.into_iter().filter(|it| !it.is_null())));
    }
}

/// A secret of a script is no secret any more where its page is read.
fn keeps_secrets(site: &Site) {
    let up = "CREATE ROLE reader LOGIN PASSWORD 'p<&\"4\"> w0rd';\n";
    site.migration(4, up, "DROP ROLE reader;\n");
    let ran = site.run(&["upgrade", "--dry-run", "--format", "html"]);
    assert_eq!(ran.code, Some(0), "{}", ran.said);
    let page = ran.said.split("</html>").next().unwrap();
    assert!(page.contains("CREATE ROLE reader LOGIN PASSWORD") && page.contains("***"), "{page}");
    assert!(!page.contains("w0rd") && !page.contains("p&lt;"), "{page}");
    for way in ["up", "down"] {
        fs::remove_file(site.path(&format!("migrations/4_it.{way}.sql"))).unwrap();
    }
}

/// What would be sent is on the page, and not a word of it was.
fn dry_run(site: &Site) -> Page {
    let path = site.path("plan.html");
    let before = fs::read_dir(site.path("logs")).unwrap().count();
    let ran =
        site.run(&["upgrade", "--dry-run", "--format", "html", "--output", path.to_str().unwrap()]);
    assert_eq!(ran.code, Some(0), "{}", ran.said);
    assert_eq!(
        fs::read_dir(site.path("logs")).unwrap().count(),
        before,
        "nothing is written but what was asked for"
    );
    let page = Page { source: fs::read_to_string(&path).unwrap(), path, report: Value::Null };
    page.read("upgrade", "would run", |page, _| {
        let sql = text(by_id(page, "sql"));
        let script = site.run(&["upgrade", "--dry-run"]).said;
        for line in [
            "ALTER TABLE orders ADD COLUMN note text;",
            "CREATE TABLE refunds (id int PRIMARY KEY);",
            "COMMIT;",
        ] {
            assert!(sql.contains(line) && script.contains(line), "{line}: {sql}");
        }
        says(by_id(page, "unchecked"), &["rehearsal", "validation"]);
        assert_eq!(text(by_id(page, "state")), "BEFORE");
    });
    page
}

fn upgrade(site: &Site) -> Page {
    let mut page = account(site, &["upgrade"], 0);
    page.read("upgrade", "done", |page, report| {
        assert_eq!(text(by_id(page, "state")), "AFTER");
        number(page, "exit", &0.into());
        steps(page, report);
        let backup = &report["backup"];
        says(
            by_id(page, "backup"),
            &[backup["sha256"].as_str().unwrap(), backup["file"].as_str().unwrap()],
        );
        let told = ["bytes", "level", "rows", "tables"].map(|it| &backup[it]);
        assert_eq!(values(by_id(page, "backup")), numbers(told));
        moves(page, report);
        assert!(report["moves"].as_array().unwrap().iter().all(|it| it["rehearsed"].is_number()));
        for check in report["validation"].as_array().unwrap() {
            says(
                by_id(page, "validation"),
                &[
                    check["name"].as_str().unwrap(),
                    check["detail"].as_str().unwrap().lines().next().unwrap(),
                ],
            );
        }
        number(page, "orphans", &report["orphans"]);
        says(by_id(page, "rehearsal"), &["the schema and all rows came back"]);
    });
    page.rename(site.path("upgrade.html"));
    page
}

/// One of a good backup, and one of a file that is none.
fn drills(site: &Site) -> [Page; 2] {
    let ran = site.run(&["backup"]);
    assert_eq!(ran.code, Some(0), "{}", ran.said);
    let good = run(site, &["drill", "--leave-out", "amcheck"], "drill", 0);
    good.read("drill", "ok", |page, report| {
        let checks = report["checks"].as_array().unwrap();
        let rows = rows(page, "checks");
        assert_eq!(rows.len(), checks.len());
        for (row, check) in rows.iter().zip(checks) {
            says(*row, &[check["name"].as_str().unwrap()]);
            check["detail"]
                .as_str()
                .unwrap()
                .lines()
                .for_each(|line| says(*row, &[line.trim_end()]));
        }
        says(by_id(page, "unchecked"), &["amcheck: left out"]);
        number(page, "rto", &report["rto"]["seconds"]);
        number(page, "rpo", &report["rpo"]);
        number(page, "mismatches", &report["mismatches"]);
        number(page, "orphans", &report["orphans"]);
        number(page, "exit", &report["exit"]);
        let phases = report["phases"].as_array().unwrap().iter().map(|it| &it["seconds"]);
        assert_eq!(values(by_id(page, "times")), numbers(phases));
        let pending = report["pending"].as_array().unwrap().iter().map(|it| &it["seconds"]);
        assert_eq!(values(by_id(page, "pending")), numbers(pending));
        let [tried] = report["tried"].as_array().unwrap().as_slice() else { panic!("{report:#}") };
        says(by_id(page, "backups"), &[tried["file"].as_str().unwrap()]);
        assert_eq!(
            values(by_id(page, "backups")),
            numbers(["age", "bytes", "level"].map(|it| &tried[it]))
        );
    });
    fs::write(site.path("bad.dump"), "no dump at all").unwrap();
    let file = site.path("bad.dump");
    let bad = run(site, &["drill", "--backup", file.to_str().unwrap()], "bad-drill", 12);
    bad.read("drill", "bad backup", |page, report| {
        let reason = report["reason"].as_str().unwrap();
        assert_eq!(text(by_id(page, "reason")), reason.lines().next().unwrap());
        says(by_id(page, "next"), &[report["help"].as_str().unwrap()]);
        reason
            .lines()
            .for_each(|line| says(by_id(page, "findings"), &[line.split(": ").last().unwrap()]));
        says(by_id(page, "unchecked"), &["rehearsal: the drill did not come to it"]);
    });
    [good, bad]
}

fn facts(page: &Document<'_>, report: &Value) {
    let facts = report["facts"].as_array().unwrap();
    let rows = rows(page, "facts");
    assert_eq!(rows.len(), facts.len());
    for (row, fact) in rows.iter().zip(facts) {
        let first = fact["detail"].as_str().unwrap().lines().next().unwrap_or_default();
        says(*row, &[fact["name"].as_str().unwrap(), first]);
        let required = fact["required"].as_bool().unwrap();
        assert_eq!(text(*row).contains("not required"), !required);
        if ["failed", "unknown"].contains(&fact["ended"].as_str().unwrap()) {
            for line in fact["detail"].as_str().unwrap().lines().chain(fact["help"].as_str()) {
                says(by_id(page, "findings"), &[line]);
            }
        }
    }
    number(page, "seconds", &report["seconds"]);
    if report["verdict"] == "pass" {
        number(page, "holds", &report["holds"]);
    }
    number(page, "applied", &report["database"]["applied"]);
    for pending in report["pending"].as_array().unwrap() {
        says(
            by_id(page, "pending"),
            &[pending["digest"].as_str().unwrap(), pending["files"][0]["sha256"].as_str().unwrap()],
        );
    }
    says(by_id(page, "attestation"), &[report["database"]["system_identifier"].as_str().unwrap()]);
}

/// There is no fresh drill.
fn refused_gate(site: &Site) -> Page {
    let page = run(
        site,
        &["gate", "--drill", "bad-drill.json", "--require", "drill", "--require", "verification"],
        "gate",
        14,
    );
    page.read("gate", "fail", |page, report| {
        facts(page, report);
        says(by_id(page, "reason"), &["drill: "]);
        assert_eq!(report["pending"].as_array().unwrap().len(), 2);
    });
    page
}

fn open_gate(site: &Site) -> Page {
    let page = run(site, &["gate", "--drill", "drill.json"], "open-gate", 0);
    page.read("gate", "pass", |page, report| {
        facts(page, report);
        says(by_id(page, "findings"), &["Nothing."]);
    });
    page
}

//! `stairway bench --format html`: the page of a real bench, read and looked at in headless Chromium, and
//! held against the JSON of the same bench. `STAIRWAY_SCREENSHOTS=FOLDER` keeps the pictures.

mod chromium;
mod document;
mod program;
mod servers;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use chromium::{Chromium, Scheme, pages};
use document::{all, by_id, closed, has_class, numbers, of_class, text, value, values};
use roxmltree::{Document, Node};
use serde_json::Value;

const SETUP: &str = "CREATE TABLE orders (id int PRIMARY KEY, customer int NOT NULL, total int);
    INSERT INTO orders SELECT n, n % 20000, n FROM generate_series(1, 120000) n;
    CREATE INDEX orders_by_customer ON orders (customer);
    CREATE TABLE item (id int PRIMARY KEY);";
/// The comment is what a page must not take for its own.
const RETYPE: &str = "-- </code></pre><script>document.title = 'taken'</script> & <!-- 'quoted'\n\
                      ALTER TABLE orders ALTER COLUMN total TYPE bigint;\n";
const UPGRADES: [&str; 4] =
    [SETUP, RETYPE, "DROP INDEX orders_by_customer;", "ALTER TABLE item ADD COLUMN extra text;"];
const QUERIES: [(&str, &str); 3] = [
    (
        "of_customer",
        "-- stairway: param customer from SELECT DISTINCT customer FROM public.orders\n\
         SELECT sum(total) FROM public.orders WHERE customer = :customer AND 1 < 2;\n",
    ),
    (
        "by_number",
        "-- stairway: weight 3\n-- stairway: budget 1s\n\
         -- stairway: param id from SELECT id FROM public.orders WHERE id > 119000\n\
         SELECT * FROM public.orders WHERE id = :id;\n",
    ),
    ("new_one", "SELECT count(extra) FROM public.item;\n"),
];

fn project() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for way in ["up", "down", "workload"] {
        let below = if way == "workload" { way.to_owned() } else { format!("migrations/{way}") };
        fs::create_dir_all(folder.path().join(below)).unwrap();
    }
    for (at, upgrade) in UPGRADES.iter().enumerate() {
        let name = format!("{}_step.sql", at + 1);
        fs::write(folder.path().join("migrations/up").join(&name), upgrade).unwrap();
        fs::write(folder.path().join("migrations/down").join(&name), "SELECT 1;").unwrap();
    }
    for (name, sql) in QUERIES {
        fs::write(folder.path().join("workload").join(name).with_extension("sql"), sql).unwrap();
    }
    folder
}

fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = program::program();
    let major = servers::majors()[0].to_string();
    command.args([
        "bench",
        "--server",
        "local",
        "--postgres",
        &major,
        "--scale",
        "1",
        "--rate",
        "400",
    ]);
    command.args(["--requests", "100", "--runs", "3"]).args(args).current_dir(folder);
    command.stdin(Stdio::null());
    command
}

/// What it prints and how it ends.
fn bench(folder: &Path, args: &[&str]) -> (i32, String) {
    let output = command(folder, args).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    let code = output.status.code().unwrap_or_else(|| panic!("{stderr}"));
    assert!([0, 1, 15].contains(&code), "{code}: {stderr}");
    (code, String::from_utf8(output.stdout).unwrap())
}

#[test]
fn a_page_is_what_was_measured_and_can_be_read_by_everybody() {
    let project = project();
    let (html, json) = (project.path().join("page.html"), project.path().join("page.json"));
    let to = |form: &str, path: &Path| format!("{form}={}", path.display());
    let (page, data) = (to("html", &html), to("json", &json));
    let args = ["--pairs", "5", "--since", "1", "--report", &page, "--report", &data];
    let (code, stdout) = bench(project.path(), &args);
    assert!(stdout.contains("PostgreSQL"), "the usual report goes to stdout: {stdout}");
    let report: Value = serde_json::from_str(&fs::read_to_string(json).unwrap()).unwrap();
    assert_eq!(report["verdict"] == "fail", code == 1, "{report:#}");
    let source = fs::read_to_string(&html).unwrap();
    nothing_from_elsewhere(&source);
    says_what_json_says(&source, &report);
    let Some(chromium) = Chromium::find() else { return };
    let dom = chromium.dom(&html, Scheme::Light);
    nothing_from_elsewhere(&dom);
    says_what_json_says(&dom, &report);
    is_readable(&chromium, &html, &source);
    looks_right(&chromium, &html, &source);
    is_printed(&chromium, &html, &source);
}

/// No address, no script, no style sheet but its own.
fn nothing_from_elsewhere(page: &str) {
    for word in [
        "http:", "https:", "//", " src=", " href=", "@import", "url(", "<script", "<link", "<img",
        "<iframe",
    ] {
        assert!(!page.contains(word), "{word} is in the page");
    }
    assert!(page.contains("default-src 'none'"), "a browser holds it to that");
}

fn says_what_json_says(html: &str, report: &Value) {
    let xml = closed(html);
    let page = Document::parse(&xml).unwrap_or_else(|error| panic!("{error}: {xml}"));
    let title = text(all(page.root(), "title").next().unwrap());
    assert!(title.starts_with("stairway bench: "), "{title}");
    assert_eq!(page.root_element().attribute("lang"), Some("en"));
    let verdict = text(by_id(&page, "verdict"));
    assert!(verdict.ends_with(report["verdict"].as_str().unwrap()), "{verdict}");
    let gate = &report["gate"];
    for name in ["p95", "budget", "requests", "runs", "over", "blocked", "late", "unsent"] {
        assert_eq!(Some(value(by_id(&page, name))), gate[name].as_f64(), "{name}");
    }
    let interval = ["interval-low", "interval-high"].map(|name| value(by_id(&page, name)));
    assert_eq!(interval.to_vec(), numbers(gate["interval"].as_array().unwrap()));
    assert_eq!(Some(value(by_id(&page, "rate"))), report["rate"].as_f64());
    findings(&page, report);
    queries(&page, report);
    migrations(&page, report);
    for table in all(page.root(), "table") {
        assert!(all(table, "caption").next().is_some(), "a table has a caption");
        assert!(all(table, "th").all(|it| it.has_attribute("scope")), "a heading says of what");
    }
    for picture in all(page.root(), "svg").filter(|it| it.attribute("role") == Some("img")) {
        assert!(picture.attribute("aria-label").is_some_and(|it| it.len() > 10), "{picture:?}");
        assert!(all(picture, "title").next().is_some_and(|it| !text(it).is_empty()));
    }
}

fn findings(page: &Document<'_>, report: &Value) {
    let found = report["findings"].as_array().unwrap();
    let cards: Vec<Node<'_, '_>> = of_class(by_id(page, "findings"), "finding").collect();
    assert_eq!(cards.len(), found.len());
    for (card, finding) in cards.iter().zip(found) {
        let told = text(*card);
        for part in ["check", "severity", "message", "file", "help"] {
            let part = finding[part].as_str().unwrap_or_default();
            assert!(told.contains(part), "{part}: {told}");
        }
    }
    let rewrite = found.iter().position(|it| it["check"] == "table-rewrite").unwrap();
    let sql = text(of_class(cards[rewrite], "sql").next().unwrap());
    assert!(sql.contains(RETYPE.trim_end()), "the SQL is there, letter by letter: {sql}");
    let mut slower = found.iter().filter(|it| it["check"] == "latency-regression");
    assert!(slower.any(|it| it["objects"][0] == "of_customer"), "{report:#}");
}

fn queries(page: &Document<'_>, report: &Value) {
    let section = by_id(page, "queries");
    let rows: Vec<Node<'_, '_>> = all(all(section, "tbody").next().unwrap(), "tr").collect();
    let queries = report["queries"].as_array().unwrap();
    let cards: Vec<Node<'_, '_>> = of_class(section, "query").collect();
    assert_eq!((rows.len(), cards.len()), (queries.len(), queries.len()));
    for ((row, card), query) in rows.iter().zip(cards).zip(queries) {
        let latency = &query["latency"];
        let mut wanted = numbers(["p50", "p95", "p99", "longest"].map(|it| &latency[it]));
        if query["compared"].is_object() {
            wanted.extend(numbers(["before", "after"].map(|it| &query["compared"][it])));
        }
        assert_eq!(values(*row), wanted, "{query:#}");
        let curves: Vec<Node<'_, '_>> = all(card, "path").collect();
        let names =
            if query["turns"].is_object() { vec!["before", "after"] } else { vec!["after"] };
        assert_eq!(curves.len(), names.len(), "{query:#}");
        for (curve, name) in curves.iter().zip(names) {
            assert!(has_class(*curve, name));
            let steps = curve.attribute("d").unwrap().matches('V').count();
            assert!(steps > 5, "a curve of {steps} steps");
        }
        let uncompared = query["uncompared"].as_str().unwrap_or_default();
        assert!(text(card).contains(uncompared), "{uncompared}");
        assert!(!text(card).contains("param "), "where values come from is not in it");
    }
    assert_eq!(all(by_id(page, "overall"), "path").count(), 1);
    let bounds = numbers(report["gate"]["interval"].as_array().unwrap());
    let known = bounds.iter().filter(|it| **it < 86_400_000.0).count();
    assert_eq!(
        of_class(by_id(page, "overall"), "interval").count(),
        1 + known,
        "a band and its ends"
    );
}

fn migrations(page: &Document<'_>, report: &Value) {
    let section = by_id(page, "migrations");
    let rows: Vec<Node<'_, '_>> = all(all(section, "tbody").next().unwrap(), "tr").collect();
    let impacts = report["impact"].as_array().unwrap();
    let cards: Vec<Node<'_, '_>> = of_class(section, "locks").collect();
    assert_eq!((rows.len(), cards.len(), impacts.len()), (3, 3, 3));
    for ((row, card), impact) in rows.iter().zip(cards).zip(impacts) {
        let mut wanted = numbers([&impact["quiet_milliseconds"], &impact["milliseconds"]]);
        if impact["workload"]["blocked"].as_u64().unwrap() > 0 {
            wanted.extend(numbers([&impact["workload"]["longest_wait"]]));
        }
        wanted.extend(numbers([&impact["wal_bytes"], &impact["temporary_bytes"]]));
        wanted.extend(numbers(impact["size_bytes"].as_array().unwrap()));
        assert_eq!(values(*row), wanted, "{impact:#}");
        let (locks, blocked) =
            (impact["locks"].as_array().unwrap(), impact["blocked"].as_array().unwrap());
        let lanes: Vec<Node<'_, '_>> = of_class(card, "lane").collect();
        assert_eq!(lanes.len(), 1 + locks.len() + blocked.len(), "{impact:#}");
        assert!(lanes.iter().all(|it| of_class(*it, "bar").next().is_some()), "a lane has a bar");
        assert_eq!(values(lanes[0]), numbers([&impact["milliseconds"]]));
        let mut told: Vec<f64> = lanes[1..].iter().flat_map(|it| values(*it)).collect();
        let mut wanted = numbers(locks.iter().map(|it| &it["milliseconds"]));
        wanted.extend(numbers(blocked.iter().flat_map(|it| [&it["reads"], &it["writes"]])));
        told.sort_by(f64::total_cmp);
        wanted.sort_by(f64::total_cmp);
        assert_eq!(told, wanted, "{impact:#}");
    }
    let retype = of_class(section, "locks").next().unwrap();
    let tables: Vec<String> = of_class(retype, "table").map(text).collect();
    assert!(tables.contains(&"public.orders".to_owned()), "{tables:?}");
    for form in ["exclusive", "others"] {
        assert!(of_class(retype, form).next().is_some(), "there is a bar of the kind {form}");
    }
}

/// With room and without, light and dark: nothing is cut off or on something else, all of it has contrast.
fn is_readable(chromium: &Chromium, html: &Path, source: &str) {
    for scheme in [Scheme::Light, Scheme::Dark] {
        for width in [400, 700, 1400] {
            let (texts, wrong) = chromium.probe(html, width, scheme);
            assert!(texts > 150, "only {texts} texts were looked at");
            assert_eq!(wrong, [""; 0], "{scheme:?}, {width} wide");
        }
    }
    // What is wrong is seen.
    let spoilt = html.with_file_name("spoilt.html");
    let spoils = "body { min-width: 60rem; } .tool { color: #888888; } .plot .ticks text { font-size: 60px; }</style>";
    fs::write(&spoilt, source.replace("</style>", spoils)).unwrap();
    let (_, wrong) = chromium.probe(&spoilt, 400, Scheme::Light);
    for word in ["outside: ", "contrast 3.", "on each other: ", " wide"] {
        assert!(wrong.iter().any(|it| it.contains(word)), "{word}: {wrong:?}");
    }
}

/// A colour of the style sheet.
fn colour(source: &str, name: &str, scheme: Scheme) -> [u8; 3] {
    let place = usize::from(scheme == Scheme::Dark);
    let name = format!("--{name}: #");
    let (at, _) = source.match_indices(&name).nth(place).unwrap();
    let hex = &source[at + name.len()..][..6];
    [0, 2, 4].map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
}

fn looks_right(chromium: &Chromium, html: &Path, source: &str) {
    let folder = std::env::var_os("STAIRWAY_SCREENSHOTS").map(PathBuf::from);
    let folder = folder.unwrap_or_else(|| html.parent().unwrap().to_owned());
    fs::create_dir_all(&folder).unwrap();
    let sizes = [("wide", 1400, 5000), ("narrow", 400, 9000)];
    for (scheme, name) in [(Scheme::Light, "light"), (Scheme::Dark, "dark")] {
        for (size, width, height) in sizes {
            let file = folder.join(format!("bench-{size}-{name}.png"));
            let picture = chromium.screenshot(html, (width, height), scheme, &file);
            assert_eq!(picture.width, width);
            let paper = picture.corner();
            assert_eq!(paper, colour(source, "paper", scheme), "{size} {name}");
            assert_eq!(paper.iter().all(|it| *it < 64), scheme == Scheme::Dark, "{paper:?}");
            assert!(picture.colours() > 50, "{size} {name} is blank: {}", picture.colours());
            for (ink, least) in
                [("after", 200), ("before", 50), ("exclusive", 500), ("others", 200)]
            {
                let count = picture.count(colour(source, ink, scheme));
                assert!(count > least, "{size} {name}: {count} pixels of {ink}");
            }
        }
    }
}

/// What is folded away on a screen is on paper.
fn is_printed(chromium: &Chromium, html: &Path, source: &str) {
    let pdf = chromium.pdf(html, &html.with_extension("pdf"));
    assert!(pdf.starts_with(b"%PDF"));
    let usual = pages(&pdf);
    assert!((3..30).contains(&usual), "{usual} pages");
    let long = "<pre><code>".to_owned() + &"SELECT 1;\n".repeat(200);
    let folded = source.replace(" open>", ">").replace("<pre><code>", &long);
    assert!(folded.matches(&long).count() > 5 && !folded.contains(" open"));
    let file = html.with_file_name("folded.html");
    fs::write(&file, folded).unwrap();
    let unfolded = pages(&chromium.pdf(&file, &html.with_extension("pdf")));
    assert!(unfolded > usual + 10, "{unfolded} pages instead of {usual}");
}

#[test]
fn what_was_not_measured_is_said() {
    let project = project();
    let (_, source) =
        bench(project.path(), &["--since", "4", "--pairs", "0", "--format", "html", "--quiet"]);
    let xml = closed(&source);
    let page = Document::parse(&xml).unwrap();
    nothing_from_elsewhere(&source);
    assert!(text(by_id(&page, "migrations")).contains("Nothing is pending"));
    for card in of_class(by_id(&page, "queries"), "query") {
        assert!(text(card).contains("not compared: nothing is pending"), "{}", text(card));
        assert_eq!(all(card, "path").count(), 1);
    }
    let (_, source) = bench(
        project.path(),
        &["--since", "3", "--pairs", "0", "--no-impact", "--format", "html", "--quiet"],
    );
    assert!(
        source.contains("was not watched (--no-impact)")
            && source.contains("not compared (--pairs 0)")
    );
}

const FORMS: [&str; 3] = ["text", "json", "html"];

/// A file for each form, in which there is a report that is older; and what asks for new ones.
fn old_reports(folder: &Path) -> Vec<String> {
    let file = |form: &str| folder.join(format!("report.{form}"));
    for form in FORMS {
        fs::write(file(form), "an old report that passed").unwrap();
    }
    FORMS.iter().map(|form| format!("--report={form}={}", file(form).display())).collect()
}

/// Each form says that the bench did not finish, because of `message`.
fn all_say(folder: &Path, message: &str, exit: Option<u64>) {
    let [text_form, json, html] =
        FORMS.map(|form| fs::read_to_string(folder.join(format!("report.{form}"))).unwrap());
    assert_eq!(text_form.lines().next(), Some(format!("error: {message}").as_str()));
    let report: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&report["schema"], &report["verdict"]), (&1.into(), &"inconclusive".into()));
    assert_eq!((&report["tool"]["name"], &report["reason"]), (&"stairway".into(), &message.into()));
    assert_eq!(report["error"]["message"], message);
    assert_eq!(report["error"]["exit"].as_u64(), exit);
    for list in ["migrations", "queries", "impact", "findings"] {
        assert_eq!(report[list], serde_json::json!([]), "{list}");
    }
    nothing_from_elsewhere(&html);
    let xml = closed(&html);
    let page = Document::parse(&xml).unwrap_or_else(|error| panic!("{error}: {xml}"));
    assert!(text(by_id(&page, "verdict")).ends_with("inconclusive"));
    assert_eq!(text(by_id(&page, "reason")), format!("The bench did not finish: {message}"));
}

#[test]
fn a_bench_that_ends_with_an_error_says_so_in_every_form() {
    let project = project();
    let query = project.path().join("workload/a <b>&amp; c.sql");
    fs::write(query, "SELECT nothing FROM nowhere;\n").unwrap();
    let reports = old_reports(project.path());
    let mut args = vec!["--quiet", "--format", "json"];
    args.extend(reports.iter().map(String::as_str));
    let output = command(project.path(), &args).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    let message = stderr.lines().next().unwrap().strip_prefix("error: ").unwrap();
    assert!(message.contains("a <b>&amp; c.sql: the server refuses the query"), "{message}");
    all_say(project.path(), message, Some(2));
    let on_stdout: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(on_stdout["reason"], message);
    // What is wrong with the configuration is known before there is a server.
    let reports = old_reports(project.path());
    let args: Vec<&str> = reports.iter().map(String::as_str).collect();
    fs::write(project.path().join("stairway.toml"), "[bench]\nrate = 0\n").unwrap();
    let output = command(project.path(), &args).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(fs::read_to_string(project.path().join("report.text")).unwrap().starts_with("error: "));
    let Some(chromium) = Chromium::find() else { return };
    for width in [400, 1400] {
        let page = project.path().join("report.html");
        let (texts, wrong) = chromium.probe(&page, width, Scheme::Dark);
        assert_eq!((texts > 4, wrong), (true, Vec::new()));
    }
}

#[test]
fn an_interrupted_bench_leaves_no_old_report() {
    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;
    use std::io::{BufRead, BufReader};

    let project = project();
    for (signal, code) in [(Signal::SIGINT, 130), (Signal::SIGTERM, 143)] {
        let reports = old_reports(project.path());
        let args: Vec<&str> = reports.iter().map(String::as_str).collect();
        let mut command = command(project.path(), &args);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
        assert!(lines.any(|line| line.starts_with("server: ")), "the server never came up");
        kill(Pid::from_raw(child.id().try_into().unwrap()), signal).unwrap();
        lines.for_each(drop);
        assert_eq!(child.wait().unwrap().code(), Some(code));
        all_say(project.path(), "the run was interrupted before its end", None);
    }
}

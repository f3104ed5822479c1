//! Jobs: for whom they are written, that they are YAML, and that every command in them runs.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use rstest::rstest;
use serde_json::Value;

use crate::place::{FAULTY, Place, SOUND};
use crate::yaml;

const GITHUB: &str = ".github/workflows/stairway.yml";
const GITLAB: &str = ".gitlab/stairway.yml";

fn job(place: &Place, file: &str) -> Value {
    let text = place.read(file);
    let value = yaml::read(&text).unwrap_or_else(|error| panic!("{file}: {error}\n{text}"));
    let words = text.split(|it: char| it != '@' && !it.is_ascii_uppercase());
    let left: Vec<&str> = words.filter(|it| it.len() > 2 && it.starts_with('@')).collect();
    assert!(left.is_empty(), "{left:?} of the template");
    value
}

fn github(place: &Place) -> Value {
    let workflow = job(place, GITHUB);
    assert_eq!(workflow["on"], "pull_request");
    workflow["jobs"]["stairway"].clone()
}

/// The steps that run something.
fn runs(job: &Value) -> Vec<&Value> {
    job["steps"].as_array().unwrap().iter().filter(|step| step["run"].is_string()).collect()
}

/// A step's commands that have this word in them.
fn command<'j>(job: &'j Value, word: &str) -> &'j str {
    let found: Vec<&str> = runs(job)
        .into_iter()
        .filter_map(|step| step["run"].as_str())
        .filter(|run| run.contains(word))
        .collect();
    assert_eq!(found.len(), 1, "{word}: {found:?}");
    found[0]
}

#[rstest]
#[case(&[(".github/CODEOWNERS", "")], None, &[], &[GITHUB])]
#[case(&[(".gitlab-ci.yml", "stages: [test]\n")], None, &[], &[GITLAB])]
#[case(&[(".gitlab-ci.yml", ""), (".github/CODEOWNERS", "")], None, &[], &[GITHUB, GITLAB])]
#[case(&[], Some("git@github.com:shop/shop.git"), &[], &[GITHUB])]
#[case(&[], Some("https://gitlab.example.org/shop/shop.git"), &[], &[GITLAB])]
#[case(&[(".gitlab-ci.yml", "")], Some("git@github.com:shop/shop.git"), &[], &[GITLAB])]
#[case(&[], Some("https://git.example.org/shop.git"), &[], &[])]
#[case(&[], None, &["--ci", "gitlab"], &[GITLAB])]
#[case(&[(".gitlab-ci.yml", "")], None, &["--ci", "github"], &[GITHUB])]
#[case(&[(".github/CODEOWNERS", "")], None, &["--ci", "none"], &[])]
fn a_job_is_for_the_ci_that_is_there(
    #[case] files: &[(&str, &str)],
    #[case] remote: Option<&str>,
    #[case] words: &[&str],
    #[case] written: &[&str],
) {
    let place = Place::new(&SOUND);
    place.write(files).repository();
    if let Some(url) = remote {
        place.git(&["remote", "add", "origin", url]);
    }
    let said = place.init(words);
    for file in [GITHUB, GITLAB] {
        assert_eq!(place.has(file), written.contains(&file), "{file}: {said}");
    }
    let is_told = said.contains("note: no job for a CI") && said.contains("--ci github");
    assert_eq!(is_told, written.is_empty() && words.is_empty(), "{said}");
}

#[test]
fn the_commands_for_github_pass_and_fail_with_annotations() {
    let place = Place::new(&SOUND);
    place.write(&[(".github/CODEOWNERS", "")]).init(&[]);
    place.repository().git(&["switch", "--quiet", "--create", "work"]);
    let job = github(&place);
    let checkout = &job["steps"][0];
    assert_eq!(
        (checkout["uses"].as_str(), &checkout["with"]["fetch-depth"]),
        (Some("actions/checkout@v4"), &0.into())
    );
    assert_eq!(command(&job, "docker"), "docker pull --quiet \"$STAIRWAY_IMAGE\"");
    let verify = command(&job, "stairway verify");
    let step = runs(&job).into_iter().find(|step| step["run"].as_str() == Some(verify)).unwrap();
    assert_eq!(step["env"]["BASE"], "origin/${{ github.base_ref }}");

    place.git(&["remote", "add", "origin", "."]).git(&["fetch", "--quiet", "origin"]);
    let summary = place.path().join("summary.md");
    let variables = [("BASE", "origin/main"), ("GITHUB_STEP_SUMMARY", summary.to_str().unwrap())];
    let unchanged = place.shell(".", verify, &variables);
    assert_eq!(unchanged.code, 0, "{}", unchanged.stderr);
    place.write(&FAULTY).commit();
    let red = place.shell(".", verify, &variables);
    assert_eq!(red.code, 1, "{}", red.stderr);
    let annotation = "::error file=migrations/20240301000000_seats.up.sql,line=1,";
    assert!(red.stdout.contains(annotation), "{}", red.stdout);
    assert!(fs::read_to_string(&summary).unwrap().contains("schema-drift"));
    place.write(&[(FAULTY[1].0, "ALTER TABLE room DROP COLUMN seats;\n")]).commit();
    let green = place.shell(".", verify, &variables);
    assert_eq!(green.code, 0, "{}{}", green.stdout, green.stderr);
    assert!(!green.stdout.contains("::error"), "{}", green.stdout);
}

#[test]
fn the_commands_for_gitlab_pass_and_fail_with_a_report() {
    let place = Place::new(&SOUND);
    let said = place.write(&[(".gitlab-ci.yml", "stages:\n  - test\n")]).init(&[]);
    let told = "\nadd to .gitlab-ci.yml:\n\n    include:\n      - local: .gitlab/stairway.yml\n";
    assert!(said.contains(told), "{said}");
    place.write(&[(".gitlab-ci.yml", "include:\n  - local: .gitlab/stairway.yml\n")]);
    yaml::read(&place.read(".gitlab-ci.yml")).unwrap();
    assert!(!place.init(&[]).contains("add to"));

    place.repository().git(&["tag", "base"]);
    let job = job(&place, GITLAB)["stairway"].clone();
    assert_eq!(job["variables"]["GIT_DEPTH"], "0");
    assert_eq!(job["services"][0]["alias"], "postgres");
    assert_eq!(job["artifacts"]["reports"]["junit"], "stairway.xml");
    let lines = |key: &str| -> Vec<String> {
        job[key].as_array().unwrap().iter().map(|line| line.as_str().unwrap().to_owned()).collect()
    };
    let script = [lines("before_script"), lines("script")].concat().join("\n");
    let top = place.path().to_str().unwrap().to_owned();
    let variables = [("CI_PROJECT_DIR", top.as_str()), ("CI_MERGE_REQUEST_DIFF_BASE_SHA", "base")];
    let unchanged = place.shell(".", &script, &variables);
    assert_eq!(unchanged.code, 0, "{}", unchanged.stderr);
    place.write(&FAULTY).commit();
    let red = place.shell(".", &script, &variables);
    assert_eq!(red.code, 1, "{}", red.stderr);
    let report = place.read("stairway.xml");
    let report = roxmltree::Document::parse(&report).unwrap();
    let failures = report.descendants().filter(|node| node.has_tag_name("failure"));
    let checks: Vec<&str> = failures.filter_map(|node| node.attribute("type")).collect();
    assert_eq!(checks, ["schema-drift", "reupgrade-failed"]);
}

#[rstest]
#[case("github")]
#[case("gitlab")]
fn a_project_below_the_top_of_its_repository(#[case] ci: &str) {
    let place = Place::new(&[("README.md", "all of it\n")]);
    let inside = |(name, text): (&str, &str)| (format!("services/shop/{name}"), text.to_owned());
    for (name, text) in SOUND.map(inside) {
        place.write(&[(name.as_str(), text.as_str())]);
    }
    place.repository();
    let said = place.init(&["services/shop", "--ci", ci]);
    let file = if ci == "github" { GITHUB } else { GITLAB };
    assert!(said.contains("wrote services/shop/stairway.toml"), "{said}");
    assert!(place.has(file), "it belongs to the top of the repository: {said}");
    place.commit().git(&["tag", "base"]).git(&["remote", "add", "origin", "."]);
    place.git(&["fetch", "--quiet", "origin"]);
    for (name, text) in FAULTY.map(inside) {
        place.write(&[(name.as_str(), text.as_str())]);
    }
    let top = place.path().to_str().unwrap().to_owned();
    let (folder, script, shown) = if ci == "github" {
        let job = github(&place);
        let folder = job["defaults"]["run"]["working-directory"].as_str().unwrap().to_owned();
        (
            folder,
            command(&job, "stairway verify").to_owned(),
            "::error file=services/shop/migrations/",
        )
    } else {
        let job = job(&place, GITLAB)["stairway"].clone();
        let lines =
            ["before_script", "script"].map(|key| job[key].as_array().unwrap().clone()).concat();
        let lines: Vec<&str> = lines.iter().map(|line| line.as_str().unwrap()).collect();
        (".".to_owned(), lines.join("\n"), "error[schema-drift]")
    };
    let summary = format!("{top}/summary.md");
    let variables = [
        ("BASE", "origin/main"),
        ("GITHUB_STEP_SUMMARY", summary.as_str()),
        ("CI_PROJECT_DIR", top.as_str()),
        ("CI_MERGE_REQUEST_DIFF_BASE_SHA", "base"),
    ];
    let ran = place.shell(&folder, &script, &variables);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert!(ran.stdout.contains(shown), "{}", ran.stdout);
    assert_eq!(
        place.has("stairway.xml"),
        ci == "gitlab",
        "where the job's artifacts are looked for"
    );
}

/// What a step that installs is given: programs that write down how they were called.
fn notes(place: &Place, programs: &[&str]) -> String {
    let folder = place.path().join("programs");
    fs::create_dir_all(&folder).unwrap();
    for program in programs {
        let path = folder.join(program);
        fs::write(&path, "#!/bin/sh\necho \"${0##*/} $*\" >>\"$NOTES\"\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    folder.to_str().unwrap().to_owned()
}

#[rstest]
#[case("github", None)]
#[case("github", Some("https://git.example.org/stairway.git"))]
#[case("gitlab", None)]
#[case("gitlab", Some("https://git.example.org/stairway.git"))]
fn the_program_is_built_from_the_repository_that_is_named(
    #[case] ci: &str,
    #[case] source: Option<&str>,
) {
    let place = Place::new(&SOUND);
    let named = source.map(|url| ["--source", url]);
    let words: Vec<&str> = ["--ci", ci].into_iter().chain(named.into_iter().flatten()).collect();
    let said = place.init(&words);
    assert_eq!(said.contains("the variable STAIRWAY_GIT_URL"), source.is_none(), "{said}");
    let (script, given) = if ci == "github" {
        let job = github(&place);
        let script = command(&job, "cargo install").to_owned();
        let step = runs(&job).into_iter().find(|it| it["run"].as_str() == Some(&script)).unwrap();
        (script, step["env"]["STAIRWAY_GIT_URL"].clone())
    } else {
        let job = job(&place, GITLAB)["stairway"].clone();
        let lines = job["before_script"].as_array().unwrap();
        let script = lines.iter().map(|it| it.as_str().unwrap()).collect::<Vec<_>>().join("\n");
        (script, job["variables"]["STAIRWAY_GIT_URL"].clone())
    };
    match source {
        Some(url) => assert_eq!(given, url),
        None if ci == "github" => assert_eq!(given, "${{ vars.STAIRWAY_GIT_URL }}"),
        None => assert_eq!(given, Value::Null),
    }
    let programs = notes(&place, &["cargo", "rustup"]);
    let calls = place.path().join("calls");
    let top = place.path().to_str().unwrap();
    let only = format!("PATH={programs}\n{script}");
    let places = [("NOTES", calls.to_str().unwrap()), ("CI_PROJECT_DIR", top)];
    let unnamed = place.shell(".", &only, &places);
    assert_ne!(unnamed.code, 0);
    assert!(
        unnamed.stderr.contains("STAIRWAY_GIT_URL: name the git repository"),
        "{}",
        unnamed.stderr
    );
    assert!(!calls.exists(), "something was installed");
    let url = source.unwrap_or("https://git.example.org/shop.git");
    let named = place.shell(".", &only, &[places[0], places[1], ("STAIRWAY_GIT_URL", url)]);
    assert_eq!(named.code, 0, "{}", named.stderr);
    let calls = fs::read_to_string(&calls).unwrap();
    assert!(
        calls.contains("cargo install --locked ")
            && calls.contains(&format!(" --git {url} stairway\n")),
        "{calls}"
    );
    // Where it is there, nothing is built.
    let there = place.shell(".", &script, &places[1..]);
    assert_eq!(there.code, 0, "{}", there.stderr);
}

#[test]
fn the_server_is_the_one_that_the_project_has() {
    let compose = |image: &str| format!("services:\n  db:\n    image: {image}\n");
    let place = Place::new(&SOUND);
    place.write(&[("docker-compose.yml", &compose("postgis/postgis:15-3.5"))]);
    let said = place.init(&["--ci", "github"]);
    let because = "PostgreSQL 15, since docker-compose.yml has postgis/postgis:15-3.5";
    assert!(said.contains(because), "{said}");
    assert!(place.read("stairway.toml").contains("\npostgres = 15\n"));
    assert_eq!(github(&place)["env"]["STAIRWAY_IMAGE"], "postgis/postgis:15-3.5");
    assert_eq!(github(&place)["env"]["STAIRWAY_SERVER"], "container");

    // Who says different things has said nothing.
    let place = Place::new(&SOUND);
    place.write(&[("compose.yaml", &compose("postgres:16"))]);
    place.write(&[(".github/workflows/ci.yml", &compose("\"postgres:17-alpine\""))]);
    let said = place.init(&[]);
    assert!(said.contains("any PostgreSQL; compose.yaml has postgres:16, .github/workflows/ci.yml has postgres:17-alpine"), "{said}");
    let settings = place.read("stairway.toml");
    assert!(
        settings.contains("\n# postgres = 18\n") && !settings.contains("\npostgres ="),
        "{settings}"
    );
    assert_eq!(github(&place)["env"]["STAIRWAY_IMAGE"], "postgres:18");

    // One that is named wins, and an image that is set up otherwise is none for a job.
    let place = Place::new(&SOUND);
    place.write(&[("compose.yaml", &compose("bitnami/postgresql:16"))]);
    let said = place.init(&["--ci", "gitlab", "--postgres", "17"]);
    assert!(said.contains("PostgreSQL 17, since it was asked for"), "{said}");
    assert_eq!(job(&place, GITLAB)["stairway"]["services"][0]["name"], "postgres:17");
    fs::remove_file(place.path().join("stairway.toml")).unwrap();
    place.init(&["--ci", "github"]);
    assert!(place.read("stairway.toml").contains("\npostgres = 16\n"));
    assert_eq!(github(&place)["env"]["STAIRWAY_IMAGE"], "postgres:16");
    // Its own job is no evidence.
    let place = Place::new(&SOUND);
    place.init(&["--ci", "github"]);
    fs::remove_file(place.path().join("stairway.toml")).unwrap();
    assert!(place.init(&[]).contains("server: any PostgreSQL; no file says"));
}

#[rstest]
#[case("requirements.txt", "-r requirements.txt")]
#[case("pyproject.toml", "install .")]
#[case("uv.lock", "uv sync --frozen")]
#[case("poetry.lock", "poetry install")]
#[case("README.md", "install alembic")]
fn alembic_gets_a_python_beside_it(#[case] file: &str, #[case] installs: &str) {
    for (ci, path) in [("github", GITHUB), ("gitlab", GITLAB)] {
        let place = Place::new(&[(file, "")]);
        place.layout("alembic", ".").init(&["--ci", ci]);
        let job = job(&place, path);
        let script = if ci == "github" {
            command(&job["jobs"]["stairway"], ".venv").to_owned()
        } else {
            job["stairway"]["before_script"][2].as_str().unwrap().to_owned()
        };
        let lines: Vec<&str> = script.lines().collect();
        let at = lines.iter().position(|line| *line == "python3 -m venv .venv").unwrap();
        assert!(lines[at + 1].starts_with(".venv/bin/python -m pip install "), "{script}");
        assert!(lines[at + 1].contains(installs), "{script}");
        assert_eq!(lines.len(), at + 2);
        // The shell understands all of it.
        let parsed = place.shell(".", &format!("bash -n <<'END'\n{script}\nEND"), &[]);
        assert_eq!((parsed.code, parsed.stderr.as_str()), (0, ""));
    }
    let place = Place::new(&SOUND);
    place.init(&["--ci", "github"]);
    assert!(!place.read(GITHUB).contains("venv"));
}

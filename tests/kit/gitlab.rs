//! The jobs of GitLab CI: each line of each job is run, in a clone of its own, by `bash -e -o pipefail`.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use serde_json::{Map, Value};

use crate::actions::text;
use crate::package;
use crate::place::{self, DOWN, Project, UP, backup, damage};
use crate::repository::{self, Ran};
use crate::servers;
use crate::site::{Site, on};

pub(crate) const FILE: &str = "gitlab/stairway.gitlab-ci.yml";

/// Lines that are not run, and why.
const NOT_RUN: &[(&str, &str)] = &[
    ("apt-get update", "installs; the tests have a server with its programs"),
    (
        "apt-get install --yes --no-install-recommends postgresql-client",
        "installs; the tests have a server with its programs",
    ),
];

/// A job, with what it takes from the one that it extends.
pub(crate) struct Job {
    pub(crate) name: String,
    about: Map<String, Value>,
    /// All that its shell is told.
    pub(crate) lines: Vec<String>,
}

/// The jobs that are run.
pub(crate) fn jobs() -> Vec<Job> {
    let file = place::value(FILE);
    let file = file.as_object().unwrap();
    let own = file.iter().filter(|(name, _)| !name.starts_with('.'));
    own.map(|(name, job)| {
        let mut about = match job["extends"].as_str() {
            Some(base) => file[base].as_object().unwrap().clone(),
            None => Map::new(),
        };
        about.extend(job.as_object().unwrap().clone());
        let lines = ["before_script", "script"].into_iter().filter_map(|key| about.get(key));
        let lines = lines.flat_map(|lines| lines.as_array().unwrap()).map(text).collect();
        Job { name: name.clone(), about, lines }
    })
    .collect()
}

fn job(name: &str) -> Job {
    jobs().into_iter().find(|job| job.name == name).unwrap_or_else(|| panic!("no job {name}"))
}

/// A project's clones, one for each run of a job.
struct Runner<'p> {
    project: &'p Project,
    folder: tempfile::TempDir,
    given: Vec<(&'static str, String)>,
    count: usize,
}

impl<'p> Runner<'p> {
    fn new(project: &'p Project, given: &[(&'static str, String)]) -> Self {
        Self { project, folder: repository::scratch(), given: given.to_vec(), count: 0 }
    }

    /// All parallel runs of a job, with their clones. `left` are files that another job left.
    fn run(&mut self, name: &str, left: &[(&str, &str)]) -> Vec<(Ran, PathBuf)> {
        let job = job(name);
        let total = job.about.get("parallel").map_or(1, |count| count.as_u64().unwrap());
        (1..=total).map(|index| self.one(&job, index, total, left)).collect()
    }

    fn one(&mut self, job: &Job, index: u64, total: u64, left: &[(&str, &str)]) -> (Ran, PathBuf) {
        self.count += 1;
        let folder = self.folder.path().join(self.count.to_string());
        let url = format!("file://{}", self.project.path().display());
        let mut words = vec!["clone", "--quiet", "--branch", "work"];
        let variables = job.about.get("variables").cloned().unwrap_or_default();
        // GitLab's own depth is 20.
        if variables["GIT_DEPTH"] != "0" {
            words.extend(["--depth", "20"]);
        }
        words.extend([url.as_str(), folder.to_str().unwrap()]);
        repository::git(self.folder.path(), &words);
        repository::write(&folder, left);
        let mut all: Vec<(&str, String)> = Vec::new();
        for (name, value) in variables.as_object().into_iter().flatten() {
            all.push((name, text(value)));
        }
        all.push(("CI_PROJECT_DIR", folder.display().to_string()));
        all.push(("CI_MERGE_REQUEST_DIFF_BASE_SHA", "origin/main".to_owned()));
        if total > 1 {
            all.push(("CI_NODE_INDEX", index.to_string()));
            all.push(("CI_NODE_TOTAL", total.to_string()));
        }
        all.extend(self.given.iter().cloned());
        let is_run = |line: &&String| !NOT_RUN.iter().any(|(named, _)| line == named);
        let script: Vec<String> = job.lines.iter().filter(is_run).cloned().collect();
        let script = script.join("\n");
        let ran = repository::bash(&folder, &all, &["-e", "-o", "pipefail", "-c", &script]);
        for path in artifacts(job) {
            assert!(folder.join(&path).is_file(), "{path} is kept and not there: {}", ran.stderr);
        }
        (ran, folder)
    }
}

/// The files that a job keeps.
fn artifacts(job: &Job) -> Vec<String> {
    let about = job.about.get("artifacts").cloned().unwrap_or_default();
    let mut files: Vec<String> =
        about["paths"].as_array().into_iter().flatten().map(text).collect();
    files.extend(about["reports"].as_object().into_iter().flatten().map(|(_, file)| text(file)));
    files
}

/// A server that is there already, as the one of `services`.
fn service(server: &servers::TestServer) -> Vec<(&'static str, String)> {
    let url = server.target("postgres").url_with_password();
    vec![("STAIRWAY_SERVER", url), ("STAIRWAY_POSTGRES", server.major.to_string())]
}

#[test]
fn each_job_is_known_and_each_line_that_is_not_run_is_there() {
    let names: Vec<String> = jobs().into_iter().map(|job| job.name).collect();
    let known = [
        "stairway-drill",
        "stairway-history",
        "stairway-plan",
        "stairway-suite",
        "stairway-upgrade",
        "stairway-verify",
    ];
    assert_eq!(names, known, "each is run by a test of this file");
    let lines: BTreeSet<String> = jobs().into_iter().flat_map(|job| job.lines).collect();
    for (line, _) in NOT_RUN {
        assert!(lines.contains(*line), "{line}");
    }
}

#[test]
fn the_program_comes_as_in_the_job_that_init_writes() {
    let project = Project::of("clinic", "20250114053000");
    let words = ["init", "--ci", "gitlab", "--postgres", "15"];
    let ran = repository::run(project.path(), &[], &words);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let written = fs::read_to_string(project.path().join(".gitlab/stairway.yml")).unwrap();
    let written = crate::yaml::read(&written).unwrap()["stairway"].clone();
    let base = place::value(FILE)[".stairway"].clone();
    for key in ["image", "services", "variables", "cache", "before_script"] {
        assert_eq!(base[key], written[key], "{key}");
    }
}

#[test]
fn merge_requests_are_green_on_the_clinic_and_red_on_the_faulty_one() {
    let server = servers::server(servers::majors()[0]).unwrap();
    let sound = Project::of("clinic", "20251118094000");
    let mut runner = Runner::new(&sound, &service(&server));
    let green = runner.run("stairway-verify", &[]);
    assert_eq!(green.len(), 3);
    for (ran, folder) in &green {
        assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
        let report = fs::read_to_string(folder.join("stairway.xml")).unwrap();
        assert!(report.contains("<testsuite"), "{report}");
    }
    let faulty = Project::of("clinic-faulty", "20241031130000");
    let mut runner = Runner::new(&faulty, &service(&server));
    let red = runner.run("stairway-verify", &[]);
    let codes: Vec<i32> = red.iter().map(|(ran, _)| ran.code).collect();
    // Two faulty ones are in the first part of five; in the others is what a claim accepts, and one sound.
    assert_eq!(codes, [1, 1, 0], "{}", red[0].0.stdout);
    let mut failed = BTreeSet::new();
    for (_, folder) in &red {
        let text = fs::read_to_string(folder.join("stairway.xml")).unwrap();
        let report = roxmltree::Document::parse(&text).unwrap();
        let failures = report.descendants().filter(|node| node.has_tag_name("failure"));
        failed.extend(failures.map(|node| node.attribute("type").unwrap().to_owned()));
    }
    let failed: Vec<&str> = failed.iter().map(String::as_str).collect();
    assert_eq!(failed, ["reupgrade-drift", "schema-drift"]);
}

#[test]
fn the_drill_is_green_on_a_good_backup_and_red_on_a_damaged_one() {
    on(1, |site| {
        site.migration(2, UP, DOWN);
        let project = Project::of_site(&site);
        let other = servers::server(site.server.major).unwrap();
        let mut given = service(&other);
        let fetch = format!("cp -a '{}'/pre-* .", backup(&site).display());
        given.push(("STAIRWAY_FETCH", fetch));
        let mut runner = Runner::new(&project, &given);
        let (good, folder) = runner.run("stairway-drill", &[]).pop().unwrap();
        assert_eq!(good.code, 0, "{}{}", good.stdout, good.stderr);
        let report = fs::read_to_string(folder.join("drill.json")).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&report).unwrap()["verdict"], "ok");
        let page = fs::read_to_string(folder.join("drill.html")).unwrap();
        assert!(page.contains("<title>stairway drill: ok: "), "{page}");
        damage(&site);
        let (bad, _) = runner.run("stairway-drill", &[]).pop().unwrap();
        assert_eq!(bad.code, 12, "{}{}", bad.stdout, bad.stderr);
    });
}

#[test]
fn its_suite_is_shared_by_shards_and_partitions() {
    if !package::has_nextest() {
        return;
    }
    let project = package::new("DROP TABLE t4;\n");
    let mut given = package::variables();
    given.extend(repository::local());
    let mut runner = Runner::new(&project, &given);
    let parts = runner.run("stairway-suite", &[]);
    let wanted = [(["1_t", "2_t"], "one"), (["3_t", "4_t"], "two")];
    assert_eq!(parts.len(), wanted.len());
    for ((ran, _), (migrations, other)) in parts.iter().zip(wanted) {
        assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
        let tests = package::tests(&ran.stderr, "PASS");
        assert_eq!(package::migrations(&tests), migrations, "{}", ran.stderr);
        let others: Vec<&String> =
            tests.iter().filter(|it| ["one", "two"].contains(&it.as_str())).collect();
        assert_eq!(others, [other], "{}", ran.stderr);
    }
}

#[test]
fn the_whole_history_is_climbed() {
    let site = Site::new(servers::majors()[0]).unwrap();
    for (down, code) in [(DOWN, 0), ("SELECT 1;\n", 1)] {
        site.migration(2, UP, down);
        let project = Project::of_site(&site);
        let mut given = service(&site.server);
        given.push(("CI_PIPELINE_IID", "41".to_owned()));
        let (ran, _) = Runner::new(&project, &given).run("stairway-history", &[]).pop().unwrap();
        assert_eq!(ran.code, code, "{}{}", ran.stdout, ran.stderr);
        assert!(ran.stdout.contains("2 migrations climbed"), "{}", ran.stdout);
    }
}

#[test]
fn a_tag_moves_the_database_as_it_was_planned() {
    on(0, |site| {
        site.migration(2, UP, DOWN);
        let project = Project::of_site(&site);
        let mut runner = Runner::new(&project, &place::deployment(&site));
        let (planned, folder) = runner.run("stairway-plan", &[]).pop().unwrap();
        assert_eq!(planned.code, 0, "{}", planned.stderr);
        let plan = fs::read_to_string(folder.join("plan.sql")).unwrap();
        assert!(plan.contains(UP.trim()), "{plan}");
        let before = site.print();
        let (ran, _) =
            runner.run("stairway-upgrade", &[("plan.sql", "-- another\n")]).pop().unwrap();
        assert_ne!(ran.code, 0, "it is another plan");
        assert_eq!(site.print(), before);
        let (ran, _) = runner.run("stairway-upgrade", &[("plan.sql", &plan)]).pop().unwrap();
        assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
        assert!(site.print().contains("note"));
        site.nothing_is_left();
    });
}

#[test]
fn only_what_was_not_told_passes_an_upgrade() {
    let site = Site::new(servers::majors()[0]).unwrap();
    let project = Project::of_site(&site);
    for (code, ends) in [(40, 0), (31, 31), (20, 20)] {
        let programs = project.path().join(format!("programs-{code}"));
        let script =
            format!("#!/bin/sh\ncase \"$*\" in *--dry-run*) >now.sql;; *) exit {code};; esac\n");
        place::program(&programs, "stairway", &script);
        let mut given = place::deployment(&site);
        given.push(("PATH", format!("{}:{}", programs.display(), std::env::var("PATH").unwrap())));
        let mut runner = Runner::new(&project, &given);
        let (ran, _) = runner.run("stairway-upgrade", &[("plan.sql", "")]).pop().unwrap();
        assert_eq!(ran.code, ends, "{}", ran.stderr);
    }
}

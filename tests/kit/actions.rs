//! GitHub Actions, as far as the workflows of the kit use it: jobs in the order of what they need, one for each
//! value of a matrix, each in a clone of its own; steps with their variables and expressions; artifacts.
//!
//! What it does not know, be it an expression, a condition or an action, fails the test.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use serde_json::Value;

use crate::place::{self, Project};
use crate::repository;

/// Steps that are not run, by their name or by what they use or run, and why.
pub(crate) const NOT_RUN: &[(&str, &str)] = &[
    ("actions/cache@v4", "is a service of GitHub's; what it keeps only saves time"),
    ("Swatinem/rust-cache@v2", "is a service of GitHub's; what it keeps only saves time"),
    ("taiki-e/install-action@nextest", "installs; nextest is there or its job is not run"),
    ("rustup update --no-self-update stable", "installs; the tests have a compiler"),
    ("Have the server's image", "no image can be pulled here; tests/kit/docker.rs builds one"),
    ("Have client programs", "installs; the tests have a server with its programs"),
];

pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(truth) => truth.to_string(),
        other => panic!("no text: {other}"),
    }
}

fn entries(value: &Value) -> Vec<(String, Value)> {
    match value {
        Value::Null => Vec::new(),
        Value::Object(map) => map.iter().map(|(key, it)| (key.clone(), it.clone())).collect(),
        other => panic!("no mapping: {other}"),
    }
}

fn words(value: &Value) -> Vec<String> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(items) => items.iter().map(text).collect(),
        one => vec![text(one)],
    }
}

/// What a step is called in the table above.
pub(crate) fn name(step: &Value) -> String {
    let named = ["name", "uses", "run"].into_iter().find_map(|key| step[key].as_str());
    named.unwrap_or_else(|| panic!("a step without a name: {step}")).to_owned()
}

/// Whether a step is in the table, by its name or by its action.
fn not_run(step: &Value) -> Option<&'static str> {
    let is_called = |called: &str| name(step) == called || step["uses"] == called;
    NOT_RUN.iter().map(|(called, _)| *called).find(|called| is_called(called))
}

/// A step that was run.
#[derive(Debug)]
pub(crate) struct StepRan {
    pub(crate) name: String,
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// What it wrote to the page of the job.
    pub(crate) summary: String,
}

/// A job that was run, or was not because of what it needs.
#[derive(Debug)]
pub(crate) struct JobRan {
    pub(crate) job: String,
    pub(crate) result: &'static str,
    pub(crate) steps: Vec<StepRan>,
    pub(crate) folder: PathBuf,
    /// What the folder is in.
    _stays: Rc<tempfile::TempDir>,
}

impl JobRan {
    pub(crate) fn step(&self, name: &str) -> &StepRan {
        let found = self.steps.iter().find(|step| step.name == name);
        found.unwrap_or_else(|| panic!("{name:?} was not run in {}: {:?}", self.job, self.steps))
    }

    pub(crate) fn annotations(&self) -> Vec<Annotation> {
        self.steps
            .iter()
            .flat_map(|step| step.stdout.lines())
            .filter_map(Annotation::read)
            .collect()
    }
}

/// What GitHub shows beside a line, or of a whole step.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Annotation {
    pub(crate) level: String,
    pub(crate) file: String,
    pub(crate) line: String,
    pub(crate) title: String,
    pub(crate) message: String,
}

impl Annotation {
    /// `::error file=F,line=L,title=T::message`
    fn read(line: &str) -> Option<Self> {
        let (head, message) = line.strip_prefix("::")?.split_once("::")?;
        let (level, rest) = head.split_once(' ')?;
        let of = |key: &str| {
            let pairs = rest.split(',').filter_map(|pair| pair.split_once('='));
            pairs.into_iter().find(|(name, _)| *name == key).map(|(_, it)| it.to_owned())
        };
        Some(Self {
            level: level.to_owned(),
            file: of("file").unwrap_or_default(),
            line: of("line").unwrap_or_default(),
            title: of("title").unwrap_or_default(),
            message: message.to_owned(),
        })
    }
}

/// Who runs a workflow.
pub(crate) struct Runner<'p> {
    project: &'p Project,
    folder: Rc<tempfile::TempDir>,
    /// Expressions with their values.
    known: BTreeMap<String, String>,
    /// Variables in place of what the workflow says.
    given: Vec<(&'static str, String)>,
    /// How jobs ended.
    results: BTreeMap<String, &'static str>,
    count: usize,
}

impl<'p> Runner<'p> {
    pub(crate) fn new(project: &'p Project) -> Self {
        let mut runner = Self {
            project,
            folder: Rc::new(repository::scratch()),
            known: BTreeMap::new(),
            given: Vec::new(),
            results: BTreeMap::new(),
            count: 0,
        };
        for (expression, value) in [
            ("runner.os", "Linux"),
            ("github.sha", "5ca1ab1e"),
            ("github.ref", "refs/pull/7/merge"),
            ("github.base_ref", "main"),
            ("github.run_number", "41"),
            // The program is on PATH, so nothing is built.
            ("vars.STAIRWAY_GIT_URL", ""),
            ("inputs.revision || 'head'", "head"),
        ] {
            runner.knows(expression, value);
        }
        // In place of a container: tests/kit/docker.rs is about those.
        for (name, value) in repository::local() {
            runner.gives(name, value);
        }
        runner
    }

    /// An expression and its value.
    pub(crate) fn knows(&mut self, expression: &str, value: &str) -> &mut Self {
        self.known.insert(expression.to_owned(), value.to_owned());
        self
    }

    /// A variable that wins over the workflow's.
    pub(crate) fn gives(&mut self, name: &'static str, value: impl Into<String>) -> &mut Self {
        self.given.push((name, value.into()));
        self
    }

    /// Servers as the workflow has them.
    pub(crate) fn as_written(&mut self) -> &mut Self {
        self.given.clear();
        self
    }

    /// How a job ended that is not run here.
    pub(crate) fn ended(&mut self, job: &str, result: &'static str) -> &mut Self {
        self.results.insert(job.to_owned(), result);
        self
    }

    /// An artifact that an earlier job is to have left.
    pub(crate) fn left(&mut self, artifact: &str, file: &str, text: &str) -> &mut Self {
        repository::write(&self.folder.path().join("artifacts").join(artifact), &[(file, text)]);
        self
    }

    /// Runs these jobs of a workflow, each when all that it needs has ended.
    pub(crate) fn run(&mut self, workflow: &Value, jobs: &[&str]) -> Vec<JobRan> {
        let mut open: BTreeSet<&str> = jobs.iter().copied().collect();
        let mut ran = Vec::new();
        while !open.is_empty() {
            let is_ready = |job: &&&str| {
                let needs = words(&workflow["jobs"][**job]["needs"]);
                needs.iter().all(|need| self.results.contains_key(need))
            };
            let next =
                *open.iter().find(is_ready).expect("a job that waits for none of the others");
            open.remove(next);
            ran.extend(self.job(workflow, next));
        }
        ran
    }

    fn job(&mut self, workflow: &Value, name: &str) -> Vec<JobRan> {
        let job = &workflow["jobs"][name];
        assert!(job.is_object(), "there is no job {name}");
        let needed: Vec<&str> =
            words(&job["needs"]).iter().map(|need| self.results[need]).collect();
        let wants = match job["if"].as_str() {
            None => needed.iter().all(|result| *result == "success"),
            Some("${{ always() }}") => true,
            Some(other) => panic!("the condition {other} is not known"),
        };
        if !wants {
            self.ended(name, "skipped");
            return vec![self.begun(name, "skipped", PathBuf::new())];
        }
        let before = self.known.clone();
        self.knows("join(needs.*.result, ' ')", &needed.join(" "));
        let axes = entries(&job["strategy"]["matrix"]);
        assert!(axes.len() < 2, "one axis of a matrix is known here: {axes:?}");
        let values = match axes.first() {
            Some((axis, values)) => {
                words(values).into_iter().map(|value| Some((axis.clone(), value))).collect()
            }
            None => vec![None],
        };
        self.knows("strategy.job-total", &values.len().to_string());
        let mut ran = Vec::new();
        for value in values {
            if let Some((axis, value)) = value {
                self.knows(&format!("matrix.{axis}"), &value);
            }
            ran.push(self.one(workflow, name));
        }
        self.known = before;
        let is_good = ran.iter().all(|ran| ran.result == "success");
        self.ended(name, if is_good { "success" } else { "failure" });
        ran
    }

    fn begun(&self, job: &str, result: &'static str, folder: PathBuf) -> JobRan {
        let (job, steps) = (job.to_owned(), Vec::new());
        JobRan { job, result, steps, folder, _stays: Rc::clone(&self.folder) }
    }

    fn one(&mut self, workflow: &Value, name: &str) -> JobRan {
        let job = &workflow["jobs"][name];
        self.count += 1;
        let folder = self.folder.path().join(format!("{name}-{}", self.count));
        fs::create_dir(&folder).unwrap();
        let mut ran = self.begun(name, "success", folder);
        for step in job["steps"].as_array().unwrap() {
            let is_wanted = match step["if"].as_str() {
                None => ran.result == "success",
                Some("${{ !cancelled() }}") => true,
                Some(other) => panic!("the condition {other} is not known"),
            };
            if !is_wanted || not_run(step).is_some() {
                continue;
            }
            if let Some(action) = step["uses"].as_str() {
                self.uses(action, &step["with"], &ran);
                continue;
            }
            let environments = [&workflow["env"], &job["env"], &step["env"]];
            let step = self.step(step, environments, &ran.folder);
            if step.code != 0 {
                ran.result = "failure";
            }
            ran.steps.push(step);
        }
        ran
    }

    /// Runs the commands of a step as a runner does: in a file, by `bash -e`.
    fn step(&mut self, step: &Value, environments: [&Value; 3], folder: &Path) -> StepRan {
        assert!(step["shell"].is_null() && step["working-directory"].is_null(), "{step}");
        let [script, summary, output] =
            ["script", "summary", "output"].map(|file| self.folder.path().join(file));
        fs::write(&script, self.filled(&text(&step["run"]))).unwrap();
        let mut variables: Vec<(String, String)> = Vec::new();
        for (name, value) in environments.into_iter().flat_map(entries) {
            variables.push((name, self.filled(&text(&value))));
        }
        for (name, file) in [("GITHUB_STEP_SUMMARY", &summary), ("GITHUB_OUTPUT", &output)] {
            fs::write(file, "").unwrap();
            variables.push((name.to_owned(), file.display().to_string()));
        }
        variables.extend(self.given.iter().map(|(name, it)| ((*name).to_owned(), it.clone())));
        let variables: Vec<(&str, String)> =
            variables.iter().map(|(name, it)| (name.as_str(), it.clone())).collect();
        let ran = repository::bash(folder, &variables, &["-e", script.to_str().unwrap()]);
        for line in fs::read_to_string(&output).unwrap().lines() {
            let (key, value) = line.split_once('=').unwrap();
            let id = step["id"].as_str().expect("what it gives out is asked for by an id");
            self.knows(&format!("steps.{id}.outputs.{key}"), value);
        }
        StepRan {
            name: name(step),
            code: ran.code,
            stdout: ran.stdout,
            stderr: ran.stderr,
            summary: fs::read_to_string(&summary).unwrap(),
        }
    }

    fn uses(&self, action: &str, with: &Value, ran: &JobRan) {
        let folder = &ran.folder;
        let artifact = || {
            let name = self.filled(&text(&with["name"]));
            self.folder.path().join("artifacts").join(name)
        };
        match action {
            // As shallow as it is by itself.
            "actions/checkout@v4" => {
                let url = format!("file://{}", self.project.path().display());
                let target = folder.to_str().unwrap();
                let mut words = vec!["clone", "--quiet", "--branch", "work"];
                if with["fetch-depth"] != 0 {
                    words.extend(["--depth", "1"]);
                }
                words.extend([url.as_str(), target]);
                repository::git(self.folder.path(), &words);
            }
            // What is named and not there is a warning for GitHub, which nobody reads. It may lack where the
            // job has failed before it, and so may what is only there if there are findings.
            "actions/upload-artifact@v4" => {
                for path in text(&with["path"]).lines() {
                    let (from, to) = (folder.join(path), artifact().join(path));
                    if from.is_dir() {
                        repository::copy(&from, &to);
                    } else if from.exists() || !(ran.result == "failure" || path.starts_with('.')) {
                        fs::create_dir_all(to.parent().unwrap()).unwrap();
                        fs::copy(&from, &to).unwrap_or_else(|it| panic!("{path}: {it}"));
                    }
                }
            }
            "actions/download-artifact@v4" => repository::copy(&artifact(), folder),
            other => panic!("the action {other} is not known, and in no table"),
        }
    }

    /// A text with the values of its expressions.
    fn filled(&self, text: &str) -> String {
        let mut parts = text.split("${{");
        let mut filled = parts.next().unwrap().to_owned();
        for part in parts {
            let (expression, rest) = part.split_once("}}").expect("an expression that ends");
            let expression = expression.trim();
            let value = self.known.get(expression);
            filled += value.unwrap_or_else(|| panic!("the expression {expression} is not known"));
            filled += rest;
        }
        filled
    }
}

/// The workflows, with the jobs that tests run.
const WORKFLOWS: [(&str, &[&str]); 3] = [
    (crate::pull_request::FILE, &crate::pull_request::JOBS),
    (crate::nightly::FILE, &crate::nightly::JOBS),
    (crate::release::FILE, &crate::release::JOBS),
];

#[test]
fn every_job_is_run_and_the_table_names_nothing_that_is_not_there() {
    let mut named = BTreeSet::new();
    for (file, jobs) in WORKFLOWS {
        let workflow = place::value(file);
        let mut there: Vec<String> =
            entries(&workflow["jobs"]).into_iter().map(|it| it.0).collect();
        let mut run = jobs.to_vec();
        there.sort();
        run.sort_unstable();
        assert_eq!(there, run, "{file}");
        for job in jobs {
            let job = &workflow["jobs"][job];
            assert!(job["steps"].as_array().is_some_and(|steps| !steps.is_empty()), "{job}");
            named.extend(job["steps"].as_array().unwrap().iter().filter_map(not_run));
        }
    }
    let table: BTreeSet<&str> = NOT_RUN.iter().map(|(called, _)| *called).collect();
    assert_eq!(named, table);
}

/// The kit has no second version of what `stairway init` writes.
#[test]
fn the_program_comes_as_in_the_job_that_init_writes() {
    let project = Project::new(&[
        ("migrations/1_a.up.sql", "CREATE TABLE a (id int);\n"),
        ("migrations/1_a.down.sql", "DROP TABLE a;\n"),
    ]);
    let words = ["init", "--ci", "github", "--postgres", "15"];
    let ran = repository::run(project.path(), &[], &words);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let written = project.path().join(".github/workflows/stairway.yml");
    let written = crate::yaml::read(&fs::read_to_string(written).unwrap()).unwrap();
    let own = &written["jobs"]["stairway"];
    let steps = own["steps"].as_array().unwrap();
    for named in [
        "Keep the program from one run to the next",
        "Build the program where it is not kept",
        "Have the server's image",
    ] {
        let wanted = steps.iter().find(|step| step["name"] == named).unwrap();
        let mut count = 0;
        for (file, jobs) in WORKFLOWS {
            let workflow = place::value(file);
            let of = |job: &&str| workflow["jobs"][*job]["steps"].as_array().unwrap().clone();
            for step in jobs.iter().flat_map(of).filter(|step| step["name"] == named) {
                assert_eq!(&step, wanted, "{file}");
                count += 1;
            }
        }
        assert!(count >= 4, "{named}: {count}");
    }
    // Those that climb have the same server.
    let pull_request = place::value(crate::pull_request::FILE);
    assert_eq!(pull_request["env"], own["env"]);
    assert_eq!(pull_request["jobs"]["verify"]["steps"][0], steps[0], "the checkout");
}

#[test]
fn what_is_not_known_is_no_empty_text() {
    let project = Project::new(&[("README.md", "a project\n")]);
    let runner = Runner::new(&project);
    assert_eq!(runner.filled("a ${{ runner.os }}/${{github.base_ref}} b"), "a Linux/main b");
    let unknown = std::panic::AssertUnwindSafe(|| runner.filled("${{ secrets.NOBODY }}"));
    assert!(std::panic::catch_unwind(unknown).is_err());
}

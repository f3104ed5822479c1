//! The gate on branches: what is pending is known by what it comes after, whatever the order of files.

use std::process::Output;

use serde_json::Value;

use crate::project::Project;
use crate::servers;

fn make(project: &Project, id: &str, down: &str) {
    let up = format!("op.execute('CREATE TABLE t_{id} (id int PRIMARY KEY)')");
    project.revision(id, down, &up, &format!("op.execute('DROP TABLE t_{id}')"));
}

fn facts(output: &Output) -> (Option<i32>, Value) {
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    let facts = report["facts"].as_array().unwrap().iter();
    let ended = facts.map(|it| (it["name"].as_str().unwrap().to_owned(), it["ended"].clone()));
    (output.status.code(), ended.collect::<serde_json::Map<_, _>>().into())
}

#[test]
fn branches_that_have_not_met_are_no_release() {
    let Some(project) = Project::new() else { return };
    let Some(server) = servers::server(servers::majors()[0]) else { return };
    make(&project, "a1", "None");
    let target = server.target("postgres");
    let command = |words: &[&str]| {
        let mut command = project.command(words);
        command.args(["--migrations", "."]).env("DATABASE_URL", target.url_with_password());
        command.env("DEPLOYMENT_DIR", project.path().join("deployment"));
        command.env("STAIRWAY_POSTGRES", server.major.to_string()).env("STAIRWAY_SERVER", "local");
        command.output().unwrap()
    };
    let gate = |more: &[&str]| {
        let required = ["verification", "allowances", "history", "one-head", "drift"];
        let required = required.iter().flat_map(|fact| ["--require", fact]);
        let words = ["gate", "--format", "json"].into_iter().chain(required);
        command(&words.chain(more.iter().copied()).collect::<Vec<_>>())
    };
    let ran = command(&["upgrade", "heads", "--skip-backup"]);
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    make(&project, "c1", "'a1'");
    let ran = command(&["verify", "--quiet", "--no-repro", "--report", "json=verify.json"]);
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let reported = ["--verification", "verify.json"];
    let (code, ended) = facts(&gate(&reported));
    assert_eq!(code, Some(0), "{ended:#}");

    // Somebody else's branch says nothing of this one, and makes a second head.
    make(&project, "b1", "'a1'");
    let (code, ended) = facts(&gate(&reported));
    assert_eq!((code, &ended["one-head"]), (Some(14), &"failed".into()), "{ended:#}");
    assert_eq!(ended["verification"], "unknown", "b1 is in no report: {ended:#}");
    project.revision("m1", "('b1', 'c1')", "pass", "pass");
    let (code, ended) = facts(&gate(&[]));
    assert_eq!(code, Some(0), "{ended:#}");
    // Rebased onto the other branch, it is another migration, and so is what comes after it.
    make(&project, "c1", "'b1'");
    project.revision("m1", "'c1'", "pass", "pass");
    let (code, ended) = facts(&gate(&reported));
    assert_eq!((code, &ended["verification"]), (Some(14), &"failed".into()), "{ended:#}");
    assert_eq!(ended["one-head"], "held");

    // What a run leaves is no drift.
    let ran = command(&["upgrade", "b1", "--skip-backup"]);
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let (code, ended) = facts(&gate(&[]));
    assert_eq!((code, &ended["drift"]), (Some(0), &"held".into()), "{ended:#}");
}

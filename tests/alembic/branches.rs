//! Branches: an order in which each revision comes after what it needs.

use crate::project::{Project, checks};

fn make(project: &Project, id: &str, down: &str, more: &str) {
    let table = format!("op.execute('CREATE TABLE t_{id} ()')");
    let body = format!("{more}\n{table}").trim().to_owned();
    project.revision(id, down, &body, &format!("op.execute('DROP TABLE t_{id}')"));
}

#[test]
fn branches_meet_after_both_were_climbed() {
    let Some(project) = Project::new() else { return };
    make(&project, "a1", "None", "");
    make(&project, "b1", "'a1'", "");
    make(&project, "c1", "'a1'", "");
    make(&project, "c2", "'c1'", "");
    project.revision("m1", "('b1', 'c2')", "pass", "pass");
    make(&project, "z1", "'m1'", "");
    let ran = project.verify(&["--format", "json", "--no-rows"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    let json = ran.json();
    let order: Vec<&str> = json["migrations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["revision"].as_str().unwrap())
        .collect();
    let at = |id: &str| order.iter().position(|it| *it == id).unwrap();
    assert_eq!(order.len(), 6);
    for (earlier, later) in
        [("a1", "b1"), ("a1", "c1"), ("c1", "c2"), ("b1", "m1"), ("c2", "m1"), ("m1", "z1")]
    {
        assert!(at(earlier) < at(later), "{earlier} is not before {later}: {order:?}");
    }
}

/// Nobody gets more than was asked for.
#[test]
fn a_branch_is_judged_without_the_other() {
    let Some(project) = Project::new() else { return };
    make(&project, "a1", "None", "");
    make(&project, "b1", "'a1'", "");
    make(&project, "c1", "'a1'", "");
    make(&project, "c2", "'c1'", "");
    let since = |word: &str| {
        let json = project.verify(&["--no-rows", "--format", "json", "--since", word]).json();
        let judged = json["migrations"].as_array().unwrap().iter();
        let mut judged: Vec<&str> = judged.map(|it| it["revision"].as_str().unwrap()).collect();
        judged.sort_unstable();
        judged.join(" ")
    };
    assert_eq!(since("a1"), "b1 c1 c2");
    assert_eq!(since("c1"), "b1 c2");
    assert_eq!(since("b1"), "c1 c2");
}

/// Two people who did not know of each other.
#[test]
fn two_heads_that_nobody_meant_are_found() {
    let Some(project) = Project::new() else { return };
    make(&project, "a1", "None", "");
    make(&project, "b1", "'a1'", "");
    make(&project, "c1", "'a1'", "");
    let found = |project: &Project| {
        let ran = project.verify(&["--no-rows", "--format", "json"]);
        let json = ran.json();
        (ran.code, ["b1", "c1"].map(|it| checks(&json, it).join(" ")))
    };
    let is_sound = (Some(0), [String::new(), String::new()]);
    let heads = ["multiple-heads".to_owned(), "multiple-heads".to_owned()];
    assert_eq!(found(&project), (Some(1), heads));
    // A branch with a name is there on purpose, and so is one with a base of its own.
    let path = "scripts/versions/c1.py";
    let text = std::fs::read_to_string(project.path().join(path)).unwrap();
    project.write(path, &format!("{text}\nbranch_labels = ('sea',)\n"));
    make(&project, "d1", "None", "");
    assert_eq!(found(&project), is_sound);
    project.write(path, &text);
    project.revision("m1", "('b1', 'c1')", "pass", "pass");
    assert_eq!(found(&project), is_sound);
}

#[test]
fn a_revision_comes_after_the_other_base_that_it_depends_on() {
    let Some(project) = Project::new() else { return };
    make(&project, "a1", "None", "");
    // An earlier name, and no ancestor in common.
    make(&project, "b0", "None", "");
    make(&project, "a2", "'a1'", "op.execute('SELECT * FROM t_b0')");
    let path = "scripts/versions/a2.py";
    let text = std::fs::read_to_string(project.path().join(path)).unwrap();
    project.write(path, &text.replace("down_revision", "depends_on = 'b0'\ndown_revision"));
    let ran = project.verify(&["--format", "json", "--no-rows"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    let history = project.run(&["history", "--migrations", "."]).stdout;
    let at = |id: &str| history.find(id).unwrap();
    assert!(at("b0") < at("a2") && at("a1") < at("a2"), "{history}");
}

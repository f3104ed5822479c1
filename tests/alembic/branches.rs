//! Branches: an order in which each revision comes after what it needs.

use crate::project::Project;

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
fn a_word_for_one_of_several_branches_is_refused() {
    let Some(project) = Project::new() else { return };
    make(&project, "a1", "None", "");
    make(&project, "b1", "'a1'", "");
    make(&project, "c1", "'a1'", "");
    let since = |word: &str| project.verify(&["--no-rows", "--since", word]);
    // One of both comes after the other, which it does not need.
    let refused: Vec<_> =
        ["b1", "c1"].map(since).into_iter().filter(|ran| ran.code == Some(2)).collect();
    assert_eq!(refused.len(), 1, "{}{}", refused[0].stdout, refused[0].stderr);
    assert!(refused[0].stderr.contains("branches are moved together"), "{}", refused[0].stderr);
    assert_eq!(since("a1").code, Some(0));
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

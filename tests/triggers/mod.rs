//! Rows that triggers keep, change and touch: what is told of them is what an application can meet.

use serde_json::Value;

use super::{findings, json, project, verify};

/// Each post has a row beside it, which a trigger puts there.
const POSTS: (&str, &str) = (
    "CREATE TABLE post (id int PRIMARY KEY, title text NOT NULL, score int NOT NULL);\n\
     CREATE TABLE post_fast (id int PRIMARY KEY, title text, score int, seen int);\n\
     CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
     INSERT INTO post_fast VALUES (NEW.id, NEW.title, NEW.score, 0); RETURN NULL; END $$;\n\
     CREATE TRIGGER keep AFTER INSERT ON post FOR EACH ROW EXECUTE FUNCTION keep();",
    "DROP TABLE post, post_fast; DROP FUNCTION keep;",
);

fn rebuilt(seen: &str) -> String {
    format!(
        "DROP TABLE post_fast;\n\
         CREATE TABLE post_fast AS SELECT id, title, score, {seen}::int AS seen FROM post;\n\
         ALTER TABLE post_fast ADD PRIMARY KEY (id);"
    )
}

fn told(report: &Value) -> Vec<(&str, &str, &str)> {
    let found = findings(report);
    found
        .into_iter()
        .map(|it| {
            let object = it["objects"][0].as_str().unwrap_or_default();
            (it["check"].as_str().unwrap(), it["severity"].as_str().unwrap(), object)
        })
        .collect()
}

#[test]
fn what_a_trigger_keeps_is_as_it_would_be() {
    let rebuild = rebuilt("1");
    let project = project("", &[POSTS, (&rebuild, &rebuilt("1"))]);
    let report = json(&verify(project.path(), &["--format", "json"]));
    let found = findings(&report);
    let [finding] = found.as_slice() else { panic!("{report:#}") };
    // A row without its title stands beside no post.
    assert_eq!(finding["objects"], serde_json::json!(["public.post_fast.seen"]), "{report:#}");
    let message = finding["message"].as_str().unwrap();
    assert!(message.ends_with("'0' -> '1' in 1 row"), "{message}");
    let rows: Vec<&str> = finding["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["table"].as_str().unwrap())
        .collect();
    assert_eq!(rows, ["public.post", "public.post_fast"], "a post comes with its row");
}

#[test]
fn rows_that_pass_are_such_as_triggers_keep() {
    let up = format!("{}\nCREATE UNIQUE INDEX title ON post (title);", rebuilt("0"));
    let down = format!("DROP INDEX title;\n{}", rebuilt("0"));
    let project = project("", &[POSTS, (&up, &down)]);
    let report = json(&verify(project.path(), &["--format", "json"]));
    // Without its post a row would be gone, but nobody leaves it alone.
    let checks: Vec<_> = told(&report).iter().map(|it| it.0).collect();
    assert_eq!(checks, ["data-dependent-failure"], "{report:#}");
}

#[test]
fn a_time_that_triggers_count_or_write_elsewhere_is_no_loss() {
    let now = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint";
    let up = format!(
        "CREATE TABLE album (id int PRIMARY KEY, changed bigint NOT NULL DEFAULT 0);\n\
         CREATE TABLE token (id int PRIMARY KEY, album int NOT NULL REFERENCES album, \
         changed bigint NOT NULL DEFAULT 0, at timestamptz NOT NULL DEFAULT now());\n\
         CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         NEW.changed := {now}; UPDATE album SET changed = NEW.changed WHERE id = NEW.album; \
         RETURN NEW; END $$;\n\
         CREATE TRIGGER touch BEFORE UPDATE ON token FOR EACH ROW EXECUTE FUNCTION touch();\n\
         CREATE TABLE visit (id int PRIMARY KEY, token int REFERENCES token, at timestamptz);"
    );
    let table = (up.as_str(), "DROP TABLE visit, token, album; DROP FUNCTION touch;");
    let flag = (
        "ALTER TABLE token ADD COLUMN flag bool; UPDATE token SET flag = false;",
        "ALTER TABLE token DROP COLUMN flag;",
    );
    let report = json(&verify(project("", &[table, flag]).path(), &["--format", "json"]));
    assert_eq!(told(&report), [], "{report:#}");
    // What a script writes itself is one.
    let late = ("UPDATE visit SET at = now();", "SELECT 1;");
    let report = json(&verify(project("", &[table, late]).path(), &["--format", "json"]));
    assert_eq!(told(&report), [("data-loss", "error", "public.visit.at")], "{report:#}");
}

#[test]
fn a_setting_that_nobody_set_is_a_warning() {
    let up = "UPDATE post SET title = current_setting('app.host') || title WHERE id = id;";
    let report =
        json(&verify(project("", &[POSTS, (up, "SELECT 1;")]).path(), &["--format", "json"]));
    let found = findings(&report);
    let [finding] = found.as_slice() else { panic!("{report:#}") };
    assert_eq!(finding["check"], "data-dependent-failure");
    assert_eq!(finding["severity"], "warning");
    assert!(finding["help"].as_str().unwrap().contains("nothing set in this session"));
}

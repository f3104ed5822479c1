//! What is found points at the line of Python that did it, with the SQL it sent.

use serde_json::Value;

use crate::project::{Project, checks, findings};
use crate::servers;

fn table(project: &Project) -> &Project {
    project.revision(
        "aa01",
        "None",
        "op.execute('CREATE TABLE guest (id int PRIMARY KEY, name text, phone text)')",
        "op.execute('DROP TABLE guest')",
    )
}

/// The only finding of a revision.
fn only<'v>(json: &'v Value, revision: &str) -> &'v Value {
    let found = findings(json, revision);
    assert_eq!(found.len(), 1, "{found:?}");
    found[0]
}

fn line(project: &Project, revision: &str, words: &str) -> u64 {
    let path = project.path().join(format!("scripts/versions/{revision}.py"));
    let text = std::fs::read_to_string(path).unwrap();
    let at = text.lines().position(|line| line.contains(words)).unwrap();
    u64::try_from(at + 1).unwrap()
}

#[test]
fn a_statement_that_fails_is_shown_with_its_line() {
    let Some(project) = Project::new() else { return };
    table(&project).revision("aa02", "'aa01'", "op.drop_column('guest', 'mail')", "pass");
    let ran = project.verify(&["--format", "json", "--no-rows"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    let json = ran.json();
    let found = findings(&json, "aa02")[0];
    assert_eq!(found["check"], "upgrade-failed");
    assert_eq!(found["line"], line(&project, "aa02", "drop_column"));
    assert!(found["message"].as_str().unwrap().contains("(SQLSTATE 42703)"), "{found}");
    let detail = found["detail"].as_str().unwrap();
    assert!(detail.contains("statement: ALTER TABLE guest DROP COLUMN mail"), "{detail}");
}

#[test]
fn a_downgrade_that_raises_or_does_nothing_is_missing() {
    let Some(project) = Project::new() else { return };
    let add = |name: &str| format!("op.add_column('guest', sa.Column('{name}', sa.Text))");
    table(&project)
        .revision("aa02", "'aa01'", &add("b"), "pass")
        .revision("aa03", "'aa02'", &add("c"), "raise NotImplementedError('no way back')")
        .revision("aa04", "'aa03'", &add("d"), "\"\"\"Not needed.\"\"\"")
        .revision("aa05", "'aa04'", &add("e"), "op.drop_column('guest', 'e')");
    let json = project.verify(&["--format", "json", "--no-rows"]).json();
    for revision in ["aa02", "aa03", "aa04"] {
        assert_eq!(checks(&json, revision), ["downgrade-missing"]);
        let help = findings(&json, revision)[0]["help"].as_str().unwrap();
        assert!(help.contains("`# stairway: irreversible reason: ..`"), "{help}");
    }
    assert_eq!(checks(&json, "aa05"), Vec::<String>::new());
}

#[test]
fn python_that_fails_with_rows_is_found_with_the_rows() {
    let Some(project) = Project::new() else { return };
    let split = "op.add_column('guest', sa.Column('last', sa.Text))\n\
        connection = op.get_bind()\n\
        for id, name in connection.execute(sa.text('SELECT id, name FROM guest')).fetchall():\n    \
        first, last = (name or 'a b').split(' ')\n    \
        connection.execute(sa.text('UPDATE guest SET last = :l WHERE id = :i'), {'l': last, 'i': id})";
    table(&project).revision("aa02", "'aa01'", split, "op.drop_column('guest', 'last')");
    let ran = project.verify(&["--format", "json"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    let json = ran.json();
    let found = only(&json, "aa02");
    assert_eq!(found["check"], "data-dependent-failure");
    let message = found["message"].as_str().unwrap();
    assert!(
        message.contains("fails with rows: ValueError: not enough values to unpack"),
        "{message}"
    );
    assert_eq!(found["line"], line(&project, "aa02", "first, last"));
    assert_eq!(found["rows"].as_array().unwrap().len(), 1, "{found}");
    assert!(found["detail"].as_str().unwrap().contains("in upgrade"), "{found}");
}

#[test]
fn values_that_python_changes_and_does_not_bring_back_are_found() {
    let Some(project) = Project::new() else { return };
    let tidy = "guest = sa.table('guest', sa.column('id'), sa.column('phone'))\n\
        connection = op.get_bind()\n\
        for row in connection.execute(sa.select(guest.c.id, guest.c.phone)).fetchall():\n    \
        digits = ''.join(c for c in row.phone or '' if c.isdigit())\n    \
        connection.execute(guest.update().where(guest.c.id == row.id).values(phone=digits))";
    table(&project).revision("aa02", "'aa01'", tidy, "op.execute('SELECT 1')");
    let json = project.verify(&["--format", "json"]).json();
    let found = findings(&json, "aa02");
    let loss = found.iter().find(|it| it["check"] == "data-loss").unwrap();
    assert!(loss["message"].as_str().unwrap().contains("public.guest.phone"), "{loss}");
    // It is meant: then nothing is left to say.
    let path = "scripts/versions/aa02.py";
    let text = std::fs::read_to_string(project.path().join(path)).unwrap();
    let claim = "# stairway: lossy public.guest.phone reason: nobody dials letters\n";
    project.write(path, &format!("{claim}{text}"));
    let ran = project.verify(&["--format", "json"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
}

#[test]
fn drift_points_at_the_operation() {
    let Some(project) = Project::new() else { return };
    table(&project).revision(
        "aa02",
        "'aa01'",
        "op.drop_column('guest', 'phone')\nop.create_index('guest_name', 'guest', ['name'])",
        "op.add_column('guest', sa.Column('phone', sa.Text))\n\
         op.execute('ALTER INDEX guest_name RENAME TO guest_by_name')",
    );
    let json = project.verify(&["--format", "json", "--no-rows"]).json();
    let found = findings(&json, "aa02")[0];
    assert_eq!(found["check"], "schema-drift");
    assert_eq!(found["line"], line(&project, "aa02", "guest_by_name"), "{found}");
}

/// What can't be in a transaction of ours has another try by itself, as Alembic runs it.
#[test]
fn what_ends_transactions_by_itself_runs_as_alembic_runs_it() {
    let Some(project) = Project::new() else { return };
    let index = "def index():\n    with op.get_context().autocommit_block():\n        \
        op.execute('CREATE INDEX CONCURRENTLY guest_name ON guest (name)')\nindex()";
    table(&project)
        .revision(
            "aa02",
            "'aa01'",
            "op.execute('BEGIN; CREATE TABLE other (); COMMIT')",
            "op.execute('DROP TABLE other')",
        )
        .revision(
            "aa03",
            "'aa02'",
            "op.execute('COMMIT')\nop.execute('DROP INDEX CONCURRENTLY IF EXISTS guest_phone')",
            "op.execute('SELECT 1')",
        )
        .revision("aa04", "'aa03'", index, "op.execute('DROP INDEX guest_name')");
    let ran = project.verify(&["--format", "json", "--no-rows"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
}

/// A revision of which nothing stays did not run.
#[test]
fn what_its_env_rolls_back_is_no_success() {
    let Some(project) = Project::new() else { return };
    table(&project);
    let env = std::fs::read_to_string(project.path().join("scripts/env.py")).unwrap();
    let early =
        "connection.exec_driver_sql('SELECT 1')\n        context.configure(connection=connection";
    project.write(
        "scripts/env.py",
        &env.replacen("context.configure(connection=connection", early, 1),
    );
    let json = project.verify(&["--format", "json", "--no-rows"]).json();
    let found = findings(&json, "aa01")[0];
    assert_eq!(found["check"], "upgrade-failed");
    assert!(found["message"].as_str().unwrap().contains("did nothing commit?"), "{found}");
}

/// A model that nobody wrote a migration for, and one that has it.
#[test]
fn models_that_are_not_the_schema_at_head_are_found() {
    let Some(project) = Project::new() else { return };
    let env = std::fs::read_to_string(project.path().join("scripts/env.py")).unwrap();
    let env = env.replace(
        "config = context.config",
        "import models\n\nconfig = context.config\ntarget_metadata = models.metadata",
    );
    let env = env.replace(
        "connection=connection,",
        "connection=connection, target_metadata=target_metadata,",
    );
    project.write("scripts/env.py", &env);
    let model = |more: &str| {
        let text = format!(
            "import sqlalchemy as sa\n\nmetadata = sa.MetaData()\n\
             sa.Table('t', metadata, sa.Column('id', sa.Integer, primary_key=True){more})\n"
        );
        project.write("models.py", &text);
    };
    let create = "op.create_table('t', sa.Column('id', sa.Integer, primary_key=True))";
    project.revision("a1", "None", create, "op.drop_table('t')");
    let cache = tempfile::tempdir().unwrap();
    std::fs::set_permissions(cache.path(), std::os::unix::fs::PermissionsExt::from_mode(0o777))
        .unwrap();
    let verify = || {
        let major = servers::majors()[0].to_string();
        let words = [
            "verify",
            ".",
            "--server",
            "local",
            "--postgres",
            &major,
            "--no-rows",
            "--format",
            "json",
        ];
        let output = project.command(&words).env("STAIRWAY_CACHE", cache.path()).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        serde_json::from_str::<Value>(&text).unwrap_or_else(|error| panic!("{error}\n{said}"))
    };
    model("");
    assert_eq!(checks(&verify(), "a1"), Vec::<String>::new());
    assert_eq!(verify()["migrations"][0]["cached"], true);
    // No revision is another one, and what is known is not enough.
    model(", sa.Column('name', sa.Text)");
    let json = verify();
    assert_eq!(checks(&json, "a1"), ["models-differ"]);
    let finding = findings(&json, "a1")[0];
    let detail = finding["detail"].as_str().unwrap_or_else(|| panic!("{finding}"));
    assert!(detail.contains("op.add_column('t', sa.Column('name', sa.Text()"), "{detail}");
    assert_eq!(json["verdict"], "pass", "it is a warning");
}

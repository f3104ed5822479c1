//! What can be wrong with an environment is said before any revision is blamed.

use crate::project::Project;
use crate::servers;

/// Fails unless it ends as a wrong configuration and says these words.
#[track_caller]
fn refused(project: &Project, words: &[&str]) {
    let ran = project.verify(&["--no-rows"]);
    assert_eq!(ran.code, Some(2), "{}{}", ran.stdout, ran.stderr);
    for word in words {
        assert!(ran.stderr.contains(word), "not said: {word}\n{}", ran.stderr);
    }
}

#[test]
fn a_variable_that_an_env_needs_is_no_fault_of_a_revision() {
    let Some(project) = Project::fixture() else { return };
    project.write(
        "scripts/env.py",
        "import os\nfrom alembic import context\nos.environ['SHOP_DATABASE']\n",
    );
    refused(&project, &["KeyError: 'SHOP_DATABASE'", "env.py\", line 3"]);
}

#[test]
fn a_version_table_of_another_name_is_refused_instead_of_taken_for_a_table_of_theirs() {
    let Some(project) = Project::fixture() else { return };
    let env = std::fs::read_to_string(project.path().join("scripts/env.py")).unwrap();
    let named = "connection=connection, version_table='done', version_table_schema='meta',";
    project.write("scripts/env.py", &env.replace("connection=connection,", named));
    refused(&project, &["keeps versions in meta.done"]);
}

/// Whoever connects by the driver itself, it must not be there.
#[test]
fn an_engine_with_a_way_of_its_own_to_connect_is_led_away_from_there() {
    let Some(project) = Project::fixture() else { return };
    let server = servers::server(servers::majors()[0]).unwrap();
    let variables = server.target("postgres").libpq_environment();
    let value = |name: &str| variables.iter().find(|it| it.0 == name).unwrap().1.clone();
    let connect = format!(
        "psycopg2.connect(host={:?}, port={}, user={:?}, dbname='postgres')",
        value("PGHOST"),
        value("PGPORT"),
        value("PGUSER")
    );
    let env = std::fs::read_to_string(project.path().join("scripts/env.py")).unwrap();
    let engine = format!(
        "import psycopg2\n    engine = create_engine('postgresql+psycopg2://', creator=lambda: {connect})\n"
    );
    let start = env.find("    engine = engine_from_config").unwrap();
    let end = env.find("    with engine.connect()").unwrap();
    let env = format!(
        "from sqlalchemy import create_engine\n{}    {engine}{}",
        &env[..start],
        &env[end..]
    );
    project.write("scripts/env.py", &env);
    let ran = project.verify(&["--no-rows"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let there = runtime.block_on(async {
        let mut session = server.session("postgres").await;
        session.value("SELECT to_regclass('public.workspaces') IS NULL").await.unwrap()
    });
    assert_eq!(there.as_deref(), Some("t"), "the revisions ran on the other database");
}

/// Each of its databases would be the one that is lent.
#[test]
fn an_env_of_several_databases_is_refused() {
    let Some(project) = Project::fixture() else { return };
    let env = std::fs::read_to_string(project.path().join("scripts/env.py")).unwrap();
    project.write(
        "scripts/env.py",
        &env.replace("else:\n    online()", "else:\n    online()\n    online()"),
    );
    refused(&project, &["on several databases"]);
}

#[test]
fn an_env_that_runs_nothing_is_told_so() {
    let Some(project) = Project::fixture() else { return };
    project.write("scripts/env.py", "from alembic import context\n");
    refused(&project, &["it must call context.run_migrations()"]);
}

#[test]
fn a_revision_that_is_no_python_is_named() {
    let Some(project) = Project::fixture() else { return };
    project.write(
        "scripts/versions/zz.py",
        "revision = 'zz'\ndown_revision = '91ee'\ndef upgrade(:\n",
    );
    refused(&project, &["SyntaxError", "zz.py"]);
}

#[test]
fn a_revision_that_follows_nobody_is_named() {
    let Some(project) = Project::new() else { return };
    project.revision("aa02", "'gone'", "pass", "pass");
    refused(&project, &["gone"]);
}

#[test]
fn without_alembic_it_is_said_where_it_was_looked_for() {
    let Some(project) = Project::fixture() else { return };
    let mut command = project.command(&["verify", "."]);
    let output = command.env("STAIRWAY_PYTHON", "/nowhere/python").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("/nowhere/python (STAIRWAY_PYTHON names it): No such file"), "{said}");
    assert!(said.contains("name an interpreter with STAIRWAY_PYTHON"), "{said}");
}

#[test]
fn an_environment_may_be_configured_in_pyproject() {
    let Some(project) = Project::fixture() else { return };
    std::fs::remove_file(project.path().join("alembic.ini")).unwrap();
    project.write(
        "pyproject.toml",
        "[tool.alembic]\nscript_location = \"%(here)s/scripts\"\n\n[tool.other]\nx = 1\n",
    );
    let env = "from alembic import context\nfrom sqlalchemy import create_engine\n\
        engine = create_engine('postgresql+psycopg2://')\nwith engine.connect() as connection:\n    \
        context.configure(connection=connection)\n    with context.begin_transaction():\n        \
        context.run_migrations()\n";
    project.write("scripts/env.py", env);
    let ran = project.verify(&["--no-rows"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stderr.contains("its pyproject.toml has [tool.alembic]"), "{}", ran.stderr);
}

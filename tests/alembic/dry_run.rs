//! What `--dry-run` prints is what Alembic would send, for psql.

use stairway::postgres::Session;
use stairway::sql;

use crate::project::Project;
use crate::servers::{self, TestServer};

#[test]
fn what_is_printed_brings_a_database_to_its_head() {
    let Some(project) = Project::fixture() else { return };
    let Some(server) = servers::server(servers::majors()[0]) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(there_and_back(&project, &server));
}

async fn there_and_back(project: &Project, server: &TestServer) {
    let mut admin = server.session("postgres").await;
    server.create_database(&mut admin, "printed").await;
    admin.close().await.unwrap();
    let target = server.target("printed");
    let upgrade = |words: &[&str]| {
        let mut command = project.command(words);
        command.args(["--migrations", "."]).env("DATABASE_URL", target.url_with_password());
        command.env("DEPLOYMENT_DIR", project.path().join("deployment"));
        let output = command.output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{said}");
        (String::from_utf8(output.stdout).unwrap(), said)
    };
    let (script, _) = upgrade(&["upgrade", "--dry-run"]);
    let mut session = Session::connect(&target, "test").await.unwrap();
    for statement in sql::split(&script).unwrap() {
        session
            .execute(statement.text(&script))
            .await
            .unwrap_or_else(|error| panic!("{error}\n{script}"));
    }
    let versions = session.value("SELECT string_agg(version_num, ' ') FROM alembic_version");
    assert_eq!(versions.await.unwrap().as_deref(), Some("91ee"), "{script}");
    let (_, said) = upgrade(&["upgrade", "--skip-backup"]);
    assert!(said.contains("nothing to do"), "{said}");
    // Back: the same from the other end.
    let (script, _) = upgrade(&["downgrade", "base", "--dry-run"]);
    for statement in sql::split(&script).unwrap() {
        session
            .execute(statement.text(&script))
            .await
            .unwrap_or_else(|error| panic!("{error}\n{script}"));
    }
    let left = session.value("SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'");
    assert_eq!(left.await.unwrap().as_deref(), Some("1"), "the version table alone\n{script}");
    session.close().await.unwrap();
}

/// What depends on rows can't be printed, and that is said in its place.
#[test]
fn what_only_python_can_tell_is_named() {
    let Some(project) = Project::new() else { return };
    project
        .revision(
            "aa01",
            "None",
            "op.execute('CREATE TABLE t (a int)')",
            "op.execute('DROP TABLE t')",
        )
        .revision(
            "aa02",
            "'aa01'",
            "for row in op.get_bind().execute(sa.text('SELECT 1')).fetchall():\n    pass",
            "pass",
        );
    let Some(server) = servers::server(servers::majors()[0]) else { return };
    let url = server.target("postgres").url_with_password();
    let mut command = project.command(&["upgrade", "--dry-run", "--migrations", "."]);
    command.env("DATABASE_URL", url).env("DEPLOYMENT_DIR", project.path().join("deployment"));
    let output = command.output().unwrap();
    let script = String::from_utf8(output.stdout).unwrap();
    assert!(script.contains("CREATE TABLE t (a int);"), "{script}");
    assert!(script.contains("-- upgrade aa02: only Python can tell what is sent"), "{script}");
    assert!(script.contains("scripts/versions/aa02.py"), "{script}");
}

//! What an environment is told besides its files: its section, arguments, and where it keeps its versions; and
//! what its scripts say.

use stairway::postgres::Session;

use crate::project::{Project, checks};
use crate::servers;

/// The environment of the fixtures with something more in each `context.configure`.
fn configured(project: &Project, more: &str) -> String {
    let env = std::fs::read_to_string(project.path().join("scripts/env.py")).unwrap();
    env.replace(
        "transaction_per_migration=True",
        &format!("transaction_per_migration=True, {more}"),
    )
}

/// Upgrades a database and looks at it.
fn upgraded(project: &Project, name: &str, more: &[&str], question: &str) -> Option<String> {
    let server = servers::server(servers::majors()[0])?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut admin = server.session("postgres").await;
        server.create_database(&mut admin, name).await;
        admin.close().await.unwrap();
        let target = server.target(name);
        let mut session = Session::connect(&target, "test").await.unwrap();
        session.execute("CREATE SCHEMA meta").await.unwrap();
        session.close().await.unwrap();
        for (words, says) in [("done", ""), ("again", "nothing to do")] {
            let mut command = project.command(&["upgrade", "--migrations", "."]);
            command.args(more).env("DATABASE_URL", target.url_with_password());
            command.env("DEPLOYMENT_DIR", project.path().join("deployment"));
            let output = command.output().unwrap();
            let said = String::from_utf8(output.stderr).unwrap();
            assert!(output.status.success() && said.contains(says), "{words}: {said}");
        }
        let mut session = Session::connect(&target, "test").await.unwrap();
        let answer = session.value(question).await.unwrap();
        session.close().await.unwrap();
        answer
    })
}

const VERSIONS: &str = "SELECT string_agg(version_num, ' ') FROM meta.\"Done\"";

#[test]
fn a_version_table_with_a_name_and_a_schema_of_its_own_is_kept() {
    let Some(project) = Project::fixture() else { return };
    let named = "version_table='Done', version_table_schema='meta'";
    project.write("scripts/env.py", &configured(&project, named));
    let ran = project.verify(&["--format", "json", "--no-rows"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    assert_eq!(upgraded(&project, "named", &[], VERSIONS).as_deref(), Some("91ee"));
}

/// One that can't be asked says what to write.
#[test]
fn a_version_table_that_is_only_known_with_a_connection_can_be_told() {
    let Some(project) = Project::fixture() else { return };
    let env = configured(&project, "version_table='Done', version_table_schema='meta'");
    project.write(
        "scripts/env.py",
        &env.replace("def offline():\n", "def offline():\n    raise OSError('no')\n"),
    );
    let ran = project.verify(&["--no-rows"]);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("OSError: no") && ran.stderr.contains("[alembic] of stairway.toml"),
        "{}",
        ran.stderr
    );
    project.write(
        "stairway.toml",
        "[alembic]\nversion-table = \"Done\"\nversion-table-schema = \"meta\"\n",
    );
    let ran = project.verify(&["--no-rows"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    assert_eq!(upgraded(&project, "told", &[], VERSIONS).as_deref(), Some("91ee"));
}

#[test]
fn sections_and_arguments_are_those_of_the_command_or_of_the_file() {
    let Some(project) = Project::fixture() else { return };
    let env = std::fs::read_to_string(project.path().join("scripts/env.py")).unwrap();
    let asks = "tenant = context.get_x_argument(as_dictionary=True)['tenant']\nassert config.get_main_option('color') == 'blue', tenant\n";
    project.write(
        "scripts/env.py",
        &env.replace("if context.is_offline_mode", &format!("{asks}if context.is_offline_mode")),
    );
    let ini = std::fs::read_to_string(project.path().join("alembic.ini")).unwrap();
    let other = ini.replace("[alembic]", "[blue]\ncolor = blue");
    project.write("alembic.ini", &format!("{ini}\n{other}"));
    let ran = project.verify(&["--no-rows"]);
    assert!(ran.code == Some(2) && ran.stderr.contains("KeyError: 'tenant'"), "{}", ran.stderr);
    let ran = project.verify(&["--no-rows", "-x", "tenant=one"]);
    assert!(ran.code == Some(2) && ran.stderr.contains("AssertionError: one"), "{}", ran.stderr);
    project.write("stairway.toml", "[alembic]\nsection = \"blue\"\nx = [\"tenant=two\"]\n");
    let ran = project.verify(&["--no-rows"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    let count = "SELECT count(*) FROM alembic_version";
    assert_eq!(upgraded(&project, "tenant", &["-x", "tenant=x"], count).as_deref(), Some("1"));
    project.write("stairway.toml", "[alembic]\nsection = \"green\"\n");
    let ran = project.verify(&["--no-rows"]);
    assert!(ran.code == Some(2) && ran.stderr.contains("has no section [green]"), "{}", ran.stderr);
}

#[test]
fn what_a_revision_prints_and_warns_is_shown_with_it() {
    let Some(project) = Project::new() else { return };
    let upgrade = "import warnings\nprint('making \\x1b[31mt')\nwarnings.warn('old ways')\nop.execute('CREATE TABLE t ()')";
    project.revision("a1", "None", upgrade, "op.execute('DROP TABLE t')");
    project.revision("a2", "'a1'", "op.execute('CREATE TABLE u ()')", "op.execute('DROP TABLE u')");
    let ran = project.verify(&["--no-rows"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    let printed = ran.stdout.split("a1 printed:\n").nth(1).expect(&ran.stdout);
    assert!(
        printed.starts_with("  making [31mt\n") && printed.contains("UserWarning: old ways\n"),
        "{printed}"
    );
    let json = project.verify(&["--no-rows", "--format", "json"]).json();
    assert_eq!(checks(&json, "a1"), Vec::<String>::new());
    assert_eq!(json["migrations"][0]["printed"][0], "making [31mt");
    assert_eq!(json["migrations"][1]["printed"].as_array().unwrap().len(), 0);
}

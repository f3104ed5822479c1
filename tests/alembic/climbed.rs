//! Sound histories pass, whatever driver they are written for.

use rstest::rstest;

use crate::project::Project;
use crate::servers;

/// What `alembic init -t async` writes, in short.
const ASYNC: &str = r#"
import asyncio

from alembic import context
from sqlalchemy import pool
from sqlalchemy.ext.asyncio import async_engine_from_config

config = context.config


def run(connection):
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()


async def online():
    section = config.get_section(config.config_ini_section, {})
    engine = async_engine_from_config(section, prefix="sqlalchemy.", poolclass=pool.NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(run)
    await engine.dispose()


asyncio.run(online())
"#;

/// An engine of the application's own, with a pool that outlives a revision.
const POOLED: &str = r#"
import sys

from alembic import context
from sqlalchemy import create_engine

if "application" not in sys.modules:
    sys.modules["application"] = type(sys)("application")
    sys.modules["application"].engine = create_engine("postgresql+psycopg2://a:b@db.invalid/shop?sslmode=require")
engine = sys.modules["application"].engine
with engine.connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
"#;

#[rstest]
fn each_driver_climbs(
    #[values(15, 18)] major: u32,
    #[values("psycopg2", "psycopg", "asyncpg", "psycopg async", "pool")] driver: &str,
) {
    if servers::server(major).is_none() {
        return;
    }
    let Some(project) = Project::fixture() else { return };
    let (name, env) = match driver {
        "asyncpg" => ("asyncpg", Some(ASYNC)),
        "psycopg async" => ("psycopg", Some(ASYNC)),
        "pool" => ("psycopg2", Some(POOLED)),
        name => (name, None),
    };
    let ini = std::fs::read_to_string(project.path().join("alembic.ini")).unwrap();
    project.write("alembic.ini", &ini.replace("psycopg2", name));
    if let Some(env) = env {
        project.write("scripts/env.py", env);
    }
    let ran = project.verify_on(major, &["--format", "json", "--no-repro"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    let json = ran.json();
    let migrations = json["migrations"].as_array().unwrap();
    assert_eq!(migrations.len(), 4);
    for migration in migrations {
        assert_eq!(migration["verdict"], "pass", "{migration}");
        assert!(migration["seconds"]["reupgrade"].is_number(), "{migration}");
    }
    assert_eq!(json["coverage"]["tables"], json["coverage"]["tables_seeded"]);
}

#[test]
fn a_second_run_knows_what_the_first_one_said_until_the_environment_is_another_one() {
    let Some(project) = Project::fixture() else { return };
    let cache = tempfile::tempdir().unwrap();
    let major = servers::majors()[0].to_string();
    let cached = || {
        let words = ["verify", ".", "--server", "local", "--postgres", &major, "--format", "json"];
        let output = project.command(&words).env("STAIRWAY_CACHE", cache.path()).output().unwrap();
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let migrations = json["migrations"].as_array().unwrap();
        migrations.iter().filter(|it| it["cached"] == true).count()
    };
    std::fs::set_permissions(cache.path(), std::os::unix::fs::PermissionsExt::from_mode(0o777))
        .unwrap();
    assert_eq!(cached(), 0);
    assert_eq!(cached(), 4);
    let env = std::fs::read_to_string(project.path().join("scripts/env.py")).unwrap();
    project.write("scripts/env.py", &format!("{env}# more\n"));
    assert_eq!(cached(), 0);
}

//! Flask-Migrate: an environment that runs in an application's context.

use crate::project::Project;

/// As `flask db init` makes it, but for what it logs.
const ENV: &str = r#"
from alembic import context
from flask import current_app

config = context.config


def get_engine():
    try:
        return current_app.extensions["migrate"].db.get_engine()
    except (TypeError, AttributeError):
        return current_app.extensions["migrate"].db.engine


config.set_main_option("sqlalchemy.url", get_engine().url.render_as_string(hide_password=False).replace("%", "%%"))
target_db = current_app.extensions["migrate"].db


def run_migrations_online():
    conf_args = current_app.extensions["migrate"].configure_args
    with get_engine().connect() as connection:
        context.configure(connection=connection, target_metadata=target_db.metadata, **conf_args)
        with context.begin_transaction():
            context.run_migrations()


run_migrations_online()
"#;

const APP: &str = r#"
from flask import Flask
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy

app = Flask(__name__)
app.config["SQLALCHEMY_DATABASE_URI"] = "postgresql+psycopg2://nobody@localhost:1/nowhere"
db = SQLAlchemy(app)
Migrate(app, db)


class Pet(db.Model):
    __tablename__ = "pet"
    id = db.Column(db.Integer, primary_key=True)
"#;

#[test]
fn an_application_s_context_is_made_for_an_env_that_needs_it() {
    let Some(project) = Project::new() else { return };
    let has_flask = std::process::Command::new(project.python())
        .args(["-c", "import flask_migrate, flask_sqlalchemy"])
        .output()
        .unwrap();
    if !has_flask.status.success() {
        assert!(!stairway::env::REQUIRE_TOOLS.is_on(), "Flask-Migrate is required and missing");
        eprintln!("SKIPPED: there is no Flask-Migrate here; ci/test installs it");
        return;
    }
    std::fs::remove_file(project.path().join("alembic.ini")).unwrap();
    std::fs::remove_dir_all(project.path().join("scripts")).unwrap();
    project
        .write("app.py", APP)
        .write("migrations/alembic.ini", "[alembic]\n# no script_location\n");
    project.write("migrations/env.py", ENV).write("migrations/script.py.mako", "");
    let revision = "from alembic import op\nimport sqlalchemy as sa\n\nrevision = 'a1'\ndown_revision = None\n\n\n\
                    def upgrade():\n    op.create_table('pet', sa.Column('id', sa.Integer, primary_key=True))\n\n\n\
                    def downgrade():\n    op.drop_table('pet')\n";
    project.write("migrations/versions/a1_pet.py", revision);
    let verify = || project.run(&["verify", "--server", "local", "--no-cache", "--no-rows"]);
    let ran = verify();
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    // Its models are compared, too.
    project.write(
        "app.py",
        &APP.replace("primary_key=True)\n", "primary_key=True)\n    name = db.Column(db.Text)\n"),
    );
    let ran = verify();
    assert!(ran.stdout.contains("models-differ"), "{}{}", ran.stdout, ran.stderr);
    project.write("app.py", "raise OSError('no application')\n");
    let ran = verify();
    assert!(
        ran.code == Some(2) && ran.stderr.contains("FLASK_APP"),
        "{}{}",
        ran.stdout,
        ran.stderr
    );
}

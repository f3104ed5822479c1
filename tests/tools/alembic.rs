//! Alembic: the program `alembic` of the wheel, with the driver psycopg2.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use rstest::rstest;

use crate::native::{self, Native, Scripts};
use crate::place::{self, Place};
use crate::turns;

pub(crate) struct Alembic(PathBuf);

const INI: &str = "[alembic]\nscript_location = %(here)s/scripts\n";

/// Reads no URL of Stairway's, and none at all: libpq's variables say where to connect.
const ENV: &str = r#"
import logging

from alembic import context
from sqlalchemy import create_engine, pool

logging.basicConfig(level=logging.INFO)
engine = create_engine("postgresql+psycopg2://", poolclass=pool.NullPool)
with engine.connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
"#;

const HISTORY: &[Scripts] = &[
    Scripts {
        revision: "1a0c",
        version: "1a0c",
        files: &[
            ("alembic.ini", INI),
            ("scripts/env.py", ENV),
            (
                "scripts/versions/1a0c_accounts.py",
                r#""""Create accounts, with an é."""
import sqlalchemy as sa
from alembic import op

revision = "1a0c"
down_revision = None


def upgrade():
    op.create_table(
        "accounts",
        sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("email", sa.Text, nullable=False),
    )


def downgrade():
    op.drop_table("accounts")
"#,
            ),
        ],
    },
    Scripts {
        revision: "02b1",
        version: "02b1",
        files: &[(
            "scripts/versions/02b1_index.py",
            r#""""Index accounts."""
from alembic import op

revision = "02b1"
down_revision = "1a0c"


def upgrade():
    with op.get_context().autocommit_block():
        op.create_index(
            "accounts_email", "accounts", ["email"], unique=True, postgresql_concurrently=True
        )


def downgrade():
    with op.get_context().autocommit_block():
        op.drop_index("accounts_email", postgresql_concurrently=True)
"#,
        )],
    },
    Scripts {
        revision: "f3c2",
        version: "f3c2",
        files: &[(
            "scripts/versions/f3c2_notes.py",
            r#""""Notes."""
import sqlalchemy as sa
from alembic import op

revision = "f3c2"
down_revision = "02b1"


def upgrade():
    op.add_column("accounts", sa.Column("note", sa.Text))
    accounts = sa.table("accounts", sa.column("id"), sa.column("note"))
    connection = op.get_bind()
    for row in connection.execute(sa.select(accounts.c.id)).fetchall():
        change = accounts.update().where(accounts.c.id == row.id)
        connection.execute(change.values(note=f"account {row.id}, 100% it's"))


def downgrade():
    op.drop_column("accounts", "note")
"#,
        )],
    },
];

impl Alembic {
    fn find() -> Option<Self> {
        native::program("alembic").map(Self)
    }

    /// What it prints, if it ended well.
    fn run(&self, place: &Place, database: &str, words: &[&str]) -> String {
        let output = Command::new(&self.0)
            .args(words)
            .current_dir(place.path().join("migrations"))
            .envs(place.target(database).libpq_environment())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(output.status.success(), "alembic {words:?}: {said}");
        said
    }

    fn heads(&self, place: &Place, database: &str) -> Vec<String> {
        let said = self.run(place, database, &["current"]);
        let lines = said.lines().filter(|line| !line.starts_with("INFO"));
        lines.filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
    }
}

impl Native for Alembic {
    fn name(&self) -> &'static str {
        "alembic"
    }

    fn table(&self) -> &'static str {
        "alembic_version"
    }

    fn columns(&self) -> &'static str {
        "version_num"
    }

    fn applied_at(&self) -> &'static str {
        "NULL::timestamptz"
    }

    fn history(&self) -> &'static [Scripts] {
        HISTORY
    }

    fn applied(&self, place: &Place, database: &str) -> usize {
        match self.heads(place, database).as_slice() {
            [] => 0,
            [head] => 1 + HISTORY.iter().position(|one| one.version == head).unwrap(),
            several => panic!("{several:?}"),
        }
    }

    fn go(&self, place: &Place, database: &str, count: usize) {
        let verb = if self.applied(place, database) > count { "downgrade" } else { "upgrade" };
        // At its base there is nothing to upgrade to; the table is made all the same.
        let target = count.checked_sub(1).map_or("base", |last| HISTORY[last].version);
        let verb = if target == "base" { "downgrade" } else { verb };
        self.run(place, database, &[verb, target]);
    }

    fn finds_nothing_to_do(&self, place: &Place, database: &str) {
        let said = self.run(place, database, &["upgrade", "head"]);
        assert!(!said.contains("Running upgrade"), "{said}");
        assert_eq!(self.applied(place, database), HISTORY.len());
    }
}

fn on(major: u32, test: impl Fn(&Place, &Alembic)) {
    let Some(alembic) = Alembic::find() else { return };
    if let Some(place) = Place::new(major, &alembic) {
        test(&place, &alembic);
    }
}

#[rstest]
fn stairway_leaves_what_alembic_would(#[values(15, 18)] major: u32) {
    on(major, |place, alembic| turns::stairway_leaves_what_the_tool_would(place, alembic));
}

#[test]
fn alembic_and_stairway_take_turns() {
    for major in place::majors(1) {
        on(major, |place, alembic| turns::they_take_turns(place, alembic));
    }
}

/// A second branch from the first revision, and where both meet.
const BRANCH: [(&str, &str); 2] = [
    (
        "scripts/versions/0d9e_plans.py",
        r#""""Plans."""
from alembic import op

revision = "0d9e"
down_revision = "1a0c"
branch_labels = ("billing",)


def upgrade():
    op.execute("CREATE TABLE plans (id int PRIMARY KEY)")


def downgrade():
    op.execute("DROP TABLE plans")
"#,
    ),
    (
        "scripts/versions/77aa_meet.py",
        r#""""Both meet."""
revision = "77aa"
down_revision = ("0d9e", "f3c2")


def upgrade():
    pass


def downgrade():
    pass
"#,
    ),
];

/// Two heads are two rows; each finds what the other left, apart and where they have met.
#[rstest]
fn two_heads_are_found_by_both(#[values(15, 18)] major: u32) {
    on(major, |place, alembic| {
        place.write_migration(BRANCH[0].0, BRANCH[0].1);
        for (database, theirs) in [("ours", false), ("theirs", true)] {
            place.make(database);
            if theirs {
                alembic.run(place, database, &["upgrade", "heads"]);
                place.stairway(database, "upgrade --skip-backup").ended(0).says("nothing to do");
            } else {
                place.stairway(database, "upgrade --skip-backup").ended(0);
                let said = alembic.run(place, database, &["upgrade", "heads"]);
                assert!(!said.contains("Running"), "{said}");
            }
            let mut heads = alembic.heads(place, database);
            heads.sort();
            assert_eq!(heads, ["0d9e", "f3c2"]);
        }
        place.write_migration(BRANCH[1].0, BRANCH[1].1);
        place.stairway("ours", "upgrade --skip-backup").ended(0);
        assert_eq!(alembic.heads(place, "ours"), ["77aa"]);
        alembic.run(place, "theirs", &["upgrade", "head"]);
        place.stairway("theirs", "upgrade --skip-backup").ended(0).says("nothing to do");
        place.stairway("theirs", "downgrade base --skip-backup").ended(0);
        assert_eq!(alembic.heads(place, "theirs"), Vec::<String>::new());
        alembic.run(place, "ours", &["downgrade", "base"]);
        assert_eq!(place.schema("ours"), place.schema("theirs"));
    });
}

/// One branch moves without the other, by the words that Alembic has for it; each finds what the other left.
#[rstest]
fn one_branch_moves_without_the_other(#[values(15, 18)] major: u32) {
    on(major, |place, alembic| {
        place.write_migration(BRANCH[0].0, BRANCH[0].1);
        place.make("one");
        let heads = || {
            let mut heads = alembic.heads(place, "one");
            heads.sort();
            heads.join(" ")
        };
        let go = |words: &str| place.stairway("one", &format!("{words} --skip-backup"));
        go("upgrade billing@head").ended(0);
        assert_eq!(heads(), "0d9e");
        place.stairway("one", "current").ended(0).says("0d9e (head)");
        alembic.run(place, "one", &["upgrade", "02b1"]);
        place.stairway("one", "current").ended(0).says("02b1\n").says("0d9e (head)");
        // With a copy and a way back, too.
        place.stairway("one", "upgrade f3c2").ended(0).says("02b1, 0d9e");
        assert_eq!(heads(), "0d9e f3c2");
        go("downgrade -1").ended(2).says("name the branch");
        go("downgrade f3c2@-1").ended(0);
        assert_eq!(heads(), "02b1 0d9e");
        go("downgrade billing@1a0c").ended(0);
        assert_eq!(heads(), "02b1");
        go("upgrade").ended(0);
        let said = alembic.run(place, "one", &["upgrade", "heads"]);
        assert!(!said.contains("Running"), "{said}");
        alembic.run(place, "one", &["downgrade", "billing@1a0c"]);
        go("downgrade 1a0c").ended(0);
        assert_eq!(heads(), "1a0c");
    });
}

//! `pg_amcheck` over one database: whether tables and indexes are what their access methods say.
//!
//! Knows the program and how it ends. No value of a row is in what it says, and of that only first
//! lines are told.

use std::path::Path;
use std::process::Stdio;

use crate::postgres::Target;

use super::child::{Child, command, connect};
use super::{BackupError, first_line};

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Amchecked {
    /// Nothing is wrong.
    Sound,
    /// A line for each object that is damaged.
    Damaged(Vec<String>),
    /// It could not look, and why.
    Unable(String),
}

/// Its exit code where something is damaged.
const DAMAGED: i32 = 2;

/// Has `pg_amcheck` of the folder `programs` look at the database `target` with so many sessions;
/// `thoroughly` it also looks each row of a table up in its indexes. The extension is made for it and
/// left there.
pub async fn amcheck(
    target: &Target,
    programs: &Path,
    jobs: u32,
    thoroughly: bool,
) -> Result<Amchecked, BackupError> {
    let program = programs.join("pg_amcheck");
    if !program.is_file() {
        let why = format!("there is no pg_amcheck in {}", programs.display());
        return Ok(Amchecked::Unable(why));
    }
    let mut command = command(&program);
    command.args(["--no-password", "--install-missing", &format!("--jobs={jobs}")]);
    if thoroughly {
        command.arg("--heapallindexed");
    }
    command.arg(target.database_name().unwrap_or_default()).stdout(Stdio::piped());
    connect(&mut command, target);
    command.env("PGAPPNAME", "stairway pg_amcheck");
    let child = Child::start(command).map_err(BackupError::program(&program))?;
    let output = child.output().await.map_err(BackupError::program(&program))?;
    Ok(match output.status.code() {
        Some(0) => Amchecked::Sound,
        Some(DAMAGED) => Amchecked::Damaged(objects(&String::from_utf8_lossy(&output.stdout))),
        _ => Amchecked::Unable(first_line(&output.stderr)),
    })
}

/// The objects that lines such as `heap table "shop.public.note", block 0, offset 3:` name.
fn objects(said: &str) -> Vec<String> {
    let lines = said.lines().filter(|line| !line.starts_with(' ') && line.contains('"'));
    let mut named: Vec<String> = lines
        .map(|line| line.trim_end_matches(':').split(", block").next().unwrap_or(line).to_owned())
        .collect();
    named.dedup();
    named
}

#[cfg(test)]
mod tests {
    use super::objects;

    #[test]
    fn objects_are_named_once() {
        let said = "heap table \"shop.public.note\", block 0, offset 3:\n    xmin 4 is in the future\n\
                    heap table \"shop.public.note\", block 1:\n    x\n\
                    btree index \"shop.public.note_pkey\":\n    ERROR:  item order\n";
        assert_eq!(
            objects(said),
            ["heap table \"shop.public.note\"", "btree index \"shop.public.note_pkey\""]
        );
    }
}

//! Restoring with the programs that come with the server.

use std::fmt;
use std::io::{BufReader, Cursor};
use std::path::Path;
use std::process::Stdio;

use crate::postgres::Target;

use super::archive::{Archive, ArchiveKind};
use super::child::{Child, command, connect};
use super::{BackupError, Expects};

/// One error of a restore that went on after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What the server or the program said.
    pub message: String,
    /// The entry of the archive that it happened in, for example `TABLE public.note`.
    pub entry: Option<String>,
    /// The statement, as far as the program shows it.
    pub command: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.entry {
            Some(entry) => write!(out, "{entry}: {}", self.message),
            None => out.write_str(&self.message),
        }
    }
}

impl Archive {
    /// Reads what the backup expects to be there; `programs` is the folder of `pg_restore`.
    pub async fn expects(&self, programs: &Path) -> Result<Expects, BackupError> {
        let read = |source| BackupError::Read { path: self.path.clone(), source };
        if self.kind == ArchiveKind::Plain {
            let file = std::fs::File::open(&self.path).map_err(read)?;
            return Expects::read(BufReader::new(file)).map_err(read);
        }
        let program = programs.join("pg_restore");
        let mut command = command(&program);
        command.args(["--schema-only", "--file=-"]).arg(&self.path).stdout(Stdio::piped());
        let child = Child::start(command).map_err(BackupError::program(&program))?;
        let output = child.output().await.map_err(BackupError::program(&program))?;
        if !output.status.success() {
            return Err(BackupError::Unreadable {
                program: "pg_restore".to_owned(),
                path: self.path.clone(),
                message: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            });
        }
        Expects::read(Cursor::new(output.stdout)).map_err(read)
    }
}

/// Restores `archive` into the empty database `target` and goes on after errors, which are
/// returned in order. The password, if any, goes into the child's environment.
pub async fn restore(
    archive: &Archive,
    target: &Target,
    programs: &Path,
) -> Result<Vec<Problem>, BackupError> {
    let (program, arguments) = match archive.kind {
        ArchiveKind::Plain => (
            programs.join("psql"),
            vec!["--no-psqlrc", "--quiet", "--no-password", "--set=ON_ERROR_STOP=0", "--file"],
        ),
        ArchiveKind::Custom | ArchiveKind::Directory | ArchiveKind::Tar => {
            (programs.join("pg_restore"), vec!["--no-password", "--dbname"])
        }
    };
    let mut command = command(&program);
    command.args(arguments);
    if archive.kind != ArchiveKind::Plain {
        command.arg(target.database_name().unwrap_or_default());
    }
    command.arg(&archive.path).stdout(Stdio::null());
    connect(&mut command, target);
    command.env("PGAPPNAME", format!("stairway {}", name(&program)));
    let child = Child::start(command).map_err(BackupError::program(&program))?;
    let output = child.output().await.map_err(BackupError::program(&program))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let problems = problems(&said);
    if !output.status.success() && problems.is_empty() {
        return Err(BackupError::Unreadable {
            program: name(&program),
            path: archive.path.clone(),
            message: said.trim().to_owned(),
        });
    }
    Ok(problems)
}

fn name(program: &Path) -> String {
    program.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Reads the errors in what `pg_restore` or psql wrote to stderr.
fn problems(said: &str) -> Vec<Problem> {
    let mut problems: Vec<Problem> = Vec::new();
    // It is said once, before the first error that happens in it.
    let mut entry = None;
    for line in said.lines() {
        if let Some(numbered) = line.strip_prefix("pg_restore: from TOC entry ") {
            entry = entry_of(numbered);
        }
        let error = line
            .split_once("ERROR:  ")
            .or_else(|| line.split_once("pg_restore: error: "))
            .or_else(|| line.split_once("psql: error: "));
        if let Some((_, message)) = error {
            problems.push(Problem {
                message: message.trim().to_owned(),
                entry: entry.clone(),
                command: None,
            });
        } else if let (Some(command), Some(last)) =
            (line.strip_prefix("Command was: "), problems.last_mut())
        {
            last.command = Some(command.trim().to_owned());
        }
    }
    problems
}

/// What stands in `3; 1259 16386 TABLE note ann` between the numbers and the owner.
fn entry_of(numbered: &str) -> Option<String> {
    let mut words = numbered.split(' ').skip(3).collect::<Vec<_>>();
    words.pop();
    (!words.is_empty()).then(|| words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::{Problem, problems};

    #[test]
    fn errors_are_read_with_their_statement() {
        let said = "pg_restore: while PROCESSING TOC:\n\
                    pg_restore: from TOC entry 3; 1259 16386 TABLE note ann\n\
                    pg_restore: error: could not execute query: ERROR:  role \"ann\" does not exist\n\
                    Command was: ALTER TABLE public.note OWNER TO ann;\n\
                    pg_restore: warning: errors ignored on restore: 1\n";
        assert_eq!(
            problems(said),
            [Problem {
                message: "role \"ann\" does not exist".to_owned(),
                entry: Some("TABLE note".to_owned()),
                command: Some("ALTER TABLE public.note OWNER TO ann;".to_owned()),
            }]
        );
    }
}

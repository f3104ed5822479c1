//! Restoring with the programs that come with the server.

use std::fmt;
use std::io::{BufReader, Cursor, Read};
use std::path::Path;
use std::process::Stdio;

use rand::Rng;

use crate::postgres::{Target, Version};
use crate::sql::{self, TokenKind};

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
    /// Whether a function had its say in it.
    pub of_function: bool,
}

impl Problem {
    /// What may stand in a report: the entry, and the message if it has names and no values. The
    /// programs tell no SQLSTATE, so only some messages are known.
    pub fn discreet(&self) -> String {
        let words = if !self.of_function && has_names_only(&self.message) {
            &self.message
        } else {
            "the server refuses it"
        };
        match &self.entry {
            Some(entry) => format!("{entry}: {words}"),
            None => words.to_owned(),
        }
    }
}

/// Whether it is one of the server's messages about names, in its own language.
fn has_names_only(message: &str) -> bool {
    let message = message.rsplit_once("ERROR:  ").map_or(message, |(_, words)| words);
    let begins = [
        "permission denied for ",
        "permission denied to ",
        "must be owner of ",
        "could not create unique index \"",
        "duplicate key value violates unique constraint \"",
        "insert or update on table \"",
        "could not open extension control file",
        // Of the programs themselves, which know no rows.
        "could not uncompress data",
        "could not read from input file",
        "could not open input file",
        "could not find block ID",
        "found unexpected block ID",
        "unrecognized data block type",
        "unexpected end of file",
        "corrupt tar header",
        "backslash commands are restricted",
    ];
    let objects = [
        "role",
        "schema",
        "type",
        "relation",
        "extension",
        "function",
        "collation",
        "tablespace",
        "language",
        "operator class",
        "access method",
        "database",
        "server",
        "publication",
    ];
    let ends = ["\" does not exist", "\" already exists", "\" is not available"];
    let is_about =
        |word: &&str| message.strip_prefix(*word).is_some_and(|it| it.starts_with(" \""));
    begins.iter().any(|it| message.starts_with(it))
        || objects.iter().any(is_about) && ends.iter().any(|it| message.ends_with(it))
        || message.starts_with("check constraint \"")
            && message.ends_with("\" is violated by some row")
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
    restore_by(archive, target, programs, 1).await
}

/// The same by so many processes, where the kind of archive allows several.
pub async fn restore_by(
    archive: &Archive,
    target: &Target,
    programs: &Path,
    jobs: u32,
) -> Result<Vec<Problem>, BackupError> {
    let (program, arguments) = match archive.kind {
        ArchiveKind::Plain => (
            programs.join("psql"),
            vec!["--no-psqlrc", "--quiet", "--no-password", "--set=ON_ERROR_STOP=0"],
        ),
        ArchiveKind::Custom | ArchiveKind::Directory | ArchiveKind::Tar => {
            (programs.join("pg_restore"), vec!["--no-password", "--dbname"])
        }
    };
    let mut command = command(&program);
    command.args(arguments);
    if archive.kind == ArchiveKind::Plain {
        if let Some(only) = restriction(&archive.path, &program).await {
            command.arg("--command").arg(only);
        }
        command.arg("--file");
    } else {
        command.arg(target.database_name().unwrap_or_default());
        if jobs > 1 && archive.kind != ArchiveKind::Tar {
            command.arg(format!("--jobs={jobs}"));
        }
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

/// What psql is told first so that a dump can't have it run commands of its own, which would be
/// run as us: `pg_dump` of the last minor versions says so itself. `None` where the dump does, or this
/// psql does not know it.
async fn restriction(path: &Path, psql: &Path) -> Option<String> {
    let mut head = Vec::new();
    let file = std::fs::File::open(path).ok()?;
    file.take(1 << 12).read_to_end(&mut head).ok()?;
    if String::from_utf8_lossy(&head).lines().any(|line| line.starts_with("\\restrict ")) {
        return None;
    }
    let mut command = command(psql);
    command.arg("--version").stdout(Stdio::piped());
    let output = Child::start(command).ok()?.output().await.ok()?;
    let version = Version::parse(&String::from_utf8_lossy(&output.stdout))?;
    let known = match version.major {
        ..13 => false,
        13 => version.minor >= 22,
        14 => version.minor >= 19,
        15 => version.minor >= 14,
        16 => version.minor >= 10,
        17 => version.minor >= 6,
        18.. => true,
    };
    // Nobody who wrote a dump knows the word that ends it.
    known.then(|| format!("\\restrict {:032x}", rand::rng().random::<u128>()))
}

/// Whether something failed for want of room on a disk, where there are words and no SQLSTATE: those of
/// a server that we started ourselves are English.
pub fn is_starved(message: &str) -> bool {
    let words = ["could not extend file", "No space left on device", "File too large"];
    words.iter().any(|it| message.contains(it))
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
            .or_else(|| line.split_once("psql: error: "))
            // psql names the file and the line of it.
            .or_else(|| line.split_once(": error: ").filter(|it| it.0.starts_with("psql:")));
        if let Some((lead, message)) = error {
            // Of data that is refused the table is said instead.
            let table = lead.split_once("COPY failed for table \"").map(|(_, table)| {
                format!("TABLE DATA {}", table.trim_end_matches(": ").trim_end_matches('"'))
            });
            problems.push(Problem {
                message: message.trim().to_owned(),
                entry: table.or_else(|| entry.clone()),
                command: None,
                of_function: false,
            });
        } else if let (Some(context), Some(last)) =
            (line.strip_prefix("CONTEXT:  "), problems.last_mut())
        {
            // The lines of data that it stopped at are no function.
            last.of_function |= !context.starts_with("COPY ");
        } else if let (Some(command), Some(last)) =
            (line.strip_prefix("Command was: "), problems.last_mut())
        {
            last.command = Some(command.trim().to_owned());
        }
    }
    // Of what one of several processes does no entry is said.
    for problem in problems.iter_mut().filter(|it| it.entry.is_none()) {
        problem.entry = problem.command.as_deref().and_then(lead);
    }
    problems
}

/// The words and names that a statement begins with, up to whatever could be a value.
fn lead(statement: &str) -> Option<String> {
    let is_name =
        |kind| matches!(kind, TokenKind::Word | TokenKind::QuotedIdent | TokenKind::Whitespace);
    let text = |token: &sql::Token| statement.get(token.bytes.clone()).unwrap_or_default();
    let words = sql::tokens(statement).take_while(|it| is_name(it.kind) || text(it) == ".");
    let end = words.last()?.bytes.end;
    statement.get(..end).map(|lead| lead.trim_end().to_owned())
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
                of_function: false,
            }]
        );
        assert_eq!(problems(said)[0].discreet(), "TABLE note: role \"ann\" does not exist");
    }

    #[test]
    fn what_one_of_several_processes_did_is_told_by_its_statement() {
        let said = "pg_restore: error: could not execute query: ERROR:  relation \"rank\" does not exist\n\
                    CONTEXT:  SQL function \"rank_of\" during inlining\n\
                    Command was: CREATE INDEX ranked ON public.word USING btree (rank_of(word, 4111));\n";
        let problems = problems(said);
        let told = "CREATE INDEX ranked ON public.word USING btree: the server refuses it";
        assert_eq!(problems[0].discreet(), told);
    }

    #[test]
    fn values_of_rows_are_not_told() {
        let toc = "pg_restore: from TOC entry 7; 0 16386 TABLE DATA card ann\n";
        let copy = "pg_restore: error: COPY failed for table \"card\": ERROR:  ";
        for (words, told) in [
            ("bad card 4111\nCONTEXT:  PL/pgSQL function f(text) line 1 at RAISE\n", "refuses"),
            (
                "role \"4111\" does not exist\nCONTEXT:  PL/pgSQL function f() line 1 at RAISE\n",
                "refuses",
            ),
            (
                "invalid input syntax for type integer: \"4111\"\nCONTEXT:  COPY card, line 1\n",
                "refuses",
            ),
            ("new row for relation \"card\" violates check constraint \"c\"\n", "refuses"),
            (
                "duplicate key value violates unique constraint \"card_key\"\nDETAIL:  Key (n)=(4111) already \
              exists.\nCONTEXT:  COPY card, line 2\n",
                "\"card_key\"",
            ),
        ] {
            let problems = problems(&format!("{toc}{copy}{words}"));
            let said = problems[0].discreet();
            assert!(said.starts_with("TABLE DATA card: ") && said.contains(told), "{said}");
            assert!(!said.contains("4111"), "{said}");
        }
    }
}

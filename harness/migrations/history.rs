//! The ordered migrations of a folder, base to head.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha384};

use super::folder::Loaded;
use super::records::Records;
use super::{AlembicOptions, MigrationsError, Program, Tool, alembic};
use crate::finding::{CheckId, Claim, Finding, Span};
use crate::sql;

/// How a script is sent to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrap {
    /// As one message between `BEGIN` and `COMMIT`, with the version table in the same transaction.
    Transaction,
    /// As one message by itself: the server makes one implicit transaction of it.
    OneMessage,
    /// Statement by statement, each committed by itself.
    Statements,
}

/// One direction of a migration.
#[derive(Clone, Debug)]
pub struct Script {
    /// Its file, as it was found: the given folder joined with its name.
    pub path: PathBuf,
    /// What is sent. Where a file holds more than this script, the rest of it is blank here, so that
    /// bytes and lines are those of the file.
    pub text: Arc<str>,
    /// Its whole file, for people.
    pub file: Arc<str>,
    /// What the version table keeps of its file, as text; `None` where it keeps nothing.
    pub recorded: Option<String>,
    /// How it is sent.
    pub wrap: Wrap,
    /// What is run instead of the text, which is its source then.
    pub program: Option<Program>,
}

impl Script {
    /// A script that is the text itself.
    pub fn of_sql(path: PathBuf, text: Arc<str>, wrap: Wrap) -> Self {
        Self { path, file: Arc::clone(&text), text, recorded: None, wrap, program: None }
    }

    /// Whether it holds no statement: nothing, white space or comments only.
    pub fn is_blank(&self) -> bool {
        match &self.program {
            Some(program) => program.does_nothing(),
            None => sql::is_blank(&self.text),
        }
    }

    /// Its SQL: the text, or what a program sent when it ran last.
    pub fn sql(&self) -> Cow<'_, str> {
        match &self.program {
            Some(program) => Cow::Owned(program.sql()),
            None => Cow::Borrowed(&self.text),
        }
    }

    /// Its SQL, if it is known: that of a program is what it sent when it ran last.
    pub fn known_sql(&self) -> Option<Cow<'_, str>> {
        match &self.program {
            Some(program) => program.said().map(|_| Cow::Owned(program.sql())),
            None => Some(Cow::Borrowed(&self.text)),
        }
    }

    /// How it is sent, as far as is known by now.
    pub fn wrap(&self) -> Wrap {
        match &self.program {
            Some(program) if program.needs_own() => Wrap::Statements,
            _ => self.wrap,
        }
    }

    /// The line of its file, counted from 1, without the blanks around it.
    pub fn line(&self, line: usize) -> Option<Span> {
        let mut start = 0;
        for (at, text) in self.text.split_inclusive('\n').enumerate() {
            if at + 1 == line {
                let begin = start + (text.len() - text.trim_start().len());
                let bytes = begin..start + text.trim_end().len();
                return Some(Span::new(&self.path, &self.text, bytes));
            }
            start += text.len();
        }
        None
    }

    /// SHA-384 of its bytes as lower-case hex: what sqlx records.
    pub fn checksum(&self) -> String {
        Sha384::digest(self.text.as_bytes()).iter().fold(String::new(), |mut hex, byte| {
            // Writing to a String can't fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }
}

/// One migration: an upgrade script and, unless its author left it out, a downgrade script.
#[derive(Clone, Debug)]
pub struct Migration {
    /// Its id as the file name has it, for example `20240131120000` or `0007`.
    pub revision: String,
    /// Its id as the version table has it, for example `7`.
    pub version: String,
    /// What the file name says about it, with blanks for underscores.
    pub name: String,
    /// Forward.
    pub upgrade: Script,
    /// Back.
    pub downgrade: Option<Script>,
    /// What its author claims, in both scripts.
    pub claims: Vec<Claim>,
    /// What it comes after, where its tool knows more than an order.
    pub lineage: Lineage,
}

impl Migration {
    /// A digest of the files that the application's models may be written in, where its tool knows models.
    pub fn models(&self) -> Option<&str> {
        self.upgrade.program.as_ref()?.models()
    }

    /// The lines that its scripts printed so far, upgrade first, if they are programs.
    pub fn printed(&self) -> Vec<String> {
        let scripts = std::iter::once(&self.upgrade).chain(&self.downgrade);
        let mut lines: Vec<String> = Vec::new();
        for line in scripts.filter_map(|it| it.program.as_ref()).flat_map(Program::printed) {
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
        lines
    }
}

/// Where a migration stands among branches.
#[derive(Clone, Debug, Default)]
pub struct Lineage {
    /// The versions that it comes after, of whichever branch.
    pub parents: Vec<String>,
    /// Those of them that it follows; the others it depends on.
    pub follows: Vec<String>,
    /// The labels of the branches that it is on.
    pub labels: Vec<String>,
    /// The labels that it gives to its branch by itself.
    pub gives: Vec<String>,
}

/// A folder of migrations, read.
#[derive(Clone, Debug)]
pub struct History {
    /// Whose layout it is.
    pub tool: Tool,
    /// Why it was taken for that layout.
    pub because: String,
    /// The folder.
    pub folder: PathBuf,
    /// The migrations, base first.
    pub migrations: Vec<Migration>,
    /// Where its tool records what was applied.
    pub records: Records,
    /// What its environment is told, if it is one.
    pub alembic: AlembicOptions,
    /// What is wrong with the files as a whole, for example two heads.
    pub findings: Vec<Finding>,
    /// Downgrades without an upgrade: no tool ever runs them, and neither do we.
    pub lone: Vec<PathBuf>,
}

impl History {
    /// Reads `folder`; `tool` forces a layout, otherwise it is detected.
    ///
    /// Reads every file once; runs nothing.
    pub fn load(folder: &Path, tool: Option<Tool>) -> Result<Self, MigrationsError> {
        Self::load_with(folder, tool, &AlembicOptions::default())
    }

    /// The same, with what an environment of Alembic's is told.
    pub fn load_with(
        folder: &Path,
        tool: Option<Tool>,
        alembic: &AlembicOptions,
    ) -> Result<Self, MigrationsError> {
        let (tool, because) = if let Some(tool) = tool {
            (tool, "it was asked for".to_owned())
        } else {
            let detection = super::detect(folder)?;
            (detection.tool, detection.because)
        };
        let Loaded { mut migrations, records, lone } = tool.load(folder, alembic)?;
        let records = records.unwrap_or_else(|| Records::usual(tool));
        if migrations.is_empty() {
            return Err(MigrationsError::Empty {
                folder: folder.to_owned(),
                looked_for: tool.layout().to_owned(),
            });
        }
        for migration in &mut migrations {
            // A layout may claim something by itself.
            let written = claims_of(migration)?;
            migration.claims.extend(written);
        }
        let mut findings = two_heads(&migrations);
        if tool.knows_parents() {
            findings.extend(crate::migrations::alembic::unmerged(&migrations));
        }
        let folder = folder.to_owned();
        let alembic = alembic.clone();
        Ok(Self { tool, because, folder, migrations, records, alembic, findings, lone })
    }

    /// Adds claims that stand elsewhere than in the files: a revision's id or its unique prefix, and the claim.
    pub fn add_claims(&mut self, claims: &[(String, Claim)]) -> Result<(), MigrationsError> {
        for (revision, claim) in claims {
            let at = super::find(revision, self)?;
            if let Some(migration) = self.migrations.get_mut(at) {
                migration.claims.push(claim.clone());
            }
        }
        Ok(())
    }

    /// The versions that this one comes after, near and far, and itself.
    pub fn with_ancestors<'h>(&'h self, version: &'h str) -> BTreeSet<&'h str> {
        let mut known = BTreeSet::new();
        let mut wanted = vec![version];
        while let Some(version) = wanted.pop() {
            let at = self.position(version);
            if let (true, Some(one)) =
                (known.insert(version), at.and_then(|at| self.migrations.get(at)))
            {
                wanted.extend(one.lineage.parents.iter().map(String::as_str));
            }
        }
        known
    }

    /// The revisions that no other one comes after, where the first `count` migrations are applied: one, unless
    /// branches have not met.
    pub fn heads(&self, count: usize) -> Vec<&str> {
        let first = self.migrations.get(..count).unwrap_or(&self.migrations);
        if self.tool.knows_parents() {
            alembic::heads(first).collect()
        } else {
            first.last().map(|it| it.revision.as_str()).into_iter().collect()
        }
    }

    /// How many migrations come right after the one at `at`.
    pub fn children(&self, at: usize) -> usize {
        let Some(one) = self.migrations.get(at) else { return 0 };
        if self.tool.knows_parents() {
            self.migrations.iter().filter(|it| it.lineage.parents.contains(&one.version)).count()
        } else {
            usize::from(at + 1 < self.migrations.len())
        }
    }

    /// The index of the migration that the version table calls `version`.
    pub fn position(&self, version: &str) -> Option<usize> {
        self.migrations.iter().position(|migration| migration.version == version)
    }
}

fn claims_of(migration: &Migration) -> Result<Vec<Claim>, MigrationsError> {
    let mut claims = Vec::new();
    for script in std::iter::once(&migration.upgrade).chain(&migration.downgrade) {
        // Most files hold no claim: the word is looked for before any token is read.
        if !script.text.contains("stairway:") {
            continue;
        }
        if script.program.is_some() {
            // Both directions are in one file.
            return claims_of_source(script);
        }
        for comment in sql::comments(&script.text) {
            let Some(parsed) = Claim::parse(comment.text) else { continue };
            let span = Span::new(&script.path, &script.text, comment.bytes.clone());
            match parsed {
                Ok(claim) => claims.push(Claim { span: Some(span), ..claim }),
                Err(source) => {
                    return Err(MigrationsError::Claim {
                        path: span.file,
                        line: span.line,
                        source,
                    });
                }
            }
        }
    }
    Ok(claims)
}

/// Claims in a file whose comments begin with `#`.
fn claims_of_source(script: &Script) -> Result<Vec<Claim>, MigrationsError> {
    let mut claims = Vec::new();
    for (at, line) in script.text.lines().enumerate() {
        let Some((_, comment)) = line.split_once('#') else { continue };
        let Some(parsed) = Claim::parse(comment) else { continue };
        let claim = parsed.map_err(|source| MigrationsError::Claim {
            path: script.path.clone(),
            line: u32::try_from(at + 1).unwrap_or(u32::MAX),
            source,
        })?;
        claims.push(Claim { span: script.line(at + 1), ..claim });
    }
    Ok(claims)
}

/// In a linear layout two files with one version are two heads: which of them runs is chance.
fn two_heads(migrations: &[Migration]) -> Vec<Finding> {
    let pairs = migrations.iter().zip(migrations.iter().skip(1));
    pairs
        .filter(|(one, other)| one.version == other.version)
        .map(|(one, other)| {
            let message = format!(
                "{} and {} both have the version {}",
                file_name(&one.upgrade.path),
                file_name(&other.upgrade.path),
                one.version
            );
            Finding::new(CheckId::MultipleHeads, message)
                .in_file(&other.upgrade.path)
                .help("give the later one a version of its own")
        })
        .collect()
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

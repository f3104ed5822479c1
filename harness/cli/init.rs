//! `stairway init`

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::builder::TypedValueParser;
use clap::{Args as Arguments, ValueEnum};

use crate::config::Config;
use crate::env;
use crate::migrations::Tool;
use crate::scaffold::{self, Draft, Host, Plan, Wanted};
use crate::server::SUPPORTED;

use super::printer::Printer;
use super::{Exit, Failure, Outcome, reports};

#[derive(Debug, Arguments)]
#[command(after_help = "A file that is there is left as it is. No server is started.\n\n\
                        Examples:\n  stairway init\n  stairway init --dry-run\n  \
                        stairway init --migrations services/shop/db --ci gitlab\n  \
                        stairway init services/shop --postgres 15")]
pub(super) struct InitArgs {
    /// The project's folder
    #[arg(value_name = "DIR", default_value = ".")]
    pub(super) dir: PathBuf,
    /// The folder of migrations [default: STAIRWAY_MIGRATIONS, stairway.toml, the only one that is found]
    #[arg(long, value_name = "FOLDER")]
    pub(super) migrations: Option<PathBuf>,
    /// Force a layout: sqlx, golang-migrate, diesel, dbmate, goose, refinery, refinery-int8, flyway, plain or alembic
    #[arg(long, value_name = "TOOL")]
    pub(super) tool: Option<String>,
    /// The major version that production runs, 14 to 18 [default: what compose files and jobs say]
    #[arg(long, value_name = "MAJOR", value_parser = major())]
    pub(super) postgres: Option<u32>,
    /// Whose job is written [default: the CI that the project has]
    #[arg(long, value_enum, value_name = "CI")]
    pub(super) ci: Option<Ci>,
    /// The git repository that the job builds Stairway from [default: a variable of the CI]
    #[arg(long, value_name = "URL", value_parser = source)]
    pub(super) source: Option<String>,
    /// Print the files, those that are there already as well, and write nothing
    #[arg(long, visible_alias = "print")]
    pub(super) dry_run: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Ci {
    /// GitHub Actions
    Github,
    /// GitLab CI
    Gitlab,
    /// No job
    None,
}

/// So many migrations are an old history, of which something is usually to be found.
const MANY: usize = 20;

fn major() -> impl TypedValueParser<Value = u32> {
    clap::value_parser!(u32).range(i64::from(*SUPPORTED.start())..=i64::from(*SUPPORTED.end()))
}

/// It stands in YAML and in TOML as it is.
fn source(word: &str) -> Result<String, String> {
    let is_plain = |it: char| it.is_ascii_alphanumeric() || "/:@._~+-%".contains(it);
    if word.contains([':', '/'])
        && word.starts_with(|it: char| it.is_ascii_alphanumeric() || it == '/')
        && word.chars().all(is_plain)
    {
        return Ok(word.to_owned());
    }
    Err("give the URL of a git repository, for example https://git.example.org/stairway".to_owned())
}

pub(super) async fn run(args: &InitArgs, printer: &mut Printer) -> Outcome {
    let plan = scaffold::plan(&wanted(args)?).await.map_err(Failure::usage)?;
    let mut said = found(&plan);
    if args.dry_run {
        for Draft { path, about, .. } in &plan.drafts {
            let would =
                if path.is_symlink() || path.exists() { "would leave" } else { "would write" };
            // Writing to a String can't fail.
            let _ = writeln!(said, "{would} {}: {about}", path.display());
        }
        said.push_str(&next(&plan, args));
        said.lines().for_each(|line| printer.status(line));
        printer.result(&shown(&plan.drafts));
        return Ok(Exit::Clean);
    }
    for draft in &plan.drafts {
        let written = match put(draft) {
            Ok(written) => written,
            Err(error) => {
                printer.result(&said);
                return Err(reports::cannot_write(&draft.path, error));
            }
        };
        let path = draft.path.display();
        // Writing to a String can't fail.
        let _ = if written {
            writeln!(said, "wrote {path}: {}", draft.about)
        } else {
            writeln!(said, "left {path} as it is; --dry-run prints what would stand there")
        };
    }
    said.push_str(&next(&plan, args));
    printer.result(&said);
    Ok(Exit::Clean)
}

/// Flags win over variables, variables over the `stairway.toml` that may be there.
fn wanted(args: &InitArgs) -> Result<Wanted, Failure> {
    let config = Config::load_in(&args.dir).map_err(Failure::usage)?;
    let variable = || env::MIGRATIONS.get().map(PathBuf::from);
    let written = || config.written_folder().map(|folder| scaffold::join(&args.dir, folder));
    let tool = args.tool.as_deref().map(Tool::from_str).transpose();
    Ok(Wanted {
        project: args.dir.clone(),
        folder: args.migrations.clone().or_else(variable).or_else(written),
        tool: tool.map_err(Failure::usage)?.or(config.tool(None).map_err(Failure::usage)?),
        alembic: config.alembic(&[]),
        major: args.postgres.or(config.written_major()),
        hosts: args.ci.map(|ci| match ci {
            Ci::Github => vec![Host::Github],
            Ci::Gitlab => vec![Host::Gitlab],
            Ci::None => Vec::new(),
        }),
        source: args.source.clone(),
    })
}

/// Writes a file unless there is something in its place; whether it did.
fn put(draft: &Draft) -> std::io::Result<bool> {
    if let Some(folder) = draft.path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    // Also a link that leads nowhere stays.
    let file = std::fs::OpenOptions::new().write(true).create_new(true).open(&draft.path);
    match file {
        Ok(mut file) => file.write_all(draft.text.as_bytes()).map(|()| true),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

/// What was found.
fn found(plan: &Plan) -> String {
    let chosen = &plan.chosen;
    let (folder, detection) = (chosen.folder.display(), &chosen.detection);
    let mut text = match &chosen.counted {
        Ok(counted) => {
            let s = if counted.migrations == 1 { "" } else { "s" };
            let one_way = match counted.one_way {
                0 => "each with a way back".to_owned(),
                some if some == counted.migrations => "none with a way back".to_owned(),
                some => format!("{some} without a way back"),
            };
            format!("found {folder}: {} migration{s}, {one_way}\n", counted.migrations)
        }
        Err(error) => format!("found {folder}\nnote: its migrations were not counted: {error}\n"),
    };
    // Writing to a String can't fail.
    let _ = writeln!(text, "layout: {}, since {}", detection.tool, detection.because);
    let _ = match plan.postgres.major {
        Some(major) => {
            writeln!(text, "server: PostgreSQL {major}, since {}", plan.postgres.because())
        }
        None => writeln!(
            text,
            "server: any PostgreSQL; {}; --postgres MAJOR names one",
            plan.postgres.because()
        ),
    };
    for other in &chosen.others {
        let _ = writeln!(text, "also found, and left alone: {}", other.display());
    }
    if let Some(first) = chosen.unread.first() {
        let all = chosen.unread.len();
        let _ = writeln!(text, "not looked into: {}, {all} in all", first.display());
    }
    text
}

/// The files as they would be written.
fn shown(drafts: &[Draft]) -> String {
    let file = |draft: &Draft| format!("==> {} <==\n{}", draft.path.display(), draft.text);
    drafts.iter().map(file).collect::<Vec<_>>().join("\n")
}

/// What is not written, what is left to be done, and the next commands.
fn next(plan: &Plan, args: &InitArgs) -> String {
    let mut text = String::new();
    // Writing to a String can't fail.
    for note in &plan.notes {
        let _ = writeln!(text, "note: {note}");
    }
    for (file, lines) in &plan.by_hand {
        let _ = writeln!(text, "\nadd to {}:\n", file.display());
        for line in lines.lines() {
            let _ = writeln!(text, "{}", format!("    {line}").trim_end());
        }
    }
    let go = if args.dir == Path::new(".") {
        String::new()
    } else {
        format!("cd {} && ", args.dir.display())
    };
    let _ = writeln!(text, "\nnext:\n  {go}stairway verify");
    let is_old = plan
        .chosen
        .counted
        .as_ref()
        .is_ok_and(|it| it.migrations >= MANY || it.one_way > 0 && it.migrations > 1);
    if is_old {
        let _ = writeln!(
            text,
            "  {go}stairway baseline   # if nobody will repair what it finds in old migrations: then only new findings fail"
        );
    }
    text
}

//! `stairway doctor`

use std::fmt::Write as _;

use crate::config::Config;
use crate::migrations::History;
use crate::server::{Looked, Survey, survey};

use super::args::DoctorArgs;
use super::printer::Printer;
use super::{Exit, Failure, Outcome, settings};

pub(super) async fn run(args: &DoctorArgs, printer: &mut Printer) -> Outcome {
    let config = Config::load().map_err(Failure::usage)?;
    let spec = settings::server(&args.server, &config)?;
    let survey = survey(&spec).await;
    let mut text = servers(&survey);
    let folder = settings::folder(&args.folder, &config);
    let (tool, alembic) = (settings::tool(&args.folder, &config)?, config.alembic(&args.folder.x));
    let history = History::load_with(&folder, tool, &alembic);
    let _ = match &history {
        Ok(history) => writeln!(
            text,
            "\nmigrations: {} in {} ({}, since {})",
            history.migrations.len(),
            folder.display(),
            history.tool,
            history.because
        ),
        Err(error) => writeln!(text, "\nmigrations: {error}"),
    };
    printer.result(&text);
    Ok(if survey.taken.is_ok() { Exit::Clean } else { Exit::NoServer })
}

fn servers(survey: &Survey) -> String {
    let mut text = String::new();
    let wanted = survey.wanted.map_or_else(|| "any".to_owned(), |major| major.to_string());
    // Writing to a String can't fail.
    let _ = writeln!(text, "asked for: {}, PostgreSQL {wanted}", survey.choice);
    let _ = writeln!(text, "runs as:   {}", survey.account);
    let _ = writeln!(text, "cache:     {}\n", survey.cache);
    for looked in &survey.places {
        place(&mut text, looked);
    }
    let _ = match &survey.taken {
        Ok(taken) => {
            writeln!(text, "\nserver: {} {}\n  {}", taken.backend.as_str(), taken.from, taken.why)
        }
        Err(why) => writeln!(text, "\nserver: none\n{why}"),
    };
    text
}

fn place(text: &mut String, looked: &Looked) {
    let _ = match &looked.note {
        Some(note) => writeln!(text, "{}: {note}", looked.place),
        None => writeln!(text, "{}:", looked.place),
    };
    for found in &looked.found {
        let version = found.version.as_ref().map_or_else(|| "?".to_owned(), ToString::to_string);
        let _ = match &found.usable {
            Ok(()) => writeln!(text, "  {version:8} {}", found.path),
            Err(why) => writeln!(text, "  {version:8} {}  can't be used: {why}", found.path),
        };
    }
}

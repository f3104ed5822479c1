//! `stairway man`: the pages of the manual, made of what `--help` says.
//!
//! Knows the sections of a page. Must not know any verb by name.

use std::io;
use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::env;

use super::args::Args;
use super::printer::Printer;
use super::reports::{cannot_write, put};
use super::{Exit, Failure, Outcome};

#[derive(Debug, clap::Args)]
#[command(after_help = "Without --output the page of stairway itself goes to stdout.\n\n\
                        Examples:\n  stairway man | man -l -\n  \
                        stairway man --output ~/.local/share/man/man1")]
pub(super) struct ManArgs {
    /// Write a page for each verb into this folder, which is made if need be
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
}

pub(super) fn run(args: &ManArgs, printer: &mut Printer) -> Outcome {
    let mut command = Args::command().disable_help_subcommand(true);
    command.build();
    match &args.output {
        None => {
            printer.result(&page(&command).map_err(Failure::usage)?);
        }
        Some(folder) if folder.exists() && !folder.is_dir() => {
            let folder = folder.display();
            return Err(Failure::usage(format!(
                "{folder} is no folder: --output names one for the pages"
            )));
        }
        Some(folder) => write(&command, folder, printer)?,
    }
    Ok(Exit::Clean)
}

/// Writes the page of a command and those of its subcommands, and says where.
fn write(command: &Command, folder: &Path, printer: &mut Printer) -> Result<(), Failure> {
    std::fs::create_dir_all(folder).map_err(|error| cannot_write(folder, error))?;
    let path = folder.join(Man::new(command.clone()).get_filename());
    let page = page(command).map_err(Failure::usage)?;
    put(&path, &page).map_err(|error| cannot_write(&path, error))?;
    printer.result(&format!("{}\n", path.display()));
    shown(command).try_for_each(|verb| write(verb, folder, printer))
}

fn shown(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|verb| !verb.is_hide_set())
}

/// What roff is told at the beginning of all that is rendered, so that an apostrophe is one.
const APOSTROPHE: &str = ".ie \\n(.g .ds Aq \\(aq\n.el .ds Aq '\n";
/// No date: a page would be another one with each build. Without the quotes what follows would be taken for it.
const DATE: &str = "\"\"";

/// The page of one command.
fn page(command: &Command) -> io::Result<String> {
    let version = command.get_version().unwrap_or_default();
    let man = Man::new(command.clone());
    let man = man.date(DATE).source(format!("stairway {version}")).manual("Stairway");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if shown(command).next().is_some() {
        man.render_subcommands_section(&mut page)?;
    }
    rest(command).to_writer(&mut page)?;
    let page = String::from_utf8_lossy(&page).replace(APOSTROPHE, "");
    Ok(APOSTROPHE.to_owned() + &page)
}

/// What follows the options.
fn rest(command: &Command) -> Roff {
    let mut roff = Roff::new();
    let is_root = command.get_display_name().is_none_or(|name| !name.contains('-'));
    let help = command.get_after_long_help().or_else(|| command.get_after_help());
    let help = help.map(ToString::to_string).unwrap_or_default();
    if is_root {
        exits(&mut roff);
        variables(&mut roff);
    }
    // The page of the whole has all exit codes already.
    let is_said = |part: &&str| !(is_root && part.starts_with(EXITS));
    help.split("\n\n").filter(is_said).fold("", |before, part| paragraph(&mut roff, before, part));
    if !is_root {
        roff.control("SH", ["SEE ALSO"]);
        roff.text([bold("stairway"), roman("(1)")]);
    }
    roff
}

const EXITS: &str = "Exit codes: ";

/// One paragraph of the help, below its heading unless that is the one `before` it; gives its heading.
fn paragraph(roff: &mut Roff, before: &str, part: &str) -> &'static str {
    let (heading, text) = if let Some(text) = part.strip_prefix(EXITS) {
        ("EXIT STATUS", text)
    } else if let Some((_, text)) = part.split_once('\n').filter(|it| it.0.starts_with("Example")) {
        ("EXAMPLES", text)
    } else {
        ("NOTES", part)
    };
    if heading == before {
        roff.control("PP", []);
    } else {
        roff.control("SH", [heading]);
    }
    // What is indented stands as it is.
    let mut is_filled = true;
    for line in text.lines() {
        let fills = !line.starts_with("  ");
        if fills != is_filled {
            roff.control(if fills { "fi" } else { "nf" }, []);
            is_filled = fills;
        }
        roff.text([roman(line.trim_start())]);
    }
    if !is_filled {
        roff.control("fi", []);
    }
    heading
}

fn exits(roff: &mut Roff) {
    roff.control("SH", ["EXIT STATUS"]);
    for exit in Exit::ALL {
        roff.control("TP", []);
        roff.text([bold(exit.code().to_string())]);
        roff.text([roman(exit.meaning())]);
    }
}

fn variables(roff: &mut Roff) {
    roff.control("SH", ["ENVIRONMENT"]);
    for variable in env::ALL.iter().filter(|it| !it.is_of_tests()) {
        roff.control("TP", []);
        roff.text([bold(variable.name)]);
        roff.text([roman(variable.meaning)]);
    }
}

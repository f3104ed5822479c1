//! `stairway completions`: what a shell needs to complete a command line.
//!
//! Knows shells by the names that clap has for them. Must not know where a shell looks for the file.

use clap::CommandFactory;
use clap_complete::Shell;

use super::Exit;
use super::args::Args;
use super::printer::Printer;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  stairway completions bash > ~/.local/share/bash-completion/completions/stairway\n  \
                        stairway completions zsh > ~/.zfunc/_stairway\n  \
                        stairway completions fish > ~/.config/fish/completions/stairway.fish"
)]
pub(super) struct CompletionsArgs {
    /// For which shell
    #[arg(value_enum, value_name = "SHELL")]
    shell: Shell,
}

pub(super) fn run(args: &CompletionsArgs, printer: &mut Printer) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "stairway", &mut script);
    printer.result(&String::from_utf8_lossy(&script));
    Exit::Clean
}

//! The binary: hands the command line to the library's door.

use std::process::ExitCode;

fn main() -> ExitCode {
    stairway::cli::main()
}

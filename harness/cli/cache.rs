//! `stairway cache`

use std::fmt::Write as _;

use crate::server::{Shelf, cache_folder, clear_cache, shelves};

use super::args::{CacheAction, CacheArgs};
use super::printer::Printer;
use super::{Exit, Failure, Outcome};

pub(super) fn run(args: &CacheArgs, printer: &mut Printer) -> Outcome {
    let folder = cache_folder().map_err(Failure::usage)?;
    match args.action {
        None => {
            let shelves = shelves(&folder).map_err(Failure::usage)?;
            printer.result(&format!("{}\n{}", folder.display(), table(&shelves)));
        }
        Some(CacheAction::Path) => printer.result(&format!("{}\n", folder.display())),
        Some(CacheAction::Clear) => {
            let cleared = clear_cache(&folder).map_err(Failure::usage)?;
            printer.result(&format!("removed:\n{}", table(&cleared)));
        }
    }
    Ok(Exit::Clean)
}

fn table(shelves: &[Shelf]) -> String {
    let mut text = String::new();
    for shelf in shelves {
        let tenths = shelf.bytes * 10 / (1 << 20);
        // Writing to a String can't fail.
        let _ = writeln!(
            text,
            "{:>6} {:32} {:>6}.{} MiB",
            shelf.entries,
            shelf.what,
            tenths / 10,
            tenths % 10
        );
    }
    if shelves.is_empty() {
        text.push_str("  nothing\n");
    }
    text
}

//! The production path under faults: each is brought about on a real server, and the database, the
//! exit code, the report and what is left behind are held against what they must be.
//!
//! A test runs on one major, the next one on the other, with its fault at one random place of its stage;
//! `STAIRWAY_SWEEP=full` runs each on both, at three places.
//!
//! F10 to F18, X49 and X50 are looked at closer where the dump and the folder of backups are tested by
//! themselves (`tests/backups`, `tests/backup_store.rs`). F15 and F16 come when the dump is written and
//! hashed, since nothing runs between that and its first use.
//!
//! NOT HERE: F22 and X54 are about the gate, which does not exist; F40 and X67 to X69 are in `tests/drill`.

mod alerts;
mod apply;
mod backup;
mod copied;
mod crash;
mod crashed;
mod disk;
mod dumps;
mod failover;
mod fence;
mod hook;
mod kills;
mod led;
mod load;
mod losses;
mod network;
mod options;
mod out_of_room;
mod owner;
mod places;
mod pooler;
mod preflight;
mod programs;
mod proxy;
mod quiet;
mod retention;
mod rollback;
mod server;
mod settled;
mod signals;
#[allow(dead_code, reason = "the guide uses the rest")]
mod site;
mod standby;
mod swapped;
mod words;

#[path = "../homes/mod.rs"]
mod homes;
#[path = "../servers/mod.rs"]
mod servers;

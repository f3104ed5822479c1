//! The production path under faults: each is brought about on a real server, and the database, the
//! exit code, the report and what is left behind are held against what they must be.
//!
//! A test runs on one major, the next one on the other, with its fault at one random place of its stage;
//! `STAIRWAY_SWEEP=full` runs each on both, at three places.
//!
//! Elsewhere: F10, F11, F12, F14, F15, F16, F17, F18, X49 and X50 are about the folder of backups and the
//! dump alone (`tests/backups`, `tests/backup_store.rs`); F04 and X57 are one with `apply` and the lock
//! living in the session that moves; F27 is a line of `crash`.
//!
//! NOT HERE yet: F02, F03 and X42 (other client programs, a pooler), F06 (a small file system), F31, F32,
//! X53, X58 and X60 (a server that a test may crash, fill or promote), X43 and X59 (standbys), X52 (a kill
//! while the copy is restored), X62, X63 and X65 (faults within the swap). F22, F40, X54 and X67 to X69 are
//! about the gate and the drill, which do not exist.

mod alerts;
mod apply;
mod backup;
mod copied;
mod crash;
mod crashed;
mod disk;
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
mod rollback;
mod server;
mod settled;
mod signals;
#[allow(dead_code, reason = "the guide uses the rest")]
mod site;
mod standby;
mod swapped;
mod words;

#[path = "../servers/mod.rs"]
mod servers;

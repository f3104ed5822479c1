//! The runs that touch production: upgrade and downgrade with a backup, a rehearsal and a way back,
//! and what settles them when they end otherwise.
//!
//! Knows the order of the steps and what each failure leads to. Must not print; what it has to say it
//! tells a listener and writes into its account.

mod account;
mod alone;
mod attested;
mod copy;
mod dry_run;
mod exchange;
mod fallback;
mod fence;
mod growth;
mod half;
mod journal;
mod loss;
mod moving;
mod order;
mod preflight;
mod prepare;
mod recipe;
mod recover;
mod request;
mod room;
mod run;
mod server;
mod settle;
mod site;
mod validate;
mod watch;

pub use account::{
    Account, BackupAccount, CheckAccount, Class, Ended, MoveAccount, Remark, Room, State,
    StepAccount, Trouble, Weight,
};
pub use alone::{restore_now, stamp, validate_now};
pub use attested::Demand;
pub use dry_run::dry_run;
pub use journal::{Begun, Entry, Journal, Planned};
pub use order::ordered;
pub use recipe::{Signal, migrate};
pub use recover::recover;
pub use request::{Accepted, Patience, Request, Switches};
pub use run::{Amount, Listener, Told};
pub(super) use site::revision_at;

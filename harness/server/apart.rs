//! A server that is alone: in a network of its own, in which nobody is, without workers that begin
//! something by themselves. Its socket is a file, so we reach it all the same.
//!
//! Knows a program of the system and settings. Must not know what the server would say to whom.

use std::process::Stdio;

use super::account::Account;

/// What makes the network and the namespace of users that this takes, and becomes the server.
pub(super) const PREFIX: [&str; 4] = ["unshare", "--user", "--map-current-user", "--net"];

/// No subscription, job or archiver works, whatever the data directory says; no library is loaded
/// but for what is called.
pub(super) const SETTINGS: &[&str] = &[
    "shared_preload_libraries=",
    "session_preload_libraries=",
    "local_preload_libraries=",
    "max_logical_replication_workers=0",
    "archive_mode=off",
];

/// Whether this system lets the user of our servers have such a network.
pub(super) fn is_possible(account: &Account) -> bool {
    let [unshare, options @ ..] = PREFIX;
    let mut command = account.command(unshare);
    command.args(options).arg("true").stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

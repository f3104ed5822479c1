//! Notices to people and to their systems: a webhook, Slack, Alertmanager, Healthchecks.
//!
//! Knows HTTP and what receivers understand, and keeps on disk what could not be delivered. Must
//! not know what a run is, nor who decides that somebody is to be told. What stands in a notice
//! goes out as it is: whoever makes one has taken secrets and row values out of it.

mod channel;
mod deliver;
mod http;
mod moment;
mod notice;
mod receivers;
mod signature;
mod spool;

use std::path::PathBuf;

pub use channel::{Channel, Limits, Receiver};
pub use deliver::{deliver, resend};
pub use notice::{Notice, Outlook, Severity};

/// A channel can't be used.
#[derive(Debug, thiserror::Error)]
pub enum AlertError {
    /// It is no address. What it is, is not said: a token may be in it.
    #[error("the address of {channel} is no URL: {source}")]
    Address {
        /// The channel's name.
        channel: String,
        /// What is wrong with it.
        #[source]
        source: url::ParseError,
    },
    /// It is an address of something else.
    #[error("the address of {channel} must begin with http:// or https://, not `{scheme}:`")]
    Scheme {
        /// The channel's name.
        channel: String,
        /// How it begins.
        scheme: String,
    },
    /// A name that is no part of a file's name.
    #[error("a channel can't be called `{0}`: letters, digits, `-` and `_` make a name")]
    Name(String),
}

/// What became of one notice for one channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The channel's name, for example `slack`.
    pub channel: String,
    /// Where it goes to, without path, token or password: `https://hooks.slack.com`.
    pub address: String,
    /// The run that the notice is about.
    pub run: String,
    /// Its event.
    pub event: String,
    /// What became of it.
    pub outcome: Outcome,
}

impl Delivery {
    /// Whether somebody was to be told and has not been.
    pub fn is_open(&self) -> bool {
        matches!(self.outcome, Outcome::Spooled { .. } | Outcome::Lost { .. })
    }
}

/// How a delivery ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver has taken it.
    Delivered {
        /// Requests that it took, from 1.
        tries: u32,
    },
    /// It was not taken, and waits for [`resend`].
    Spooled {
        /// What the last try came to; without secrets.
        why: String,
        /// The file that holds it.
        path: PathBuf,
    },
    /// It was not taken, and there is no use in keeping it, or no place to.
    Lost {
        /// What the last try came to, and why it is not kept.
        why: String,
    },
    /// The channel does not ask for such notices.
    Skipped,
}

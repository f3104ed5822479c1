//! What can be wrong with a key or an attestation.

use std::path::PathBuf;

/// Why an attestation can't be made, or does not count.
#[derive(Debug, thiserror::Error)]
pub enum AttestError {
    /// The file can't be read.
    #[error("{path} can't be read")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// There is no such key in the file.
    #[error(
        "{path} holds no {kind} key of Ed25519 in PEM; `openssl genpkey -algorithm ed25519 -out gate.key` \
         makes one, `openssl pkey -in gate.key -pubout -out gate.pub` gives its public half"
    )]
    NoKey {
        /// The file.
        path: PathBuf,
        /// `private` or `public`.
        kind: &'static str,
    },
    /// The text is no envelope, or what is in it is no statement.
    #[error("it is no attestation of a gate: {0}")]
    Form(String),
    /// Nobody whose key is trusted signed it, or it was changed afterwards.
    #[error("it is not signed with the trusted key {0}, or was changed after it was signed")]
    Unsigned(String),
    /// It is over.
    #[error("it held until {until}")]
    Expired {
        /// When it ended.
        until: jiff::Timestamp,
    },
    /// One of the two clocks is wrong.
    #[error("it was made at {made}, which is not yet: check the clocks")]
    Early {
        /// When it says that it was made.
        made: jiff::Timestamp,
    },
}

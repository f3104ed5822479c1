//! Attestations: what a gate saw of a release, signed, so that whoever applies it can demand it.
//!
//! Knows the form (an in-toto statement in a DSSE envelope), Ed25519 keys in PEM, and how long one holds.
//! Must not know databases, folders of migrations, nor what makes a gate pass.
//!
//! Sources: in-toto's Statement v1, the Dead Simple Signing Envelope (DSSE) 1.0, RFC 8032, RFC 8410.

mod envelope;
mod error;
mod key;
mod statement;

pub use envelope::{is_envelope, open, seal};
pub use error::AttestError;
pub use key::{SigningKey, TrustedKey};
pub use statement::{
    BackupStated, DatabaseStated, FactStated, PREDICATE, PendingStated, Release, Statement, Subject,
};

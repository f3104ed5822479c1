//! Whether a gate let this release pass: what it attests, held against what is about to be applied.
//!
//! An attestation is for one database and for migrations as they were, down to the first one.

use std::path::PathBuf;

use jiff::Timestamp;

use crate::attest::{self, Release, TrustedKey};
use crate::steps::Identity;

use super::account::{Remark, Weight};
use super::request::Request;
use super::site::Way;

/// Without this nothing is applied.
#[derive(Clone, Debug)]
pub struct Demand {
    /// Whose attestation is trusted.
    pub key: TrustedKey,
    /// The file, if one was named.
    pub file: Option<PathBuf>,
}

/// What to do where there is none that counts.
const MAKE: &str = "`stairway gate --attest FILE --key KEY` makes one for what is pending now; name it \
                    with --attestation FILE";

/// What is to be said of the attestation, if one is demanded and something is to be applied.
pub(super) fn attested(
    request: &Request,
    way: &Way<'_>,
    identity: &Identity,
    major: u32,
) -> Option<Remark> {
    let demand = request.attestation.as_ref().filter(|_| !way.moves.is_empty())?;
    let said = match read(demand) {
        Err(why) => Err(why),
        Ok(release) => match differs(&release, request, way, (identity, major)) {
            Some(why) => Err(why),
            None => Ok(format!(
                "the gate let {} migrations pass at {}, until {}; signed with {}",
                release.pending.len(),
                release.made.strftime("%F %T UTC"),
                release.expires.strftime("%F %T UTC"),
                demand.key.id()
            )),
        },
    };
    let (weight, message, help) = match said {
        Ok(message) => (Weight::Fine, message, None),
        Err(why) => (Weight::Refused, format!("no attestation of a gate: {why}"), Some(MAKE)),
    };
    Some(Remark::new("attestation", weight, message, help))
}

fn read(demand: &Demand) -> Result<Release, String> {
    let Some(file) = &demand.file else {
        return Err(format!(
            "one signed with {} is demanded, and no file was named",
            demand.key.id()
        ));
    };
    let in_file = |why: String| format!("{}: {why}", file.display());
    let text = std::fs::read_to_string(file).map_err(|error| in_file(error.to_string()))?;
    let statement = attest::open(&text, &demand.key, Timestamp::now());
    statement.map(|it| it.predicate).map_err(|error| in_file(error.to_string()))
}

/// What of it is about something else.
fn differs(
    release: &Release,
    request: &Request,
    way: &Way<'_>,
    (identity, major): (&Identity, u32),
) -> Option<String> {
    let of = &release.database;
    if release.environment != request.environment {
        return Some(format!(
            "it is for {}, and this is {}",
            release.environment, request.environment
        ));
    }
    if of.name != identity.name {
        return Some(format!("it is for the database {}, and this is {}", of.name, identity.name));
    }
    let (theirs, ours) = (&of.system_identifier, &identity.system_identifier);
    if theirs != ours && !theirs.is_empty() && !ours.is_empty() {
        return Some(format!("it is for {} on another server", of.name));
    }
    if of.server.split('.').next() != Some(major.to_string().as_str()) {
        return Some(format!("it is for a server {}, and this one is {major}", of.server));
    }
    let digests = request.history.digests();
    way.moves.iter().find_map(|one| {
        let revision = &one.migration.revision;
        let attested = release.pending.iter().find(|it| it.revision == *revision);
        let is = digests.iter().find(|it| it.revision == *revision);
        match (attested, is) {
            (None, _) => Some(format!("{revision} was not pending when it was made")),
            (Some(was), Some(is)) if was.digest == is.digest => None,
            _ => Some(format!("{revision}, or one before it, was another one when it was made")),
        }
    })
}

//! Pings for healthchecks.io and what speaks like it: the path says how it went, the body is a log.

use sha2::{Digest, Sha256};

use super::{Payload, shortened};
use crate::alert::signature::digits;
use crate::alert::{Notice, Outlook};

/// Characters of a log; receivers cut what is longer.
const LOG: usize = 10_000;

pub(super) fn ping(notice: &Notice) -> Payload {
    let path = match (notice.outlook(), notice.exit) {
        (Outlook::Started, _) => "/start".to_owned(),
        (Outlook::Well, _) => String::new(),
        (Outlook::Ill, 0) => "/fail".to_owned(),
        (Outlook::Ill, code) => format!("/{code}"),
    };
    let Notice { event, environment, service, state, exit, summary, run, .. } = notice;
    let revision = notice.revision.as_deref().unwrap_or("-");
    let log = format!(
        "{event} [{environment}] {service}\n{summary}\ndatabase is {state}, revision {revision}, \
         exit code {exit}, {} s, run {run}\n",
        notice.whole_seconds()
    );
    let query = vec![("rid".to_owned(), run_id(run))];
    let payload = Payload::new("text/plain; charset=utf-8", shortened(&log, LOG));
    Payload { path, query, ..payload }
}

/// The run's id as a UUID, which is how pings of one run are put together: the id itself if it is
/// one, else one that is made of it and the same for every ping.
fn run_id(run: &str) -> String {
    let lengths: Vec<usize> = run.split('-').map(str::len).collect();
    let is_hex = run.chars().all(|c| c == '-' || c.is_ascii_hexdigit());
    if is_hex && lengths == [8, 4, 4, 4, 12] {
        return run.to_ascii_lowercase();
    }
    let digest = Sha256::digest(run.as_bytes());
    let mut digits: Vec<char> = digits(&digest).chars().take(32).collect();
    // Version 8 is anybody's own way to make one; the variant is that of RFC 9562.
    for (at, digit) in [(12, '8'), (16, 'a')] {
        if let Some(place) = digits.get_mut(at) {
            *place = digit;
        }
    }
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32];
    let texts = parts.map(|part| digits.get(part).unwrap_or_default().iter().collect::<String>());
    texts.join("-")
}

//! Claims: what an author says beside the SQL that a migration does on purpose.
//!
//! Knows the words of a claim. Must not know whether it is true: that takes a climb.
//!
//! `-- stairway: <what> [<object>] [..] reason: <why>`; in files without SQL comments after `#`.

use std::str::FromStr;

use super::{CheckId, Span};

/// One claim and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// What is claimed.
    pub kind: ClaimKind,
    /// What it is about, for example `public.plan`; empty for [`ClaimKind::Irreversible`].
    pub object: String,
    /// Why, in the author's words; empty if none was given.
    pub reason: String,
    /// Where it is written; none for claims of `stairway.toml`.
    pub span: Option<Span>,
}

/// What can be claimed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimKind {
    /// There is no way back.
    Irreversible,
    /// Only the order of the columns of a table differs after the downgrade.
    OrderDrift,
    /// A finding of this check about one object is accepted.
    Allow(CheckId),
    /// A claim about rows (`lossy`, `deletes`, `backfills`, `inserts`, `expect-error`): it is read,
    /// and judged only where rows are.
    Rows(&'static str),
}

/// A comment begins like a claim, but is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClaimError {
    /// The first word is unknown.
    #[error(
        "{0:?} is not a claim; known are irreversible, order-drift, lossy, deletes, backfills, \
         inserts, expect-error and allow(<check>)"
    )]
    Unknown(String),
    /// A claim about an object names none.
    #[error("the claim {0:?} names no object, for example public.orders")]
    NoObject(String),
    /// Accepting a finding takes a reason.
    #[error("the claim {0:?} gives no reason; add `reason: ..`")]
    NoReason(String),
    /// The check in `allow(..)` does not exist.
    #[error(
        "the claim allows {0:?}, which is no check; `stairway verify --list-checks` lists them"
    )]
    NoCheck(String),
}

const ROWS: [&str; 5] = ["lossy", "deletes", "backfills", "inserts", "expect-error"];
const MARKER: &str = "stairway:";

impl Claim {
    /// Reads the text of a comment without its `--`, `#` or `/*`. `None` if it is no claim at all:
    /// it does not begin with `stairway:`, or it is the marker `stairway: no-transaction`.
    pub fn parse(comment: &str) -> Option<Result<Self, ClaimError>> {
        let body = comment.trim().strip_prefix(MARKER)?.trim();
        (body != "no-transaction").then(|| Self::parse_body(body))
    }

    /// Reads what follows `stairway:`, as `stairway.toml` has it.
    pub fn parse_body(body: &str) -> Result<Self, ClaimError> {
        let (claim, reason) = match body.split_once("reason:") {
            Some((claim, reason)) => (claim.trim(), reason.trim().to_owned()),
            None => (body, String::new()),
        };
        let (word, rest) = claim.split_once(char::is_whitespace).unwrap_or((claim, ""));
        let word = word.trim_end_matches(':');
        let object = rest.split_whitespace().next().unwrap_or_default().to_owned();
        let kind = Self::kind(word)?;
        if object.is_empty() && kind != ClaimKind::Irreversible {
            return Err(ClaimError::NoObject(word.to_owned()));
        }
        if reason.is_empty() && matches!(kind, ClaimKind::Allow(_)) {
            return Err(ClaimError::NoReason(word.to_owned()));
        }
        Ok(Self { kind, object, reason, span: None })
    }

    fn kind(word: &str) -> Result<ClaimKind, ClaimError> {
        if let Some(id) = word.strip_prefix("allow(").and_then(|id| id.strip_suffix(')')) {
            return CheckId::from_str(id)
                .map(ClaimKind::Allow)
                .map_err(|_| ClaimError::NoCheck(id.to_owned()));
        }
        if let Some(rows) = ROWS.into_iter().find(|known| *known == word) {
            return Ok(ClaimKind::Rows(rows));
        }
        match word {
            "irreversible" => Ok(ClaimKind::Irreversible),
            "order-drift" => Ok(ClaimKind::OrderDrift),
            _ => Err(ClaimError::Unknown(word.to_owned())),
        }
    }

    /// How the claim is written, for messages.
    pub fn words(&self) -> String {
        let word = match &self.kind {
            ClaimKind::Irreversible => return "irreversible".to_owned(),
            ClaimKind::OrderDrift => "order-drift".to_owned(),
            ClaimKind::Allow(check) => format!("allow({check})"),
            ClaimKind::Rows(word) => (*word).to_owned(),
        };
        format!("{word} {}", self.object)
    }
}

#[cfg(test)]
mod tests {
    use super::{Claim, ClaimError, ClaimKind};
    use crate::finding::CheckId;

    #[test]
    fn claims_have_a_kind_an_object_and_a_reason() {
        let claim =
            Claim::parse(" stairway: order-drift public.plan reason: nobody counts").unwrap();
        let claim = claim.unwrap();
        assert_eq!(claim.kind, ClaimKind::OrderDrift);
        assert_eq!(claim.object, "public.plan");
        assert_eq!(claim.reason, "nobody counts");
        let claim =
            Claim::parse("stairway: allow(schema-drift) public.a reason: b").unwrap().unwrap();
        assert_eq!(claim.kind, ClaimKind::Allow(CheckId::SchemaDrift));
        let claim = Claim::parse("stairway: irreversible").unwrap().unwrap();
        assert_eq!(claim.kind, ClaimKind::Irreversible);
        let claim =
            Claim::parse("stairway: deletes public.s where a < 1 reason: old").unwrap().unwrap();
        assert_eq!(claim.kind, ClaimKind::Rows("deletes"));
    }

    #[test]
    fn other_comments_are_no_claims() {
        assert_eq!(Claim::parse(" just a note on stairway: the tool"), None);
        assert_eq!(Claim::parse(" stairway: no-transaction"), None);
    }

    #[test]
    fn a_claim_that_says_nothing_is_refused() {
        let parse = |text: &str| Claim::parse(text).unwrap().unwrap_err();
        assert_eq!(parse("stairway: allow(schema-drift) public.a"), {
            ClaimError::NoReason("allow(schema-drift)".to_owned())
        });
        assert_eq!(parse("stairway: order-drift"), ClaimError::NoObject("order-drift".to_owned()));
        assert_eq!(parse("stairway: mute everything"), ClaimError::Unknown("mute".to_owned()));
        assert_eq!(parse("stairway: allow(x) a reason: b"), ClaimError::NoCheck("x".to_owned()));
    }
}

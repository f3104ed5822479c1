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
    /// What it is about, for example `public.plan` or `public.acct.old`; empty for
    /// [`ClaimKind::Irreversible`].
    pub object: String,
    /// Why, in the author's words; empty if none was given.
    pub reason: String,
    /// Where it is written; none for claims of `stairway.toml`.
    pub span: Option<Span>,
}

/// A value and what becomes of it; NULL is `None`.
pub type Backfill = (Option<String>, Option<String>);

/// What can be claimed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimKind {
    /// There is no way back.
    Irreversible,
    /// Only the order of the columns of a table differs after the downgrade.
    OrderDrift,
    /// A finding of this check about one object is accepted.
    Allow(CheckId),
    /// Values of a column, or rows of a table, do not come back.
    Lossy,
    /// Rows of a table are deleted: those that the predicate is true for, if there is one.
    Deletes(Option<String>),
    /// Values of a column become others: one becomes another, if both are given.
    Backfills(Option<Backfill>),
    /// Rows come into a table and stay.
    Inserts,
    /// With some rows a script fails, with this SQLSTATE.
    ExpectError(String),
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
    /// `backfills` with something else than `null -> 'x'` after the column.
    #[error("the claim backfills {0:?}, which is not of the form null -> 'n/a'")]
    NoBackfill(String),
    /// Accepting a finding takes a reason.
    #[error("the claim {0:?} gives no reason; add `reason: ..`")]
    NoReason(String),
    /// The check in `allow(..)` does not exist.
    #[error(
        "the claim allows {0:?}, which is no check; `stairway verify --list-checks` lists them"
    )]
    NoCheck(String),
}

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
        let (word, rest) = (word.trim_end_matches(':'), rest.trim());
        let (object, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        let (kind, object) = Self::kind(word, object, rest.trim())?;
        if object.is_empty() && kind != ClaimKind::Irreversible {
            return Err(ClaimError::NoObject(word.to_owned()));
        }
        if reason.is_empty() && matches!(kind, ClaimKind::Allow(_)) {
            return Err(ClaimError::NoReason(word.to_owned()));
        }
        Ok(Self { kind, object, reason, span: None })
    }

    /// The kind that a claim's first word says, and its object; `rest` is what follows the object.
    fn kind(word: &str, object: &str, rest: &str) -> Result<(ClaimKind, String), ClaimError> {
        let kind = if let Some(id) = word.strip_prefix("allow(").and_then(|id| id.strip_suffix(')'))
        {
            let check = CheckId::from_str(id).map_err(|_| ClaimError::NoCheck(id.to_owned()))?;
            ClaimKind::Allow(check)
        } else {
            match word {
                "irreversible" => ClaimKind::Irreversible,
                "order-drift" => ClaimKind::OrderDrift,
                "lossy" => ClaimKind::Lossy,
                "inserts" => ClaimKind::Inserts,
                "deletes" => {
                    let is_where = |(first, _): &(&str, &str)| first.eq_ignore_ascii_case("where");
                    let predicate = rest.split_once(char::is_whitespace).filter(is_where);
                    ClaimKind::Deletes(predicate.map(|(_, predicate)| predicate.trim().to_owned()))
                }
                "backfills" => ClaimKind::Backfills(backfill(rest)?),
                "expect-error" => {
                    let on = rest.strip_prefix("on ").unwrap_or(rest).trim();
                    let on = if on.is_empty() { object } else { on };
                    return Ok((ClaimKind::ExpectError(object.to_owned()), on.to_owned()));
                }
                _ => return Err(ClaimError::Unknown(word.to_owned())),
            }
        };
        Ok((kind, object.to_owned()))
    }

    /// Whether it is about rows: nothing can be said of it where no rows were tried.
    pub fn is_about_rows(&self) -> bool {
        matches!(
            self.kind,
            ClaimKind::Lossy
                | ClaimKind::Deletes(_)
                | ClaimKind::Backfills(_)
                | ClaimKind::Inserts
                | ClaimKind::ExpectError(_)
        )
    }

    /// How the claim is written, for messages.
    pub fn words(&self) -> String {
        let word = match &self.kind {
            ClaimKind::Irreversible => return "irreversible".to_owned(),
            ClaimKind::OrderDrift => "order-drift".to_owned(),
            ClaimKind::Allow(check) => format!("allow({check})"),
            ClaimKind::Lossy => "lossy".to_owned(),
            ClaimKind::Inserts => "inserts".to_owned(),
            ClaimKind::Deletes(_) => "deletes".to_owned(),
            ClaimKind::Backfills(_) => "backfills".to_owned(),
            ClaimKind::ExpectError(code) if *code == self.object => "expect-error".to_owned(),
            ClaimKind::ExpectError(code) => {
                return format!("expect-error {code} on {}", self.object);
            }
        };
        let rest = match &self.kind {
            ClaimKind::Deletes(Some(predicate)) => format!(" where {predicate}"),
            ClaimKind::Backfills(Some((from, to))) => {
                format!(" {} -> {}", value(from.as_ref()), value(to.as_ref()))
            }
            _ => String::new(),
        };
        format!("{word} {}{rest}", self.object)
    }
}

/// `null -> 'n/a'`; nothing at all claims any change.
fn backfill(text: &str) -> Result<Option<Backfill>, ClaimError> {
    if text.is_empty() {
        return Ok(None);
    }
    let refused = || ClaimError::NoBackfill(text.to_owned());
    let (from, to) = text.split_once("->").ok_or_else(refused)?;
    Ok(Some((literal(from), literal(to))))
}

fn literal(text: &str) -> Option<String> {
    let text = text.trim();
    if text.eq_ignore_ascii_case("null") {
        return None;
    }
    let quoted = text.strip_prefix('\'').and_then(|text| text.strip_suffix('\''));
    Some(quoted.map_or_else(|| text.to_owned(), |text| text.replace("''", "'")))
}

fn value(value: Option<&String>) -> String {
    value.map_or_else(|| "null".to_owned(), |text| format!("'{}'", text.replace('\'', "''")))
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
        assert_eq!(claim.kind, ClaimKind::Deletes(Some("a < 1".to_owned())));
        let parse = |text: &str| Claim::parse(text).unwrap().unwrap();
        let claim = parse("stairway: backfills public.guest.phone null -> 'n/a'");
        assert_eq!(claim.object, "public.guest.phone");
        assert_eq!(claim.kind, ClaimKind::Backfills(Some((None, Some("n/a".to_owned())))));
        assert_eq!(claim.words(), "backfills public.guest.phone null -> 'n/a'");
        let claim = parse("stairway: expect-error 23505 on login_email_ci reason: known");
        assert_eq!(claim.object, "login_email_ci");
        assert_eq!(claim.kind, ClaimKind::ExpectError("23505".to_owned()));
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

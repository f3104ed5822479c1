//! What a guest says and hears: its transactions are savepoints where ours is open already.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use crate::postgres::SqlFailure;
use crate::sql::{self, StatementKind};

use super::line::Voice;
use super::wire::{self, Frame};

/// How many guests there were: each has a savepoint of its own.
static GUESTS: AtomicU64 = AtomicU64::new(1);

/// How a guest is treated.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// Whether its transactions are savepoints in one of ours, which is open.
    pub is_inside: bool,
    /// What becomes of a statement; `None` leaves it as it is.
    pub edit: fn(&str) -> Option<String>,
}

impl Manner {
    /// In a transaction of ours.
    pub fn inside() -> Self {
        Self { is_inside: true, edit: |_| None }
    }

    /// As if the session were its own.
    pub fn own() -> Self {
        Self { is_inside: false, edit: |_| None }
    }
}

/// What was heard while a session was lent.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    /// Refusals of the server, each with the statement: the first and the last ones.
    pub refused: Vec<(SqlFailure, String)>,
}

impl Heard {
    /// Keeps the first one, which others may follow from, and the last.
    fn refused(&mut self, failure: SqlFailure, statement: String) {
        self.refused.truncate(1);
        self.refused.push((failure, statement));
    }
}

/// One guest.
pub(super) struct Guest {
    manner: Manner,
    heard: Arc<Mutex<Heard>>,
    /// The savepoint that its transaction is.
    pub(super) savepoint: String,
    /// Whether it believes to be in a transaction.
    pub(super) in_block: bool,
    status: u8,
    /// What its statement is called in the answer, where another one was sent.
    called: Option<&'static str>,
    statement: String,
}

impl Guest {
    pub(super) fn new(manner: Manner, heard: Arc<Mutex<Heard>>, status: u8) -> Self {
        let savepoint = format!("stairway_guest_{}", GUESTS.fetch_add(1, Ordering::Relaxed));
        Self {
            manner,
            heard,
            savepoint,
            in_block: false,
            status,
            called: None,
            statement: String::new(),
        }
    }

    /// What is sent instead of `text`.
    fn instead(&mut self, text: &str) -> Option<String> {
        self.called = None;
        if !self.manner.is_inside {
            return (self.manner.edit)(text);
        }
        let statements = sql::split(text).ok()?;
        let mut kinds = statements.iter().map(|it| (it.text(text), sql::kind(it.text(text))));
        let (first, kind) = kinds.next()?;
        let savepoint = |words: &str| Some(format!("{words} {}", self.savepoint));
        let is_alone = kinds.len() == 0;
        match kind {
            StatementKind::Begin if is_alone => {
                self.called = Some("BEGIN");
                savepoint("SAVEPOINT")
            }
            // One that failed is taken back, as the server does it.
            StatementKind::Commit if is_alone && self.in_block && self.status != b'E' => {
                self.called = Some("COMMIT");
                savepoint("RELEASE SAVEPOINT")
            }
            StatementKind::Commit | StatementKind::Rollback
                if is_alone && self.in_block && !sql::is_to_savepoint(first) =>
            {
                self.called = Some("ROLLBACK");
                savepoint("ROLLBACK TO SAVEPOINT")
            }
            // Nothing is open that it could end.
            StatementKind::Commit if is_alone => {
                self.called = Some("COMMIT");
                savepoint("SAVEPOINT")
            }
            StatementKind::Rollback if is_alone && !sql::is_to_savepoint(first) => {
                self.called = Some("ROLLBACK");
                savepoint("SAVEPOINT")
            }
            _ if controls(text) => Some(refusing()),
            _ => (self.manner.edit)(text),
        }
    }
}

/// Whether a text of several statements ends the transaction that it is in, or begins one.
fn controls(text: &str) -> bool {
    let statements = sql::split(text).unwrap_or_default();
    let several = statements.len() > 1;
    several
        && statements.iter().any(|it| {
            let kind = sql::kind(it.text(text));
            kind == StatementKind::Begin
                || (kind.ends_transaction() && !sql::is_to_savepoint(it.text(text)))
        })
}

/// What the server refuses in our words.
fn refusing() -> String {
    "DO $stairway$ BEGIN RAISE EXCEPTION USING ERRCODE = '25001', MESSAGE = 'a text of several \
     statements begins or ends a transaction, but it runs within one: send BEGIN and COMMIT alone, or \
     leave them out'; END $stairway$"
        .to_owned()
}

impl Voice for Guest {
    fn say(&mut self, frame: Frame<'_>, out: &mut Vec<u8>) {
        // A statement of the simple protocol, or one that is prepared: its name stands before it.
        let name = match frame.tag {
            b'Q' => 0,
            b'P' => frame.body.iter().position(|byte| *byte == 0).map_or(0, |end| end + 1),
            _ => return frame.write(out),
        };
        let rest = frame.body.get(name..).unwrap_or_default();
        let end = rest.iter().position(|byte| *byte == 0).unwrap_or(rest.len());
        let Ok(text) = std::str::from_utf8(rest.get(..end).unwrap_or_default()) else {
            return frame.write(out);
        };
        text.clone_into(&mut self.statement);
        match self.instead(text) {
            None => frame.write(out),
            Some(other) => {
                let mut body = frame.body.get(..name).unwrap_or_default().to_vec();
                body.extend(other.as_bytes());
                body.extend(rest.get(end..).unwrap_or_default());
                wire::message(frame.tag, &body, out);
            }
        }
    }

    fn hear(&mut self, frame: Frame<'_>, out: &mut Vec<u8>) {
        match frame.tag {
            b'C' => {
                if let Some(called) = self.called.take() {
                    self.in_block = called == "BEGIN";
                    return wire::message(b'C', format!("{called}\0").as_bytes(), out);
                }
            }
            b'E' => {
                self.called = None;
                if let Ok(mut heard) = self.heard.lock() {
                    heard.refused(wire::failure(frame.body), self.statement.clone());
                }
            }
            b'Z' => {
                self.status = frame.body.first().copied().unwrap_or_default();
                if self.manner.is_inside {
                    let believed = if self.in_block { self.status } else { b'I' };
                    return wire::message(b'Z', &[believed], out);
                }
            }
            _ => {}
        }
        frame.write(out);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::{Guest, Manner, Voice};
    use crate::postgres::relay::wire::Frame;

    fn guest() -> Guest {
        Guest {
            savepoint: "stairway_guest".to_owned(),
            ..Guest::new(Manner::inside(), Arc::new(Mutex::default()), b'T')
        }
    }

    fn say(guest: &mut Guest, text: &str) -> String {
        let mut out = Vec::new();
        guest.say(Frame { tag: b'Q', body: format!("{text}\0").as_bytes() }, &mut out);
        String::from_utf8_lossy(&out[5..out.len() - 1]).into_owned()
    }

    fn hear(guest: &mut Guest, tag: u8, body: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        guest.hear(Frame { tag, body }, &mut out);
        out.split_off(5)
    }

    #[test]
    fn a_transaction_of_a_guest_is_a_savepoint() {
        let mut guest = guest();
        assert_eq!(hear(&mut guest, b'Z', b"T"), b"I", "it has none open");
        assert_eq!(say(&mut guest, "BEGIN;"), "SAVEPOINT stairway_guest");
        assert_eq!(hear(&mut guest, b'C', b"SAVEPOINT\0"), b"BEGIN\0");
        assert_eq!(hear(&mut guest, b'Z', b"T"), b"T");
        assert_eq!(say(&mut guest, "INSERT INTO t VALUES (1)"), "INSERT INTO t VALUES (1)");
        assert_eq!(hear(&mut guest, b'C', b"INSERT 0 1\0"), b"INSERT 0 1\0");
        assert_eq!(say(&mut guest, "SAVEPOINT a"), "SAVEPOINT a");
        assert_eq!(say(&mut guest, "ROLLBACK TO SAVEPOINT a"), "ROLLBACK TO SAVEPOINT a");
        assert_eq!(say(&mut guest, "commit"), "RELEASE SAVEPOINT stairway_guest");
        assert_eq!(hear(&mut guest, b'C', b"RELEASE\0"), b"COMMIT\0");
        assert_eq!(hear(&mut guest, b'Z', b"T"), b"I");
    }

    #[test]
    fn a_transaction_that_failed_is_taken_back_alone() {
        let mut guest = guest();
        say(&mut guest, "BEGIN");
        hear(&mut guest, b'C', b"SAVEPOINT\0");
        say(&mut guest, "SELECT 1/0");
        hear(&mut guest, b'E', b"SERROR\0C22012\0Mdivision by zero\0\0");
        assert_eq!(hear(&mut guest, b'Z', b"E"), b"E");
        let heard = guest.heard.lock().unwrap().clone();
        let (failure, statement) = &heard.refused[0];
        assert_eq!((failure.sqlstate.as_str(), statement.as_str()), ("22012", "SELECT 1/0"));
        assert_eq!(say(&mut guest, "COMMIT"), "ROLLBACK TO SAVEPOINT stairway_guest");
        assert_eq!(hear(&mut guest, b'C', b"ROLLBACK\0"), b"ROLLBACK\0");
        assert_eq!(hear(&mut guest, b'Z', b"T"), b"I");
    }

    #[test]
    fn a_text_that_would_end_our_transaction_is_refused() {
        let mut guest = guest();
        assert!(say(&mut guest, "BEGIN; SELECT 1; COMMIT").starts_with("DO "));
        assert_eq!(say(&mut guest, "SELECT 1; SELECT 2"), "SELECT 1; SELECT 2");
    }

    #[test]
    fn where_nothing_of_ours_is_open_a_guest_is_left_alone() {
        let mut guest = Guest::new(Manner::own(), Arc::new(Mutex::default()), b'I');
        assert_eq!(say(&mut guest, "BEGIN"), "BEGIN");
        assert_eq!(hear(&mut guest, b'Z', b"T"), b"T");
    }
}

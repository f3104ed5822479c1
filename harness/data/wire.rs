//! A session, and what is to be sent to it before anything else.
//!
//! Knows that what nobody waits for can go with the next message. Must not know what is sent.

use super::DataError;
use crate::postgres::{Answers, Batch, Session};

/// A session with statements that are still to be sent.
#[derive(Debug)]
pub(super) struct Wire {
    session: Session,
    ahead: Batch,
}

impl Wire {
    pub(super) fn new(session: Session) -> Self {
        Self { session, ahead: Batch::default() }
    }

    /// Has a statement sent with the next message, and its error told there.
    pub(super) fn later(&mut self, statement: &str) {
        self.ahead.say(statement);
    }

    /// Sends a batch.
    pub(super) async fn send(&mut self, batch: &Batch) -> Result<Answers, DataError> {
        let (answers, result) = self.send_so_far(batch).await;
        result.map(|()| answers)
    }

    /// Sends a batch and gives the answers of the statements before an error as well.
    pub(super) async fn send_so_far(&mut self, batch: &Batch) -> (Answers, Result<(), DataError>) {
        let mut whole = std::mem::take(&mut self.ahead);
        let ahead = whole.count();
        whole.append(batch);
        let (answers, result) = self.session.send_so_far(&whole).await;
        (answers.after(ahead), result.map_err(DataError::from))
    }

    /// The session, with nothing left to be sent before.
    pub(super) async fn session(&mut self) -> Result<&mut Session, DataError> {
        if self.ahead.count() > 0 {
            self.send(&Batch::default()).await?;
        }
        Ok(&mut self.session)
    }

    pub(super) fn into_session(self) -> Session {
        self.session
    }
}

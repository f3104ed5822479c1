//! Several statements in one message, and which of their answers are wanted.
//!
//! Knows how statements are counted. Must not know what they say.

use super::session::ResultSet;

/// Statements that are sent as one message, in order.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    text: String,
    count: usize,
}

/// The place of a statement among those of its batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked(usize);

/// The rows of a batch's statements, as far as they were run.
#[derive(Clone, Debug, Default)]
pub struct Answers(Vec<ResultSet>);

impl Batch {
    /// Adds one statement, without a semicolon; an empty one is left out.
    pub fn say(&mut self, statement: &str) -> Asked {
        let place = Asked(self.count);
        if !statement.is_empty() {
            if !self.text.is_empty() {
                self.text.push(';');
            }
            self.text.push_str(statement);
            self.count += 1;
        }
        place
    }

    /// Adds statements.
    pub fn say_all(&mut self, statements: &[&str]) {
        for statement in statements {
            self.say(statement);
        }
    }

    /// Adds the statements of another batch after these.
    pub fn append(&mut self, other: &Self) {
        if other.count > 0 {
            self.say(&other.text);
            self.count += other.count - 1;
        }
    }

    /// How many statements there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The message.
    pub(super) fn text(&self) -> &str {
        &self.text
    }
}

impl Answers {
    pub(super) fn new(sets: Vec<ResultSet>) -> Self {
        Self(sets)
    }

    /// How many statements were run to their end.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The answers without the first ones: what remains are those of the batch that was appended
    /// after so many statements.
    #[must_use]
    pub fn after(mut self, count: usize) -> Self {
        self.0.drain(..count.min(self.0.len()));
        self
    }

    /// The rows of one statement, once.
    pub fn take(&mut self, asked: Asked) -> ResultSet {
        self.0.get_mut(asked.0).map(std::mem::take).unwrap_or_default()
    }

    /// The answers, so many statements at a time.
    pub fn by(&self, count: usize) -> impl Iterator<Item = &[ResultSet]> {
        self.0.chunks_exact(count.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::{Answers, Batch};

    #[test]
    fn statements_are_counted_where_batches_are_joined() {
        let mut second = Batch::default();
        second.say("SELECT 2");
        let asked = second.say("SELECT 3");
        let mut first = Batch::default();
        first.say("");
        first.append(&Batch::default());
        first.say_all(&["BEGIN", "SELECT 1"]);
        let before = first.count();
        first.append(&second);
        assert_eq!((first.text(), first.count()), ("BEGIN;SELECT 1;SELECT 2;SELECT 3", 4));
        let row = |number: usize| vec![vec![Some(number.to_string())]];
        let mut answers = Answers::new(vec![vec![], row(1), row(2), row(3)]).after(before);
        assert_eq!((answers.count(), answers.take(asked)), (2, row(3)));
        assert!(answers.take(asked).is_empty());
    }
}

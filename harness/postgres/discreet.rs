//! What of a server's report may be told where rows are nobody's to show.
//!
//! Knows which words of the server have names only, by their SQLSTATE. Must not know where they go.

use super::{PostgresError, SqlFailure};

/// What is said in the place of a message that may quote values.
const REFUSES: &str = "the server refuses it";

/// Who speaks in a report of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaker {
    /// The server itself.
    Server,
    /// A function perhaps, which may say anything.
    Function,
    /// One of the two.
    Unknown,
}

impl Speaker {
    /// Whether a message with this SQLSTATE has names and no values.
    pub fn has_names_only(self, sqlstate: &str) -> bool {
        let class = sqlstate.get(..2).unwrap_or_default();
        match self {
            // Of what is not there or not allowed, and of constraints: the message has names, and
            // only the detail has values. Of sessions, locks, timeouts and resources: neither.
            Self::Server => {
                let has_names = matches!(class, "0A" | "23" | "2B" | "42" | "55");
                let is_of_work = matches!(class, "08" | "25" | "40" | "53" | "54" | "57" | "58");
                // Division by zero; internal errors.
                has_names || is_of_work || matches!(sqlstate, "22012" | "XX000")
            }
            // What nobody raises by hand.
            Self::Unknown => class == "42" && sqlstate != "42501",
            Self::Function => false,
        }
    }
}

impl SqlFailure {
    /// The report without anything that may quote a value: DETAIL, HINT and CONTEXT are cut, and
    /// so is the message unless its SQLSTATE says that it has names only and no function can have
    /// spoken. SQLSTATE and position stay; so does the constraint, or whatever else it is about,
    /// but for a name that a function may have made up.
    #[must_use]
    pub fn discreet(&self) -> Self {
        let speaker = if self.context.is_some() { Speaker::Function } else { Speaker::Server };
        let has_names_only = speaker.has_names_only(&self.sqlstate);
        let is_constraint = self.sqlstate.starts_with("23");
        let is_told = |name: &&String| has_names_only || is_constraint && is_plain_name(name);
        Self {
            sqlstate: self.sqlstate.clone(),
            message: if has_names_only { self.message.clone() } else { REFUSES.to_owned() },
            detail: None,
            hint: None,
            position: self.position,
            context: None,
            object: self.object.as_ref().filter(is_told).cloned(),
            routine: self.routine.clone(),
        }
    }
}

impl PostgresError {
    /// The error without anything that may quote a value, as [`SqlFailure::discreet`].
    #[must_use]
    pub fn discreet(self) -> Self {
        match self {
            Self::Sql(failure) => Self::Sql(Box::new(failure.discreet())),
            Self::Unexpected(_) => Self::Unexpected("it is not shown".to_owned()),
            other => other,
        }
    }
}

/// A name as people write them: a value that a function gives for one seldom looks like that.
fn is_plain_name(name: &str) -> bool {
    let starts = name.starts_with(|first: char| first.is_ascii_lowercase() || first == '_');
    let all = name.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'_');
    starts && all && name.len() < 64
}

#[cfg(test)]
mod tests {
    use super::SqlFailure;

    fn failure(sqlstate: &str, message: &str, context: Option<&str>) -> SqlFailure {
        SqlFailure {
            sqlstate: sqlstate.to_owned(),
            message: message.to_owned(),
            detail: Some("Key (card)=(4111111111111111) already exists.".to_owned()),
            hint: Some("4111111111111111".to_owned()),
            position: Some(7),
            context: context.map(str::to_owned),
            object: Some("card_key".to_owned()),
            routine: None,
        }
    }

    #[test]
    fn a_constraint_is_told_and_no_value() {
        let unique = "duplicate key value violates unique constraint \"card_key\"";
        let told = failure("23505", unique, None).discreet();
        assert_eq!(told.to_string(), format!("{unique} (SQLSTATE 23505)"));
        assert_eq!(told.object.as_deref(), Some("card_key"));
        assert_eq!(told.position, Some(7));
        assert!(!format!("{told:?}").contains("4111"), "{told:?}");
    }

    #[test]
    fn what_a_function_says_is_not_told() {
        let told = failure("23505", "4111111111111111 is there", Some("f() at RAISE")).discreet();
        assert_eq!(told.to_string(), "the server refuses it (SQLSTATE 23505)");
        assert_eq!(told.object.as_deref(), Some("card_key"));
        let mut raised = failure("23505", "no", Some("f() at RAISE"));
        raised.object = Some("4111111111111111".to_owned());
        assert_eq!(raised.discreet().object, None);
        raised.sqlstate = "P0001".to_owned();
        raised.object = Some("card_key".to_owned());
        assert_eq!(raised.discreet().object, None);
    }

    #[test]
    fn values_in_messages_are_cut() {
        let quoted = "invalid input syntax for type integer: \"4111111111111111\"";
        let told = failure("22P02", quoted, None).discreet();
        assert_eq!(told.to_string(), "the server refuses it (SQLSTATE 22P02)");
        assert!(!format!("{told:?}").contains("4111"), "{told:?}");
    }
}

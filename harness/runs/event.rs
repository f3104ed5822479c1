//! What a run says while it goes on; progress bars and logs are made of these.

/// One thing that happened.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// A history was read.
    Loaded {
        /// How many migrations it has.
        migrations: usize,
        /// Whose layout it is, and why it was taken for that.
        layout: &'a str,
    },
    /// A server is there; the text says which and why.
    Server(&'a str),
    /// A backup was restored.
    Restored {
        /// How long it took, in seconds.
        seconds: f64,
        /// How many of the history's migrations it already holds.
        applied: usize,
    },
    /// A migration begins.
    Begins {
        /// Which of the pending ones, from 0.
        index: usize,
        /// How many are pending.
        total: usize,
        /// Its revision and name.
        name: &'a str,
    },
    /// A migration is judged.
    Judged {
        /// Its revision and name.
        name: &'a str,
        /// How many findings count as errors.
        errors: usize,
    },
    /// A part of a longer work begins.
    Step(&'a str),
    /// A part of that begins, as a person is told it.
    Part(&'a str),
    /// So much of the part that goes on is done.
    Amount {
        /// `fetched`, `unpacked` or `restored`.
        word: &'a str,
        /// How much.
        bytes: u64,
    },
    /// Something that a person should know and that is no finding.
    Note(&'a str),
}

/// Someone who wants to know what happens.
pub trait Watch {
    /// Called once for each event, in order, from the task that runs.
    fn event(&mut self, event: Event<'_>);
}

/// Nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Watch for Silent {
    fn event(&mut self, _: Event<'_>) {}
}

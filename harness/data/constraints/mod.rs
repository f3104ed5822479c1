//! What constraints and migrations say of the values of columns, read from their text.
//!
//! Knows SQL as the server prints it and as people write it, as far as constants beside columns go.
//! Must not know servers: whether a value satisfies a constraint is for the server to say.

mod aspect;
mod calls;
mod class;
mod clock;
mod columns;
mod decimal;
mod fact;
mod find;
mod insert;
mod json;
mod loose;
mod mine;
mod pattern;
mod phrase;
mod renames;
mod samples;
mod script;
mod suggest;
#[cfg(test)]
mod tests;
mod tied;
mod triggers;
mod values;
mod words;

pub use mine::{Mined, mine};
pub use script::of_script;
pub use suggest::suggest;
pub use tied::{Tied, tied};
pub use triggers::{LookUp, inserts_into, look_ups, of_trigger};

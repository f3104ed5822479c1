//! A gate before a release.

use crate::runs::gate::{Ended, Gated};

use super::families::GATE_FACT;
use super::{Samples, verdict};

/// What a gate has to say.
pub fn gate(gated: &Gated) -> Samples {
    let mut samples = Samples::default();
    verdict(&mut samples, gated.verdict.as_str());
    // What there is nothing to be about is neither so nor not so.
    for fact in gated.facts.iter().filter(|it| it.ended != Ended::Absent) {
        samples.set(&GATE_FACT, &[fact.name], fact.ended == Ended::Held);
    }
    samples
}

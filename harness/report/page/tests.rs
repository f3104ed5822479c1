//! The parts that no page has alone.

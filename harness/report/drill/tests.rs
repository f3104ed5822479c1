//! The page of hand-made outcomes.

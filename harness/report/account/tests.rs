//! The page of hand-made accounts.

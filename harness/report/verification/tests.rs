//! The page of hand-made reports.

//! The screen on a real clock, its composed frames read one by one.

mod joins;

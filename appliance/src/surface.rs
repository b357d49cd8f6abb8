//! Turns views into the world: printers, boards, pages. Never decides anything, and never takes a command in.

pub(crate) mod api;
pub(crate) mod board;
pub(crate) mod calls;
pub(crate) mod health;
pub(crate) mod manager;
pub(crate) mod notice;
pub(crate) mod numbers;
pub(crate) mod pages;
pub(crate) mod paper;
pub mod printer;
pub(crate) mod program;
pub(crate) mod report;
pub(crate) mod screen;
pub(crate) mod status_line;
pub(crate) mod support;
pub(crate) mod vitals;

//! Turns the world into facts: buttons, pages and programs become commands. Never draws anything.

pub(crate) mod api;
pub(crate) mod arrivals;
pub(crate) mod body;
pub(crate) mod buttons;
pub(crate) mod calls;
pub(crate) mod plain;
pub(crate) mod program;
pub(crate) mod settings;
pub(crate) mod support;
pub(crate) mod vendor;

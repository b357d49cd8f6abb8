//! The waiting-room daemon: it keeps the journal, applies the clinic's rules, prints tickets and serves the pages.
//!
//! `intake` turns the world into facts and `surface` turns views into the world; they never import each other, and
//! [`daemon`] alone introduces them. It never waits for the network, a printer or a screen before it gives a number.

mod access;
mod answer;
mod app;
mod calls;
mod causes;
mod chance;
pub mod check;
pub mod cli;
mod clock;
pub mod config;
pub mod content;
mod contents;
pub mod daemon;
pub mod devices;
mod doctor;
mod ending;
mod gate;
mod health;
#[doc(hidden)]
pub mod hostile;
mod house;
mod http;
mod intake;
mod lan;
pub mod link;
mod markup;
pub mod node;
mod openapi;
mod owner;
mod problem;
mod program;
mod pulse;
mod quality;
mod rehearsal;
mod remote;
mod rules;
mod scene;
mod seal;
mod service;
pub mod settings;
mod sheet;
mod support;
pub mod surface;
mod token;
pub mod vault;

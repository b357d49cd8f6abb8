//! What a clinic's facts mean: the envelope, the kinds of fact, the folds over them, the decisions that make
//! new ones, and the views that surfaces draw.
//!
//! This crate is pure. It names no clock, file, socket, thread or random map: `now` and every random value are
//! arguments, so that the same facts give the same view on every machine.
#![cfg_attr(not(test), no_std)]
#![warn(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::as_conversions)]

extern crate alloc;

pub mod board;
pub mod calendar;
pub mod call;
pub mod clock;
pub mod command;
pub mod decide;
pub mod desk;
pub mod envelope;
pub mod estimate;
pub mod facts;
pub mod health;
pub mod ids;
pub mod people;
pub mod program;
pub mod queue;
pub mod refusal;
pub mod report;
pub mod seal;
pub mod settings;
pub mod speech;
pub mod standing;
pub mod support;
pub mod ticket;
pub mod time;
pub mod view;

//! What crosses the network between a clinic's box and the hub: a pinned profile of the open Durable Streams protocol,
//! which `PROFILE.md` beside this crate writes down, what the two sides say to each other over it, what both say to
//! whoever watches machines, and how both bound what is asked of them.
//!
//! This crate is pure. It names no clock, file, socket, thread or random map: bytes and `now` come in as arguments, and
//! what is to be done goes out as values, so that months of bad network can be lived through in seconds.
#![cfg_attr(not(test), no_std)]
#![warn(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::as_conversions)]

extern crate alloc;

pub mod box_side;
pub mod buckets;
pub mod chain;
pub mod content;
pub mod enrol;
pub mod exposition;
pub mod http;
pub mod hub_side;
pub mod json;
pub mod offset;
pub mod producer;
pub mod run;
pub mod said;
pub mod seal;
pub mod service;
pub mod token;
pub mod trial;
pub mod vector;

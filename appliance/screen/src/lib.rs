//! The program and the queue panel on one monitor.
//!
//! This is the only crate that names GStreamer. It opens no database and no network: what it shows it is told, and what
//! it showed it tells. A film that is broken, silent, endless or hostile costs its own place and never the picture.

pub mod canvas;
pub mod cli;
mod decoding;
pub mod item;
mod kms;
pub mod lamp;
mod layers;
mod mixer;
pub mod output;
pub mod playout;
pub mod prepare;
mod pump;
pub mod run;
mod sound;
mod speaker;
pub mod voice;
pub mod x11;

//! What the scenes are made of: emulated devices, a recorded morning's player, a disk that loses power, servers, the bench.

pub mod accept;
pub mod bench;
pub mod browser;
pub mod chance;
pub mod demo;
pub mod films;
pub mod glass;
pub mod hostile;
pub mod hub;
pub mod lab;
pub mod power;
pub mod printer;
pub mod serial;
pub mod servers;
pub mod soak;

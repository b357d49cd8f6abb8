//! Power cuts, full disks and failing syncs, simulated under the real journal code.
//!
//! [`Disk`] is a disk in memory, with SQLite's VFS and the journal's own file operations on top. It keeps every change
//! in the order made, and [`cuts`] replays that order, cutting the power at each change and asking the real journal
//! to start from what a disk could hold then.

pub mod cuts;
pub mod desk;
pub mod disk;
pub mod platter;
mod vfs;

pub use disk::Disk;

//! Loads netbridge's eBPF programs, manages their maps, attaches them to interfaces, and reports
//! per port what happened to every frame.

pub mod bench;
pub mod bridge;
pub mod cli;
pub mod daemon;
pub mod datapath;
pub mod demo;
pub mod docker;
pub mod doctor;
pub mod fdb;
pub mod firewall;
pub mod mdb;
pub mod net;
pub mod network;
pub mod output;
mod quantity;
mod random;
pub mod stats;

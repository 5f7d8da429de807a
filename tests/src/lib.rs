//! What the tests share: isolated hosts, topologies of namespaces and veth, frames, raw sockets,
//! a reference bridge in plain Rust, the kernel's own bridge as an oracle, and a real Docker engine.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test stops where it fails, and says so"
)]

pub mod engine;
pub mod frame;
pub mod groups;
pub mod linux;
pub mod model;
pub mod numbered;
pub mod program;
pub mod require;
pub mod snapshot;
pub mod stack6;
pub mod talk;
pub mod topology;
pub mod traffic;
pub mod vlans;
pub mod vm;
pub mod wire;

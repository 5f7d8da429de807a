//! The firewall of container networks, on hosts of their own: what passes, as what, and what not.
#![expect(
    clippy::expect_used,
    reason = "a test stops where it fails, and says so"
)]

mod forwarding;
mod published;
mod tables;
mod world;

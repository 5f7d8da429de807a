//! netbridge as the network and address driver of a real Docker engine.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops where it fails, and says so"
)]

mod addresses;
mod calls;
mod chaos;
mod many;
mod order;
mod published;
mod raw;
mod restarts;
mod scene;
mod walkthrough;

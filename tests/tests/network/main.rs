//! Container networks without an engine, tried as a user would.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops where it fails, and says so"
)]

mod bed;
mod boot;
mod errors;
mod foreign;
mod guards;
mod halves;
mod ipam;
mod kill;
mod kill_verbs;
mod kinds;
mod list;
mod members;
mod mends;
mod names;
mod options;
mod overlaps;
mod reach;
mod refusals;
mod segments;
mod talk;
mod tour;

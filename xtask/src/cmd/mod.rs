//! One module for each subcommand.

mod apt;
pub(crate) mod bench;
pub(crate) mod build;
mod docker;
pub(crate) mod lint;
pub(crate) mod run;
pub(crate) mod setup;
mod suites;
pub(crate) mod test;
mod tidy;
pub(crate) mod verify;
mod vm;

//! The benchmark: datapaths side by side, in one session, on the user's machine.
//!
//! Datapaths are interleaved, so that what the machine does meanwhile hits all of them; every
//! figure is a median over runs, beside its range. Frames are counted where they arrive.

mod cpus;
mod daemon;
mod datapath;
mod environment;
mod measure;
mod mounts;
mod plot;
mod programs;
mod report;
mod rig;
mod sample;
mod series;
mod session;
mod test;
mod thread;
mod tools;

pub use self::{
    datapath::Datapath,
    environment::{Environment, OffloadState},
    report::{Failure, Folder, Report},
    sample::{Outcome, Unit},
    session::{BenchOptions, Progress, run},
    test::{TESTS, Test},
};

//! The benchmark: datapaths side by side, in one session, on the user's machine.
//!
//! Datapaths are interleaved, so that what the machine does meanwhile hits all of them; every
//! figure is a median over runs, beside its range. Frames are counted where they arrive.

mod datapath;
mod environment;
mod measure;
mod mounts;
mod programs;
mod report;
mod rig;
mod sample;
mod session;
mod test;
mod tools;

pub use self::{
    datapath::Datapath,
    environment::Environment,
    report::{Failure, Report},
    sample::{Outcome, Unit},
    session::{BenchOptions, Progress, run},
    test::{TESTS, Test},
};

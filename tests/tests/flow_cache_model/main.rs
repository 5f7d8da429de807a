//! The flow cache leaves the decisions alone: the real programs, with it and without, decide and
//! count as the model does, while the FDB, the ports and the settings change between the frames.
//!
//! The cases are the same in every run. A failure prints the shortest list of steps that fails;
//! `PROPTEST_RNG_SEED` and `PROPTEST_CASES` try others.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops where it fails, and says so"
)]

mod bed;
mod change;
mod clock;
mod step;

use std::{cell::RefCell, env};

use netbridge_tests::{
    program::{Bench, Hook},
    require_root,
};
use proptest::test_runner::{Config, RngSeed, TestRunner};

use self::{bed::Bed, step::step};

/// Cases of each test, and most steps of a case.
const CASES: u32 = 16;
const STEPS: usize = 120;
/// Where the cases start unless told otherwise.
const SEED: u64 = 1;

#[test]
fn tc_with_the_flow_cache_is_as_the_model() {
    check(Hook::Tc, true);
}

#[test]
fn tc_without_the_flow_cache_is_as_the_model() {
    check(Hook::Tc, false);
}

#[test]
fn xdp_with_the_flow_cache_is_as_the_model() {
    check(Hook::Xdp, true);
}

#[test]
fn xdp_without_the_flow_cache_is_as_the_model() {
    check(Hook::Xdp, false);
}

fn check(hook: Hook, flow_cache: bool) {
    require_root!();
    Bench::alone(|| {
        let bed = RefCell::new(Bed::new(hook, flow_cache));
        let steps = proptest::collection::vec(step(), 1..STEPS);
        let mut runner = TestRunner::new(config());
        let outcome = runner.run(&steps, |steps| {
            bed.borrow_mut().play(&steps);
            Ok(())
        });
        if let Err(error) = outcome {
            panic!("{hook:?}, flow cache {flow_cache}: {error}");
        }
    });
}

fn config() -> Config {
    const MOST_SHRINKS: u32 = 10_000;
    const MOST_MILLIS_TO_SHRINK: u32 = 20_000;
    let mut config = Config {
        failure_persistence: None,
        max_shrink_time: MOST_MILLIS_TO_SHRINK,
        max_shrink_iters: MOST_SHRINKS,
        ..Config::default()
    };
    if env::var_os("PROPTEST_CASES").is_none() {
        config.cases = CASES;
    }
    if env::var_os("PROPTEST_RNG_SEED").is_none() {
        config.rng_seed = RngSeed::Fixed(SEED);
    }
    config
}

//! The steps of a test run: announced, timed, and summed up at the end.

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::Result;

use crate::{failure::exit_code, summary::Counts};

/// What has been done so far.
#[derive(Default)]
pub(crate) struct Report {
    steps: Vec<Step>,
    counts: Counts,
    /// That of the first step that failed.
    code: Option<ExitCode>,
}

struct Step {
    name: &'static str,
    time: Duration,
    outcome: &'static str,
}

impl Report {
    /// Runs a step; if it fails, says why and counts it as a failed test.
    pub(crate) fn step<T>(
        &mut self,
        name: &'static str,
        run: impl FnOnce() -> Result<T>,
    ) -> Option<T> {
        println!("== {name}");
        let start = Instant::now();
        let result = run();
        let outcome = if result.is_ok() { "ok" } else { "failed" };
        self.steps.push(Step {
            name,
            time: start.elapsed(),
            outcome,
        });
        if let Err(error) = &result {
            eprintln!("error: {error:#}");
            self.counts.failed += 1;
            self.code.get_or_insert_with(|| exit_code(error));
        }
        result.ok()
    }

    /// Adds the tests of the last step.
    pub(crate) fn add(&mut self, counts: Counts) {
        self.counts.add(counts);
        if counts.failed > 0 {
            self.code.get_or_insert(ExitCode::FAILURE);
            if let Some(step) = self.steps.last_mut() {
                step.outcome = "failed";
            }
        }
    }

    /// Prints the summary, whose last line holds the counts.
    pub(crate) fn finish(self) -> ExitCode {
        println!("== summary");
        for step in &self.steps {
            let seconds = step.time.as_secs_f64();
            println!("{:<8} {seconds:>7.1} s  {}", step.name, step.outcome);
        }
        println!("{}", self.counts);
        self.code.unwrap_or(ExitCode::SUCCESS)
    }
}

//! `netbridge bench`.

use std::{fs, path::PathBuf};

use anyhow::{Context as _, Result};

use super::UsageError;
use crate::{
    bench::{self, BenchOptions, Datapath, Progress, TESTS, Test},
    output,
};

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  netbridge bench --quick
  netbridge bench throughput tcp --datapath linux-bridge netbridge-tc --out results

Everything happens in network namespaces that only the benchmark can see.")]
pub(super) struct Args {
    /// Tests: throughput, flows, broadcast, learning, udp, tcp, latency, cost, attach, memory, fdb_dump,
    /// fdb_sweep; all where none is given.
    #[expect(clippy::doc_markdown, reason = "the help shows the text as it is")]
    #[arg(value_name = "TEST")]
    tests: Vec<String>,
    /// Datapaths; all where none is given.
    #[arg(long, value_name = "NAME", num_args = 1..)]
    datapath: Vec<String>,
    /// Be done within a minute: shorter tests, fewer sizes, two runs.
    #[arg(long)]
    quick: bool,
    /// Runs of each test on each datapath.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    runs: Option<u16>,
    /// Also write results.json and report.md into this folder.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(super) fn run(args: &Args, json: bool) -> Result<()> {
    let mut tests = named(
        &args.tests,
        "test",
        TESTS,
        |test| test.name,
        Test::from_name,
    )?;
    if args.tests.is_empty() {
        tests.retain(|test| test.quick || !args.quick);
    }
    let options = BenchOptions {
        tests,
        datapaths: named(
            &args.datapath,
            "datapath",
            &Datapath::ALL,
            Datapath::name,
            Datapath::from_name,
        )?,
        runs: args
            .runs
            .map_or(if args.quick { 2 } else { 5 }, usize::from),
        quick: args.quick,
    };
    if let Some(dir) = &args.out {
        // Before anything is measured, which takes minutes.
        fs::create_dir_all(dir).with_context(|| format!("create {}", dir.display()))?;
    }
    let report = bench::run(&options, |progress| show(&progress, options.runs))?;
    let written = args.out.as_ref().map_or(Ok(()), |dir| report.write(dir));
    // Results that could not be written are not lost.
    if json {
        output::say(serde_json::to_string(&report)?)?;
    } else {
        output::say(&report)?;
    }
    written
}

/// One line of progress, on standard error.
fn show(progress: &Progress, runs: usize) {
    let left = progress.left.map_or_else(String::new, |left| {
        let left = left.as_secs() + 1;
        format!(", {}:{:02} min left", left / 60, left % 60)
    });
    eprintln!(
        "{:3.0} %{left}  run {} of {runs}: {} on {}",
        progress.done * 100.0,
        progress.run,
        progress.test,
        progress.datapath,
    );
}

/// The things of these names, or all of them where none is given.
fn named<T: Copy>(
    names: &[String],
    what: &str,
    all: &[T],
    name: fn(T) -> &'static str,
    find: fn(&str) -> Option<T>,
) -> Result<Vec<T>, UsageError> {
    if names.is_empty() {
        return Ok(all.to_vec());
    }
    let unknown = |text: &String| {
        let known: Vec<&str> = all.iter().map(|item| name(*item)).collect();
        UsageError(format!(
            "{what} `{text}`: unknown; there are {}",
            known.join(", ")
        ))
    };
    names
        .iter()
        .map(|text| find(text).ok_or_else(|| unknown(text)))
        .collect()
}

//! `netbridge bench`.

use std::{
    io::{IsTerminal as _, Write as _, stderr},
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

use anyhow::{Result, bail};

use super::UsageError;
use crate::{
    bench::{self, BenchOptions, Datapath, Folder, Progress, Report, TESTS, Test},
    daemon::Stop,
    output,
};

/// What shells make of a command that an interrupt ended.
const INTERRUPTED: i32 = 130;

#[derive(Debug, clap::Args)]
#[command(after_help = after_help())]
pub(super) struct Args {
    /// Tests; all where none is given.
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
    /// Also write results.json, report.md and its pictures into this folder.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Tests and datapaths as they are.
fn after_help() -> String {
    let list = |rows: Vec<(&str, &str)>| -> String {
        let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        let line = |(name, about): &(&str, &str)| format!("  {name:width$}  {about}\n");
        rows.iter().map(line).collect()
    };
    let tests = TESTS.iter().map(|test| (test.name, test.about)).collect();
    let datapaths = Datapath::ALL
        .iter()
        .map(|datapath| (datapath.name(), datapath.about()))
        .collect();
    format!(
        "Tests:\n{}\nDatapaths:\n{}\nExamples:
  netbridge bench --quick
  netbridge bench throughput tcp --datapath linux-bridge netbridge-tc --out results

Everything happens in network namespaces that only the benchmark can see; Docker's engine for the test docker is one
of its own there.",
        list(tests),
        list(datapaths)
    )
}

pub(super) fn run(args: &Args, json: bool) -> Result<()> {
    let options = options(args)?;
    let interrupts = Interrupts::watch()?;
    let folder = {
        let _held = interrupts.hold();
        args.out.as_deref().map(Folder::new).transpose()?
    };
    let mut screen = Screen::default();
    let report = bench::run(&options, |progress| screen.show(&progress, options.runs))?;
    screen.clear();
    let written = folder.map_or(Ok(()), |folder| {
        let _held = interrupts.hold();
        folder.write(&report)
    });
    // Results that could not be written are not lost.
    if json {
        output::say(serde_json::to_string(&report)?)?;
    } else {
        output::say(&report)?;
    }
    written?;
    failures(&report)
}

fn options(args: &Args) -> Result<BenchOptions, UsageError> {
    let find = Test::from_name;
    let mut tests = named(&args.tests, "test", TESTS, |test| test.name, find)?;
    if args.tests.is_empty() {
        tests.retain(|test| test.quick || !args.quick);
    }
    let find = Datapath::from_name;
    let datapaths = named(
        &args.datapath,
        "datapath",
        &Datapath::ALL,
        Datapath::name,
        find,
    )?;
    let runs = args.runs.map(usize::from);
    Ok(BenchOptions {
        tests,
        datapaths,
        runs: runs.unwrap_or(if args.quick { 2 } else { 5 }),
        quick: args.quick,
    })
}

/// Fails with the first of the tests that did.
fn failures(report: &Report) -> Result<()> {
    match report.failures.as_slice() {
        [] => Ok(()),
        [one] => bail!("{one}"),
        [first, others @ ..] => bail!("{first}; and {} more failed", others.len()),
    }
}

/// The things of these names, each once, or all of them where none is given.
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
    let mut found: Vec<T> = Vec::new();
    for text in names {
        let item = find(text).ok_or_else(|| unknown(text))?;
        if !found.iter().any(|known| name(*known) == name(item)) {
            found.push(item);
        }
    }
    Ok(found)
}

/// Progress on standard error: one line that changes on a terminal, line after line elsewhere.
#[derive(Default)]
struct Screen {
    /// Nobody reads it any more.
    closed: bool,
}

impl Screen {
    fn show(&mut self, progress: &Progress, runs: usize) {
        let left = progress.left.map_or_else(String::new, |left| {
            let left = left.as_secs() + 1;
            format!(", {}:{:02} min left", left / 60, left % 60)
        });
        self.write(&format!(
            "{:3.0} %{left}  run {} of {runs}: {} on {}",
            progress.done * 100.0,
            progress.run,
            progress.test,
            progress.datapath,
        ));
    }

    /// Removes the line where it is on a terminal.
    fn clear(&mut self) {
        if stderr().is_terminal() {
            self.write("");
        }
    }

    fn write(&mut self, text: &str) {
        if self.closed {
            return;
        }
        let mut stderr = stderr().lock();
        let outcome = if stderr.is_terminal() {
            // Back to the first column, and clear what is right of the text.
            write!(stderr, "\r{text}\x1b[K").and_then(|()| stderr.flush())
        } else {
            writeln!(stderr, "{text}")
        };
        self.closed = outcome.is_err();
    }
}

/// Ends the process on a signal. Nothing of a session outlives it: namespaces and programs have no
/// name, an engine ends with it, and files are written at the end, all of them.
struct Interrupts {
    writing: Arc<Mutex<()>>,
}

impl Interrupts {
    fn watch() -> Result<Self> {
        let writing = Arc::new(Mutex::new(()));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let mut stop = {
            let _entered = runtime.enter();
            Stop::new()?
        };
        let held = Arc::clone(&writing);
        let wait = move || {
            runtime.block_on(stop.wait());
            let _held = held.lock().unwrap_or_else(PoisonError::into_inner);
            end();
        };
        thread::Builder::new()
            .name("interrupts".to_owned())
            .spawn(wait)?;
        Ok(Self { writing })
    }

    /// Keeps signals waiting.
    fn hold(&self) -> MutexGuard<'_, ()> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[expect(
    clippy::exit,
    reason = "the session is in system calls that do not return before their time"
)]
fn end() {
    let mut screen = Screen::default();
    screen.clear();
    // On a terminal, the text is the last on its line.
    let break_line = if stderr().is_terminal() { "\n" } else { "" };
    screen.write(&format!(
        "netbridge: interrupted; nothing of the session is left{break_line}"
    ));
    std::process::exit(INTERRUPTED);
}

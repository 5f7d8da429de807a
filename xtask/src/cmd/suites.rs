//! Runs the test programs, passes on what they print, and counts.

use std::{
    io::{self, BufRead as _, BufReader, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result};

use crate::{
    cargo::{cargo, executables, workspace},
    cmd::test::skip,
    root::Root,
    summary::Counts,
};

/// The tests to run, and with what.
pub(crate) struct Suites {
    /// The program under test.
    pub(crate) netbridge: PathBuf,
    /// The folder of another kernel, for tests in a virtual machine.
    pub(crate) kernel: Option<PathBuf>,
    /// Part of the names of the tests to run.
    pub(crate) filter: Option<String>,
    /// How the tests that need root get it.
    pub(crate) root: Root,
    /// Whether tests must fail, rather than be skipped, for want of privileges.
    pub(crate) strict: bool,
}

impl Suites {
    pub(crate) fn run(&self) -> Result<Counts> {
        // Not with the others: the feature would reach netbridge's build script, which would then
        // be another one and build the object once more.
        let mut counts = self.cargo_test(&["--package=xtask", "--features=cli"])?;
        let mut members = vec!["--workspace", "--exclude=netbridge-ebpf", "--exclude=xtask"];
        if self.root == Root::Own {
            counts.add(self.cargo_test(&members)?);
            return Ok(counts);
        }
        members.push("--exclude=netbridge-tests");
        counts.add(self.cargo_test(&members)?);
        for (_, program) in executables(&["test", "--package=netbridge-tests", "--no-run"])? {
            counts.add(self.run_as_root(&program)?);
        }
        Ok(counts)
    }

    fn cargo_test(&self, members: &[&str]) -> Result<Counts> {
        let mut cargo = cargo()?;
        cargo
            .arg("test")
            .args(members)
            .arg("--no-fail-fast")
            .args(&self.filter)
            .envs(self.vars());
        stream(&mut cargo, &mut io::stdout())
    }

    /// Runs one test program of netbridge-tests by sudo, in its package's folder as cargo does.
    fn run_as_root(&self, program: &Path) -> Result<Counts> {
        if self.root != Root::QuietSudo {
            return self.leave_out(program);
        }
        println!("     Running {} as root", program.display());
        let mut command = self.root.command(program, &self.vars())?;
        command
            .args(&self.filter)
            .current_dir(workspace()?.join("tests"));
        stream(&mut command, &mut io::stdout())
    }

    /// Says that a program's tests are not run, and counts them as skipped, or as failed where
    /// that must not be.
    fn leave_out(&self, program: &Path) -> Result<Counts> {
        let output = Command::new(program)
            .args(&self.filter)
            .args(["--list", "--format=terse"])
            .output()
            .with_context(|| format!("list the tests of {}", program.display()))?;
        let list = String::from_utf8_lossy(&output.stdout);
        let tests = list.lines().filter(|line| line.ends_with(": test"));
        let tests = tests.map(|_| 1).sum();
        let mut counts = Counts::default();
        match skip(&format!("{} ({tests} tests)", program.display())) {
            Ok(()) => counts.skipped = tests,
            Err(error) => {
                eprintln!("error: {error:#}");
                counts.failed = tests;
            }
        }
        Ok(counts)
    }

    /// What the tests read from the environment.
    fn vars(&self) -> Vec<(String, String)> {
        let netbridge = self.netbridge.display().to_string();
        let mut vars = vec![("NETBRIDGE_BIN".to_owned(), netbridge)];
        if let Some(kernel) = &self.kernel {
            vars.push((
                "NETBRIDGE_VM_KERNEL".to_owned(),
                kernel.display().to_string(),
            ));
        }
        if self.strict {
            vars.push(("NETBRIDGE_REQUIRE_ROOT".to_owned(), "1".to_owned()));
        }
        vars
    }
}

/// Runs a command, passes its output on line by line, and adds up the results in it.
///
/// A command that fails without a failed test, as where the tests do not compile or one of them
/// ends the process, counts as one.
fn stream(command: &mut Command, out: &mut impl Write) -> Result<Counts> {
    let program = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("run {program}"))?;
    let pipe = child.stdout.take().context("read the tests' output")?;
    let mut output = BufReader::new(pipe);
    let mut counts = Counts::default();
    let mut line = Vec::new();
    while output
        .read_until(b'\n', &mut line)
        .context("read the tests' output")?
        > 0
    {
        out.write_all(&line).context("pass the tests' output on")?;
        counts.add(Counts::of_line(&String::from_utf8_lossy(&line)).unwrap_or_default());
        line.clear();
    }
    let status = child
        .wait()
        .with_context(|| format!("wait for {program}"))?;
    if !status.success() && counts.failed == 0 {
        eprintln!("error: run the tests: {program} ended with {status}");
        counts.failed = 1;
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_that_no_test_reports_counts() {
        let mut shell = Command::new("sh");
        let line = "test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured";
        shell.args(["-c", &format!("echo '{line}'; exit 1")]);
        let mut out = Vec::new();
        let counts = stream(&mut shell, &mut out).unwrap();
        assert_eq!((counts.passed, counts.failed), (2, 1));
        assert_eq!(String::from_utf8(out).unwrap(), format!("{line}\n"));
    }
}

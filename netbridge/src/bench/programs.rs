//! Programs of other packages that a datapath needs.

use std::{
    env,
    ffi::OsString,
    io::Write as _,
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};

/// Where a program is: on the path, or where those for administrators are.
pub(super) fn find(name: &str) -> Option<PathBuf> {
    folders()
        .into_iter()
        .map(|dir| dir.join(name))
        .find(|file| file.is_file())
}

/// The path, and where programs for administrators are.
fn folders() -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let own = ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from);
    env::split_paths(&path).chain(own).collect()
}

/// A path on which a program finds what [`find`] does.
pub(super) fn path() -> Result<OsString> {
    env::join_paths(folders()).context("make a path")
}

/// A command of a program that [`find`] knows.
pub(super) fn command(name: &str) -> Result<Command> {
    Ok(Command::new(
        find(name).with_context(|| format!("{name}: not installed"))?,
    ))
}

/// Runs a command to its end; where it fails, with what it complained about.
pub(super) fn run(command: &mut Command, input: &str) -> Result<()> {
    finish(command.stdout(Stdio::null()), input).map(drop)
}

/// Runs a command as [`run`] does; returns what it said.
pub(super) fn output(command: &mut Command) -> Result<String> {
    let said = finish(command.stdout(Stdio::piped()), "")?;
    Ok(String::from_utf8_lossy(&said).into_owned())
}

fn finish(command: &mut Command, input: &str) -> Result<Vec<u8>> {
    let program = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("start {program}"))?;
    // Closed at once, so that it ends; what it does not read, it says itself.
    let written = child
        .stdin
        .take()
        .map_or(Ok(()), |mut stdin| stdin.write_all(input.as_bytes()));
    let output = child
        .wait_with_output()
        .with_context(|| format!("wait for {program}"))?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{program}: {}", complaint.trim());
    written.with_context(|| format!("write to {program}"))?;
    Ok(output.stdout)
}

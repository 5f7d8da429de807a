//! Calls of cargo, and of other programs.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

/// The folder of the workspace.
pub(crate) fn workspace() -> Result<PathBuf> {
    if let Some(dir) = env::var_os("CARGO_MANIFEST_DIR")
        && let Some(parent) = Path::new(&dir).parent()
    {
        return Ok(parent.to_path_buf());
    }
    let here = env::current_dir().context("find the current folder")?;
    let root = here
        .ancestors()
        .find(|dir| dir.join("xtask/Cargo.toml").is_file());
    Ok(root
        .with_context(|| format!("find the workspace above {}: none", here.display()))?
        .to_path_buf())
}

/// The cargo that runs this, to be called in the workspace.
pub(crate) fn cargo() -> Result<Command> {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    cargo
        .current_dir(workspace()?)
        .env("RUSTUP_AUTO_INSTALL", "0");
    Ok(cargo)
}

/// Runs a command to its end; `what` says in an error what it was for.
pub(crate) fn check(command: &mut Command, what: &str) -> Result<()> {
    let program = Path::new(command.get_program());
    let program = program.file_name().unwrap_or_default().to_string_lossy();
    let program = program.into_owned();
    let status = command
        .status()
        .with_context(|| format!("{what}: run {program}"))?;
    if !status.success() {
        bail!("{what}: {program} ended with {status}");
    }
    Ok(())
}

/// The folder cargo builds in.
pub(crate) fn target_dir() -> Result<PathBuf> {
    let output = cargo()?
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .stderr(Stdio::inherit())
        .output()
        .context("run cargo metadata")?;
    if !output.status.success() {
        bail!("run cargo metadata: cargo ended with {}", output.status);
    }
    let metadata: Value = serde_json::from_slice(&output.stdout).context("read cargo metadata")?;
    let dir = metadata["target_directory"].as_str();
    Ok(PathBuf::from(
        dir.context("read cargo metadata: no target_directory")?,
    ))
}

/// Runs a cargo command that builds, and returns the programs it made: their names and paths.
pub(crate) fn executables(args: &[&str]) -> Result<Vec<(String, PathBuf)>> {
    let what = format!("run cargo {}", args.join(" "));
    let output = cargo()?
        .args(args)
        .arg("--message-format=json-render-diagnostics")
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| what.clone())?;
    if !output.status.success() {
        bail!("{what}: cargo ended with {}", output.status);
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    Ok(messages.lines().filter_map(executable).collect())
}

/// The name and path of the program which one of cargo's messages tells of.
fn executable(message: &str) -> Option<(String, PathBuf)> {
    let message: Value = serde_json::from_str(message).ok()?;
    let path = message["executable"].as_str()?;
    let name = message["target"]["name"].as_str()?;
    Some((name.to_owned(), PathBuf::from(path)))
}

/// Builds netbridge, for release or not, and returns its path.
pub(crate) fn build_netbridge(release: bool) -> Result<PathBuf> {
    let mut args = vec!["build", "--package", "netbridge", "--bin", "netbridge"];
    if release {
        args.push("--release");
    }
    let programs = executables(&args)?;
    let program = programs.into_iter().find(|(name, _)| name == "netbridge");
    Ok(program.context("build netbridge: cargo made no program")?.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_read_from_messages() {
        let message = r#"{"reason":"x","target":{"name":"netbridge"},"executable":"/t/netbridge"}"#;
        let expected = ("netbridge".to_owned(), PathBuf::from("/t/netbridge"));
        assert_eq!(executable(message), Some(expected));
        let library = r#"{"target":{"name":"netbridge"},"executable":null}"#;
        assert_eq!(executable(library), None);
        assert_eq!(executable("warning: not json"), None);
    }
}

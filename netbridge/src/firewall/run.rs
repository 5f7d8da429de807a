//! Running the programs that speak with the kernel's firewall.

use std::{
    io::{self, Write as _},
    process::{Command, Output, Stdio},
};

use super::FirewallError;

/// Runs `program` with `input` on its standard input, and waits for its end.
///
/// The crate `nftables` can do this too, but leaves the complaints of `nft` on the terminal.
pub(super) fn run(
    program: &'static str,
    package: &'static str,
    args: &[&str],
    input: &[u8],
) -> Result<Output, FirewallError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => FirewallError::Missing { program, package },
        _ => FirewallError::Run { program, source },
    };
    let mut child = Command::new(program)
        .args(args)
        // Its complaints are looked through.
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let written = child.stdin.take().map(|mut stdin| stdin.write_all(input));
    let output = child.wait_with_output().map_err(failed)?;
    match written {
        // A program that gave up early says why; that it closed its input is no news then.
        Some(Err(source)) if output.status.success() => Err(FirewallError::Run { program, source }),
        _ if says(&output, "you must be root") || says(&output, "Operation not permitted") => {
            Err(FirewallError::Privilege { program })
        }
        _ => Ok(output),
    }
}

/// Says whether `program` is in the path; costs no process.
pub(super) fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

fn says(output: &Output, words: &str) -> bool {
    !output.status.success() && String::from_utf8_lossy(&output.stderr).contains(words)
}

/// What a program complained about, in one line.
pub(super) fn complaint(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = text.lines().map(plain).filter(|l| !l.is_empty()).collect();
    if lines.is_empty() {
        return output.status.to_string();
    }
    lines.join(", ")
}

/// A line without the place in the input, which was never a file, and without full stop.
fn plain(line: &str) -> &str {
    let line = line.trim();
    let line = line.split_once("Error: ").map_or(line, |(_, rest)| rest);
    line.trim_end_matches('.')
}

#[cfg(test)]
mod tests {
    use std::{os::unix::process::ExitStatusExt as _, process::ExitStatus};

    use super::*;

    fn failed(stderr: &str) -> Output {
        Output {
            status: ExitStatus::from_raw(0x100),
            stdout: Vec::new(),
            stderr: stderr.as_bytes().to_vec(),
        }
    }

    #[test]
    fn complaints_become_one_line() {
        let output = failed(
            "internal:0:0-0: Error: Invalid map type.\n\ninternal:0:0-0: Error: Parsing failed.\n",
        );
        assert_eq!(complaint(&output), "Invalid map type, Parsing failed");
        assert_eq!(complaint(&failed("")), "exit status: 1");
    }

    #[test]
    fn a_missing_program_is_named_with_its_package() {
        let error = run("no-such-nft", "nftables", &[], b"").unwrap_err();
        assert_eq!(
            (error.to_string().as_str(), error.exit_code()),
            (
                "set up the firewall: needs the program no-such-nft; install the package nftables",
                3
            )
        );
    }
}

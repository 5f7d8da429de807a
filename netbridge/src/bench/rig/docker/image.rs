//! The image of containers that do nothing, of the machine's own busybox: no registry is needed.

use std::fs;

use anyhow::{Context as _, Result};

use super::Engine;
use crate::bench::programs;

/// Its name.
pub(super) const NAME: &str = "bench";
/// Where the program is in it.
pub(super) const BUSYBOX: &str = "/busybox";

/// What is packed, and the archive.
const ROOT: &str = "/run/image";
const ARCHIVE: &str = "/run/image.tar";

/// `PT_INTERP`: a segment that names the dynamic loader.
const INTERPRETER: u32 = 3;

/// Why it cannot be made here, where it cannot.
pub(super) fn unavailable() -> Option<String> {
    let package = "(Debian package busybox-static)";
    let Some(path) = programs::find("busybox") else {
        return Some(format!("busybox is not installed {package}"));
    };
    let program = fs::read(&path).unwrap_or_default();
    (is_static(&program) != Some(true))
        .then(|| format!("{} needs libraries {package}", path.display()))
}

/// Whether a program of 64 bits needs no loader; nothing where it is none.
fn is_static(program: &[u8]) -> Option<bool> {
    let half = |at: usize| {
        let octets = program.get(at..)?.first_chunk()?;
        Some(usize::from(u16::from_ne_bytes(*octets)))
    };
    let octets = program.get(0x20..)?.first_chunk()?;
    let headers = usize::try_from(u64::from_ne_bytes(*octets)).ok()?;
    let (size, count) = (half(0x36)?, half(0x38)?);
    let kind = |number: usize| {
        let octets = program.get(headers + number * size..)?.first_chunk()?;
        Some(u32::from_ne_bytes(*octets))
    };
    let kinds: Option<Vec<u32>> = (0..count).map(kind).collect();
    program
        .starts_with(b"\x7fELF\x02")
        .then_some(!kinds?.contains(&INTERPRETER))
}

/// Makes it in the engine.
pub(super) fn import(engine: &Engine) -> Result<()> {
    let busybox = programs::find("busybox").context("busybox: not installed")?;
    fs::create_dir(ROOT).with_context(|| format!("create {ROOT}"))?;
    let copy = format!("{ROOT}{BUSYBOX}");
    fs::copy(&busybox, &copy).with_context(|| format!("copy busybox to {copy}"))?;
    let mut tar = programs::command("busybox")?;
    programs::run(tar.args(["tar", "-c", "-f", ARCHIVE, "-C", ROOT, "."]), "")?;
    programs::run(&mut engine.docker(&["import", ARCHIVE, NAME])?, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_with_a_loader_needs_libraries() {
        let own = fs::read("/proc/self/exe").unwrap();
        assert_eq!(is_static(&own), Some(false));
        assert_eq!(is_static(b"#!/bin/sh\n"), None);
        assert_eq!(is_static(&[]), None);
    }
}

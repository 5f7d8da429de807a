//! Numbers that nobody guesses.

use std::{fs::File, io, io::Read as _};

/// Octets of the kernel's random generator.
pub(crate) fn octets<const N: usize>() -> io::Result<[u8; N]> {
    let mut octets = [0; N];
    File::open("/dev/urandom")?.read_exact(&mut octets)?;
    Ok(octets)
}

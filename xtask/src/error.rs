//! What can go wrong while the eBPF object is built, each as one line.

use std::{fmt, io, path::PathBuf};

use crate::toolchain::Missing;

/// Why the eBPF object could not be built.
pub enum Error {
    /// No usable eBPF toolchain was found.
    Missing(Missing),
    /// The compiler or the linker refused the eBPF programs.
    Build {
        /// How the child process ended.
        status: String,
    },
    /// A file or a program could not be used.
    Io {
        /// What was tried, as a verb.
        verb: &'static str,
        /// On what it was tried.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A variable that cargo sets for build scripts is not set.
    Variable(&'static str),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(missing) => missing.fmt(f),
            Self::Build { status } => write!(
                f,
                "build netbridge-ebpf: cargo ended with {status} (its messages are above)"
            ),
            Self::Io { verb, path, source } => write!(f, "{verb} {}: {source}", path.display()),
            Self::Variable(name) => {
                write!(f, "read {name}: not set (call this from a build script)")
            }
        }
    }
}

// A build script's `main` reports its error with `Debug`: keep that to the same one line.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Missing(missing) => Some(missing),
            Self::Io { source, .. } => Some(source),
            Self::Build { .. } | Self::Variable(_) => None,
        }
    }
}

impl From<Missing> for Error {
    fn from(missing: Missing) -> Self {
        Self::Missing(missing)
    }
}

//! Which exit code an error becomes: 1, or 3 where a tool or a privilege is missing.

use std::{fmt, process::ExitCode};

/// A tool or a privilege that is missing, with what to do about it.
#[derive(Debug)]
pub(crate) struct Lacking(pub(crate) String);

impl fmt::Display for Lacking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Lacking {}

/// The exit code for an error.
pub(crate) fn exit_code(error: &anyhow::Error) -> ExitCode {
    let lacking = error
        .chain()
        .any(|cause| cause.is::<Lacking>() || cause.is::<xtask::Missing>());
    ExitCode::from(if lacking { 3 } else { 1 })
}

#[cfg(test)]
mod tests {
    use anyhow::{Context as _, anyhow};

    use super::*;

    #[test]
    fn a_missing_tool_is_three_wherever_it_is_in_the_chain() {
        let lacking: anyhow::Result<()> = Err(Lacking("no sudo".to_owned()).into());
        let error = lacking.context("run netbridge").unwrap_err();
        assert_eq!(exit_code(&error), ExitCode::from(3));
        let error = anyhow::Error::from(xtask::Missing::Rustc);
        assert_eq!(exit_code(&error), ExitCode::from(3));
        assert_eq!(exit_code(&anyhow!("other")), ExitCode::from(1));
    }
}

//! Who runs this, and how to start a program as root.

use std::{
    env,
    ffi::OsStr,
    fs,
    process::{Command, Stdio},
};

use anyhow::Result;

use crate::failure::Lacking;

/// How this process gets root for what it starts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Root {
    /// It is root.
    Own,
    /// By sudo, which may ask for a password.
    Sudo,
    /// By sudo, which does not ask.
    QuietSudo,
    /// Not at all.
    Never,
}

impl Root {
    /// What this process can do.
    pub(crate) fn of_this_process() -> Self {
        if is_root() {
            return Self::Own;
        }
        if !has_program("sudo") {
            return Self::Never;
        }
        let quiet = Command::new("sudo")
            .args(["-n", "true"])
            .stderr(Stdio::null())
            .status();
        if quiet.is_ok_and(|status| status.success()) {
            Self::QuietSudo
        } else {
            Self::Sudo
        }
    }

    /// The command that starts a program as root with these additions to the environment.
    pub(crate) fn command(
        self,
        program: impl AsRef<OsStr>,
        vars: &[(String, String)],
    ) -> Result<Command> {
        let program = program.as_ref();
        let mut sudo = Command::new("sudo");
        match self {
            Self::Own => {
                let mut command = Command::new(program);
                command.envs(vars.iter().cloned());
                return Ok(command);
            }
            Self::Sudo => {}
            Self::QuietSudo => {
                sudo.arg("-n");
            }
            Self::Never => {
                let program = program.to_string_lossy();
                let text =
                    format!("run {program}: needs root, and there is no sudo; run this as root");
                return Err(Lacking(text).into());
            }
        }
        sudo.arg("--");
        if !vars.is_empty() {
            // sudo drops the variables of its caller.
            let vars = vars.iter().map(|(name, value)| format!("{name}={value}"));
            sudo.arg("env").args(vars);
        }
        sudo.arg(program);
        Ok(sudo)
    }
}

/// Whether this runs as root.
pub(crate) fn is_root() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let uids = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    // Real, effective, saved, filesystem.
    uids.and_then(|uids| uids.split_whitespace().nth(1)) == Some("0")
}

/// Whether a program of this name is on `PATH`.
pub(crate) fn has_program(name: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|dir| dir.join(name).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sudo_hands_the_variables_on() {
        let vars = [("A".to_owned(), "b c".to_owned())];
        let command = Root::QuietSudo.command("/t/x", &vars).unwrap();
        let args: Vec<_> = command.get_args().collect();
        assert_eq!(args, ["-n", "--", "env", "A=b c", "/t/x"]);
        let command = Root::Own.command("/t/x", &vars).unwrap();
        assert_eq!(command.get_program(), "/t/x");
        assert!(Root::Never.command("/t/x", &vars).is_err());
    }
}

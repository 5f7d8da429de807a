//! The package manager of Debian and Ubuntu.

use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};

use crate::{cargo::check, failure::Lacking, root::is_root};

/// What packages ask whether their services may be started: 101 says no.
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// Runs a command while the policy, the first argument, allows no service; one that is there stays.
const WITHOUT_SERVICES: &str = r#"
policy=$1
shift
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    trap 'exit 130' INT TERM
    printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy" || exit 1
fi
"$@"
"#;

/// apt, whose lists are brought up to date before the first question about a package.
#[derive(Default)]
pub(crate) struct Apt {
    updated: bool,
}

impl Apt {
    /// Whether a package is installed or can be.
    pub(crate) fn has(&mut self, package: &str) -> Result<bool> {
        if is_installed(package) {
            return Ok(true);
        }
        self.update()?;
        let status = Command::new("apt-cache")
            .args(["show", package])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .context("run apt-cache")?;
        Ok(status.success())
    }

    fn update(&mut self) -> Result<()> {
        if !self.updated {
            check(apt_get().arg("update"), "refresh the package lists")?;
            self.updated = true;
        }
        Ok(())
    }

    /// The packages whose names match a regular expression.
    pub(crate) fn search(&mut self, name: &str) -> Result<Vec<String>> {
        self.update()?;
        let output = Command::new("apt-cache")
            .args(["search", "--names-only", name])
            .output()
            .context("run apt-cache")?;
        let lines = String::from_utf8_lossy(&output.stdout);
        let names = lines.lines().filter_map(|line| line.split(' ').next());
        Ok(names.map(str::to_owned).collect())
    }

    /// Installs those of the packages that are missing, and removes none for them.
    pub(crate) fn install(&mut self, packages: &[&str]) -> Result<()> {
        self.install_by(apt_get(), packages)
    }

    /// As [`Apt::install`], but services of the packages are not started with it.
    pub(crate) fn install_without_services(&mut self, packages: &[&str]) -> Result<()> {
        let wrapper = ["sh", "-c", WITHOUT_SERVICES, "sh", POLICY];
        self.install_by(apt_get_by(&wrapper), packages)
    }

    fn install_by(&mut self, mut install: Command, packages: &[&str]) -> Result<()> {
        for package in packages {
            if !self.has(package)? {
                let text = format!("install {package}: this distribution does not have it");
                return Err(Lacking(text).into());
            }
        }
        let missing: Vec<_> = packages.iter().filter(|name| !is_installed(name)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        install
            .args(["install", "--yes", "--no-install-recommends", "--no-remove"])
            .args(missing);
        check(&mut install, &format!("install {}", packages.join(" ")))
    }
}

fn is_installed(package: &str) -> bool {
    let output = Command::new("dpkg-query")
        .args(["--show", "--showformat=${db:Status-Status}", package])
        .output();
    output.is_ok_and(|output| output.stdout == b"installed")
}

fn apt_get() -> Command {
    apt_get_by(&[])
}

/// apt-get as root, started by another program.
fn apt_get_by(wrapper: &[&str]) -> Command {
    let mut command = Command::new(if is_root() { "env" } else { "sudo" });
    if !is_root() {
        command.args(["--", "env"]);
    }
    command
        .arg("DEBIAN_FRONTEND=noninteractive")
        .args(wrapper)
        .args(["apt-get", "--quiet"]);
    command
}

#[cfg(test)]
mod tests {
    use std::{env, fs, process};

    use super::*;

    #[test]
    fn no_service_starts_meanwhile_and_the_policy_is_as_before() {
        let policy = env::temp_dir().join(format!("netbridge-policy-{}", process::id()));
        let run = |script: &str| {
            let status = Command::new("sh")
                .args(["-c", WITHOUT_SERVICES, "sh"])
                .arg(&policy)
                .args(["sh", "-c", script])
                .env("POLICY", &policy)
                .status();
            status.unwrap().code()
        };
        // The exit code of the policy is that of the command, and so of all.
        assert_eq!(run("$POLICY docker start"), Some(101));
        assert!(!policy.exists());
        fs::write(&policy, "own").unwrap();
        assert_eq!(run("exit 7"), Some(7));
        assert_eq!(fs::read_to_string(&policy).unwrap(), "own");
        fs::remove_file(&policy).unwrap();
    }
}

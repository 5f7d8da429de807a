//! The package manager of Debian and Ubuntu.

use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};

use crate::{cargo::check, failure::Lacking, root::is_root};

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
        let mut install = apt_get();
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
    let mut command = Command::new(if is_root() { "env" } else { "sudo" });
    if !is_root() {
        command.args(["--", "env"]);
    }
    command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "--quiet"]);
    command
}

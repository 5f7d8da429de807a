//! A daemon of the benchmark's own, beside those of the host.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, Result, bail};

use crate::net::{Netns, netns::end_with_thread};

/// Where a daemon finds its bridges, and leaves files: places that no other process shall see.
pub(super) const PLACES: [(&str, &str); 2] = [("bpf", "/sys/fs/bpf"), ("tmpfs", "/run")];

/// `netbridge serve` in a namespace, killed when the value goes.
pub(super) struct Daemon {
    child: Child,
}

impl Daemon {
    /// Starts it, and waits until it serves.
    pub(super) fn start(netns: &Netns) -> Result<Self> {
        Self::start_with(netns, &[])
    }

    /// The same with more arguments.
    pub(super) fn start_with(netns: &Netns, args: &[&str]) -> Result<Self> {
        let mut command = Command::new("/proc/self/exe");
        command
            .arg("serve")
            .args(args)
            .env("NETBRIDGE_LOG", "netbridge::daemon=info")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let child = end_with_thread(netns.command_in(&mut command))
            .spawn()
            .context("start netbridge serve")?;
        let mut daemon = Self { child };
        let stderr = daemon.child.stderr.as_mut().context("no standard error")?;
        for line in BufReader::new(stderr).lines() {
            if line?.contains("serving") {
                return Ok(daemon);
            }
        }
        bail!("netbridge serve ended early")
    }

    /// Its process.
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Err(error) = self.child.kill().and_then(|()| self.child.wait()) {
            tracing::warn!("end netbridge serve: {error}");
        }
    }
}

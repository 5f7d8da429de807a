//! What an engine can be told before it starts.

use super::{DATA, Engine, SOCKET};
use crate::topology::Host;

/// How an engine is started.
#[derive(Clone, Debug)]
#[must_use]
pub struct EngineOptions {
    bip: String,
    pools: Vec<String>,
    live_restore: bool,
    args: Vec<String>,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            bip: "172.17.0.1/16".to_owned(),
            pools: vec!["base=172.18.0.0/15,size=24".to_owned()],
            live_restore: false,
            args: Vec::new(),
        }
    }
}

impl EngineOptions {
    /// The address of `docker0`, with its prefix; else 172.17.0.1/16.
    pub fn bip(mut self, bip: &str) -> Self {
        bip.clone_into(&mut self.bip);
        self
    }

    /// The pools that networks without a subnet take theirs from, as `base=172.18.0.0/15,size=24`.
    pub fn pools(mut self, pools: &[&str]) -> Self {
        self.pools = pools.iter().map(|&pool| pool.to_owned()).collect();
        self
    }

    /// Whether containers run on while the engine does not.
    pub const fn live_restore(mut self, live_restore: bool) -> Self {
        self.live_restore = live_restore;
        self
    }

    /// One more argument for `dockerd`.
    pub fn arg(mut self, arg: &str) -> Self {
        self.args.push(arg.to_owned());
        self
    }

    /// Starts the engine on `host`, and makes its image.
    pub fn start(self, host: &Host) -> Engine<'_> {
        Engine::with(host, |cgroup| self.args(cgroup))
    }

    /// The arguments of `dockerd`.
    fn args(self, cgroup: &str) -> Vec<String> {
        let mut args = vec![
            format!("--host={SOCKET}"),
            format!("--data-root={DATA}"),
            "--exec-root=/run/docker".to_owned(),
            "--pidfile=/run/docker.pid".to_owned(),
            "--exec-opt=native.cgroupdriver=cgroupfs".to_owned(),
            format!("--cgroup-parent=/{cgroup}"),
            format!("--live-restore={}", self.live_restore),
            format!("--bip={}", self.bip),
        ];
        args.extend(
            self.pools
                .iter()
                .map(|pool| format!("--default-address-pool={pool}")),
        );
        args.extend(self.args);
        args
    }
}

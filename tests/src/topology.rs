//! Hosts made of namespaces: a bridge with containers on veth, and a whole host for the program.
//!
//! Nothing here has a name outside the process, so nothing is left behind, however a test ends.

mod builder;
mod host;

use std::net::Ipv4Addr;

use netbridge::{
    bridge::{Bridge, HookChoice},
    datapath::PinDir,
    net::{Netns, ethtool, ethtool::Offloads},
    stats::PortStats,
};
use netbridge_common::{FdbEntry, FdbKey, MacAddr, PortId};

pub use self::{
    builder::{LabBuilder, PortOptions, disable_ipv6},
    host::{Host, Output, Running, binary},
};
use crate::{require::note, wire::Wire};

/// Both hooks, for tests of what must be the same at each.
pub const HOOKS: [HookChoice; 2] = [HookChoice::Tc, HookChoice::Xdp];

/// Every way that a frame can take between two ports.
pub const PAIRINGS: [[HookChoice; 2]; 4] = [
    [HookChoice::Tc, HookChoice::Tc],
    [HookChoice::Tc, HookChoice::Xdp],
    [HookChoice::Xdp, HookChoice::Tc],
    [HookChoice::Xdp, HookChoice::Xdp],
];

/// Calls `check` with a lab of three containers for each mix of hooks.
pub fn on_every_mix(check: impl Fn(&Lab, &[Wire])) {
    for hooks in hook_mixes(3) {
        note(format_args!("on {hooks:?}"));
        let lab = Lab::new(&hooks);
        check(&lab, &lab.wires());
        lab.assert_accounts();
    }
}

/// What a rule of bridging is tested on: `n` ports with one hook, with the other, and with both in
/// turns, so that the first port meets its own kind and the other.
pub fn hook_mixes(n: usize) -> Vec<Vec<HookChoice>> {
    let same = HOOKS.into_iter().map(|hook| vec![hook; n]);
    let turns = (0..2).map(|first| HOOKS.into_iter().cycle().skip(first).take(n).collect());
    if n < 2 {
        same.collect()
    } else {
        same.chain(turns).collect()
    }
}

/// A bridge in a namespace of its own, and containers on it.
pub struct Lab {
    host: Netns,
    dir: PinDir,
    containers: Vec<Container>,
    prefix: &'static str,
}

/// A namespace behind a port.
pub struct Container {
    /// The namespace.
    pub netns: Netns,
    /// Name of the host's end of the veth, which is the port.
    pub port: String,
    /// Ethernet address of `eth0`.
    pub mac: MacAddr,
    /// Address of `eth0`, in a /16.
    pub ip: Ipv4Addr,
}

impl Lab {
    /// A bridge with one container for each hook.
    pub fn new(hooks: &[HookChoice]) -> Self {
        Self::builder(hooks).build()
    }

    /// A bridge with one container for each hook, to be varied before it is built.
    pub fn builder(hooks: &[HookChoice]) -> LabBuilder {
        LabBuilder::new(hooks)
    }

    /// The namespace with the bridge.
    pub const fn host(&self) -> &Netns {
        &self.host
    }

    /// Container `n`, from 1.
    pub fn container(&self, n: usize) -> &Container {
        &self.containers[n - 1]
    }

    /// All containers.
    pub fn containers(&self) -> &[Container] {
        &self.containers
    }

    /// A raw socket in each container.
    pub fn wires(&self) -> Vec<Wire> {
        self.containers.iter().map(Container::wire).collect()
    }

    /// Calls `f` with the bridge, opened in its namespace.
    pub fn bridge<T: Send>(&self, f: impl FnOnce(&mut Bridge) -> T + Send) -> T {
        let open = || Bridge::open_dir(self.dir.clone()).expect("open the bridge");
        self.host
            .run(|| f(&mut open()))
            .expect("enter the host's namespace")
    }

    /// The port of container `n`, from 1.
    pub fn port_id(&self, n: usize) -> PortId {
        let ifname = &self.container(n).port;
        self.bridge(|bridge| bridge.port_named(ifname).expect("find the port").id)
    }

    /// Counters of the port of container `n`, from 1.
    pub fn stats(&self, n: usize) -> PortStats {
        self.stats_of(&self.container(n).port)
    }

    /// Counters of the port on interface `ifname`.
    pub fn stats_of(&self, ifname: &str) -> PortStats {
        let ports = self.all_stats();
        let port = ports.into_iter().find(|port| port.port == ifname);
        port.unwrap_or_else(|| panic!("{ifname} is no port"))
    }

    /// Counters of all ports.
    pub fn all_stats(&self) -> Vec<PortStats> {
        self.bridge(|bridge| bridge.stats().expect("read the counters").ports)
    }

    /// Frames that the port of container `n` dropped for `reason`.
    pub fn drops(&self, n: usize, reason: &str) -> u64 {
        self.stats(n).dropped.reasons[reason]
    }

    /// The entry of `mac`, aged or not.
    pub fn entry(&self, mac: MacAddr) -> Option<FdbEntry> {
        self.bridge(|bridge| bridge.maps().fdb_entry(&FdbKey::untagged(mac)))
    }

    /// The entries that count now.
    pub fn fdb(&self) -> Vec<(FdbKey, FdbEntry)> {
        self.bridge(|bridge| bridge.fdb().expect("read the FDB"))
    }

    /// Asserts that every frame that came in was forwarded, flooded or dropped; none is lost from
    /// the books, and none is there twice.
    pub fn assert_accounts(&self) {
        for port in self.all_stats() {
            let total = port.forwarded + port.flooded + port.dropped.total;
            assert_eq!(port.rx.frames, total, "{port:#?}");
        }
    }

    /// Asserts that no port dropped anything.
    pub fn assert_no_drops(&self) {
        for port in self.all_stats() {
            assert_eq!(port.dropped.total, 0, "{port:#?}");
        }
    }
}

impl Container {
    /// A raw socket on `eth0`.
    pub fn wire(&self) -> Wire {
        Wire::open(&self.netns, "eth0")
    }

    /// The offloads of `eth0`.
    pub fn offloads(&self) -> Offloads {
        let read = || ethtool::offloads("eth0").expect("read the offloads of eth0");
        self.netns.run(read).expect("enter the container")
    }
}

//! The programs by themselves: a bridge whose frames come from `BPF_PROG_TEST_RUN`, not from a wire.
//!
//! The ports are real, since the kernel wants an interface for a context to name, but quiet: nobody
//! behind them says a word. What a program returns is reported and not done, save for the copies
//! of a flood that TC sends itself.

mod before;
mod case;
mod gso;

use aya::{TestRun as _, TestRunOptions};
use netbridge::{
    bridge::{Bridge, BridgeOptions, HookChoice, Port, PortSpec},
    net::{Links, Netns, VethSpec},
};
use netbridge_common::{
    FdbEntry, FdbKey, MdbEntry, MdbKey, PortConf, PortCounters, PortId, PortLimits, Settings,
};

pub use self::{
    before::{Before, Entry, limit_of, spend},
    case::{Case, Expect, Gso},
    gso::{BufferSocket, send_buffer},
};
use crate::linux::quiet_netns;

/// The hook whose program is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    /// `tc_ingress`.
    Tc,
    /// `xdp_ingress`.
    Xdp,
}

impl Hook {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Tc, Self::Xdp];

    /// What a return value of the hook's program means.
    pub fn action(self, returned: u32) -> Action {
        match (self, returned) {
            (Self::Tc, 2) | (Self::Xdp, 1) => Action::Drop,
            (Self::Tc, 7) | (Self::Xdp, 4) => Action::Redirect,
            (Self::Xdp, 2) => Action::PassUp,
            _ => panic!("{self:?} returned {returned}"),
        }
    }
}

/// What a program wants done with a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// `TC_ACT_SHOT` or `XDP_DROP`.
    Drop,
    /// `TC_ACT_REDIRECT` or `XDP_REDIRECT`.
    Redirect,
    /// `XDP_PASS`: TC decides.
    PassUp,
}

/// A private bridge in the namespace of the calling thread, with ports that serve both hooks.
pub struct Bench {
    /// The bridge.
    pub bridge: Bridge,
    /// Its ports, 1 to n.
    pub ports: Vec<Port>,
    settings: Settings,
    /// The namespace of the stations, with `e1` to `en`.
    pub stations: Netns,
}

impl Bench {
    /// Calls `f` in a namespace that has no interface but `lo` and says nothing.
    pub fn alone<T: Send>(f: impl FnOnce() -> T + Send) -> T {
        quiet_netns().run(f).expect("enter a namespace")
    }

    /// A bridge with `n` ports, whose programs are attached at `hook`.
    pub fn new(n: usize, hook: HookChoice, options: &BridgeOptions) -> Self {
        Self::with_mtu(n, hook, 1500, options)
    }

    /// The same with another MTU than Ethernet's.
    pub fn with_mtu(n: usize, hook: HookChoice, mtu: u32, options: &BridgeOptions) -> Self {
        let (here, stations) = (Links::new().expect("open netlink"), quiet_netns());
        let there = Links::within(&stations).expect("open netlink");
        let mut bridge = Bridge::create_private("bench", options).expect("make a bridge");
        let add = |n: usize| {
            let (name, peer_name) = (format!("p{n}"), format!("e{n}"));
            let spec = VethSpec {
                name: &name,
                peer_name: &peer_name,
                peer_netns: Some(&stations),
                mtu: Some(mtu),
                ..VethSpec::default()
            };
            let link = here.add_veth(&spec).expect("add a veth pair");
            here.set_up(link.ifindex, true).expect("set the port up");
            let peer = there.by_name(&peer_name).expect("find the peer");
            there.set_up(peer.ifindex, true).expect("set the peer up");
            let spec = PortSpec {
                ifname: name,
                hook,
                ..PortSpec::default()
            };
            bridge.add_port(&spec).expect("add a port")
        };
        let ports = (1..=n).map(add).collect();
        let settings = bridge.settings().expect("read the settings");
        Self {
            bridge,
            ports,
            settings,
            stations,
        }
    }

    /// Puts settings, ports, counters, bindings and FDB back as they were made.
    pub fn reset(&mut self) {
        let maps = self.bridge.maps_mut();
        maps.set_settings(self.settings).expect("write settings");
        for port in &self.ports {
            maps.set_port_conf(port.id, port.conf)
                .expect("write a port");
        }
        for slot in 0..self.settings.port_slots {
            maps.clear_counters(PortId(slot)).expect("clear counters");
            maps.set_port_limits(PortId(slot), PortLimits::default())
                .expect("write limits");
        }
        for (key, _) in maps.bindings().expect("read bindings") {
            maps.remove_binding(&key).expect("free an address");
        }
        let entries = self.entries();
        for (key, _) in entries {
            let removed = self.bridge.maps_mut().remove_fdb_entry(&key);
            removed.expect("remove an entry");
        }
        for (key, _) in self.groups() {
            let removed = self.bridge.maps_mut().remove_mdb_entry(&key);
            removed.expect("remove a group");
        }
    }

    /// All that is in the multicast database, in no order.
    pub fn groups(&self) -> Vec<(MdbKey, MdbEntry)> {
        self.bridge.maps().mdb_entries().expect("read the groups")
    }

    /// Runs the program of `hook` on a frame that came in on interface `ifindex`.
    pub fn run(&mut self, hook: Hook, ifindex: u32, frame: &[u8], gso: Option<Gso>) -> Action {
        match self.try_run(hook, ifindex, frame, gso) {
            Ok(returned) => hook.action(returned),
            Err(error) => panic!("{hook:?} with {} octets: {error}", frame.len()),
        }
    }

    /// The same, with what the program returned, or why the kernel did not run it.
    pub fn try_run(
        &mut self,
        hook: Hook,
        ifindex: u32,
        frame: &[u8],
        gso: Option<Gso>,
    ) -> Result<u32, String> {
        let context = match hook {
            Hook::Tc => skb_context(ifindex, gso),
            Hook::Xdp => xdp_context(ifindex, frame.len()),
        };
        let options = TestRunOptions {
            data_in: Some(frame),
            ctx_in: Some(&context),
            ..TestRunOptions::new()
        };
        let programs = self.bridge.programs_mut();
        let result = match hook {
            Hook::Tc => programs.tc().test_run(options),
            Hook::Xdp => programs.xdp().test_run(options),
        };
        match result {
            Ok(result) => Ok(result.return_value),
            Err(error) => Err(format!("{:#}", anyhow::Error::from(error))),
        }
    }

    /// Interface index of port `n`, from 1.
    pub fn ifindex(&self, n: u32) -> u32 {
        self.ports[n as usize - 1].conf.ifindex
    }

    /// Counters in slot `n`.
    pub fn counters(&self, n: u32) -> PortCounters {
        let counters = self.bridge.maps().counters(PortId(n));
        counters.expect("read counters")
    }

    /// What is in the FDB, aged or not.
    pub fn entries(&self) -> Vec<(FdbKey, FdbEntry)> {
        let entries = self.bridge.maps().fdb().iter();
        entries.collect::<Result<_, _>>().expect("read the FDB")
    }

    /// Changes the configuration of port `n`.
    pub fn change(&mut self, n: u32, change: impl FnOnce(&mut PortConf)) {
        let maps = self.bridge.maps_mut();
        let mut conf = maps.port_conf(PortId(n)).expect("read a port");
        change(&mut conf);
        maps.set_port_conf(PortId(n), conf).expect("write a port");
    }

    /// Changes the settings.
    pub fn set(&mut self, change: impl FnOnce(&mut Settings)) {
        let maps = self.bridge.maps_mut();
        let mut settings = maps.settings().expect("read settings");
        change(&mut settings);
        maps.set_settings(settings).expect("write settings");
    }
}

/// The image of a `__sk_buff` (`linux/bpf.h`), of which the kernel takes only some fields.
fn skb_context(ifindex: u32, gso: Option<Gso>) -> Vec<u8> {
    const IFINDEX: usize = 40;
    const GSO_SEGS: usize = 164;
    const GSO_SIZE: usize = 176;
    let mut context = vec![0; 192];
    let mut put = |at: usize, value: u32| {
        context[at..at + 4].copy_from_slice(&value.to_ne_bytes());
    };
    put(IFINDEX, ifindex);
    if let Some(gso) = gso {
        put(GSO_SEGS, gso.segs);
        put(GSO_SIZE, gso.size);
    }
    context
}

/// The image of an `xdp_md` (`linux/bpf.h`).
fn xdp_context(ifindex: u32, len: usize) -> Vec<u8> {
    let len = u32::try_from(len).expect("a frame");
    // data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex
    let words = [0, len, 0, ifindex, 0, 0];
    words.into_iter().flat_map(u32::to_ne_bytes).collect()
}

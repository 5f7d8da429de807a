//! A bridge with real programs, the model beside it, and what is compared.

use std::collections::HashMap;

use netbridge::{
    bridge::{
        BridgeChange, BridgeOptions, Hook as Served, HookChoice, HostInterface, Port, PortChange,
    },
    datapath::{self, LoadOptions},
    net::Links,
};
use netbridge_common::{MacAddr, Mode, PortFlags, PortId, PortState, Ticks};
use netbridge_tests::{
    frame::{self, Frame, station},
    model::{Kind, Model, Outcome, Station, counted::Counted, pipeline::as_station},
    program::{Action, Bench, Hook},
};
use nix::{
    errno::Errno,
    sched::{CpuSet, sched_setaffinity},
    unistd::Pid,
};

use super::{
    change::NEW_PORT,
    clock::{wait, within_a_tick},
    step::{NAMES, Other, PORTS, RECENT, SWITCHES, Sent, Step},
};

/// The bridge's own address.
const OWN: MacAddr = station(99);
/// Slots of the port maps.
const SLOTS: u32 = 8;
/// MTU of a port unless a step changed it.
pub(super) const MTU: u32 = 1500;
/// Ageing time unless a step changed it.
const AGEING_SECS: u32 = 1;

/// The tick ended while a step was under way: nobody can say in which one it was decided.
pub(super) struct TickEnded;

/// The bridge and the model.
pub(super) struct Bed {
    pub(super) bench: Bench,
    pub(super) links: Links,
    pub(super) hook: HookChoice,
    /// Interfaces of the ports, the host's last.
    pub(super) ifnames: Vec<String>,
    pub(super) ifindexes: Vec<u32>,
    /// The ports on them, where they are ports.
    pub(super) ports: Vec<Option<Port>>,
    /// Addresses by their names in steps.
    names: [MacAddr; NAMES],
    pub(super) books: Counted,
    recent: Vec<Sent>,
}

impl Bed {
    pub(super) fn new(hook: Hook, flow_cache: bool) -> Self {
        let hook = match hook {
            Hook::Tc => HookChoice::Tc,
            Hook::Xdp => HookChoice::Xdp,
        };
        let load = LoadOptions {
            max_ports: SLOTS - 1,
            fdb_entries: 64,
            flow_cache,
            ..LoadOptions::default()
        };
        let options = BridgeOptions {
            mixed_mtu: true,
            ageing_secs: AGEING_SECS,
            load,
            ..BridgeOptions::default()
        };
        let mut bench = Bench::new(PORTS, hook, &options);
        let host = HostInterface {
            mac: Some(OWN.0),
            ..HostInterface::default()
        };
        let host = bench
            .bridge
            .add_host_interface(&host)
            .expect("add the host");
        let ports: Vec<Port> = bench.ports.iter().cloned().chain([host]).collect();
        let mut names = [OWN; NAMES];
        for (name, port) in names.iter_mut().zip(&ports).take(PORTS) {
            *name = port.conf.peer_mac;
        }
        names[PORTS..PORTS + 2].copy_from_slice(&[station(5), station(6)]);
        let nobodys = [
            frame::BROADCAST,
            frame::ALL_HOSTS,
            frame::reserved(3),
            MacAddr([0; 6]),
        ];
        names[PORTS + 3..].copy_from_slice(&nobodys);
        Self {
            bench,
            links: Links::new().expect("open netlink"),
            hook,
            ifnames: ports.iter().map(|port| port.ifname.clone()).collect(),
            ifindexes: ports.iter().map(|port| port.conf.ifindex).collect(),
            ports: ports.into_iter().map(Some).collect(),
            names,
            books: Counted::default(),
            recent: Vec::new(),
        }
    }

    /// Plays a case on a bridge as it was made; stops where a tick ended at the wrong moment.
    pub(super) fn play(&mut self, steps: &[Step]) {
        self.reset();
        self.compare("a bridge as it was made");
        for (n, step) in steps.iter().enumerate() {
            if self.step(step).is_err() {
                return;
            }
            self.compare(&format!("step {n}, {step:?}"));
        }
    }

    fn reset(&mut self) {
        for n in 0..PORTS {
            let served = self.ports[n].as_ref().map(|port| port.hook);
            if served != Some(self.served()) {
                self.remove(n);
                self.add(n, self.hook);
            }
            self.set_mtu(n, MTU);
        }
        let change = PortChange {
            state: Some(PortState::Forwarding),
            learn_limit: Some(0),
            clear: SWITCHES
                .into_iter()
                .fold(PortFlags::default(), PortFlags::with),
            ..PortChange::default()
        };
        for ifname in &self.ifnames {
            let bridge = &mut self.bench.bridge;
            bridge.change_port(ifname, &change).expect("reset a port");
        }
        let change = BridgeChange {
            mode: Some(Mode::Bridge),
            flood: Some(true),
            ageing_secs: Some(AGEING_SECS),
            learn_limit: Some(0),
            ..BridgeChange::default()
        };
        self.bench.bridge.change(&change).expect("reset the bridge");
        self.flush(None, true);
        for slot in 0..SLOTS {
            let maps = self.bench.bridge.maps_mut();
            maps.clear_counters(PortId(slot)).expect("clear counters");
        }
        self.recent.clear();
        self.books = self.as_made();
    }

    /// The model of a bridge as it was made.
    fn as_made(&self) -> Counted {
        let ageing = Ticks::from_secs(AGEING_SECS).0;
        let mut books = Counted {
            model: Model {
                ageing,
                ..Model::default()
            },
            ..Counted::default()
        };
        for port in self.ports.iter().flatten() {
            books.model.ports.insert(port.id, NEW_PORT);
            books.stations.insert(port.id, port.conf.peer_mac);
            let host = PortFlags(port.conf.flags.0 & PortFlags::HOST.0);
            books.model.switches.insert(port.id, host);
        }
        books.set(OWN, self.id(PORTS), Kind::Own, 0);
        books
    }

    fn step(&mut self, step: &Step) -> Result<(), TickEnded> {
        match *step {
            Step::Frame(sent) => {
                self.recent.insert(0, sent);
                self.recent.truncate(RECENT);
                return self.frame(sent);
            }
            Step::Again(n) => {
                if let Some(sent) = self.recent.get(n) {
                    return self.frame(*sent);
                }
            }
            Step::Like(n, other) => {
                if let Some(sent) = self.recent.get(n) {
                    return self.frame(unlike(*sent, other));
                }
            }
            Step::Cpu(n) => go_to_cpu(n),
            Step::Wait(ticks) => wait(ticks),
            Step::AddEntry(who, n, kind) => return self.add_entry(self.names[who], n, kind),
            Step::DelEntry(who) => self.del_entry(self.names[who]),
            Step::Flush(n, all) => self.flush(n, all),
            Step::Sweep => return self.sweep(),
            Step::State(n, state) => self.set_state(n, state),
            Step::Switch(n, flag, on) => self.switch(n, flag, on),
            Step::Flood(on) => {
                self.books.model.drop_unknown = !on;
                self.set(&BridgeChange {
                    flood: Some(on),
                    ..BridgeChange::default()
                });
            }
            Step::PortLimit(n, limit) => self.set_limit(n, limit),
            Step::Mtu(n, mtu) => self.set_mtu(n, mtu),
            Step::Remove(n) => self.remove(n),
            Step::Add(n, xdp) => self.add(n, if xdp { self.hook } else { HookChoice::Tc }),
            Step::Hub(hub) => {
                let mode = if hub { Mode::Hub } else { Mode::Bridge };
                self.books.model.hub = hub;
                self.set(&BridgeChange {
                    mode: Some(mode),
                    ..BridgeChange::default()
                });
            }
            Step::Ageing(secs) => {
                self.books.model.ageing = Ticks::from_secs(secs).0;
                self.set(&BridgeChange {
                    ageing_secs: Some(secs),
                    ..BridgeChange::default()
                });
            }
            Step::BridgeLimit(limit) => {
                self.books.model.limit = limit as usize;
                self.set(&BridgeChange {
                    learn_limit: Some(limit),
                    ..BridgeChange::default()
                });
            }
        }
        Ok(())
    }

    /// Has a frame come in where the interface's first program is, and go on where that says so.
    fn frame(&mut self, sent: Sent) -> Result<(), TickEnded> {
        let octets = Frame::new(self.names[sent.dst], self.names[sent.src]);
        let octets = octets.raw(sent.ethertype, &vec![0; sent.len - frame::HEADER_LEN]);
        let ifindex = self.ifindexes[sent.from];
        let at_xdp = self.ports[sent.from]
            .as_ref()
            .is_some_and(|port| port.hook == Served::Xdp);
        let now = within_a_tick();
        let outcome = self.books.receive(self.id(sent.from), &octets, now.0);
        let (mut actions, mut expected) = (Vec::new(), Vec::new());
        let up = at_xdp && self.is_left_to_tc(sent.from, &outcome);
        if at_xdp {
            actions.push(self.bench.run(Hook::Xdp, ifindex, &octets, None));
            expected.push(match outcome {
                _ if up => Action::PassUp,
                Outcome::Dropped(_) => Action::Drop,
                // XDP counts copies on their way out, and none goes out here.
                _ => Action::Redirect,
            });
        }
        if !at_xdp || up {
            actions.push(self.bench.run(Hook::Tc, ifindex, &octets, None));
            self.books.copies_sent(&outcome, &octets);
            let goes = !outcome.ports().is_empty();
            expected.push(if goes { Action::Redirect } else { Action::Drop });
        }
        if datapath::now() != now {
            return Err(TickEnded);
        }
        assert_eq!(actions, expected, "{sent:?}: {outcome:?}");
        Ok(())
    }

    /// Says whether XDP cannot reach who the frame is for.
    fn is_left_to_tc(&self, from: usize, outcome: &Outcome) -> bool {
        let maps = self.bench.bridge.maps();
        match outcome {
            Outcome::Dropped(_) => false,
            Outcome::Forwarded(egress) => {
                let conf = maps.port_conf(*egress).expect("read a port");
                !conf.flags.contains(PortFlags::XDP_TARGET)
            }
            Outcome::Flooded { .. } => {
                // A broadcast by XDP never goes back.
                let switches = self.books.model.switches.get(&self.id(from));
                switches.is_some_and(|set| set.contains(PortFlags::HAIRPIN))
                    || maps.settings().expect("read settings").xdp_floods == 0
            }
        }
    }

    /// Compares counters, FDB, and the counts that limits go by.
    fn compare(&self, when: &str) {
        for id in (0..SLOTS).map(PortId) {
            let expected = self.books.counters.get(&id).copied().unwrap_or_default();
            let found = self.bench.counters(id.0);
            assert_eq!(found, expected, "counters of {id:?} after {when}");
            let port = Some(id).filter(|id| *id != PortId::NONE);
            let movable = self.books.model.movable(port) as u64;
            let learned = self.bench.bridge.maps().learned(id);
            let learned = learned.expect("read what was learned");
            assert_eq!(learned, movable, "entries of {id:?} after {when}");
        }
        let table = self.books.model.table.iter();
        let expected: HashMap<MacAddr, Station> = table
            .map(|(mac, station)| (*mac, station.ageless()))
            .collect();
        let entries = self.bench.entries().into_iter();
        let found: HashMap<MacAddr, Station> = entries
            .map(|(key, entry)| (key.mac, as_station(&entry)))
            .collect();
        assert_eq!(found, expected, "the FDB after {when}");
    }
}

/// The frame, with one thing other about it.
const fn unlike(mut sent: Sent, other: Other) -> Sent {
    match other {
        Other::From(port) => sent.from = port,
        Other::Len(len) => sent.len = len,
        Other::MacControl => sent.ethertype = frame::MAC_CONTROL,
    }
    sent
}

/// Has this thread, and so the programs that it runs, on another CPU; a machine with one has none.
fn go_to_cpu(cpu: usize) {
    let mut cpus = CpuSet::new();
    cpus.set(cpu).expect("a CPU");
    match sched_setaffinity(Pid::from_raw(0), &cpus) {
        Ok(()) | Err(Errno::EINVAL) => {}
        Err(errno) => panic!("go to CPU {cpu}: {errno}"),
    }
}

//! What an operator does, to the bridge as the command line does it, and to the model.

use netbridge::{
    bridge::{BridgeChange, Hook as Served, HookChoice, PortChange, PortSpec},
    datapath,
    fdb::{EntryKind, Selection},
};
use netbridge_common::{MacAddr, PortFlags, PortId, PortState};
use netbridge_tests::model::{Kind, ModelPort, Station};

use super::{
    bed::{Bed, MTU, TickEnded},
    clock::within_a_tick,
};

/// A port as it is added.
pub(super) const NEW_PORT: ModelPort = ModelPort {
    learns: true,
    forwards: true,
    mtu: MTU,
    limit: 0,
};

impl Bed {
    /// The slot of a port; that of no port where it was removed.
    pub(super) fn id(&self, n: usize) -> PortId {
        let port = self.ports[n].as_ref();
        port.map_or(PortId::NONE, |port| port.id)
    }

    /// The hook that ports are made with.
    pub(super) const fn served(&self) -> Served {
        match self.hook {
            HookChoice::Xdp => Served::Xdp,
            _ => Served::Tc,
        }
    }

    pub(super) fn set(&mut self, change: &BridgeChange) {
        let changed = self.bench.bridge.change(change);
        changed.expect("change the bridge");
    }

    pub(super) fn add_entry(
        &mut self,
        mac: MacAddr,
        n: usize,
        kind: EntryKind,
    ) -> Result<(), TickEnded> {
        let id = self.id(n);
        if id == PortId::NONE {
            return Ok(());
        }
        let nowhere = kind == EntryKind::Blackhole;
        let id = if nowhere { PortId::NONE } else { id };
        let now = within_a_tick();
        let known = self.books.model.table.get(&mac);
        let is_own = known.is_some_and(|known| known.kind == Kind::Own);
        let refused = mac.is_group() || mac.is_zero() || is_own;
        let added = self.bench.bridge.add_fdb_entry(mac, id, kind);
        assert_eq!(added.is_err(), refused, "{mac} on {id:?}: {added:?}");
        if !refused {
            let kind = match kind {
                EntryKind::Dynamic => Kind::Learned,
                EntryKind::Static => Kind::Static,
                EntryKind::Sticky => Kind::Sticky,
                EntryKind::Blackhole => Kind::Blackhole,
            };
            self.books.set(mac, id, kind, now.0);
        }
        if datapath::now() == now {
            Ok(())
        } else {
            Err(TickEnded)
        }
    }

    pub(super) fn del_entry(&mut self, mac: MacAddr) {
        let known = self.books.model.table.get(&mac).map(|known| known.kind);
        let removed = self.bench.bridge.del_fdb_entry(mac);
        match known {
            Some(Kind::Own) => assert!(removed.is_err(), "{mac}: {removed:?}"),
            known => assert_eq!(removed.expect("remove an entry"), known.is_some(), "{mac}"),
        }
        self.books.forget(|known, _| *known == mac);
    }

    pub(super) fn flush(&mut self, n: Option<usize>, permanent_too: bool) {
        let port = n.map(|n| self.id(n));
        if port == Some(PortId::NONE) {
            return;
        }
        let selection = Selection {
            port,
            permanent_too,
        };
        let flushed = self.bench.bridge.flush_fdb(&selection);
        flushed.expect("flush the FDB");
        self.books.forget(|_, station: &Station| {
            port.is_none_or(|port| station.port == port)
                && (permanent_too || !matches!(station.kind, Kind::Static | Kind::Blackhole))
        });
    }

    pub(super) fn sweep(&mut self) -> Result<(), TickEnded> {
        let now = within_a_tick();
        self.bench.bridge.sweep().expect("sweep the FDB");
        self.books.sweep(now.0);
        if datapath::now() == now {
            Ok(())
        } else {
            Err(TickEnded)
        }
    }

    pub(super) fn set_state(&mut self, n: usize, state: PortState) {
        let change = PortChange {
            state: Some(state),
            ..PortChange::default()
        };
        let id = self.id(n);
        let Some(port) = self.books.model.ports.get_mut(&id) else {
            return;
        };
        (port.learns, port.forwards) = match state {
            PortState::Forwarding => (true, true),
            PortState::Learning => (true, false),
            _ => (false, false),
        };
        if !port.learns {
            self.books.forget(|_, station| station.port == id);
        }
        self.change_port(n, &change);
    }

    pub(super) fn switch(&mut self, n: usize, flag: PortFlags, on: bool) {
        let id = self.id(n);
        if !self.books.model.ports.contains_key(&id) {
            return;
        }
        let none = PortFlags::default();
        let (set, clear) = if on { (flag, none) } else { (none, flag) };
        let switches = self.books.model.switches.entry(id).or_default();
        *switches = switches.set(flag, on);
        let change = PortChange {
            set,
            clear,
            ..PortChange::default()
        };
        self.change_port(n, &change);
    }

    pub(super) fn set_limit(&mut self, n: usize, limit: u32) {
        let change = PortChange {
            learn_limit: Some(limit),
            ..PortChange::default()
        };
        let id = self.id(n);
        if let Some(port) = self.books.model.ports.get_mut(&id) {
            port.limit = limit as usize;
            self.change_port(n, &change);
        }
    }

    fn change_port(&mut self, n: usize, change: &PortChange) {
        let changed = self.bench.bridge.change_port(&self.ifnames[n], change);
        changed.expect("change a port");
    }

    /// Changes an interface's MTU, and has the bridge look, as it does at every command.
    pub(super) fn set_mtu(&mut self, n: usize, mtu: u32) {
        let ifindex = self.ifindexes[n];
        let link = self.links.by_index(ifindex).expect("find the port");
        if link.mtu == mtu {
            return;
        }
        self.links.set_mtu(ifindex, mtu).expect("set the MTU");
        self.bench.bridge.reconcile().expect("look at the ports");
        let id = self.id(n);
        if let Some(port) = self.books.model.ports.get_mut(&id) {
            port.mtu = mtu;
        }
    }

    pub(super) fn remove(&mut self, n: usize) {
        if let Some(port) = self.ports[n].take() {
            let removed = self.bench.bridge.del_port(&port.ifname);
            removed.expect("remove a port");
            self.books.remove_port(port.id);
        }
    }

    pub(super) fn add(&mut self, n: usize, hook: HookChoice) {
        if self.ports[n].is_some() {
            return;
        }
        let spec = PortSpec {
            ifname: self.ifnames[n].clone(),
            hook,
            ..PortSpec::default()
        };
        let port = self.bench.bridge.add_port(&spec).expect("add a port");
        let mtu = port.conf.mtu;
        let model = &mut self.books.model;
        model.ports.insert(port.id, ModelPort { mtu, ..NEW_PORT });
        self.books.stations.insert(port.id, port.conf.peer_mac);
        // Who had the slot before counted for himself.
        self.books.counters.remove(&port.id);
        self.ports[n] = Some(port);
    }
}

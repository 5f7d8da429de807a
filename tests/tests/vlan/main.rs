//! VLAN filtering on live bridges: who gets a frame, and with which tag.
#![expect(
    clippy::expect_used,
    reason = "a test stops where it fails, and says so"
)]

mod live;
mod members;
mod sizes;
mod stacks;
mod switches;
mod tags;

use std::{cell::Cell, time::Instant};

use netbridge::bridge::{BridgeChange, Membership, PortChange, VlanProtocol};
use netbridge_common::{MacAddr, VlanCounters, vlan::AcceptFrames};
use netbridge_tests::{
    frame::{Frame, SHORTEST, VLAN, station},
    require::note,
    topology::{Lab, hook_mixes},
    wire::{SILENCE, SOON, TEST_ETHERTYPE, Wire},
};

/// A tag: TPID and TCI.
type Tag = (u16, u16);

/// How often each frame is sent: once to be decided, then to be found in the flow cache.
const REPEATS: usize = 3;

const ACCESS: Membership = Membership {
    pvid: true,
    untagged: true,
};
const TRUNK: Membership = Membership {
    pvid: false,
    untagged: false,
};

/// A lab whose bridge filters VLANs.
struct Net {
    lab: Lab,
    wires: Vec<Wire>,
    serial: Cell<u32>,
}

/// Calls `check` with a net of `n` containers for each mix of hooks.
fn on_every_net(n: usize, check: impl Fn(&Net)) {
    for hooks in hook_mixes(n) {
        note(format_args!("on {hooks:?}"));
        let net = Net::new(Lab::new(&hooks), VlanProtocol::Customer);
        check(&net);
        net.lab.assert_accounts();
    }
}

/// The tag of VLAN `vid` with priority `pcp`.
const fn tag(pcp: u16, vid: u16) -> Tag {
    (VLAN, pcp << 13 | vid)
}

fn tagged(dst: MacAddr, src: MacAddr, tags: &[Tag], text: &str) -> Vec<u8> {
    let frame = Frame::new(dst, src);
    let frame = tags.iter().fold(frame, |f, (tpid, tci)| f.tag(*tpid, *tci));
    let mut payload = text.as_bytes().to_vec();
    payload.resize(SHORTEST - 14, 0);
    frame.raw(TEST_ETHERTYPE, &payload)
}

impl Net {
    fn new(lab: Lab, protocol: VlanProtocol) -> Self {
        let wires = lab.wires();
        let net = Self {
            lab,
            wires,
            serial: Cell::new(0),
        };
        net.filter(true, protocol);
        net
    }

    fn filter(&self, on: bool, protocol: VlanProtocol) {
        let change = BridgeChange {
            vlan_filtering: Some(on),
            vlan_protocol: Some(protocol),
            ..BridgeChange::default()
        };
        self.lab
            .bridge(|bridge| bridge.change(&change).expect("change the bridge"));
    }

    fn add(&self, n: usize, first: u16, last: u16, membership: Membership) {
        let ifname = &self.lab.container(n).port;
        self.lab.bridge(|bridge| {
            bridge
                .add_vlans(ifname, &[first..=last], membership)
                .expect("add the VLANs");
        });
    }

    fn del(&self, n: usize, vid: u16) {
        let ifname = &self.lab.container(n).port;
        self.lab.bridge(|bridge| {
            bridge
                .del_vlans(ifname, &[vid..=vid])
                .expect("remove the VLAN");
        });
    }

    /// Makes port `n` an access port of `vid`.
    fn access(&self, n: usize, vid: u16) {
        self.add(n, vid, vid, ACCESS);
        self.del(n, 1);
    }

    fn set(&self, n: usize, change: &PortChange) {
        let ifname = &self.lab.container(n).port;
        self.lab
            .bridge(|bridge| bridge.change_port(ifname, change).expect("change the port"));
    }

    fn accept(&self, n: usize, accept: AcceptFrames) {
        let change = PortChange {
            accept_frames: Some(accept),
            ..PortChange::default()
        };
        self.set(n, &change);
    }

    /// Sends a frame several times from container `from`; asserts that it arrives each time exactly
    /// where `wanted` says, with exactly these tags, and in no form anywhere else.
    fn pass(
        &self,
        from: usize,
        (dst, src): (MacAddr, MacAddr),
        tags: &[Tag],
        wanted: &[(usize, &[Tag])],
    ) {
        let serial = self.serial.get();
        self.serial.set(serial + 1);
        let text = |time: usize| format!("#{serial}.{time};");
        for time in 0..REPEATS {
            self.wires[from - 1].send(&tagged(dst, src, tags, &text(time)));
        }
        let mark = format!("#{serial}.");
        let ours = |frame: &[u8]| {
            frame
                .windows(mark.len())
                .any(|part| part == mark.as_bytes())
        };
        for (n, tags) in wanted {
            for time in 0..REPEATS {
                let frame = self.wires[n - 1].expect(ours, SOON);
                let expected = tagged(dst, src, tags, &text(time));
                assert_eq!(hex(&frame), hex(&expected), "at {n}, frame {serial}");
            }
        }
        let deadline = Instant::now() + SILENCE;
        for wire in &self.wires {
            wire.expect_no(ours, deadline.saturating_duration_since(Instant::now()));
        }
    }

    /// Has `mac` be learned where container `n` is.
    fn announce(&self, n: usize, mac: MacAddr, tags: &[Tag]) {
        self.wires[n - 1].send(&tagged(station(999), mac, tags, "here I am"));
        let deadline = Instant::now() + SOON;
        let port = self.lab.port_id(n);
        while !self
            .lab
            .fdb()
            .iter()
            .any(|(key, entry)| key.mac == mac && entry.port == port)
        {
            assert!(Instant::now() < deadline, "{mac} is not learned");
        }
    }

    /// As [`Net::pass`] to nobody, with all frames dropped for `reason` on the port they came in by.
    fn refused(&self, from: usize, to: (MacAddr, MacAddr), tags: &[Tag], reason: &str) {
        let before = self.lab.drops(from, reason);
        self.pass(from, to, tags, &[]);
        let dropped = self.lab.drops(from, reason) - before;
        assert_eq!(dropped, REPEATS as u64, "{reason} from {from}: {tags:04x?}");
    }

    fn vlan(&self, vid: u16) -> VlanCounters {
        self.lab
            .bridge(|bridge| bridge.maps().vlan_counters(vid).expect("read"))
    }
}

fn hex(frame: &[u8]) -> String {
    let octets: Vec<String> = frame.iter().map(|octet| format!("{octet:02x}")).collect();
    octets.concat()
}

/// Ports 1 and 2 are access ports of VLAN 10; 3 and 4 are trunks with VLANs 10 and 20, and 1 as
/// the native one.
fn access_and_trunks(net: &Net) {
    net.access(1, 10);
    net.access(2, 10);
    net.add(3, 10, 20, TRUNK);
    net.add(4, 10, 20, TRUNK);
}

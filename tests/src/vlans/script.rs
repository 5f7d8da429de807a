//! The frames, and how the ports are set meanwhile.

use netbridge_common::{
    MacAddr,
    frame::{ETHERTYPE_SVLAN, ETHERTYPE_VLAN},
};

use super::Member;
use crate::frame::{Dice, Frame, station};

/// Ports of the bridge.
pub(super) const PORTS: usize = 6;
/// Stations that speak; most stay behind one port.
const STATIONS: usize = 14;
/// Frames that one container sends at once.
const WINDOW: usize = 60;
/// VIDs that frames are tagged with: those of ports, those of none, and those that name no VLAN.
const VIDS: [u16; 12] = [0, 1, 1, 10, 10, 11, 20, 20, 30, 31, 4094, 4095];

/// One kind of bridge, and everything that happens to it.
#[derive(Clone, Debug)]
pub struct Trial {
    /// The `EtherType` of the tags that name VLANs.
    pub protocol: u16,
    /// What happens, one after the other.
    pub phases: Vec<Phase>,
}

/// What changes of a port: its number, from 1, and memberships that are added or taken away.
pub type Change = (usize, Vec<(Member, bool)>);

/// Changes of ports, and frames after them.
#[derive(Clone, Debug)]
pub struct Phase {
    /// What changes first.
    pub changes: Vec<Change>,
    /// Frames that are sent at once by one container, from 0.
    pub windows: Vec<Sent>,
}

/// What one container sends at once.
#[derive(Clone, Debug)]
pub struct Sent {
    /// The container.
    pub from: usize,
    /// Its frames; the last four octets of each are its number in the trial.
    pub frames: Vec<Vec<u8>>,
}

impl Trial {
    /// All trials: the usual kind of tags, and service tags.
    pub fn all() -> Vec<Self> {
        vec![
            Self::new(ETHERTYPE_VLAN, 16_000, 1),
            Self::new(ETHERTYPE_SVLAN, 6_000, 2),
        ]
    }

    /// Frames of the trial.
    pub fn len(&self) -> usize {
        let windows = self.phases.iter().flat_map(|phase| &phase.windows);
        windows.map(|window| window.frames.len()).sum()
    }

    /// Says whether the trial has no frames.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn new(protocol: u16, frames: usize, seed: u64) -> Self {
        let mut dice = Dice(seed);
        let mut number = 0;
        let phases: Vec<Phase> = changes()
            .into_iter()
            .map(|changes| Phase {
                changes,
                windows: Vec::new(),
            })
            .collect();
        let each = frames / phases.len();
        let phases = phases.into_iter().map(|phase| {
            let mut windows = Vec::new();
            let mut left = each;
            while left > 0 {
                let count = (1 + dice.below(WINDOW)).min(left);
                windows.push(window(&mut dice, protocol, count, &mut number));
                left -= count;
            }
            Phase { windows, ..phase }
        });
        Self {
            protocol,
            phases: phases.collect(),
        }
    }
}

/// How the ports are set at first, and what changes later.
fn changes() -> Vec<Vec<Change>> {
    let (native, tagged) = (Member::native, Member::tagged);
    let hidden = |vid| Member {
        vid,
        pvid: true,
        untagged: false,
    };
    let bare = |vid| Member {
        vid,
        pvid: false,
        untagged: true,
    };
    let add = |members: &[Member]| -> Vec<(Member, bool)> {
        members.iter().map(|member| (*member, true)).collect()
    };
    let del = |vids: &[u16]| -> Vec<(Member, bool)> {
        vids.iter().map(|vid| (tagged(*vid), false)).collect()
    };
    vec![
        vec![
            // Access ports; a trunk with a native VLAN; a PVID whose frames leave with a tag; two
            // VLANs without tags; a trunk that takes nothing untagged.
            (1, [add(&[native(10)]), del(&[1])].concat()),
            (2, [add(&[native(20)]), del(&[1])].concat()),
            (3, add(&[tagged(10), tagged(11), tagged(20), tagged(30)])),
            (4, [add(&[hidden(10), tagged(20)]), del(&[1])].concat()),
            (5, [add(&[bare(10), native(20)]), del(&[1])].concat()),
            (
                6,
                [add(&[tagged(10), tagged(20), tagged(4094)]), del(&[1])].concat(),
            ),
        ],
        vec![
            // Stations find themselves in other VLANs, and entries of VLANs that ports leave go.
            (1, [add(&[native(20)]), del(&[10])].concat()),
            (3, del(&[10])),
            (6, add(&[native(1), tagged(30)])),
        ],
        vec![
            // What leaves tagged leaves untagged now, and a port is a member of nothing.
            (2, del(&[20])),
            (4, add(&[bare(10), native(20)])),
            (5, add(&[tagged(10), tagged(20)])),
        ],
        vec![
            (2, add(&[native(30), tagged(10)])),
            (3, add(&[native(11), bare(10)])),
            (1, add(&[tagged(4094)])),
        ],
    ]
}

fn window(dice: &mut Dice, protocol: u16, count: usize, number: &mut u32) -> Sent {
    let from = dice.below(PORTS);
    let frames = (0..count).map(|_| {
        let mut octets = frame(dice, protocol, from);
        let at = octets.len() - 4;
        octets[at..].copy_from_slice(&number.to_be_bytes());
        *number += 1;
        octets
    });
    Sent {
        from,
        frames: frames.collect(),
    }
}

fn frame(dice: &mut Dice, protocol: u16, from: usize) -> Vec<u8> {
    let source = if dice.chance(90) {
        // Its own: each station is behind the port that it is left over for.
        let own = STATIONS.div_ceil(PORTS);
        (from + PORTS * dice.below(own)).min(STATIONS - 1)
    } else {
        dice.below(STATIONS)
    };
    let named = |n: usize| station(u16::try_from(n + 1).expect("a small number"));
    let dst = match dice.below(100) {
        0..60 => named(dice.below(STATIONS)),
        60..70 => named(STATIONS + dice.below(3)),
        70..80 => MacAddr([0x01, 0, 0x5e, 1, 2, 3]),
        _ => MacAddr::BROADCAST,
    };
    let mut frame = Frame::new(dst, named(source));
    let other = if protocol == ETHERTYPE_VLAN {
        ETHERTYPE_SVLAN
    } else {
        ETHERTYPE_VLAN
    };
    let tci = |dice: &mut Dice| {
        let upper = u16::try_from(dice.below(16)).expect("four bits") << 12;
        upper | dice.pick(&VIDS)
    };
    match dice.below(100) {
        0..35 => {}
        35..75 => frame = frame.tag(protocol, tci(dice)),
        75..83 => frame = frame.tag(other, tci(dice)),
        83..89 => frame = frame.tag(protocol, tci(dice)).tag(protocol, tci(dice)),
        89..94 => frame = frame.tag(other, tci(dice)).tag(protocol, tci(dice)),
        _ => frame = frame.tag(protocol, tci(dice)).tag(other, tci(dice)),
    }
    let mut payload = vec![0; 60 + dice.below(200)];
    dice.fill(&mut payload);
    frame.raw(0x88b5, &payload)
}

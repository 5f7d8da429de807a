//! The flow cache: this CPU's verdicts of this tick.
#![expect(unsafe_code, reason = "reads and writes a per-CPU map value")]

use aya_ebpf::{Global, helpers::bpf_jiffies64};
use netbridge_common::{
    FlowChecks, FlowEntry, FlowKey, FlowSet, FlowStamp, PortConf, Settings,
    decide::{TagAction, Way, largest_frame},
    flow::tick_ends,
    frame::ETHERTYPE_MAC_CONTROL,
};

use crate::{
    features,
    maps::{FLOWS, MOVES},
    pipeline::{Frontend, Route},
};

/// 0 to decide every frame anew. Set at load, so that the verifier drops what is not used.
#[unsafe(no_mangle)]
static FLOW_CACHE: Global<u32> = Global::new(1);

/// Nanoseconds between two updates of the coarse clock, which jiffies count; 0 where that is not
/// known. Set at load.
#[unsafe(no_mangle)]
static JIFFY_NANOS: Global<u32> = Global::new(0);

/// A frame's flow, and what a verdict on it depends on at this moment.
pub struct Flow {
    key: FlowKey,
    stamp: FlowStamp,
    /// The time, in jiffies: a load, where asking for nanoseconds takes a tenth of all the time
    /// that a frame needs.
    jiffies: u64,
}

impl Flow {
    /// The flow of a frame; one that nothing is known of, nor kept, where that is not allowed.
    ///
    /// Must be called before anything that the verdict depends on is read, the clock included: a
    /// change that comes in between then makes the verdict useless, not wrong.
    #[inline(always)]
    pub fn new<F: Frontend>(frame: &F, settings: &Settings) -> Self {
        let stamp = FlowStamp {
            generation: settings.generation,
            moves: moves(),
        };
        Self {
            key: key_of(frame, settings),
            stamp,
            // SAFETY: the helper takes nothing and cannot fail.
            jiffies: unsafe { bpf_jiffies64() },
        }
    }

    /// The verdict on the flow, where there is one that is still right.
    #[inline(always)]
    pub fn verdict(&self) -> Option<&'static FlowEntry> {
        if FLOW_CACHE.load() == 0 {
            return None;
        }
        let set: &FlowSet = FLOWS.get(self.key.set())?;
        if set.first.serves(&self.key, self.stamp, self.jiffies) {
            return Some(&set.first);
        }
        if set.second.serves(&self.key, self.stamp, self.jiffies) {
            return Some(&set.second);
        }
        None
    }

    /// Keeps a verdict.
    #[inline(always)]
    pub fn keep(&self, route: &Route, port: &PortConf, (way, target): (Way, u32), tag: TagAction) {
        if FLOW_CACHE.load() == 0 || self.key == FlowKey::NONE {
            return;
        }
        let Some(set) = FLOWS.get_ptr_mut(self.key.set()) else {
            return;
        };
        // SAFETY: per-CPU memory, and no other program runs on this CPU meanwhile.
        let set = unsafe { &mut *set };
        let entry = FlowEntry {
            low: self.key.low,
            high: self.key.high,
            until: tick_ends(self.jiffies, route.nanos, JIFFY_NANOS.load()),
            stamp: self.stamp,
            max_len: largest_frame(port),
            ingress: route.ingress,
            egress: route.id,
            target,
            way: way as u32,
            tag: self.key.tag,
            tag_action: tag.to_raw(),
            vid: route.vlan.vid,
            checks: FlowChecks::of(route.from, port.flags),
        };
        if set.first.is_current(self.stamp, self.jiffies) {
            set.second = entry;
        } else {
            set.first = entry;
        }
    }
}

/// The key of a frame on which a verdict may be kept; of any other that of none.
#[inline(always)]
fn key_of<F: Frontend>(frame: &F, settings: &Settings) -> FlowKey {
    let Some((addresses, ethertype)) = frame.addresses() else {
        return FlowKey::NONE;
    };
    // The one rule that looks at more than the addresses and the tag: MAC control is never relayed.
    if ethertype == ETHERTYPE_MAC_CONTROL {
        return FlowKey::NONE;
    }
    let key = FlowKey::new(addresses, frame.origin());
    if !features::vlan() || settings.vlan_filtering == 0 {
        return key;
    }
    let tag = frame.tag();
    if tag.tpid == settings.vlan_protocol {
        key.tagged(tag.tci)
    } else {
        key
    }
}

/// How often stations have moved.
#[inline(always)]
#[expect(
    clippy::cast_possible_truncation,
    reason = "only compared for equality"
)]
fn moves() -> u32 {
    MOVES.get(0).map_or(0, |moves| *moves as u32)
}

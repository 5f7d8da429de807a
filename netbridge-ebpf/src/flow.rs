//! The flow cache: this CPU's verdicts of this tick.
#![expect(unsafe_code, reason = "reads and writes a per-CPU map value")]

use aya_ebpf::Global;
use netbridge_common::{
    FlowEntry, FlowKey, FlowStamp, PortConf, PortId, Settings, Ticks,
    decide::{Way, largest_frame},
    frame::ETHERTYPE_MAC_CONTROL,
};

use crate::maps::{FLOWS, MOVES};

/// 0 to decide every frame anew. Set at load, so that the verifier drops what is not used.
#[unsafe(no_mangle)]
static FLOW_CACHE: Global<u32> = Global::new(1);

/// A frame's flow, and what a verdict on it depends on at this moment.
pub struct Flow {
    key: FlowKey,
    stamp: FlowStamp,
}

impl Flow {
    /// The flow of a frame; `None` where its verdict may not be kept.
    ///
    /// Must be called before anything that the verdict depends on is read: a change that comes
    /// in between then makes the verdict useless, not wrong.
    #[inline(always)]
    pub fn new(
        header: Option<([u32; 3], u16)>,
        source: u32,
        now: Ticks,
        settings: &Settings,
    ) -> Option<Self> {
        if FLOW_CACHE.load() == 0 {
            return None;
        }
        let (addresses, ethertype) = header?;
        // The one rule that looks at more than the addresses: MAC control is never relayed.
        if ethertype == ETHERTYPE_MAC_CONTROL {
            return None;
        }
        #[expect(
            clippy::cast_possible_truncation,
            reason = "only compared for equality"
        )]
        let moves = *MOVES.get(0)? as u32;
        Some(Self {
            key: FlowKey { addresses, source },
            stamp: FlowStamp {
                tick: now,
                generation: settings.generation,
                moves,
            },
        })
    }

    /// The verdict on the flow, where there is one that is still right.
    #[inline(always)]
    pub fn verdict(&self) -> Option<&'static FlowEntry> {
        let entry = FLOWS.get(self.key.slot())?;
        entry.serves(&self.key, &self.stamp).then_some(entry)
    }

    /// Keeps a verdict.
    #[inline(always)]
    pub fn keep(
        &self,
        ingress: PortId,
        egress: PortId,
        port: &PortConf,
        (way, target): (Way, u32),
    ) {
        let Some(entry) = FLOWS.get_ptr_mut(self.key.slot()) else {
            return;
        };
        // SAFETY: per-CPU memory, and no other program runs on this CPU meanwhile.
        unsafe {
            *entry = FlowEntry {
                addresses: self.key.addresses,
                source: self.key.source,
                stamp: self.stamp,
                max_len: largest_frame(port),
                ingress,
                egress,
                target,
                way: way as u32,
            };
        }
    }
}

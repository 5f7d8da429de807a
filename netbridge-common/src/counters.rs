//! Per-port counters.

use crate::decide::DropReason;

/// Room for drop reasons in [`PortCounters`]; more than there are, so that one can be added
/// without a change of layout.
pub const DROP_SLOTS: usize = 32;

/// What happened on a port, on one CPU; the value of map `PORT_COUNTERS`.
///
/// Frames that a GSO buffer stands for are counted singly. A frame that came in is counted once in
/// `forwarded`, `flooded` or a drop, so the three add up to `rx_frames`; only copies of a flood, or for
/// a mirror, that could not leave are dropped on the port that they would have left by.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PortCounters {
    /// Frames that came in.
    pub rx_frames: u64,
    /// Octets of those.
    pub rx_bytes: u64,
    /// Frames that went out.
    pub tx_frames: u64,
    /// Octets of those.
    pub tx_bytes: u64,
    /// Frames that came in here and went to one port.
    pub forwarded: u64,
    /// Frames that came in here and went to all other ports.
    pub flooded: u64,
    /// Addresses learned here, moves to this port among them.
    pub learned: u64,
    /// Addresses that could not be learned here: limit reached, or a static entry elsewhere.
    pub refused: u64,
    /// Unicast frames that went out here for somebody else's address.
    pub wasted: u64,
    /// Requests that the bridge answered itself; they are in `forwarded` too.
    pub answered: u64,
    /// Copies of other ports' or VLANs' frames that went out here for a mirror; not in `tx_frames`.
    pub mirrored: u64,
    /// Zero.
    pub reserved: [u64; 1],
    /// Drops, by the number of their [`DropReason`].
    pub drops: [u64; DROP_SLOTS],
}

impl PortCounters {
    /// Frames dropped for `reason`.
    pub fn dropped(&self, reason: DropReason) -> u64 {
        self.drops.get(reason as usize).copied().unwrap_or(0)
    }

    /// Adds another CPU's counters.
    pub fn add(&mut self, other: &Self) {
        let sums = [
            (&mut self.rx_frames, other.rx_frames),
            (&mut self.rx_bytes, other.rx_bytes),
            (&mut self.tx_frames, other.tx_frames),
            (&mut self.tx_bytes, other.tx_bytes),
            (&mut self.forwarded, other.forwarded),
            (&mut self.flooded, other.flooded),
            (&mut self.learned, other.learned),
            (&mut self.refused, other.refused),
            (&mut self.wasted, other.wasted),
            (&mut self.answered, other.answered),
            (&mut self.mirrored, other.mirrored),
        ];
        for (sum, more) in sums
            .into_iter()
            .chain(self.drops.iter_mut().zip(other.drops))
        {
            *sum = sum.wrapping_add(more);
        }
    }
}

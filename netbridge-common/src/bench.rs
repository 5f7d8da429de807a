//! What the benchmark's programs and its userspace share.

/// Most interfaces that the benchmark's maps can hold; interface indexes are below it.
pub const SLOTS: u32 = 256;

/// What the generator sends out of an interface; map `BENCH_CONF` has one by interface index.
///
/// All zeros: the frame as it is, as fast as the CPU lets it.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BenchConf {
    /// Flows: that many destinations and sources are taken in turn; 0 or 1 for one.
    pub flows: u32,
    /// Distance between the numbers of one flow and the next; 0 for 1.
    pub stride: u32,
    /// 1 to leave the destination alone and vary only the source.
    pub keep_dst: u32,
    /// 1 to leave the source alone and vary only the destination.
    pub keep_src: u32,
    /// How many stations the frames go to in turn; 0 for the one that the frame names.
    pub targets: u32,
    /// How many stations there are; those after the sender are targets, round and round.
    pub stations: u32,
    /// The sender's number among the stations, from 0.
    pub sender: u32,
    /// Nanoseconds from one frame to the next; 0 for as fast as the CPU lets it.
    pub gap: u32,
}

/// What was sent out of an interface, on one CPU; the value of map `BENCH_SENT`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BenchSent {
    /// Frames.
    pub frames: u64,
    /// When the next one is due, by the monotonic clock.
    pub due: u64,
}

impl BenchConf {
    /// When a frame is due that could be sent `now`, if all had been in time `due`.
    ///
    /// A sender that was held up for long goes on from there; it does not make up for it in a burst.
    #[inline(always)]
    pub fn due(&self, due: u64, now: u64) -> u64 {
        let most = u64::from(self.gap).wrapping_mul(Self::MAKE_UP);
        due.max(now.saturating_sub(most))
    }

    /// Frames that a late sender makes up for at most.
    const MAKE_UP: u64 = 64;

    /// Number of the flow that frame `count` belongs to: the octets 5, 4 and 2 of its addresses.
    #[inline(always)]
    pub fn flow(&self, count: u64) -> Option<u32> {
        if self.flows <= 1 {
            return None;
        }
        let turn = low(count.checked_rem(u64::from(self.flows))?);
        Some(turn.wrapping_mul(self.stride.max(1)))
    }

    /// Octet 3 of the destination of frame `count`, which tells stations apart.
    #[inline(always)]
    pub fn target(&self, count: u64) -> Option<u8> {
        let turn = low(count.checked_rem(u64::from(self.targets))?);
        let after = self.sender.wrapping_add(1).wrapping_add(turn);
        let [number, ..] = after
            .checked_rem(self.stations)?
            .wrapping_add(1)
            .to_le_bytes();
        Some(number)
    }
}

/// The remainder of a 32-bit divisor.
#[inline(always)]
fn low(remainder: u64) -> u32 {
    let [a, b, c, d, ..] = remainder.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// What arrived on an interface, on one CPU; the value of map `BENCH_SINK`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BenchSink {
    /// Frames.
    pub frames: u64,
    /// Octets.
    pub bytes: u64,
    /// Nanoseconds that each frame takes here; 0 for as few as can be. Written by userspace.
    pub gap: u64,
}

/// Names of the benchmark's maps and programs.
pub mod name {
    /// [`super::BenchConf`] by interface index.
    pub const CONF: &str = "BENCH_CONF";
    /// [`super::BenchSent`] by interface index, per CPU.
    pub const SENT: &str = "BENCH_SENT";
    /// [`super::BenchSink`] by interface index, per CPU.
    pub const SINK: &str = "BENCH_SINK";
    /// Devmap for the static redirect, by interface index.
    pub const PORTS: &str = "BENCH_PORTS";
    /// XDP: sends the frame back out of the interface that it is run for.
    pub const GENERATE: &str = "bench_generate";
    /// XDP: counts and drops.
    pub const SINK_XDP: &str = "bench_sink_xdp";
    /// TC: counts and drops.
    pub const SINK_TC: &str = "bench_sink_tc";
    /// XDP: to the interface whose index differs in the last bit, without a lookup.
    pub const STATIC_XDP: &str = "bench_static_x";
    /// TC: the same.
    pub const STATIC_TC: &str = "bench_static_t";
    /// XDP: nothing.
    pub const EMPTY_XDP: &str = "bench_empty_x";
    /// TC: nothing.
    pub const EMPTY_TC: &str = "bench_empty_t";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_sender_makes_up_for_little() {
        let conf = BenchConf {
            gap: 10,
            ..BenchConf::default()
        };
        assert_eq!(conf.due(5000, 4000), 5000);
        assert_eq!(conf.due(5000, 5600), 5000);
        assert_eq!(conf.due(5000, 9000), 8360);
        assert_eq!(conf.due(0, 9000), 8360);
    }

    #[test]
    fn flows_are_taken_in_turn() {
        let conf = BenchConf {
            flows: 3,
            stride: 70_000,
            ..BenchConf::default()
        };
        let flows: Vec<_> = (0..4).map(|count| conf.flow(count)).collect();
        assert_eq!(flows, [Some(0), Some(70_000), Some(140_000), Some(0)]);
        assert_eq!(BenchConf::default().flow(7), None);
    }

    #[test]
    fn a_station_sends_to_every_other_in_turn() {
        let conf = BenchConf {
            targets: 3,
            stations: 4,
            sender: 2,
            ..BenchConf::default()
        };
        let targets: Vec<_> = (0..4).map(|count| conf.target(count)).collect();
        assert_eq!(targets, [Some(4), Some(1), Some(2), Some(4)]);
        assert_eq!(BenchConf::default().target(7), None);
    }
}

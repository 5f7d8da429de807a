//! Storm and rate limits of a port: how much may pass in a time.

use crate::{
    FrameSize,
    decide::{DropReason, FloodKind},
};

/// Lowest rate that can be set, in bit/s.
pub const MIN_RATE: u64 = 8_000;
/// Highest rate that can be set, in bit/s.
pub const MAX_RATE: u64 = 400_000_000_000;
/// Highest storm limit that can be set, in frames per second.
pub const MAX_STORM: u64 = 1_000_000_000;
/// Longest time that a burst may take at its rate, in seconds.
pub const MAX_BURST_SECS: u64 = 3600;

/// The fraction of a nanosecond, in bits, that meters count in; they wrap after 2.3 years.
const TIME_BITS: u32 = 8;
/// The further fraction that costs have, so that an octet at 400 Gbit/s is within 0.1 %.
const COST_BITS: u32 = 4;
/// Nanoseconds in a second.
const SECOND: u64 = 1_000_000_000;
/// What a buffer is charged with at most, in octets or frames: no buffer holds more.
const LARGEST_AMOUNT: u64 = 1 << 20;

/// What a limit is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitKind {
    /// Octets that come in.
    RateIn = 0,
    /// Octets that go out.
    RateOut = 1,
    /// Unknown unicast that comes in.
    StormUnknown = 2,
    /// Multicast that comes in.
    StormMulticast = 3,
    /// Broadcast that comes in.
    StormBroadcast = 4,
}

impl LimitKind {
    /// How many kinds there are.
    pub const COUNT: usize = 5;

    /// The kind of a number; unknown ones count as `StormBroadcast`.
    #[inline(always)]
    pub const fn from_raw(raw: u32) -> Self {
        match raw {
            0 => Self::RateIn,
            1 => Self::RateOut,
            2 => Self::StormUnknown,
            3 => Self::StormMulticast,
            _ => Self::StormBroadcast,
        }
    }

    /// The limit on a kind of flood.
    #[inline(always)]
    pub const fn of_flood(flood: FloodKind) -> Self {
        match flood {
            FloodKind::UnknownUnicast => Self::StormUnknown,
            FloodKind::Multicast | FloodKind::Member => Self::StormMulticast,
            FloodKind::Broadcast => Self::StormBroadcast,
        }
    }

    /// Why a frame is dropped that exceeds the limit.
    #[inline(always)]
    pub const fn reason(self) -> DropReason {
        match self {
            Self::RateIn => DropReason::RateIngress,
            Self::RateOut => DropReason::RateEgress,
            Self::StormUnknown => DropReason::StormUnknown,
            Self::StormMulticast => DropReason::StormMulticast,
            Self::StormBroadcast => DropReason::StormBroadcast,
        }
    }

    /// What of a buffer is charged: the octets or the frames that it stands for.
    #[inline(always)]
    pub const fn amount(self, size: FrameSize) -> u32 {
        match self {
            Self::RateIn | Self::RateOut => size.bytes,
            Self::StormUnknown | Self::StormMulticast | Self::StormBroadcast => size.frames,
        }
    }
}

/// One limit; no limit where all is zero.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limit {
    /// What it was set to, in bit/s or frames per second.
    pub rate: u64,
    /// What may pass at once, in octets or frames.
    pub burst: u64,
    /// How long an octet or a frame takes, in 1/4096 ns.
    pub cost: u64,
    /// How long the burst takes, in 1/256 ns.
    pub tolerance: u64,
}

impl Limit {
    /// A rate in bit/s with a burst in octets; no limit for a rate of 0.
    pub const fn rate(rate: u64, burst: u64) -> Self {
        Self::new(rate, burst, 8)
    }

    /// A limit in frames per second; no limit for 0.
    ///
    /// What comes at once in a tenth of a second passes.
    #[expect(clippy::integer_division, reason = "what is left over is no frame")]
    pub const fn storm(rate: u64) -> Self {
        Self::new(rate, rate / 10, 1)
    }

    /// The limit at which a thing that is worth `units` of the rate passes `rate` times a second.
    const fn new(rate: u64, burst: u64, units: u64) -> Self {
        let second = SECOND.wrapping_mul(units) << (TIME_BITS + COST_BITS);
        // To the nearest.
        let Some(cost) = second.saturating_add(rate >> 1).checked_div(rate) else {
            return Self {
                rate: 0,
                burst: 0,
                cost: 0,
                tolerance: 0,
            };
        };
        Self {
            rate,
            burst,
            cost,
            tolerance: burst.saturating_mul(cost) >> COST_BITS,
        }
    }

    /// Says whether anything is limited.
    #[inline(always)]
    pub const fn is_set(&self) -> bool {
        self.cost != 0
    }

    /// How long `amount` octets or frames take, in 1/256 ns.
    #[inline(always)]
    pub const fn time(&self, amount: u32) -> u64 {
        let amount = amount as u64;
        let amount = if amount > LARGEST_AMOUNT {
            LARGEST_AMOUNT
        } else {
            amount
        };
        amount.wrapping_mul(self.cost) >> COST_BITS
    }

    /// The longest that a meter of this limit can be ahead of the clock, in 1/256 ns.
    #[inline(always)]
    pub const fn longest_debt(&self) -> u64 {
        let largest = LARGEST_AMOUNT.wrapping_mul(self.cost) >> COST_BITS;
        self.tolerance.wrapping_add(largest)
    }
}

/// The clock that meters go by, from nanoseconds of `CLOCK_MONOTONIC`.
#[inline(always)]
pub const fn meter_time(nanos: u64) -> u64 {
    nanos << TIME_BITS
}

/// The limits of a port, by [`LimitKind`]; the value of map `LIMITS`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PortLimits {
    /// The limits.
    pub limits: [Limit; LimitKind::COUNT],
}

impl PortLimits {
    /// The limit of a kind.
    pub fn of(&self, kind: LimitKind) -> Limit {
        self.limits.get(kind as usize).copied().unwrap_or_default()
    }

    /// Sets the limit of a kind.
    pub const fn set(&mut self, kind: LimitKind, limit: Limit) {
        let [rate_in, rate_out, unknown, multicast, broadcast] = &mut self.limits;
        match kind {
            LimitKind::RateIn => *rate_in = limit,
            LimitKind::RateOut => *rate_out = limit,
            LimitKind::StormUnknown => *unknown = limit,
            LimitKind::StormMulticast => *multicast = limit,
            LimitKind::StormBroadcast => *broadcast = limit,
        }
    }
}

/// The meters of a port, by [`LimitKind`]; the value of map `METERS`, as long as a cache line.
///
/// Each is the time, as [`meter_time`] has it, at which all that has passed would have passed at the
/// limit.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PortMeters {
    /// The meters.
    pub meters: [u64; LimitKind::COUNT],
    /// Zero.
    pub reserved: [u64; 3],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holds_as_much_as_the_rate_says() {
        let second = meter_time(SECOND);
        for rate in [
            MIN_RATE,
            64_000,
            1_000_000,
            10_000_000_000,
            123_456_789_012,
            MAX_RATE,
        ] {
            let limit = Limit::rate(rate, 1500);
            let octets = u32::try_from((rate / 8).min(LARGEST_AMOUNT)).unwrap();
            let expected = u128::from(second) * u128::from(octets) * 8 / u128::from(rate);
            let off = u128::from(limit.time(octets)).abs_diff(expected);
            assert!(off * 500 <= expected, "{rate}: {off} of {expected}");
        }
        for rate in [1, 100, 1_000_000, MAX_STORM] {
            let time = u128::from(Limit::storm(rate).time(1)) * u128::from(rate);
            assert!(
                time.abs_diff(second.into()) * 500 <= second.into(),
                "{rate}"
            );
        }
    }

    #[test]
    fn the_longest_times_fit() {
        let slow = Limit::rate(MIN_RATE, MIN_RATE / 8 * MAX_BURST_SECS);
        assert_eq!(slow.tolerance, meter_time(MAX_BURST_SECS * SECOND));
        assert!(slow.longest_debt() < u64::MAX / 16);
        assert!(Limit::storm(1).longest_debt() < u64::MAX / 16);
        assert_eq!(slow.time(u32::MAX), slow.time(1 << 20));
    }

    #[test]
    fn rates_count_octets_and_storms_frames() {
        let size = FrameSize {
            frames: 3,
            bytes: 4000,
            largest: 1514,
        };
        assert_eq!(LimitKind::RateIn.amount(size), 4000);
        assert_eq!(LimitKind::StormBroadcast.amount(size), 3);
        assert!(!Limit::rate(0, 1500).is_set() && !Limit::storm(0).is_set());
    }
}

//! The coarse clock that entries are stamped with.

/// A point in time or a span, in units of 2^30 ns (about 1.07 s) since boot.
///
/// A shift makes it from nanoseconds, where a division would cost the datapath tens of cycles; it
/// wraps after 146 years.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticks(pub u32);

impl Ticks {
    /// Nanoseconds in a tick.
    pub const NANOS: u64 = 1 << 30;

    /// The tick that `nanos` (of `CLOCK_MONOTONIC_COARSE`) falls in.
    #[inline(always)]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "wraps after 146 years of uptime"
    )]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self((nanos >> 30) as u32)
    }

    /// The shortest span that lasts at least `secs` seconds.
    #[expect(
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        reason = "secs < 2^32, so the product fits and the quotient is below secs"
    )]
    pub const fn from_secs(secs: u32) -> Self {
        Self((secs as u64 * 1_000_000_000).div_ceil(Self::NANOS) as u32)
    }

    /// The span in whole seconds, rounded down.
    #[expect(
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        reason = "2^32 * 2^30 fits in 64 bits, and 1.07 * 2^32 saturates"
    )]
    #[expect(
        clippy::integer_division,
        reason = "rounding down is what the name promises"
    )]
    pub const fn as_secs(self) -> u32 {
        let secs = self.0 as u64 * Self::NANOS / 1_000_000_000;
        if secs > u32::MAX as u64 {
            u32::MAX
        } else {
            secs as u32
        }
    }

    /// How long ago `earlier` was; zero when it lies ahead, as another CPU's clock may.
    #[inline(always)]
    #[must_use]
    pub const fn since(self, earlier: Self) -> Self {
        Self(self.0.saturating_sub(earlier.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_survive_the_conversion_within_a_tick() {
        for secs in [1, 10, 15, 300, 1_000_000] {
            let span = Ticks::from_secs(secs);
            assert!(u64::from(span.0) * Ticks::NANOS >= u64::from(secs) * 1_000_000_000);
            assert!(
                span.as_secs().abs_diff(secs) <= 1,
                "{secs} became {}",
                span.as_secs()
            );
        }
    }

    #[test]
    fn a_stamp_from_the_future_is_fresh() {
        assert_eq!(Ticks(5).since(Ticks(7)), Ticks(0));
        assert_eq!(Ticks(7).since(Ticks(5)), Ticks(2));
    }
}

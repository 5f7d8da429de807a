//! Whether a frame is within a limit.

use crate::limit::Limit;

/// Charges a meter with `amount` octets or frames at `now`, and returns what it then stands at; `None`
/// where they are too much, and nothing is charged.
///
/// This is the generic cell rate algorithm (ITU-T I.371): a meter is ahead of the clock by the time
/// that what has passed is still due. Whatever meets a meter that is no more than the burst ahead passes
/// and is charged whole, so that a buffer may be larger than the burst and the average is exact all the
/// same: in any time no more than the rate allows, a burst, and one buffer.
#[inline(always)]
pub const fn charge(meter: u64, now: u64, limit: &Limit, amount: u32) -> Option<u64> {
    let mut debt = meter.wrapping_sub(now);
    // A meter is never that far ahead, so it is behind: it has rested, or was never used.
    if debt > limit.longest_debt() {
        debt = 0;
    }
    if debt > limit.tolerance {
        return None;
    }
    Some(now.wrapping_add(debt).wrapping_add(limit.time(amount)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limit::{MAX_BURST_SECS, MIN_RATE, meter_time};

    const SECOND: u64 = 1_000_000_000;
    /// A day, in nanoseconds.
    const DAY: u64 = 86_400 * SECOND;

    /// Octets that pass of frames of `len` octets, one every `every` ns from `from` on.
    fn passed(limit: &Limit, meter: &mut u64, from: u64, len: u32, every: u64, count: u64) -> u64 {
        let mut octets = 0;
        for n in 0..count {
            let now = meter_time(from.wrapping_add(n * every));
            if let Some(next) = charge(*meter, now, limit, len) {
                *meter = next;
                octets += u64::from(len);
            }
        }
        octets
    }

    #[test]
    fn a_burst_passes_at_once_and_the_rate_after_it() {
        let limit = Limit::rate(8_000_000, 10_000);
        let mut meter = 0;
        // A meter that is just the burst ahead lets one more pass.
        assert_eq!(passed(&limit, &mut meter, SECOND, 1000, 0, 100), 11_000);
        let next = passed(&limit, &mut meter, SECOND, 1000, 100_000, 10_001);
        assert_eq!(next, 1_000_000);
    }

    #[test]
    fn a_buffer_larger_than_the_burst_passes_and_is_paid_for() {
        let limit = Limit::rate(8_000_000, 1500);
        let mut meter = 0;
        let large = 64_000;
        assert_eq!(passed(&limit, &mut meter, SECOND, large, 0, 5), 64_000);
        let later = SECOND + 62_000_000;
        assert_eq!(passed(&limit, &mut meter, later, 60, 0, 1), 0);
        assert_eq!(passed(&limit, &mut meter, later + 500_001, 60, 0, 1), 60);
    }

    #[test]
    fn time_that_passed_without_a_frame_is_worth_one_burst() {
        let limit = Limit::rate(8_000_000, 10_000);
        for idle in [SECOND, DAY, 30 * DAY, 400 * DAY, 800 * DAY, 2000 * DAY] {
            let mut meter = 0;
            passed(&limit, &mut meter, SECOND, 1000, 0, 100);
            let octets = passed(&limit, &mut meter, SECOND + idle, 1000, 0, 100);
            assert_eq!(octets, 11_000, "{idle}");
        }
    }

    #[test]
    fn the_clock_may_wrap_and_may_be_read_late() {
        let limit = Limit::rate(8_000_000, 10_000);
        let wrap = 1_u64 << 56;
        let mut meter = meter_time(wrap - 2 * SECOND);
        let octets = passed(&limit, &mut meter, wrap - SECOND, 1000, 100_000, 20_000);
        assert!((2_000_000..=2_011_000).contains(&octets), "{octets}");
        // Another CPU has read its clock a little before the last charge.
        let charged = |meter, nanos| charge(meter, meter_time(nanos), &limit, 1000);
        let first = charged(0, SECOND).expect("a meter at rest lets pass");
        let late = charged(first, SECOND - 200_000);
        assert_eq!(late, Some(first + limit.time(1000)));
    }

    #[test]
    fn the_longest_burst_at_the_lowest_rate_is_no_overflow() {
        let burst = MIN_RATE / 8 * MAX_BURST_SECS;
        let limit = Limit::rate(MIN_RATE, burst);
        let mut meter = 0;
        let octets = passed(&limit, &mut meter, SECOND, 9000, 0, 1000);
        assert!((burst..=burst + 9000).contains(&octets), "{octets}");
        assert_eq!(passed(&limit, &mut meter, SECOND, 9000, 0, 10), 0);
    }
}

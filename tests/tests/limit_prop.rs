//! What must hold of a limit, whatever is offered. Needs no root.
#![expect(
    clippy::expect_used,
    reason = "a test stops where it fails, and says so"
)]

use netbridge_common::{
    Limit,
    decide::charge,
    limit::{MAX_RATE, MIN_RATE, meter_time},
};
use proptest::prelude::*;

/// What was offered, and what passed.
#[derive(Default)]
struct Passed {
    /// Octets that passed.
    octets: u64,
    /// Octets of the largest buffer.
    largest: u64,
    /// All the time, in nanoseconds.
    time: u64,
}

/// Offers buffers, each so many nanoseconds after the one before, to a meter at rest.
fn offer(limit: &Limit, from: u64, buffers: &[(u64, u32)]) -> Passed {
    let (mut meter, mut now) = (meter_time(from), from);
    let mut passed = Passed::default();
    for (after, octets) in buffers {
        now = now.wrapping_add(*after);
        passed.time += after;
        passed.largest = passed.largest.max(u64::from(*octets));
        if let Some(next) = charge(meter, meter_time(now), limit, *octets) {
            meter = next;
            passed.octets += u64::from(*octets);
        }
    }
    passed
}

/// Octets that a rate allows in a time, to the nearest.
fn allowed(rate: u64, nanos: u64) -> u64 {
    let octets = u128::from(rate) * u128::from(nanos) / 8_000_000_000;
    u64::try_from(octets).expect("a small amount")
}

/// Rates from the lowest to the highest, all orders of magnitude alike.
fn rates() -> impl Strategy<Value = u64> {
    (3.91_f64..11.6).prop_map(|digits| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "within the range of rates"
        )]
        let rate = 10_f64.powf(digits) as u64;
        rate.clamp(MIN_RATE, MAX_RATE)
    })
}

/// Times since boot: any, and those at which a meter wraps.
fn starts() -> impl Strategy<Value = u64> {
    prop_oneof![any::<u64>(), ((1 << 56) - 1_000_000_000_u64)..(1 << 56)]
}

/// Buffers as large as GSO makes them, after pauses of up to 2^40 ns, which is 18 minutes.
fn buffers() -> impl Strategy<Value = Vec<(u64, u32)>> {
    let pause = (0..40_u32, any::<u64>()).prop_map(|(bits, pause)| pause & ((1 << bits) - 1));
    prop::collection::vec((pause, 1..=70_000_u32), 1..400)
}

proptest! {
    #[test]
    fn no_more_passes_than_the_rate_a_burst_and_a_buffer(
        rate in rates(),
        burst in 1..1_000_000_u64,
        from in starts(),
        buffers in buffers(),
    ) {
        let passed = offer(&Limit::rate(rate, burst), from, &buffers);
        let most = allowed(rate, passed.time) + burst + passed.largest;
        // The cost of an octet is rounded, by at most 0.1 %.
        prop_assert!(passed.octets <= most + most / 1000 + 1, "{} of {most}", passed.octets);
    }

    #[test]
    fn no_less_passes_than_the_rate_where_enough_is_offered(
        rate in rates(),
        burst in 0..1_000_000_u64,
        from in starts(),
        octets in 60..70_000_u32,
        tenths in 11..50_u64,
        count in 100..2000_usize,
    ) {
        // The pause in which the rate allows the buffer, shortened so that more is offered.
        let pause = u64::from(octets) * 80_000_000_000 / rate / tenths;
        prop_assume!(pause > 100);
        // A pause is not lost where the burst holds as much as comes in it.
        let burst = burst + u64::from(octets);
        let passed = offer(&Limit::rate(rate, burst), from, &vec![(pause, octets); count]);
        let least = allowed(rate, passed.time).saturating_sub(passed.largest);
        prop_assert!(passed.octets + least / 500 >= least, "{} of {least}", passed.octets);
    }

    #[test]
    fn what_is_within_the_rate_always_passes(
        rate in rates(),
        from in starts(),
        sizes in prop::collection::vec(60..70_000_u32, 1..400),
    ) {
        // Each buffer waits until the one before is paid for.
        let mut before = 0;
        let offered: Vec<(u64, u32)> = sizes
            .iter()
            .map(|size| {
                let pause = u64::from(before) * 8_040_000_000 / rate + 2;
                before = *size;
                (pause, *size)
            })
            .collect();
        let passed = offer(&Limit::rate(rate, 1), from, &offered);
        prop_assert_eq!(passed.octets, sizes.iter().map(|size| u64::from(*size)).sum::<u64>());
    }

    #[test]
    fn a_refused_buffer_changes_nothing_and_rest_heals(
        rate in rates(),
        meter in any::<u64>(),
        now in any::<u64>(),
        octets in 1..70_000_u32,
    ) {
        let limit = Limit::rate(rate, 1500);
        if charge(meter, now, &limit, octets).is_none() {
            let due = meter.wrapping_sub(limit.tolerance);
            prop_assert!(due.wrapping_sub(now) <= limit.longest_debt());
            prop_assert!(charge(meter, due, &limit, octets).is_some());
        }
    }
}

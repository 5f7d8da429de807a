//! Storm and rate limits of a port: what they may be, and how they come to count.

use netbridge_common::{
    Features, Limit, LimitKind, PortConf, PortFlags, PortLimits,
    decide::largest_frame,
    limit::{MAX_BURST_SECS, MAX_RATE, MAX_STORM, MIN_RATE},
};

use super::{Bridge, BridgeError, Port};

/// Full frames that the burst of a rate holds at least, unless told otherwise.
const BURST_FRAMES: u64 = 10;
/// What part of a second's octets the burst of a rate holds, unless told otherwise.
///
/// TCP between containers, whose round trips take microseconds, sends a burst and then waits for its
/// retransmission timer, which is 200 ms at least: with less than those, it never fills the rate.
const BURST_PART: u64 = 4;

/// Changes to the limits of a port; what is `None` stays, and 0 is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LimitChange {
    /// What may come in, in bit/s.
    pub rate_ingress: Option<u64>,
    /// What may come in at once, in octets.
    pub burst_ingress: Option<u64>,
    /// What may go out, in bit/s.
    pub rate_egress: Option<u64>,
    /// What may go out at once, in octets.
    pub burst_egress: Option<u64>,
    /// Broadcast that may come in, in frames per second.
    pub storm_broadcast: Option<u64>,
    /// Multicast that may come in, in frames per second.
    pub storm_multicast: Option<u64>,
    /// Unknown unicast that may come in, in frames per second.
    pub storm_unknown: Option<u64>,
}

impl LimitChange {
    /// Refuses what no port of this MTU can have.
    pub fn check(&self, mtu: u32) -> Result<(), BridgeError> {
        let port = PortConf {
            mtu,
            ..PortConf::default()
        };
        self.apply(&port, PortLimits::default()).map(drop)
    }

    /// The limits of a port after the change; an error where one of them cannot be.
    pub(super) fn apply(
        &self,
        port: &PortConf,
        before: PortLimits,
    ) -> Result<PortLimits, BridgeError> {
        let mut limits = before;
        let rates = [
            (
                LimitKind::RateIn,
                self.rate_ingress,
                self.burst_ingress,
                INGRESS,
            ),
            (
                LimitKind::RateOut,
                self.rate_egress,
                self.burst_egress,
                EGRESS,
            ),
        ];
        for (kind, rate, burst, names) in rates {
            if rate.is_some() || burst.is_some() {
                let burst_or_rate = (rate.unwrap_or(before.of(kind).rate), burst);
                limits.set(kind, rated(burst_or_rate, port, names)?);
            }
        }
        let storms = [
            (LimitKind::StormUnknown, self.storm_unknown, "storm unknown"),
            (
                LimitKind::StormMulticast,
                self.storm_multicast,
                "storm multicast",
            ),
            (
                LimitKind::StormBroadcast,
                self.storm_broadcast,
                "storm broadcast",
            ),
        ];
        for (kind, rate, setting) in storms {
            if let Some(rate) = rate {
                if rate > MAX_STORM {
                    let reason =
                        format!("{rate} frames/s is out of range; give 1 to {MAX_STORM}, or off");
                    return Err(BridgeError::BadSetting { setting, reason });
                }
                limits.set(kind, Limit::storm(rate));
            }
        }
        Ok(limits)
    }
}

/// How the settings of a rate are called, and the option that sets it.
#[derive(Clone, Copy)]
struct Names {
    rate: &'static str,
    burst: &'static str,
    option: &'static str,
}

const INGRESS: Names = Names {
    rate: "rate ingress",
    burst: "burst ingress",
    option: "--rate-ingress",
};

const EGRESS: Names = Names {
    rate: "rate egress",
    burst: "burst egress",
    option: "--rate-egress",
};

/// A rate with its burst, or with the one that it has unless told otherwise.
fn rated(
    (rate, burst): (u64, Option<u64>),
    port: &PortConf,
    names: Names,
) -> Result<Limit, BridgeError> {
    let bad = |setting, reason| Err(BridgeError::BadSetting { setting, reason });
    if rate == 0 {
        return match burst {
            Some(_) => bad(
                names.burst,
                format!("there is no rate; give one with {}", names.option),
            ),
            None => Ok(Limit::default()),
        };
    }
    if !(MIN_RATE..=MAX_RATE).contains(&rate) {
        return bad(
            names.rate,
            format!("{rate} bit/s is out of range; give 8kbit to 400gbit, or off"),
        );
    }
    let full_frame = u64::from(largest_frame(port));
    let burst = burst.unwrap_or_else(|| (BURST_FRAMES * full_frame).max(rate / 8 / BURST_PART));
    let (least, most) = (full_frame, (rate / 8).saturating_mul(MAX_BURST_SECS));
    if !(least..=most).contains(&burst) {
        return bad(
            names.burst,
            format!(
                "{burst} octets are out of range; give {least} (one frame) to {most} at this rate"
            ),
        );
    }
    Ok(Limit::rate(rate, burst))
}

/// The switches by which the datapath knows what limits there are.
pub(super) fn switches(limits: &PortLimits) -> PortFlags {
    let has = |kind| limits.of(kind).is_set();
    let storm = [
        LimitKind::StormUnknown,
        LimitKind::StormMulticast,
        LimitKind::StormBroadcast,
    ];
    PortFlags::default()
        .set(PortFlags::RATE_IN, has(LimitKind::RateIn))
        .set(PortFlags::RATE_OUT, has(LimitKind::RateOut))
        .set(PortFlags::STORM, storm.into_iter().any(has))
}

/// `flags` with the switches of other limits.
pub(super) const fn with_switches(flags: PortFlags, limits: PortFlags) -> PortFlags {
    let all = PortFlags::RATE_IN
        .with(PortFlags::RATE_OUT)
        .with(PortFlags::STORM);
    flags.set(all, false).with(limits)
}

impl Bridge {
    /// The limits of a port.
    pub fn limits(&self, port: &Port) -> Result<PortLimits, BridgeError> {
        Ok(self.maps().port_limits(port.id)?)
    }

    /// Sees to it that the programs know limits, where there are any.
    pub(super) fn require_limits(&mut self, limits: &PortLimits) -> Result<(), BridgeError> {
        if *limits == PortLimits::default() {
            return Ok(());
        }
        self.require(Features::LIMIT)
    }

    /// Writes other limits of a port, which count when the port has the switches of them.
    ///
    /// Until then it has none: for a moment more passes, rather than that a frame meets half of the old
    /// and half of the new.
    pub(super) fn write_limits(
        &mut self,
        port: &Port,
        limits: PortLimits,
    ) -> Result<(), BridgeError> {
        if self.limits(port)? == limits {
            return Ok(());
        }
        let conf = PortConf {
            flags: with_switches(port.conf.flags, PortFlags::default()),
            ..port.conf
        };
        if conf != port.conf {
            self.maps_mut().set_port_conf(port.id, conf)?;
        }
        Ok(self.maps_mut().set_port_limits(port.id, limits)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(change: LimitChange, before: PortLimits) -> Result<PortLimits, String> {
        let port = PortConf {
            mtu: 1500,
            ..PortConf::default()
        };
        change
            .apply(&port, before)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_rate_has_a_burst_of_a_quarter_second_and_of_10_frames_at_least() {
        for (rate, burst) in [
            (8_000, 15_180),
            (100_000_000, 3_125_000),
            (MAX_RATE, 12_500_000_000),
        ] {
            let rate_egress = Some(rate);
            let change = LimitChange {
                rate_egress,
                ..LimitChange::default()
            };
            let limits = applied(change, PortLimits::default()).expect("a rate");
            assert_eq!(limits.of(LimitKind::RateOut), Limit::rate(rate, burst));
            assert_eq!(switches(&limits), PortFlags::RATE_OUT);
        }
    }

    #[test]
    fn what_is_not_named_stays_and_off_takes_away() {
        let change = LimitChange {
            rate_ingress: Some(1_000_000),
            burst_ingress: Some(3000),
            storm_unknown: Some(50),
            ..LimitChange::default()
        };
        let before = applied(change, PortLimits::default()).expect("limits");
        assert_eq!(applied(LimitChange::default(), before), Ok(before));
        let other_burst = LimitChange {
            burst_ingress: Some(9000),
            storm_unknown: Some(0),
            ..LimitChange::default()
        };
        let after = applied(other_burst, before).expect("another burst");
        assert_eq!(after.of(LimitKind::RateIn), Limit::rate(1_000_000, 9000));
        assert!(!after.of(LimitKind::StormUnknown).is_set());
        let none = LimitChange {
            rate_ingress: Some(0),
            ..LimitChange::default()
        };
        assert_eq!(applied(none, after), Ok(PortLimits::default()));
    }

    #[test]
    fn limits_that_cannot_be_are_refused() {
        let none = LimitChange::default();
        let bad = [
            LimitChange {
                rate_ingress: Some(MIN_RATE - 1),
                ..none
            },
            LimitChange {
                rate_egress: Some(MAX_RATE + 1),
                ..none
            },
            LimitChange {
                burst_egress: Some(1500),
                ..none
            },
            LimitChange {
                rate_egress: Some(0),
                burst_egress: Some(1500),
                ..none
            },
            LimitChange {
                rate_ingress: Some(8_000),
                burst_ingress: Some(1517),
                ..none
            },
            LimitChange {
                rate_egress: Some(8_000),
                burst_egress: Some(1 << 30),
                ..none
            },
            LimitChange {
                rate_egress: Some(MAX_RATE),
                burst_egress: Some(1 << 50),
                ..none
            },
            LimitChange {
                storm_broadcast: Some(MAX_STORM + 1),
                ..none
            },
        ];
        for change in bad {
            assert!(
                applied(change, PortLimits::default()).is_err(),
                "{change:?}"
            );
        }
    }
}

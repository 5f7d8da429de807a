//! Storm and rate limits, as `port show` tells of them.

use netbridge_common::{Limit, LimitKind, PortLimits};
use serde::Serialize;

/// The limits of a port; null where there is none.
#[derive(Clone, Debug, Serialize)]
pub struct LimitsView {
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

impl LimitsView {
    /// Looks at the limits of a port.
    pub fn of(limits: &PortLimits) -> Self {
        let set = |kind| Some(limits.of(kind)).filter(Limit::is_set);
        let rate = |kind| set(kind).map(|limit| limit.rate);
        let burst = |kind| set(kind).map(|limit| limit.burst);
        Self {
            rate_ingress: rate(LimitKind::RateIn),
            burst_ingress: burst(LimitKind::RateIn),
            rate_egress: rate(LimitKind::RateOut),
            burst_egress: burst(LimitKind::RateOut),
            storm_broadcast: rate(LimitKind::StormBroadcast),
            storm_multicast: rate(LimitKind::StormMulticast),
            storm_unknown: rate(LimitKind::StormUnknown),
        }
    }

    /// The limits in a few words, as in `in 100mbit, broadcast 100/s`; empty where there are none.
    pub(super) fn text(&self) -> String {
        let rates = [("in", self.rate_ingress), ("out", self.rate_egress)];
        let storms = [
            ("broadcast", self.storm_broadcast),
            ("multicast", self.storm_multicast),
            ("unknown", self.storm_unknown),
        ];
        let rates = rates
            .into_iter()
            .filter_map(|(name, rate)| Some(format!("{name} {}", bits(rate?))));
        let storms = storms
            .into_iter()
            .filter_map(|(name, rate)| Some(format!("{name} {}/s", rate?)));
        rates.chain(storms).collect::<Vec<_>>().join(", ")
    }
}

/// A rate in the largest unit that leaves a whole number.
fn bits(rate: u64) -> String {
    let units = [
        (1_000_000_000, "gbit"),
        (1_000_000, "mbit"),
        (1_000, "kbit"),
    ];
    let unit = units
        .into_iter()
        .find(|(factor, _)| rate.is_multiple_of(*factor));
    let (factor, name) = unit.unwrap_or((1, "bit"));
    format!("{}{name}", rate / factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_told_in_few_words() {
        let mut limits = PortLimits::default();
        assert_eq!(LimitsView::of(&limits).text(), "");
        limits.set(LimitKind::RateOut, Limit::rate(1_500_000_000, 1500));
        limits.set(LimitKind::RateIn, Limit::rate(8_001, 1500));
        limits.set(LimitKind::StormBroadcast, Limit::storm(100));
        let text = LimitsView::of(&limits).text();
        assert_eq!(text, "in 8001bit, out 1500mbit, broadcast 100/s");
    }
}

//! Storm and rate limits, as they are typed.

use crate::{
    bridge::LimitChange,
    quantity::{frames, rate, size},
};

/// Limits of a port.
///
/// A rate counts octets as `netbridge stats` does: of frames with their headers, without FCS, and of
/// every segment of what the stack hands over in one piece.
#[derive(Clone, Copy, Debug, clap::Args)]
#[command(
    next_help_heading = "Limits (`off` takes one away; rates count whole frames without FCS)"
)]
pub(super) struct Limits {
    /// Drop what comes in beyond this many bits per second, as in 100mbit.
    #[arg(long, value_name = "RATE", value_parser = rate, allow_hyphen_values = true)]
    rate_ingress: Option<u64>,
    /// Let this much come in at once; a quarter second of the rate unless given, and 10 frames at least.
    #[arg(long, value_name = "SIZE", value_parser = size, allow_hyphen_values = true)]
    burst_ingress: Option<u64>,
    /// Drop what goes out beyond this many bits per second.
    #[arg(long, value_name = "RATE", value_parser = rate, allow_hyphen_values = true)]
    rate_egress: Option<u64>,
    /// Let this much go out at once.
    #[arg(long, value_name = "SIZE", value_parser = size, allow_hyphen_values = true)]
    burst_egress: Option<u64>,
    /// Drop broadcast that comes in beyond this many frames per second.
    #[arg(long, value_name = "N", value_parser = frames, allow_hyphen_values = true)]
    storm_broadcast: Option<u64>,
    /// The same for multicast.
    #[arg(long, value_name = "N", value_parser = frames, allow_hyphen_values = true)]
    storm_multicast: Option<u64>,
    /// The same for unicast whose destination nobody knows; on a hub that is all.
    #[arg(long, value_name = "N", value_parser = frames, allow_hyphen_values = true)]
    storm_unknown: Option<u64>,
}

impl From<Limits> for LimitChange {
    fn from(args: Limits) -> Self {
        Self {
            rate_ingress: args.rate_ingress,
            burst_ingress: args.burst_ingress,
            rate_egress: args.rate_egress,
            burst_egress: args.burst_egress,
            storm_broadcast: args.storm_broadcast,
            storm_multicast: args.storm_multicast,
            storm_unknown: args.storm_unknown,
        }
    }
}

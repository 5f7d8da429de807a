//! The options about multicast that `port set` has.

use clap::ValueEnum;
use netbridge_common::PortFlags;

use super::values::OnOff;

/// Multicast on a port.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Multicast, where the bridge snoops on it")]
pub(super) struct McastArgs {
    /// Whether a multicast router is behind the port.
    #[arg(long, value_enum)]
    mcast_router: Option<RouterArg>,
    /// Take who leaves a multicast group for the last member behind the port.
    #[arg(long, value_enum, value_name = "on|off")]
    mcast_fast_leave: Option<OnOff>,
}

/// Whether a multicast router is behind a port.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum RouterArg {
    /// There is one while it is heard.
    Auto,
    /// There always is.
    Permanent,
    /// There never is, whatever is heard.
    Off,
}

impl McastArgs {
    /// Switches, and whether they are to be set or cleared.
    pub(super) fn switches(&self) -> [(PortFlags, Option<bool>); 3] {
        let router = self.mcast_router;
        let is = |wanted: fn(RouterArg) -> bool| router.map(wanted);
        [
            (
                PortFlags::MCAST_ROUTER,
                is(|arg| matches!(arg, RouterArg::Permanent)),
            ),
            (
                PortFlags::NO_MCAST_ROUTER,
                is(|arg| matches!(arg, RouterArg::Off)),
            ),
            (
                PortFlags::FAST_LEAVE,
                self.mcast_fast_leave.map(OnOff::is_on),
            ),
        ]
    }
}

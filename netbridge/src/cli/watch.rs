//! What a bridge looks out for, on the command line.

use clap::ValueEnum;
use netbridge_common::LoopGuard;

use crate::bridge::WatchChange;

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Flaps and loops")]
pub(super) struct Watch {
    /// Moves within the window by which a station flaps, which is reported: 5 unless told otherwise, 0 for never.
    #[arg(long, value_name = "N")]
    flap_moves: Option<u16>,
    /// The window, in seconds; 10 unless told otherwise.
    #[arg(long, value_name = "SECS")]
    flap_window: Option<u16>,
    /// Seconds for which a station that flaps is held on its port; 0 to report only.
    #[arg(long, value_name = "SECS")]
    flap_hold: Option<u16>,
    /// Have `netbridge serve`, which must run, send probes out of every port; what to do where one comes back.
    #[arg(long, value_enum)]
    loop_guard: Option<LoopGuardArg>,
}

/// What a probe that comes back is worth.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum LoopGuardArg {
    /// Send none.
    Off,
    /// Report the ports.
    Report,
    /// Report the ports, and disable the one that it came in on.
    Disable,
}

impl Watch {
    pub(super) fn change(&self) -> WatchChange {
        WatchChange {
            flap_moves: self.flap_moves,
            flap_window: self.flap_window,
            flap_hold: self.flap_hold,
            loop_guard: self.loop_guard.map(|guard| match guard {
                LoopGuardArg::Off => LoopGuard::Off,
                LoopGuardArg::Report => LoopGuard::Report,
                LoopGuardArg::Disable => LoopGuard::Disable,
            }),
        }
    }
}

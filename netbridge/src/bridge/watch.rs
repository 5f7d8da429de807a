//! What a bridge looks out for: stations that move back and forth, and its own probes.

use std::ops::RangeInclusive;

use netbridge_common::{Features, LoopGuard, PortId, PortState, Settings};

use super::{Bridge, BridgeError, PortChange};
use crate::random;

/// Moves that make a flap; 0 for never.
const MOVES: RangeInclusive<u16> = 0..=200;
/// Range of the window, in seconds.
const WINDOW: RangeInclusive<u16> = 1..=3600;
/// Range of the hold, in seconds.
const HOLD: RangeInclusive<u16> = 0..=3600;

/// Changes to what a bridge looks out for; what is `None` stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WatchChange {
    /// Moves within the window by which a station flaps; 0 for never.
    pub flap_moves: Option<u16>,
    /// The window, in seconds.
    pub flap_window: Option<u16>,
    /// Seconds for which a flapping station is held where it is; 0 to report only.
    pub flap_hold: Option<u16>,
    /// What happens where a probe comes back.
    pub loop_guard: Option<LoopGuard>,
}

impl WatchChange {
    /// Refuses what is out of range.
    pub(super) fn check(&self) -> Result<(), BridgeError> {
        in_range("flap_moves", self.flap_moves, &MOVES)?;
        in_range("flap_window", self.flap_window, &WINDOW)?;
        in_range("flap_hold", self.flap_hold, &HOLD)
    }

    /// Writes the change into settings.
    pub(super) fn apply(&self, settings: &mut Settings) -> Result<(), BridgeError> {
        settings.flap_moves = self.flap_moves.unwrap_or(settings.flap_moves);
        settings.flap_window = self.flap_window.unwrap_or(settings.flap_window);
        settings.flap_hold = self.flap_hold.unwrap_or(settings.flap_hold);
        if let Some(guard) = self.loop_guard {
            settings.loop_guard = guard as u16;
            if guard != LoopGuard::Off && settings.loop_nonce == 0 {
                settings.loop_nonce = nonce()?;
            }
        }
        Ok(())
    }

    /// What the programs must be able to do for it.
    pub(super) fn features(&self) -> Features {
        match self.loop_guard {
            None | Some(LoopGuard::Off) => Features::default(),
            Some(LoopGuard::Report | LoopGuard::Disable) => Features::LOOP,
        }
    }
}

fn in_range(
    setting: &'static str,
    value: Option<u16>,
    range: &RangeInclusive<u16>,
) -> Result<(), BridgeError> {
    match value {
        Some(value) if !range.contains(&value) => {
            let (least, most) = (range.start(), range.end());
            let reason = format!("{value} is out of range; give {least} to {most}");
            Err(BridgeError::BadSetting { setting, reason })
        }
        _ => Ok(()),
    }
}

/// A number that nobody guesses.
fn nonce() -> Result<u64, BridgeError> {
    let octets = random::octets().map_err(|error| BridgeError::BadSetting {
        setting: "loop_guard",
        reason: format!("read /dev/urandom: {error}"),
    })?;
    // 0 is no nonce.
    Ok(u64::from_ne_bytes(octets) | 1)
}

impl Bridge {
    /// Disables a port that a probe has come back on, where the bridge is set to; says whether it did.
    ///
    /// Where the port that the probe was `sent` out of is disabled by now, the loop is open already.
    pub fn end_loop(&mut self, port: PortId, sent: PortId) -> Result<bool, BridgeError> {
        let guard = LoopGuard::from_raw(self.settings()?.loop_guard);
        let (port, sent) = (self.port(port)?, self.port(sent)?);
        let both = port.conf.state().forwards() && sent.conf.state().forwards();
        if guard != LoopGuard::Disable || !both || port.conf.ifindex == 0 {
            return Ok(false);
        }
        let change = PortChange {
            state: Some(PortState::Disabled),
            ..PortChange::default()
        };
        self.change_port(&port.ifname, &change)?;
        Ok(true)
    }
}

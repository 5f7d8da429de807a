//! What a station that moves back and forth comes to.

use super::DropReason;
use crate::{FdbEntry, FdbFlags, Flaps, PortId, Settings, Ticks};

impl Flaps {
    /// Bits of the tick; above them is the count.
    const TICK_BITS: u32 = 24;
    const TICK_MASK: u32 = (1 << Self::TICK_BITS) - 1;
    /// The greatest count.
    pub const MOST: u32 = 255;

    /// A count, at most [`Flaps::MOST`], that began at `since`.
    #[inline(always)]
    pub const fn new(count: u32, since: Ticks) -> Self {
        Self(count << Self::TICK_BITS | since.0 & Self::TICK_MASK)
    }

    /// How many moves there were.
    #[inline(always)]
    pub const fn count(self) -> u32 {
        self.0 >> Self::TICK_BITS
    }

    /// How long ago the count began; what is longer ago than 208 days looks shorter.
    #[inline(always)]
    pub const fn age(self, now: Ticks) -> Ticks {
        Ticks(now.0.wrapping_sub(self.0) & Self::TICK_MASK)
    }
}

impl FdbEntry {
    /// Says whether the entry is held on its port because its station has flapped.
    #[inline(always)]
    pub const fn is_held(&self, now: Ticks, settings: &Settings) -> bool {
        let hold = Ticks::from_secs(settings.flap_hold as u32);
        self.flags.intersects(FdbFlags::HELD) && self.flaps.age(now).0 < hold.0
    }
}

/// Refuses a frame whose source would move here, though it is held where its `entry` says.
///
/// It is not only not learned: where a station flaps, the frame is most likely one that has gone round
/// a loop.
#[inline(always)]
pub const fn admit_held(
    entry: &FdbEntry,
    now: Ticks,
    settings: &Settings,
) -> Result<(), DropReason> {
    if entry.is_held(now, settings) {
        Err(DropReason::MovedSticky)
    } else {
        Ok(())
    }
}

/// What the entry of a station becomes that has moved to `port`, and whether it flaps: whether this is
/// the move that `Settings::flap_moves` speaks of, within `Settings::flap_window`.
///
/// The count begins anew with an entry that has aged, after the window, and after a hold. It says that a
/// station flaps once in a window, however often it moves.
#[inline(always)]
pub const fn moved(
    before: &FdbEntry,
    fresh: bool,
    port: PortId,
    now: Ticks,
    settings: &Settings,
) -> (FdbEntry, bool) {
    let window = Ticks::from_secs(settings.flap_window as u32);
    let flaps = before.flaps;
    let goes_on = fresh
        && flaps.count() != 0
        && flaps.age(now).0 <= window.0
        && !before.flags.intersects(FdbFlags::HELD);
    let flaps = if !goes_on {
        Flaps::new(1, now)
    } else if flaps.count() < Flaps::MOST {
        Flaps(flaps.0.wrapping_add(1 << Flaps::TICK_BITS))
    } else {
        flaps
    };
    let flapping = settings.flap_moves != 0 && flaps.count() == settings.flap_moves as u32;
    let held = flapping && settings.flap_hold != 0;
    let entry = FdbEntry {
        flags: if held { FdbFlags::HELD } else { FdbFlags(0) },
        flaps: if held { Flaps::new(0, now) } else { flaps },
        ..FdbEntry::learned(port, now)
    };
    (entry, flapping)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: PortId = PortId(1);
    const TWO: PortId = PortId(2);

    fn settings(moves: u16, hold: u16) -> Settings {
        Settings {
            flap_moves: moves,
            flap_window: 10,
            flap_hold: hold,
            ..Settings::default()
        }
    }

    /// Moves a station to and fro at the given ticks; says at which of them it flaps.
    fn flaps_at(settings: &Settings, ticks: &[u32]) -> (FdbEntry, Vec<u32>) {
        let mut entry = FdbEntry::learned(ONE, Ticks(0));
        let mut flapped = Vec::new();
        for tick in ticks {
            let to = if entry.port == ONE { TWO } else { ONE };
            let (next, flapping) = moved(&entry, true, to, Ticks(*tick), settings);
            assert_eq!((next.port, next.last_seen), (to, Ticks(*tick)));
            if flapping {
                flapped.push(*tick);
            }
            entry = next;
        }
        (entry, flapped)
    }

    #[test]
    fn so_many_moves_within_the_window_are_a_flap_and_fewer_are_none() {
        let three = settings(3, 0);
        assert_eq!(flaps_at(&three, &[1, 2]).1, []);
        assert_eq!(flaps_at(&three, &[1, 2, 3]).1, [3]);
        assert_eq!(flaps_at(&three, &[1, 1, 1, 1, 1, 1]).1, [1]);
        // The window begins with the first move: 10 s are 10 ticks.
        assert_eq!(flaps_at(&three, &[1, 5, 11]).1, [11]);
        assert_eq!(flaps_at(&three, &[1, 5, 12]).1, []);
        assert_eq!(flaps_at(&three, &[1, 5, 12, 13, 14]).1, [14]);
        // Once a window, however often.
        assert_eq!(flaps_at(&three, &[1, 2, 3, 4, 5, 6, 20, 21, 22]).1, [3, 22]);
        assert_eq!(flaps_at(&settings(1, 0), &[1, 2, 20]).1, [1, 20]);
        assert_eq!(flaps_at(&settings(0, 0), &[1; 300]).1, []);
    }

    #[test]
    fn two_announcements_of_a_migration_are_no_flap() {
        let five = settings(5, 30);
        let (entry, flapped) = flaps_at(&five, &[7]);
        assert!(flapped.is_empty() && !entry.is_held(Ticks(7), &five));
    }

    #[test]
    fn an_aged_entry_begins_anew() {
        let three = settings(3, 0);
        let (entry, _) = flaps_at(&three, &[1, 2]);
        let (next, flapping) = moved(&entry, false, ONE, Ticks(3), &three);
        assert!(!flapping && next.flaps == Flaps::new(1, Ticks(3)));
    }

    #[test]
    fn a_held_entry_refuses_the_other_ports_until_the_hold_is_over() {
        let three = settings(3, 20);
        let (entry, flapped) = flaps_at(&three, &[1, 2, 3]);
        assert_eq!((entry.port, flapped), (TWO, vec![3]));
        let hold = Ticks::from_secs(20).0;
        let refused = Err(DropReason::MovedSticky);
        let admitted = |now| admit_held(&entry, Ticks(now), &three);
        assert_eq!(admitted(3), refused);
        assert_eq!(admitted(3 + hold - 1), refused);
        assert_eq!(admitted(3 + hold), Ok(()));
        // After the hold it is an entry like others, whose moves are counted anew.
        let (next, flapping) = moved(&entry, true, ONE, Ticks(3 + hold), &three);
        assert!(!flapping && next.flags == FdbFlags(0));
        assert_eq!(next.flaps, Flaps::new(1, Ticks(3 + hold)));
        // An operator who takes the hold back lets it go at once.
        assert_eq!(admit_held(&entry, Ticks(3), &settings(3, 0)), Ok(()));
    }

    #[test]
    fn counts_neither_overflow_nor_wrap() {
        let most = settings(255, 0);
        let (entry, flapped) = flaps_at(&most, &[5; 400]);
        assert_eq!(entry.flaps.count(), Flaps::MOST);
        assert!(!flapped.is_empty());
        let since = Ticks(u32::MAX);
        assert_eq!(Flaps::new(1, since).age(Ticks(4)), Ticks(5));
    }
}

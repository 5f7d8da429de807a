//! VLANs: tags, and which of them a port belongs to (802.1Q).

/// VID of a priority tag, which names no VLAN.
pub const VID_NONE: u16 = 0;

/// VID that is reserved (802.1Q table 9-2).
pub const VID_RESERVED: u16 = 4095;

/// PVID of a port unless told otherwise (802.1Q table 9-2).
pub const DEFAULT_PVID: u16 = 1;

/// How many VIDs there are, those that name no VLAN among them.
pub const VIDS: usize = 4096;

/// Bits of a TCI that are the VID; above them are DEI and PCP.
const VID_BITS: u16 = 0x0fff;

/// A frame's outermost tag, in the frame or beside it; [`Tag::NONE`] where it has none.
///
/// No `Option`: LLVM would leave the parts of a tag that is not there undefined, and the verifier
/// refuses to see them copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tag {
    /// Its `EtherType`: customer (0x8100) or service (0x88a8); 0 for no tag.
    pub tpid: u16,
    /// PCP, DEI and VID.
    pub tci: u16,
}

impl Tag {
    /// No tag.
    pub const NONE: Self = Self { tpid: 0, tci: 0 };

    /// The VLAN that the tag names; 0 for none.
    #[inline(always)]
    pub const fn vid(self) -> u16 {
        self.tci & VID_BITS
    }
}

/// `tci` with another VID; PCP and DEI stay.
#[inline(always)]
pub const fn with_vid(tci: u16, vid: u16) -> u16 {
    tci & !VID_BITS | vid & VID_BITS
}

/// Which frames a port takes (802.1Q 8.8, Acceptable Frame Types).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AcceptFrames {
    /// All.
    #[default]
    All = 0,
    /// Those with a tag that names a VLAN.
    Tagged = 1,
    /// Those without, and those with a priority tag.
    Untagged = 2,
}

impl AcceptFrames {
    /// The choice of a number found in a map; unknown ones count as `All`.
    #[inline(always)]
    pub const fn from_raw(raw: u8) -> Self {
        match raw {
            1 => Self::Tagged,
            2 => Self::Untagged,
            _ => Self::All,
        }
    }

    /// The name that the command line uses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Tagged => "tagged",
            Self::Untagged => "untagged",
        }
    }
}

const WORDS: usize = VIDS >> 6;

/// A set of VIDs.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VidSet(pub [u64; WORDS]);

impl Default for VidSet {
    fn default() -> Self {
        Self([0; WORDS])
    }
}

impl VidSet {
    /// Says whether `vid`, by its twelve bits, is in the set.
    #[inline(always)]
    pub fn contains(&self, vid: u16) -> bool {
        let Self(words) = self;
        // Masked and not compared: the compiler may compare one copy of the number and use another.
        let at = usize::from(vid >> 6) & (WORDS - 1);
        let word = words.get(at).copied().unwrap_or(0);
        word >> (vid & 0x3f) & 1 != 0
    }

    /// Puts `vid` into the set, or takes it out.
    pub fn set(&mut self, vid: u16, on: bool) {
        let Self(words) = self;
        if let Some(word) = words.get_mut(usize::from(vid >> 6)) {
            let bit = 1 << (vid & 0x3f);
            *word = if on { *word | bit } else { *word & !bit };
        }
    }

    /// The VIDs in the set, in order.
    pub fn iter(&self) -> impl Iterator<Item = u16> + '_ {
        (0..=VID_RESERVED).filter(|vid| self.contains(*vid))
    }
}

/// The VLANs of a port; the value of map `PORT_VLANS`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PortVlans {
    /// Those that the port is a member of.
    pub member: VidSet,
    /// Those whose frames leave without a tag.
    pub untagged: VidSet,
}

/// The mirror of a VLAN; the value of map `VLAN_MIRRORS`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VlanMirror {
    /// The port that gets a copy of what comes in and is admitted to the VLAN, by its number; 0 for none.
    pub mirror_in: u16,
    /// The port that gets a copy of what goes out in the VLAN, by its number; 0 for none.
    pub mirror_out: u16,
}

/// What passed in a VLAN, on one CPU; the value of map `VLAN_COUNTERS`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VlanCounters {
    /// Frames that came in and were admitted.
    pub rx_frames: u64,
    /// Octets of those.
    pub rx_bytes: u64,
    /// Frames that went out.
    pub tx_frames: u64,
    /// Octets of those.
    pub tx_bytes: u64,
}

impl VlanCounters {
    /// Adds another CPU's counts.
    pub fn add(&mut self, other: &Self) {
        self.rx_frames = self.rx_frames.wrapping_add(other.rx_frames);
        self.rx_bytes = self.rx_bytes.wrapping_add(other.rx_bytes);
        self.tx_frames = self.tx_frames.wrapping_add(other.tx_frames);
        self.tx_bytes = self.tx_bytes.wrapping_add(other.tx_bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vid_is_twelve_bits() {
        let tag = Tag {
            tpid: 0x8100,
            tci: 0xe064,
        };
        assert_eq!(tag.vid(), 100);
        assert_eq!(with_vid(0xe064, 200), 0xe0c8);
        assert_eq!(with_vid(0xf000, 4094), 0xfffe);
    }

    #[test]
    fn sets_hold_what_was_put_in() {
        let mut set = VidSet::default();
        for vid in [0, 1, 63, 64, 4094, 4095] {
            assert!(!set.contains(vid));
            set.set(vid, true);
            assert!(set.contains(vid));
        }
        assert_eq!(set.iter().collect::<Vec<_>>(), [0, 1, 63, 64, 4094, 4095]);
        set.set(64, false);
        assert!(!set.contains(64) && set.contains(63));
    }
}

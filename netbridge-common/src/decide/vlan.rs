//! The VLAN that a frame belongs to, and the tag that it leaves with.

use super::DropReason;
use crate::{
    FrameSize, PortConf, PortFlags, Settings,
    frame::VLAN_TAG_LEN,
    vlan::{AcceptFrames, PortVlans, Tag, VID_NONE, VID_RESERVED, with_vid},
};

/// The VLAN of a frame on its way through the bridge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameVlan {
    /// The VLAN; 0 on a bridge that does not filter VLANs.
    pub vid: u16,
    /// The TCI of the tag of the bridge's kind that the frame came with.
    pub tci: u16,
    /// Whether it came with one.
    pub tagged: bool,
}

/// What happens to a frame's tag as it leaves.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagAction {
    /// Nothing.
    Keep,
    /// It goes.
    Pop,
    /// The frame gets one with this TCI.
    Push(u16),
    /// It gets this TCI.
    Rewrite(u16),
}

impl TagAction {
    /// What the frames of a buffer come to with it.
    #[inline(always)]
    #[must_use]
    pub const fn resize(self, size: FrameSize) -> FrameSize {
        let tags = size.frames.wrapping_mul(VLAN_TAG_LEN);
        match self {
            Self::Keep | Self::Rewrite(_) => size,
            Self::Pop => FrameSize {
                bytes: size.bytes.wrapping_sub(tags),
                largest: size.largest.wrapping_sub(VLAN_TAG_LEN),
                ..size
            },
            Self::Push(_) => FrameSize {
                bytes: size.bytes.wrapping_add(tags),
                largest: size.largest.wrapping_add(VLAN_TAG_LEN),
                ..size
            },
        }
    }

    /// The action as one number, for the flow cache.
    #[inline(always)]
    pub fn to_raw(self) -> u32 {
        match self {
            Self::Keep => 0,
            Self::Pop => 1 << 16,
            Self::Push(tci) => 2 << 16 | u32::from(tci),
            Self::Rewrite(tci) => 3 << 16 | u32::from(tci),
        }
    }

    /// The action of a number from [`TagAction::to_raw`]; unknown ones count as `Keep`.
    #[inline(always)]
    pub const fn from_raw(raw: u32) -> Self {
        let [low, high, kind, _] = raw.to_le_bytes();
        let tci = u16::from_le_bytes([low, high]);
        match kind {
            1 => Self::Pop,
            2 => Self::Push(tci),
            3 => Self::Rewrite(tci),
            _ => Self::Keep,
        }
    }
}

/// How a frame is tagged at a moment of a flood, which needs it in one form after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagForm {
    /// Without a tag of the bridge's kind.
    Untagged = 0,
    /// With a tag that names its VLAN.
    Tagged = 1,
    /// With the priority tag that it came with.
    Priority = 2,
}

impl TagForm {
    /// The form of a number, which is its place here; unknown ones count as `Untagged`.
    #[inline(always)]
    pub const fn from_raw(raw: u32) -> Self {
        match raw {
            1 => Self::Tagged,
            2 => Self::Priority,
            _ => Self::Untagged,
        }
    }
}

impl FrameVlan {
    /// The bit of a number that says whether there was a tag: between PCP, DEI and VID.
    const TAGGED: u32 = 1 << 16;

    /// The VLAN and the tag as one number.
    #[inline(always)]
    pub fn to_raw(self) -> u32 {
        let upper = u32::from(self.tci) & 0xf000;
        let tagged = if self.tagged { Self::TAGGED } else { 0 };
        // The tag's VID is the frame's, or none.
        let vid = Tag {
            tpid: 0,
            tci: self.tci,
        }
        .vid();
        let named = if vid == VID_NONE { 0 } else { Self::NAMED };
        u32::from(self.vid) & 0x0fff | upper | tagged | named
    }

    /// The bit that says whether the tag named the VLAN.
    const NAMED: u32 = 1 << 17;

    /// The VLAN of a number from [`FrameVlan::to_raw`].
    #[inline(always)]
    pub const fn from_raw(raw: u32) -> Self {
        let [low, high, marks, _] = raw.to_le_bytes();
        let word = u16::from_le_bytes([low, high]);
        let vid = word & 0x0fff;
        let named = if marks & 2 == 0 { 0 } else { vid };
        Self {
            vid,
            tci: word & 0xf000 | named,
            tagged: marks & 1 != 0,
        }
    }

    /// The form that the frame came in.
    #[inline(always)]
    pub const fn form(self) -> TagForm {
        if !self.tagged {
            TagForm::Untagged
        } else if self.tci == with_vid(self.tci, self.vid) {
            TagForm::Tagged
        } else {
            TagForm::Priority
        }
    }

    /// The form that the frame leaves in.
    #[inline(always)]
    pub const fn form_after(self, action: TagAction) -> TagForm {
        match action {
            TagAction::Keep => self.form(),
            TagAction::Pop => TagForm::Untagged,
            TagAction::Push(_) | TagAction::Rewrite(_) => TagForm::Tagged,
        }
    }

    /// What makes one form of the frame another one.
    #[inline(always)]
    pub fn change(self, from: TagForm, to: TagForm) -> TagAction {
        if from == to {
            return TagAction::Keep;
        }
        let tci = match to {
            TagForm::Untagged => return TagAction::Pop,
            TagForm::Tagged => with_vid(self.tci, self.vid),
            TagForm::Priority => self.tci,
        };
        if from == TagForm::Untagged {
            TagAction::Push(tci)
        } else {
            TagAction::Rewrite(tci)
        }
    }
}

/// Decides which VLAN a frame belongs to, by its outermost tag (802.1Q 6.9.1, `__allowed_ingress()`).
///
/// Only a tag of the bridge's own kind names a VLAN; another one is payload, and the frame untagged.
#[inline(always)]
pub fn classify(
    settings: &Settings,
    port: &PortConf,
    vlans: &PortVlans,
    tag: Tag,
) -> Result<FrameVlan, DropReason> {
    let accept = AcceptFrames::from_raw(port.accept_frames);
    let tagged = tag.tpid == settings.vlan_protocol;
    let own = if tagged { tag } else { Tag::NONE };
    let (tci, named) = (own.tci, own.vid());
    if named == VID_NONE {
        // The PVID is 0 where there is none.
        if accept == AcceptFrames::Tagged || port.pvid == VID_NONE {
            return Err(DropReason::VlanUntagged);
        }
        return Ok(FrameVlan {
            vid: port.pvid,
            tci,
            tagged,
        });
    }
    if named == VID_RESERVED {
        return Err(DropReason::VlanReserved);
    }
    if accept == AcceptFrames::Untagged {
        return Err(DropReason::VlanTagged);
    }
    let filtered = !port.flags.contains(PortFlags::NO_INGRESS_FILTER);
    if filtered && !vlans.member.contains(named) {
        return Err(DropReason::VlanNotMember);
    }
    Ok(FrameVlan {
        vid: named,
        tci,
        tagged,
    })
}

/// Decides with which tag a frame leaves by a port (802.1Q 8.8.10, `br_handle_vlan()`).
///
/// A frame that gets its first tag gets PCP 0; one that has a tag keeps PCP and DEI.
#[inline(always)]
pub fn egress_tag(vlans: &PortVlans, vlan: FrameVlan) -> Result<TagAction, DropReason> {
    if !vlans.member.contains(vlan.vid) {
        return Err(DropReason::VlanEgress);
    }
    let wanted = !vlans.untagged.contains(vlan.vid);
    Ok(match (vlan.tagged, wanted) {
        (false, false) => TagAction::Keep,
        (false, true) => TagAction::Push(vlan.vid),
        (true, false) => TagAction::Pop,
        (true, true) => {
            let tci = with_vid(vlan.tci, vlan.vid);
            if tci == vlan.tci {
                TagAction::Keep
            } else {
                TagAction::Rewrite(tci)
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{ETHERTYPE_SVLAN, ETHERTYPE_VLAN};

    fn settings() -> Settings {
        Settings {
            vlan_protocol: ETHERTYPE_VLAN,
            ..Settings::default()
        }
    }

    fn port() -> PortConf {
        PortConf {
            pvid: 1,
            ..PortConf::default()
        }
    }

    fn vlans(member: &[u16], untagged: &[u16]) -> PortVlans {
        let mut vlans = PortVlans::default();
        for vid in member {
            vlans.member.set(*vid, true);
        }
        for vid in untagged {
            vlans.untagged.set(*vid, true);
        }
        vlans
    }

    fn tag(tci: u16) -> Tag {
        Tag {
            tpid: ETHERTYPE_VLAN,
            tci,
        }
    }

    #[test]
    fn frames_without_a_vlan_belong_to_the_pvid() {
        let set = vlans(&[1, 10], &[1]);
        let of = |port: &PortConf, tag| classify(&settings(), port, &set, tag);
        let untagged = FrameVlan {
            vid: 1,
            tci: 0,
            tagged: false,
        };
        assert_eq!(of(&port(), Tag::NONE), Ok(untagged));
        let priority = FrameVlan {
            vid: 1,
            tci: 0xe000,
            tagged: true,
        };
        assert_eq!(of(&port(), tag(0xe000)), Ok(priority));
        let none = PortConf { pvid: 0, ..port() };
        assert_eq!(of(&none, Tag::NONE), Err(DropReason::VlanUntagged));
        assert_eq!(of(&none, tag(0xe000)), Err(DropReason::VlanUntagged));
        // Another kind of tag is payload.
        let service = Tag {
            tpid: ETHERTYPE_SVLAN,
            tci: 10,
        };
        assert_eq!(of(&port(), service), Ok(untagged));
    }

    #[test]
    fn tags_name_vlans_that_the_port_must_belong_to() {
        let set = vlans(&[1, 10], &[1]);
        let of = |port: &PortConf, tag| classify(&settings(), port, &set, tag);
        let ten = FrameVlan {
            vid: 10,
            tci: 0x600a,
            tagged: true,
        };
        assert_eq!(of(&port(), tag(0x600a)), Ok(ten));
        assert_eq!(of(&port(), tag(11)), Err(DropReason::VlanNotMember));
        assert_eq!(of(&port(), tag(0x6fff)), Err(DropReason::VlanReserved));
        let open = PortConf {
            flags: PortFlags::NO_INGRESS_FILTER,
            ..port()
        };
        assert_eq!(of(&open, tag(11)).map(|vlan| vlan.vid), Ok(11));
        assert_eq!(of(&open, tag(4095)), Err(DropReason::VlanReserved));
    }

    #[test]
    fn a_port_takes_the_frames_that_it_accepts() {
        let set = vlans(&[1, 10], &[1]);
        let accepting = |accept: AcceptFrames| PortConf {
            accept_frames: accept as u8,
            ..port()
        };
        let of = |accept, tag| classify(&settings(), &accepting(accept), &set, tag).map(|v| v.vid);
        assert_eq!(of(AcceptFrames::Tagged, tag(10)), Ok(10));
        for none in [Tag::NONE, tag(0)] {
            let outcome = of(AcceptFrames::Tagged, none);
            assert_eq!(outcome, Err(DropReason::VlanUntagged));
            assert_eq!(of(AcceptFrames::Untagged, none), Ok(1));
        }
        let outcome = of(AcceptFrames::Untagged, tag(10));
        assert_eq!(outcome, Err(DropReason::VlanTagged));
    }

    #[test]
    fn a_frame_can_take_every_form_and_come_back() {
        let forms = [TagForm::Untagged, TagForm::Tagged, TagForm::Priority];
        let vlan = FrameVlan {
            vid: 10,
            tci: 0xe000,
            tagged: true,
        };
        assert_eq!(vlan.form(), TagForm::Priority);
        for from in forms {
            assert_eq!(TagForm::from_raw(from as u32), from);
            assert_eq!(vlan.change(from, from), TagAction::Keep);
            for to in forms {
                let tci = match vlan.change(from, to) {
                    TagAction::Push(tci) => {
                        assert_eq!(from, TagForm::Untagged);
                        tci
                    }
                    TagAction::Rewrite(tci) => {
                        assert_ne!(from, TagForm::Untagged);
                        tci
                    }
                    TagAction::Pop => {
                        assert_eq!(to, TagForm::Untagged);
                        continue;
                    }
                    TagAction::Keep => continue,
                };
                let wanted = if to == TagForm::Tagged {
                    0xe00a
                } else {
                    0xe000
                };
                assert_eq!(tci, wanted);
            }
        }
        let tagged = FrameVlan {
            tci: 0xe00a,
            ..vlan
        };
        assert_eq!(tagged.form(), TagForm::Tagged);
        assert_eq!(FrameVlan::default().form(), TagForm::Untagged);
    }

    #[test]
    fn vlans_survive_as_numbers() {
        for (vid, tci, tagged) in [
            (1, 0, false),
            (4094, 0xfffe, true),
            (10, 0xf000, true),
            (10, 0, true),
            (0, 0, false),
        ] {
            let vlan = FrameVlan { vid, tci, tagged };
            assert_eq!(FrameVlan::from_raw(vlan.to_raw()), vlan);
        }
    }

    #[test]
    fn actions_survive_the_flow_cache() {
        for action in [
            TagAction::Keep,
            TagAction::Pop,
            TagAction::Push(4094),
            TagAction::Rewrite(0xf00a),
        ] {
            assert_eq!(TagAction::from_raw(action.to_raw()), action);
        }
    }

    #[test]
    fn tags_come_and_go_at_egress() {
        let set = vlans(&[1, 10], &[1]);
        let at = |vid, tci, tagged| egress_tag(&set, FrameVlan { vid, tci, tagged });
        assert_eq!(at(1, 0, false), Ok(TagAction::Keep));
        assert_eq!(at(10, 0, false), Ok(TagAction::Push(10)));
        assert_eq!(at(1, 0x6001, true), Ok(TagAction::Pop));
        assert_eq!(at(10, 0x600a, true), Ok(TagAction::Keep));
        // A priority tag becomes one of the VLAN, PCP and DEI kept.
        assert_eq!(at(10, 0xf000, true), Ok(TagAction::Rewrite(0xf00a)));
        assert_eq!(at(1, 0xf000, true), Ok(TagAction::Pop));
        assert_eq!(at(11, 11, true), Err(DropReason::VlanEgress));
    }
}

//! Answers to questions for neighbours: the question becomes the answer, and goes back where it came from.
#![expect(
    unsafe_code,
    reason = "functions with names of their own, BPF helpers, and map values"
)]

use aya_ebpf::{
    bindings::{__sk_buff, BPF_F_RECOMPUTE_CSUM, xdp_md},
    helpers::{
        bpf_skb_change_tail, bpf_skb_store_bytes, bpf_xdp_adjust_tail, bpf_xdp_get_buff_len,
        bpf_xdp_store_bytes,
    },
};
use netbridge_common::{
    FrameSize, MacAddr, Mode, PortConf, PortId, ProxyMode, Settings,
    decide::{
        DropReason, FloodKind, FrameVlan,
        proxy::{Question, Scratch, can_answer, nd::ANSWER_LEN},
        way,
    },
    octets::Octets,
    vlan::VID_NONE,
};

use crate::{
    count, features,
    maps::{BINDINGS, PROXY_SCRATCH},
    mirror,
    octets::{SkbOctets, XdpOctets},
    pipeline::{self, Frontend},
    table,
};

/// The frame could not be made longer; it is as it was.
const STIFF: u32 = 0;
/// It could not be made the answer. Beyond this, the frame is the answer, and this its length.
const FAILED: u32 = 1;

/// A frame that can become another one.
trait Rewrite: Octets {
    /// Its length.
    fn len(&self) -> u32;
    /// Gives it another length.
    fn resize(&self, len: u32) -> bool;
    /// Writes octets from `at` on.
    fn write<const N: usize>(&self, at: u32, from: &[u8; N]) -> bool;
}

impl Rewrite for SkbOctets {
    #[inline(always)]
    fn len(&self) -> u32 {
        // SAFETY: the context is valid while the program runs.
        unsafe { (*self.0).len }
    }

    #[inline(always)]
    fn resize(&self, len: u32) -> bool {
        // SAFETY: the context is valid while the program runs; no pointer into the frame is kept.
        unsafe { bpf_skb_change_tail(self.0, len, 0) == 0 }
    }

    #[inline(always)]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "what is written is a header's length"
    )]
    fn write<const N: usize>(&self, at: u32, from: &[u8; N]) -> bool {
        let flags = u64::from(BPF_F_RECOMPUTE_CSUM);
        // SAFETY: the context is valid while the program runs; `from` has `N` octets.
        unsafe { bpf_skb_store_bytes(self.0, at, from.as_ptr().cast(), N as u32, flags) == 0 }
    }
}

impl Rewrite for XdpOctets {
    #[inline(always)]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a frame is at most some 70 KiB"
    )]
    fn len(&self) -> u32 {
        // SAFETY: the context is valid while the program runs.
        unsafe { bpf_xdp_get_buff_len(self.0) as u32 }
    }

    #[inline(always)]
    fn resize(&self, len: u32) -> bool {
        let by = len.wrapping_sub(self.len()).cast_signed();
        // SAFETY: the context is valid while the program runs; no pointer into the frame is kept.
        unsafe { bpf_xdp_adjust_tail(self.0, by) == 0 }
    }

    #[inline(always)]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "what is written is a header's length"
    )]
    fn write<const N: usize>(&self, at: u32, from: &[u8; N]) -> bool {
        let from = from.as_ptr().cast_mut().cast();
        // SAFETY: the context is valid while the program runs; the kernel reads `N` octets.
        unsafe { bpf_xdp_store_bytes(self.0, at, from, N as u32) == 0 }
    }
}

/// Looks whether a frame of VLAN `vid` at TC, whose packet begins at `at`, is a question; the number of a
/// [`Question`].
///
/// # Safety
/// `skb` must be the context of the program.
#[inline(never)]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ask_tc(skb: *mut __sk_buff, vid: u32, at: u32) -> u32 {
    ask(&SkbOctets(skb), vid, at) as u32
}

/// The same at XDP.
///
/// # Safety
/// `ctx` must be the context of the program.
#[inline(never)]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ask_xdp(ctx: *mut xdp_md, vid: u32, at: u32) -> u32 {
    ask(&XdpOctets(ctx), vid, at) as u32
}

/// Makes the answer to the question that was found last, and was of this kind; not yet in its frame.
/// Apart from what goes before and comes after it, since each has little stack.
#[inline(never)]
#[unsafe(no_mangle)]
pub extern "C" fn make_answer(question: u32) -> u32 {
    if let Some(scratch) = scratch() {
        scratch.answer(Question::from_raw(question));
    }
    0
}

/// Makes the question at TC the answer that was made to it; its length, or a small number where that failed.
///
/// # Safety
/// `skb` must be the context of the program.
#[inline(never)]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn answer_tc(skb: *mut __sk_buff, question: u32) -> u32 {
    answer(&SkbOctets(skb), Question::from_raw(question))
}

/// The same at XDP.
///
/// # Safety
/// `ctx` must be the context of the program.
#[inline(never)]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn answer_xdp(ctx: *mut xdp_md, question: u32) -> u32 {
    answer(&XdpOctets(ctx), Question::from_raw(question))
}

#[inline(always)]
fn scratch() -> Option<&'static mut Scratch> {
    let scratch = PROXY_SCRATCH.get_ptr_mut(0)?;
    // SAFETY: per-CPU memory, and no other program runs on this CPU meanwhile.
    Some(unsafe { &mut *scratch })
}

#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "a VID has twelve bits")]
fn ask(frame: &impl Rewrite, vid: u32, at: u32) -> Question {
    match scratch() {
        Some(scratch) => scratch.read(frame, vid as u16, at),
        None => Question::None,
    }
}

/// Says whether the address that was asked for last has an owner who is answered for to port `asker`;
/// 1 where it has.
#[inline(never)]
#[unsafe(no_mangle)]
pub extern "C" fn find_owner(asker: u32) -> u32 {
    let asker = PortId(asker);
    let Some(scratch) = scratch() else {
        return 0;
    };
    let key = &scratch.key;
    // SAFETY: an element that is recycled meanwhile holds another binding, for a moment.
    let Some(binding) = (unsafe { BINDINGS.get(key) }) else {
        return 0;
    };
    let (Some(from), Some(to)) = (table::port(asker), table::port(binding.port)) else {
        return 0;
    };
    let vid = scratch.key.vid;
    let is_member = vid == VID_NONE
        || table::vlans(binding.port).is_some_and(|vlans| vlans.member.contains(vid));
    scratch.owner = binding.mac;
    let answers = can_answer((asker, from), (binding.port, to), is_member);
    u32::from(answers && !scratch.owner.is_zero())
}

#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "a packet's length")]
fn answer(frame: &impl Rewrite, question: Question) -> u32 {
    let Some(scratch) = scratch() else {
        return FAILED;
    };
    let at = scratch.at;
    let written = if question == Question::Arp {
        frame.write(at, &scratch.arp_answer)
    } else {
        // What the kernel refuses changes nothing.
        if !frame.resize(at.wrapping_add(ANSWER_LEN as u32)) {
            return STIFF;
        }
        frame.write(at, &scratch.nd_answer)
    };
    if written && frame.write(0, &scratch.addresses) {
        frame.len()
    } else {
        FAILED
    }
}

/// Answers a frame to a group that asks for a neighbour; `None` where it is to be flooded.
#[inline(always)]
pub fn answered<F: Frontend>(
    frame: &mut F,
    settings: &Settings,
    (ingress, port): (PortId, &PortConf),
    kind: FloodKind,
    vlan: FrameVlan,
) -> Result<Option<F::Action>, DropReason> {
    let mode = ProxyMode::from_raw(settings.proxy);
    let asks = kind != FloodKind::UnknownUnicast && settings.mode() == Mode::Bridge;
    if !features::proxy() || mode == ProxyMode::Off || !asks {
        return Ok(None);
    }
    let question = frame.ask(vlan);
    // The port that asks may be outside the VLAN that it sends in.
    let tag = pipeline::tag_at(settings, ingress, vlan);
    let known = question > Question::Unknown as u32 && find_owner(ingress.0) != 0;
    if question == Question::None as u32 {
        return Ok(None);
    }
    let (true, Ok(tag)) = (known, tag) else {
        return if mode == ProxyMode::Only {
            Err(DropReason::FloodOff)
        } else {
            Ok(None)
        };
    };
    let copies = mirror::outgoing((ingress, port), vlan.vid);
    if !frame.reaches(port) || !mirror::can_make(frame, copies) {
        return Ok(Some(frame.pass_up()));
    }
    let size = frame.size();
    let len = match frame.answer(question) {
        STIFF if F::HAS_ABOVE => return Ok(Some(frame.pass_up())),
        STIFF | FAILED => return Err(DropReason::RedirectFailed),
        len => len,
    };
    let answer = FrameSize {
        // A tag beside the frame counts among its octets.
        bytes: size.bytes.wrapping_sub(size.largest).wrapping_add(len),
        largest: len,
        ..size
    };
    pipeline::retag(frame, settings, tag)?;
    let sent = pipeline::resized(tag, answer);
    mirror::make(frame, copies, sent);
    // By the wire or to the host: what is for all nodes is for no station alone.
    let (way, target) = way(port, MacAddr::BROADCAST);
    let action = frame.send(ingress, way, target)?;
    count::answered(ingress, size);
    count::sent(ingress, sent);
    count::vlan_received(vlan.vid, size);
    count::vlan_sent(vlan.vid, sent);
    Ok(Some(action))
}

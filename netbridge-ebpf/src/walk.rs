//! A flood at TC: a walk through the flood list, a copy for each port.
#![expect(unsafe_code, reason = "a loop of the kernel's calls back into it")]

use core::ffi::c_void;

use aya_ebpf::{
    bindings::{__sk_buff, BPF_F_INGRESS, TC_ACT_SHOT},
    helpers::bpf_loop,
    programs::TcContext,
};
use netbridge_common::{
    FrameHead, FrameSize, PortConf, PortFlags, PortId,
    decide::{DropReason, FrameVlan, TagAction, TagForm, flood_egress, snoop::Limit},
};

use crate::{
    count, features, meter, mirror,
    pipeline::{self, Flood},
    skb::{clone_redirect, entrance, redirect, retag},
    snoop::{self, Place},
    table,
    verifier::forget,
};

/// Copies that one run of the program makes. Each waits in the CPU's backlog, which holds 1,000
/// unless told otherwise: a longer flood goes on after those have been taken out.
const FLOOD_CHUNK: u32 = 256;
/// The same where each may be mirrored.
const MIRRORED_CHUNK: u32 = 128;

/// Upper half of the mark of a frame that is being flooded in chunks; the lower half is the place
/// in the flood list. Marks from other namespaces never get here: veth clears them. One that a
/// privileged process of the host sets on its own frames would skip ports; it could do worse.
const FLOOD_MARK: u32 = 0x6e62_0000;
const FLOOD_MARK_MASK: u32 = 0xffff_0000;

/// The place in the flood list at which a frame with this mark is to go on; `None` for any other frame.
#[inline(always)]
pub const fn place(mark: u32) -> Option<u32> {
    if mark & FLOOD_MARK_MASK == FLOOD_MARK {
        Some(mark & !FLOOD_MARK_MASK)
    } else {
        None
    }
}

/// Floods to a chunk of the list from `from` on; the last copy is the frame itself.
#[inline(always)]
pub fn flood(ctx: &TcContext, ifindex: u32, flood: &Flood<'_>, from: u32) -> i32 {
    let list = flood.settings.flood_list;
    let mut walk = Walk {
        skb: ctx.skb.skb,
        at: list.start.wrapping_add(from),
        from: flood.from,
        waiting: PortId::NONE,
        tag: 0,
        head: flood.head,
        vlan: flood.vlan,
        form: forget(flood.vlan.form() as u32),
        size: flood.size,
        limit: flood.limit,
    };
    let rest = list.len.saturating_sub(from);
    let most = if features::mirror() {
        MIRRORED_CHUNK
    } else {
        FLOOD_CHUNK
    };
    let chunk = rest.min(most);
    let context = (&raw mut walk).cast();
    // SAFETY: `step` has the shape of a loop callback, and `walk` outlives the loop.
    unsafe { bpf_loop(chunk, step as *mut c_void, context, 0) };
    if rest <= most {
        return walk.last();
    }
    walk.copy();
    // The next run finds its VLAN as this one did.
    if walk.take_form(flood.vlan.form()).is_err() {
        return TC_ACT_SHOT;
    }
    let next = from.wrapping_add(most);
    ctx.set_mark(FLOOD_MARK | (next & !FLOOD_MARK_MASK));
    redirect(ifindex, u64::from(BPF_F_INGRESS))
}

/// Beyond all drop reasons: a copy may go out, or the port is outside the flood domain.
const WANTED: u32 = u32::MAX;
const OUTSIDE: u32 = u32::MAX - 1;

/// A flood on its way through the flood list. One port always waits for its copy, so that the last
/// one can have the frame itself.
struct Walk {
    skb: *mut __sk_buff,
    at: u32,
    /// The ingress port and its switches.
    from: (PortId, PortFlags),
    waiting: PortId,
    /// The waiting port's [`TagAction`], as a number.
    tag: u32,
    head: FrameHead,
    vlan: FrameVlan,
    /// How the frame is tagged now, a [`TagForm`] as a number.
    form: u32,
    size: FrameSize,
    limit: Limit,
}

/// Looks at one port of the list; a callback of `bpf_loop`, so that the verifier looks at it once.
unsafe extern "C" fn step(_index: u32, walk: *mut Walk) -> i64 {
    // SAFETY: `flood` passes a pointer to its own variable.
    unsafe { (*walk).step() }
    0
}

impl Walk {
    #[inline(always)]
    fn step(&mut self) {
        let at = self.at;
        self.at = at.wrapping_add(1);
        let Some(id) = table::flood_port(at) else {
            return;
        };
        let Some(port) = table::port(id) else {
            return;
        };
        // A port outside the VLAN is outside the flood domain.
        let Some(Ok(tag)) = table::settings().map(|s| pipeline::tag_at(s, id, self.vlan)) else {
            return;
        };
        let (head, place) = (&self.head, Place::new(id, self.vlan.vid));
        let is_member = |limit, place| snoop::member_tc(self.skb, limit, place);
        let Some(kind) = pipeline::kind_at(head, self.limit, place, is_member) else {
            return;
        };
        let allowed = flood_egress(self.from, (id, port), kind, self.size);
        let tag = forget(tag.to_raw());
        let allowed = allowed.and_then(|wanted| {
            if wanted {
                meter::egress((id, port), self.size, TagAction::from_raw(tag))?;
            }
            Ok(wanted)
        });
        // As a number of which the verifier knows nothing: it walks through the rest once, not once for
        // every way to get here.
        let outcome = match allowed {
            Ok(true) => WANTED,
            Ok(false) => OUTSIDE,
            Err(reason) => reason as u32,
        };
        let outcome = forget(outcome);
        if outcome == WANTED {
            self.copy();
            self.waiting = id;
            self.tag = tag;
        } else if outcome != OUTSIDE {
            count::copy_dropped(id, self.size, outcome);
        }
    }

    /// Sends a copy to the port that waits.
    #[inline(always)]
    fn copy(&mut self) {
        let Some(port) = self.waiting_port() else {
            return;
        };
        let (ifindex, flags) = entrance(port);
        let dressed = self.dress();
        if dressed.is_ok() && clone_redirect(self.skb, ifindex, flags) {
            self.count(port);
            self.mirror(port);
        } else {
            count::flood_dropped(self.waiting, self.size, DropReason::RedirectFailed);
        }
    }

    /// Tags the frame as the port that waits wants it.
    #[inline(always)]
    fn dress(&mut self) -> Result<(), DropReason> {
        self.take_form(self.vlan.form_after(TagAction::from_raw(self.tag)))
    }

    /// Tags the frame in one of its forms.
    #[inline(always)]
    fn take_form(&mut self, form: TagForm) -> Result<(), DropReason> {
        if !features::vlan() {
            return Ok(());
        }
        let settings = table::settings().ok_or(DropReason::RedirectFailed)?;
        let change = self.vlan.change(TagForm::from_raw(self.form), form);
        self.form = forget(form as u32);
        let change = TagAction::from_raw(forget(change.to_raw()));
        retag(self.skb, settings.vlan_protocol, change)
    }

    /// Counts a copy that went to the port that waits.
    #[inline(always)]
    fn count(&self, port: &PortConf) {
        let size = pipeline::resized(TagAction::from_raw(self.tag), self.size);
        count::flood_sent(self.waiting, port, &self.head, size);
        count::vlan_sent(self.vlan.vid, size);
    }

    /// Mirrors a copy that goes to the port that waits.
    #[inline(always)]
    fn mirror(&self, port: &PortConf) {
        let copies = mirror::outgoing((self.waiting, port), self.vlan.vid);
        if features::mirror() {
            let size = pipeline::resized(TagAction::from_raw(self.tag), self.size);
            mirror::send(self.skb, copies, size);
        }
    }

    /// Sends the frame itself to the port that waits.
    #[inline(always)]
    fn last(&mut self) -> i32 {
        let Some(port) = self.waiting_port() else {
            return TC_ACT_SHOT;
        };
        if let Err(reason) = self.dress() {
            count::flood_dropped(self.waiting, self.size, reason);
            return TC_ACT_SHOT;
        }
        let (ifindex, flags) = entrance(port);
        self.count(port);
        self.mirror(port);
        redirect(ifindex, flags)
    }

    #[inline(always)]
    fn waiting_port(&self) -> Option<&'static PortConf> {
        if self.waiting == PortId::NONE {
            None
        } else {
            table::port(self.waiting)
        }
    }
}

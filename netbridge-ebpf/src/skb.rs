//! What the kernel does to a socket buffer at TC: its tag, and where it goes.
#![expect(unsafe_code, reason = "BPF helpers")]

use aya_ebpf::{
    bindings::{__sk_buff, BPF_F_INGRESS},
    helpers::{
        bpf_clone_redirect, bpf_redirect, bpf_redirect_peer, bpf_skb_vlan_pop, bpf_skb_vlan_push,
    },
};
use netbridge_common::{
    PortConf, PortFlags,
    decide::{DropReason, TagAction},
};

/// Sends a copy of a frame to an interface; says whether the kernel took it.
///
/// What leaves an interface, or enters the host, does not come by the ingress of a port.
#[inline(always)]
pub(crate) fn clone_redirect(skb: *mut __sk_buff, ifindex: u32, flags: u64) -> bool {
    // SAFETY: `skb` is the program's context; pointers into the frame are read anew after it.
    unsafe { bpf_clone_redirect(skb, ifindex, flags) == 0 }
}

/// Takes away, changes or puts on the tag that the kernel keeps beside a frame.
#[inline(always)]
pub fn retag(skb: *mut __sk_buff, tpid: u16, action: TagAction) -> Result<(), DropReason> {
    let done = match action {
        TagAction::Keep => true,
        TagAction::Pop => vlan_pop(skb),
        TagAction::Push(tci) => vlan_push(skb, tpid, tci),
        TagAction::Rewrite(tci) => vlan_pop(skb) && vlan_push(skb, tpid, tci),
    };
    if done {
        Ok(())
    } else {
        Err(DropReason::RedirectFailed)
    }
}

#[inline(always)]
fn vlan_pop(skb: *mut __sk_buff) -> bool {
    // SAFETY: `skb` is the program's context.
    unsafe { bpf_skb_vlan_pop(skb) == 0 }
}

#[inline(always)]
fn vlan_push(skb: *mut __sk_buff, tpid: u16, tci: u16) -> bool {
    // SAFETY: `skb` is the program's context; the kernel checks the numbers.
    unsafe { bpf_skb_vlan_push(skb, tpid.to_be(), tci) == 0 }
}

/// Interface and redirect flags by which frames reach a port: the wire, or the host's ingress.
#[inline(always)]
pub fn entrance(port: &PortConf) -> (u32, u64) {
    if port.flags.contains(PortFlags::HOST) {
        (port.deliver_ifindex, u64::from(BPF_F_INGRESS))
    } else {
        (port.ifindex, 0)
    }
}

/// Has a frame enter the namespace of the other end of a veth; the action that does it.
#[inline(always)]
#[expect(
    clippy::cast_possible_truncation,
    reason = "the helper returns a TC action"
)]
pub fn redirect_peer(ifindex: u32) -> i32 {
    // SAFETY: the helper takes any number; the kernel checks it when it acts on it.
    unsafe { bpf_redirect_peer(ifindex, 0) as i32 }
}

/// Has a frame go to an interface; the action that does it.
#[inline(always)]
#[expect(
    clippy::cast_possible_truncation,
    reason = "the helper returns a TC action"
)]
pub fn redirect(ifindex: u32, flags: u64) -> i32 {
    // SAFETY: the helper takes any numbers; the kernel checks them when it acts on them.
    unsafe { bpf_redirect(ifindex, flags) as i32 }
}

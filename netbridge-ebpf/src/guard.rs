//! The guard of a port, as functions that the verifier walks through once, apart from the pipeline.
#![expect(
    unsafe_code,
    reason = "functions with names of their own, the context, and a per-CPU map value"
)]

use aya_ebpf::bindings::{__sk_buff, xdp_md};
use netbridge_common::{
    Binding, BindingKey, PortFlags, PortId,
    decide::{
        DropReason,
        guard::{Bindings, Origin, PASS, guard},
    },
    octets::Octets,
};

use crate::{
    maps::{BINDINGS, SCRATCH},
    octets::{SkbOctets, XdpOctets},
};

/// The bindings of the bridge.
struct Bound;

impl Bindings for Bound {
    #[inline(always)]
    fn get(&self, key: &BindingKey) -> Binding {
        // SAFETY: a copy; an element that is recycled meanwhile can only hold another binding, whose
        // port and station are then compared.
        let binding = unsafe { BINDINGS.get(key) };
        binding.copied().unwrap_or_default()
    }
}

/// Looks into a frame at TC that came in by `port` with its `flags`, in VLAN `vid`; answers [`PASS`] or the
/// number of a [`DropReason`].
///
/// # Safety
/// `skb` must be the context of the program.
#[inline(never)]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn guard_tc(skb: *mut __sk_buff, flags: u32, port: u32, vid: u32) -> u32 {
    // SAFETY: the context is valid while the program runs.
    let tagged = unsafe { (*skb).vlan_present } != 0;
    answer(&SkbOctets(skb), flags, port, vid, u16::from(tagged))
}

/// The same at XDP.
///
/// # Safety
/// `ctx` must be the context of the program.
#[inline(never)]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn guard_xdp(ctx: *mut xdp_md, flags: u32, port: u32, vid: u32) -> u32 {
    answer(&XdpOctets(ctx), flags, port, vid, 0)
}

#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "a VID has twelve bits")]
fn answer(octets: &impl Octets, flags: u32, port: u32, vid: u32, tags_beside: u16) -> u32 {
    let Some(scratch) = SCRATCH.get_ptr_mut(0) else {
        return DropReason::Malformed as u32;
    };
    // SAFETY: per-CPU memory, and no other program runs on this CPU meanwhile.
    let scratch = unsafe { &mut *scratch };
    let from = Origin {
        port: PortId(port),
        flags: PortFlags(flags),
        vid: vid as u16,
        tags_beside,
    };
    match guard(octets, &Bound, scratch, from) {
        Ok(()) => PASS,
        Err(reason) => reason as u32,
    }
}

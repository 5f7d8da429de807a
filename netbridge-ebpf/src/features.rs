//! Switches that are set at load, so that what a bridge does not use costs it nothing: the verifier
//! knows their values and drops what they switch off.
#![expect(unsafe_code, reason = "a global whose name the loader knows")]

use aya_ebpf::Global;
use netbridge_common::Features;

/// A [`Features`], set at load.
#[unsafe(no_mangle)]
static FEATURES: Global<u32> = Global::new(0);

/// Says whether the programs were loaded with a feature.
#[inline(always)]
fn has(feature: Features) -> bool {
    Features(FEATURES.load()).contains(feature)
}

/// Says whether the bridge may filter VLANs.
#[inline(always)]
pub fn vlan() -> bool {
    has(Features::VLAN)
}

/// Says whether ports may have storm and rate limits.
#[inline(always)]
pub fn limit() -> bool {
    has(Features::LIMIT)
}

/// Says whether ports may have addresses bound to them, and guards.
#[inline(always)]
pub fn guard() -> bool {
    has(Features::GUARD)
}

/// Says whether the bridge may answer for neighbours.
#[inline(always)]
pub fn proxy() -> bool {
    has(Features::PROXY)
}

/// Says whether frames may be mirrored.
#[inline(always)]
pub fn mirror() -> bool {
    has(Features::MIRROR)
}

/// Says whether multicast may be snooped on.
#[inline(always)]
pub fn snoop() -> bool {
    has(Features::SNOOP)
}

/// Says whether the bridge may look out for its own probes.
#[inline(always)]
pub fn loops() -> bool {
    has(Features::LOOP)
}

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

//! What the running kernel offers.

use aya::util::KernelVersion;

use super::DatapathError;

/// What netbridge needs to know of the kernel.
#[derive(Clone, Debug)]
pub struct KernelFeatures {
    /// The kernel's release, as `uname -r` prints it.
    pub release: String,
    /// Links at the TC hook that can be pinned (`BPF_LINK_CREATE` with `BPF_TCX_INGRESS`, 6.6).
    pub tcx: bool,
    /// `bpf_redirect_peer` sets the packet type (`skb_scrub_packet()`, 6.15).
    pub peer_scrubs: bool,
    /// The kernel's type information (`/sys/kernel/btf/vmlinux`).
    pub btf: bool,
}

/// Looks at the running kernel.
pub fn kernel_features() -> KernelFeatures {
    let version = KernelVersion::current().unwrap_or(KernelVersion::new(0, 0, 0));
    let release = nix::sys::utsname::uname()
        .map(|name| name.release().to_string_lossy().into_owned())
        .unwrap_or_default();
    KernelFeatures {
        release,
        tcx: version >= KernelVersion::new(6, 6, 0),
        peer_scrubs: version >= KernelVersion::new(6, 15, 0),
        btf: std::path::Path::new("/sys/kernel/btf/vmlinux").exists(),
    }
}

impl KernelFeatures {
    /// Fails where something indispensable is missing.
    pub fn require(&self) -> Result<(), DatapathError> {
        let missing = match self {
            Self { tcx: false, .. } => "links at the TC hook (tcx)",
            Self { btf: false, .. } => "BTF (/sys/kernel/btf/vmlinux)",
            _ => return Ok(()),
        };
        Err(DatapathError::Feature {
            release: self.release.clone(),
            feature: missing,
        })
    }
}

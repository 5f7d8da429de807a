//! Finds the eBPF toolchain and builds netbridge's eBPF object with it.
//!
//! netbridge's build script and the `xtask` binary both use this library, so that the object is
//! built in one way only. It depends on nothing but the standard library.

mod build_ebpf;
mod embed;
mod error;
mod machine;
mod survey;
mod toolchain;

pub use build_ebpf::build_ebpf;
pub use embed::{OBJECTS, SKIP, embed};
pub use error::Error;
pub use survey::{Survey, private_tools};
pub use toolchain::{Core, LINKER_VAR, Linker, Missing, RUSTC_VAR, Rustc, Toolchain, bpf_target};

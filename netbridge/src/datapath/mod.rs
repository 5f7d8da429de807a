//! The kernel side as userspace sees it: the object, its maps and programs, and their pins.
//!
//! Everything lives in a [`PinDir`]: a folder of bpffs that outlives the process, or a private one
//! that vanishes with it. Nothing else in the crate talks to aya.

mod attach;
pub mod batch;
mod error;
mod features;
mod load;
mod maps;
mod pin;
mod stack;

pub use attach::{Programs, XdpMode};
pub use error::DatapathError;
pub use features::{KernelFeatures, kernel_features};
pub use load::{LoadOptions, create};
pub use maps::{Maps, now};
pub use pin::{BPFFS, PIN_ROOT, PinDir, mount_bpffs};
pub use stack::{ProgramCost, program_costs};

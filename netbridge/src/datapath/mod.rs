//! The kernel side as userspace sees it: the object, its maps and programs, and their pins.
//!
//! Everything lives in a [`PinDir`]: a folder of bpffs that outlives the process, or a private one
//! that vanishes with it. Besides, only the doctor and the reader of events talk to aya.

mod attach;
mod barrier;
pub mod batch;
mod capabilities;
mod error;
mod features;
mod load;
mod maps;
mod pin;
mod replace;
mod stack;

pub use attach::Programs;
pub use barrier::wait_for_programs;
pub(crate) use capabilities::Capabilities;
pub use error::DatapathError;
pub use features::{KernelFeatures, kernel_features};
pub use load::{LoadOptions, create};
pub use maps::{Maps, now};
pub(crate) use pin::bpffs_is_mounted;
pub use pin::{BPFFS, PIN_ROOT, PinDir, mount_bpffs};
pub use replace::replace;
pub use stack::{ProgramCost, program_costs};

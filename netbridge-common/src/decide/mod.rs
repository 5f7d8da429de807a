//! The bridging rules: frame -> admit -> learn -> lookup -> forward -> egress -> verdict.
//!
//! Each step is a function of what it is given, in a file of its own. The eBPF pipeline calls them
//! in this order; a host test can call any of them with a made-up frame.

mod egress;
mod flap;
mod forward;
pub mod guard;
mod ingress;
mod learn;
mod limit;
mod mirror;
pub mod proxy;
mod reason;
pub mod snoop;
mod vlan;

pub use egress::{Way, egress, flood_egress, largest_frame, way};
pub use flap::{admit_held, moved};
pub use forward::{FloodKind, Forward, forward};
pub use ingress::{GROUP_FWD_RESTRICTED, admit, admit_source};
pub use learn::{Learn, Refusal, Room, is_fair, learn};
pub use limit::charge;
pub use mirror::{Copies, takes_copy};
pub use reason::DropReason;
pub use vlan::{FrameVlan, TagAction, TagForm, classify, egress_tag};

//! The Ethernet source.

use super::{Bindings, Guard, part};
use crate::{BindingKey, MacAddr, PortFlags, decide::DropReason, octets::Octets};

impl<O: Octets + ?Sized, B: Bindings> Guard<'_, O, B> {
    /// The source must be bound to the port, in the VLAN of the frame.
    #[inline(always)]
    pub(super) fn source(&mut self) -> Result<(), DropReason> {
        if !self.has(PortFlags::BOUND_MAC) {
            return Ok(());
        }
        self.scratch.key =
            BindingKey::mac(MacAddr(part(&self.scratch.head, 6)), self.scratch.from.vid);
        if self.bindings.get(&self.scratch.key).port == self.scratch.from.port {
            Ok(())
        } else {
            Err(DropReason::SpoofedMac)
        }
    }
}

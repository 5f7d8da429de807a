//! Mirrors of VLANs.

use netbridge_common::{VlanMirror, maps::name};

use super::{Maps, read, write};
use crate::datapath::DatapathError;

impl Maps {
    /// The mirror of a VLAN.
    pub fn vlan_mirror(&self, vid: u16) -> Result<VlanMirror, DatapathError> {
        read(name::VLAN_MIRRORS, &self.vlan_mirrors, vid.into())
    }

    /// Writes the mirror of a VLAN.
    pub fn set_vlan_mirror(&mut self, vid: u16, mirror: VlanMirror) -> Result<(), DatapathError> {
        write(
            name::VLAN_MIRRORS,
            &mut self.vlan_mirrors,
            vid.into(),
            mirror,
        )?;
        self.renew()
    }
}

//! VLANs: those of ports, what passed in them, and where it is mirrored to.

use netbridge_common::{PortId, PortVlans, VlanCounters, VlanMirror, maps::name};

use super::{Maps, map_error, read, write};
use crate::datapath::DatapathError;

impl Maps {
    /// A port's VLANs.
    pub fn port_vlans(&self, id: PortId) -> Result<PortVlans, DatapathError> {
        read(name::PORT_VLANS, &self.port_vlans, id.0)
    }

    /// Writes a port's VLANs.
    pub fn set_port_vlans(&mut self, id: PortId, vlans: PortVlans) -> Result<(), DatapathError> {
        write(name::PORT_VLANS, &mut self.port_vlans, id.0, vlans)?;
        self.renew()
    }

    /// What passed in a VLAN, summed over the CPUs.
    pub fn vlan_counters(&self, vid: u16) -> Result<VlanCounters, DatapathError> {
        let values = self
            .vlan_counters
            .get(&u32::from(vid), 0)
            .map_err(|error| map_error(name::VLAN_COUNTERS, "read", &error))?;
        let mut sum = VlanCounters::default();
        values.iter().for_each(|value| sum.add(value));
        Ok(sum)
    }

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

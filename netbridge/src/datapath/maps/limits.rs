//! Storm and rate limits of ports, and what has been charged against them.

use netbridge_common::{PortId, PortLimits, PortMeters, maps::name};

use super::{Maps, read, write};
use crate::datapath::DatapathError;

impl Maps {
    /// A port's limits.
    pub fn port_limits(&self, id: PortId) -> Result<PortLimits, DatapathError> {
        read(name::LIMITS, &self.limits, id.0)
    }

    /// Writes a port's limits, and sets its meters to zero.
    ///
    /// A limit that the datapath goes by must not be changed so: it would see parts of both.
    pub fn set_port_limits(&mut self, id: PortId, limits: PortLimits) -> Result<(), DatapathError> {
        write(name::LIMITS, &mut self.limits, id.0, limits)?;
        self.set_port_meters(id, PortMeters::default())
    }

    /// What has been charged against a port's limits.
    pub fn port_meters(&self, id: PortId) -> Result<PortMeters, DatapathError> {
        read(name::METERS, &self.meters, id.0)
    }

    /// Writes what has been charged against a port's limits.
    pub fn set_port_meters(&mut self, id: PortId, meters: PortMeters) -> Result<(), DatapathError> {
        write(name::METERS, &mut self.meters, id.0, meters)
    }
}

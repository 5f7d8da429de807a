//! What the programs of a bridge can do, and how they come to do more.

use netbridge_common::{Features, PortId};

use super::{Bridge, BridgeError};
use crate::datapath::{self, LoadOptions, Programs};

impl Bridge {
    /// Sees to it that the programs can do what `features` asks, exchanging them while they forward.
    ///
    /// What they could do before they still can; settings decide what they do.
    pub(super) fn require(&mut self, features: Features) -> Result<(), BridgeError> {
        let settings = self.settings()?;
        if settings.features.contains(features) {
            return Ok(());
        }
        let features = settings.features.with(features);
        let options = LoadOptions {
            max_ports: settings.port_slots - 1,
            fdb_entries: settings.fdb_entries,
            flow_cache: !features.contains(Features::NO_FLOW_CACHE),
            features,
        };
        let ports: Vec<PortId> = self.ports()?.iter().map(|port| port.id).collect();
        datapath::replace(&self.dir, &options, &ports)?;
        self.programs = Programs::open(&self.dir)?;
        // Copies of XDP floods are checked by the new program, too.
        self.write_flood_lists()?;
        let mut settings = self.settings()?;
        settings.features = features;
        Ok(self.maps.set_settings(settings)?)
    }
}

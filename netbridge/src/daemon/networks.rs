//! Networks in the life of `serve`: put right as it starts, and when a container is gone.

use crate::network::{Driver, NetworkError, Networks};

/// Puts the networks right, and makes those that are always there.
pub(super) fn start(beside_docker: bool) {
    let start = || -> Result<(), NetworkError> {
        // What is put right is said in the log as the value goes.
        Networks::start()?.ensure_defaults(beside_docker)
    };
    if let Err(error) = start() {
        tracing::warn!("{error}");
    }
}

/// Sees to it that the firewall has the rules of all networks.
pub(super) fn keep_firewall() {
    let keep = || -> Result<(), NetworkError> {
        if Networks::look()?
            .iter()
            .any(|network| network.driver == Driver::Bridge)
        {
            Networks::open_as_is()?.keep_firewall()?;
        }
        Ok(())
    };
    // What fails was said when the network was made, and fails again and again.
    if let Err(error) = keep() {
        tracing::debug!("{error}");
    }
}

/// Forgets containers that are gone, where there is a network that may have lost one.
pub(super) fn mend() {
    if let Err(error) = Networks::open() {
        tracing::warn!("{error}");
    }
}

//! Networks in the life of `serve`: put right as it starts, and when a container is gone.

use crate::network::{NetworkError, Networks};

/// Puts the networks right, and makes those that are always there.
pub(super) fn start(beside_docker: bool) {
    let start = || -> Result<(), NetworkError> {
        let mut networks = Networks::start()?;
        let made = networks.ensure_defaults(beside_docker);
        tell(&mut networks);
        made
    };
    if let Err(error) = start() {
        tracing::warn!("{error}");
    }
}

/// Forgets containers that are gone, where there is a network that may have lost one.
pub(super) fn mend() {
    match Networks::open() {
        Ok(mut networks) => tell(&mut networks),
        Err(error) => tracing::warn!("{error}"),
    }
}

fn tell(networks: &mut Networks) {
    for line in networks.take_said() {
        tracing::warn!("{line}");
    }
}

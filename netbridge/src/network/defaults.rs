//! The networks that are always there.

use std::collections::BTreeMap;

use super::{
    DEFAULT, DEFAULT_BRIDGE, Driver, NetworkError, NetworkSpec, Networks,
    ipam::{self, Subnet},
    options,
};

/// Docker's own bridge, and the network that it is on unless told otherwise.
const DOCKER: (&str, &str) = ("docker0", "172.17.0.0/16");

impl Networks {
    /// Makes `bridge`, `host` and `none` where they are not. `beside_docker` leaves Docker's own bridge the
    /// subnet that it is about to take.
    pub fn ensure_defaults(&mut self, beside_docker: bool) -> Result<(), NetworkError> {
        for (name, driver) in [("host", Driver::Host), ("none", Driver::None)] {
            if !self.has(name) {
                self.create(&NetworkSpec::named(name, driver))?;
            }
        }
        if self.has(DEFAULT) {
            return Ok(());
        }
        let mut spec = NetworkSpec::named(DEFAULT, Driver::Bridge);
        spec.options = BTreeMap::from(
            [
                (options::DEFAULT_BRIDGE, "true"),
                (options::ICC, "true"),
                (options::MASQUERADE, "true"),
                (options::HOST_BINDING, "0.0.0.0"),
                (options::NAME, DEFAULT_BRIDGE),
                (options::MTU, "1500"),
            ]
            .map(|(key, value)| (key.to_owned(), value.to_owned())),
        );
        if beside_docker
            && self.links.by_name(DOCKER.0).is_err()
            && let Ok(pool) = DOCKER.1.parse()
        {
            let mut used = self.used(None)?;
            used.push(pool);
            spec.subnets.extend(ipam::free_pool(&used).map(Subnet::new));
        }
        self.create(&spec).map(drop)
    }

    fn has(&self, name: &str) -> bool {
        self.all.iter().any(|network| network.name == name)
    }
}

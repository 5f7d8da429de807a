//! Docker's address management: pools asked for and given back, and addresses of them.

use std::net::IpAddr;

use ipnet::IpNet;

use super::{
    Network, NetworkError, Networks, Owner,
    create::{is_v4, new_id},
    ipam::{self, Subnet},
    model::now,
    pool::Pool,
};

impl Networks {
    /// A pool for a network that Docker is about to make: the one it names, else one that is free.
    ///
    /// Asked again for the same, the same is given.
    pub fn request_pool(
        &mut self,
        wanted: Option<IpNet>,
        range: Option<IpNet>,
        v6: bool,
    ) -> Result<Pool, NetworkError> {
        let bad = |reason: String| {
            Err(NetworkError::Bad {
                name: "of Docker".to_owned(),
                reason,
            })
        };
        let subnet = match wanted {
            Some(net) if is_v4(&net) == v6 => {
                return bad(format!("subnet {net} is of the other family"));
            }
            Some(net) => net.trunc(),
            None => self.free_pool(v6)?,
        };
        if let Some(range) = range
            && !subnet.contains(&range)
        {
            return bad(format!("range {range} is not within subnet {subnet}"));
        }
        let same = |pool: &&mut Pool| pool.subnet.subnet == subnet && pool.subnet.range == range;
        if let Some(pool) = self.pools.iter_mut().find(same) {
            pool.uses = pool.uses.saturating_add(1);
            self.store.save_pool(pool)?;
            return Ok(pool.clone());
        }
        // What the host has routes to is looked at when there is a network: one of macvlan may be there.
        if let Some(other) = [self.used_by_networks(), self.used_by_pools()]
            .concat()
            .iter()
            .find(|used| ipam::overlap(used, &subnet))
        {
            return bad(format!(
                "subnet {subnet} overlaps {other}, {}; choose another with --subnet",
                self.whose(other)
            ));
        }
        let pool = Pool {
            id: new_id()?,
            subnet: Subnet {
                range,
                ..Subnet::new(subnet)
            },
            since: now(),
            uses: 1,
            leases: Vec::new(),
        };
        self.store.save_pool(&pool)?;
        self.pools.push(pool.clone());
        Ok(pool)
    }

    fn free_pool(&self, v6: bool) -> Result<IpNet, NetworkError> {
        if v6 {
            let id = new_id()?;
            let octet = |at| u8::from_str_radix(&id[at..at + 2], 16).unwrap_or_default();
            return Ok(ipam::unique_local([0, 2, 4, 6, 8].map(octet)));
        }
        ipam::free_pool(&self.used(None)?).ok_or_else(|| NetworkError::Bad {
            name: "of Docker".to_owned(),
            reason: "no subnet is free; name one with --subnet".to_owned(),
        })
    }

    /// Docker gives a pool back. It goes with the last that asked for it, or when nobody has an address of
    /// it any more: a request that was repeated counts twice, and is given back once.
    pub fn release_pool(&mut self, id: &str) -> Result<(), NetworkError> {
        let Some(pool) = self.pools.iter_mut().find(|pool| pool.id == id) else {
            return Ok(());
        };
        pool.uses = pool.uses.saturating_sub(1);
        if pool.leases.is_empty() {
            pool.uses = 0;
        }
        let (released, subnet) = (pool.uses == 0, pool.subnet.subnet);
        self.store.save_pool(pool)?;
        if released {
            self.drop_orphans(subnet)?;
        }
        self.drop_idle_pools()
    }

    /// Removes a network whose pool Docker gives back: it is about to remove it, or never heard that it was made.
    fn drop_orphans(&mut self, subnet: IpNet) -> Result<(), NetworkError> {
        let is_orphan = |network: &&Network| {
            let mut subnets = network.subnets.iter();
            network.owner == Owner::Docker
                && network.endpoints.is_empty()
                && subnets.any(|own| own.subnet == subnet)
        };
        let orphan = self
            .all
            .iter()
            .find(is_orphan)
            .map(|network| network.name.clone());
        let Some(name) = orphan else { return Ok(()) };
        self.take_down(&name)?;
        tracing::info!(network = name, "removed: Docker has given its subnet back");
        Ok(())
    }

    /// Removes pools that nobody uses.
    pub(super) fn drop_idle_pools(&mut self) -> Result<(), NetworkError> {
        let networks = &self.all;
        let used = |pool: &Pool| {
            let mut subnets = networks.iter().flat_map(|network| &network.subnets);
            pool.uses > 0 || subnets.any(|subnet| subnet.subnet == pool.subnet.subnet)
        };
        let idle: Vec<String> = self
            .pools
            .iter()
            .filter(|p| !used(p))
            .map(|p| p.id.clone())
            .collect();
        for id in idle {
            self.store.remove_pool(&id)?;
            self.pools.retain(|pool| pool.id != id);
        }
        Ok(())
    }

    /// An address of a pool: the one that is asked for, else the next that is free.
    pub fn request_address(
        &mut self,
        id: &str,
        wanted: Option<IpAddr>,
        gateway: bool,
    ) -> Result<IpNet, NetworkError> {
        let bad = |reason: String| {
            Err(NetworkError::Bad {
                name: "of Docker".to_owned(),
                reason,
            })
        };
        let held: Vec<IpAddr> = self.held_by_endpoints();
        let Some(pool) = self.pools.iter_mut().find(|pool| pool.id == id) else {
            return bad(format!("pool {id} is not known; make the network again"));
        };
        let mut taken = pool.taken();
        taken.extend(held.iter().filter(|ip| pool.subnet.subnet.contains(*ip)));
        let wanted = match wanted {
            None if gateway => Some(pool.subnet.first_host()).filter(|ip| !taken.contains(ip)),
            wanted => wanted,
        };
        let ip = match wanted {
            Some(ip) if !pool.subnet.has_host(ip) => {
                let net = pool.subnet.subnet;
                return bad(format!("{ip} is no host's address of subnet {net}"));
            }
            Some(ip) if taken.contains(&ip) => {
                return bad(format!("address {ip} is taken already"));
            }
            Some(ip) => ip,
            None => match pool.subnet.next(&taken) {
                Some(ip) => ip,
                None => {
                    return Err(NetworkError::Exhausted {
                        name: "of Docker".to_owned(),
                        subnet: pool.subnet.range.unwrap_or(pool.subnet.subnet).to_string(),
                    });
                }
            },
        };
        pool.lease(ip);
        if gateway {
            pool.subnet.gateway = Some(ip);
        } else if wanted.is_none() {
            pool.subnet.last = Some(ip);
        }
        self.store.save_pool(pool)?;
        Ok(pool.subnet.with_prefix(ip))
    }

    /// Docker gives an address back; one that a container still has is free when that goes.
    pub fn release_address(&mut self, id: &str, ip: IpAddr) -> Result<(), NetworkError> {
        let Some(pool) = self.pools.iter_mut().find(|pool| pool.id == id) else {
            return Ok(());
        };
        if pool.release(ip) {
            self.store.save_pool(pool)?;
        }
        Ok(())
    }

    fn held_by_endpoints(&self) -> Vec<IpAddr> {
        let endpoints = self.endpoints();
        endpoints.flat_map(super::Endpoint::addresses).collect()
    }

    /// Takes back addresses that nobody has had for a while.
    pub(super) fn collect_pools(&mut self) -> Result<(), NetworkError> {
        let mut lines = Vec::new();
        for pool in &mut self.pools {
            let uses = |network: &&Network| {
                let mut subnets = network.subnets.iter();
                subnets.any(|subnet| subnet.subnet == pool.subnet.subnet)
            };
            let Some(network) = self.all.iter().find(uses) else {
                if pool.is_lost() {
                    pool.uses = 0;
                }
                continue;
            };
            let left = pool.collect(network);
            if left.is_empty() {
                continue;
            }
            self.store.save_pool(pool)?;
            let left: Vec<String> = left.iter().map(IpAddr::to_string).collect();
            lines.push(format!(
                "network {}: no container has {}; free again",
                network.label(),
                left.join(", ")
            ));
        }
        for line in lines {
            self.say(line);
        }
        self.drop_idle_pools()
    }
}

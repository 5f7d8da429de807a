//! Pools of addresses that Docker asks for before there is a network.

use std::{collections::HashSet, net::IpAddr};

use serde::{Deserialize, Serialize};

use super::{Network, ipam::Subnet, model::now};

/// A pool, as its file has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pool {
    /// What Docker knows it by.
    pub id: String,
    /// Its subnet, and what was given away of it last.
    pub subnet: Subnet,
    /// Unix time, in seconds, at which it was made.
    #[serde(default)]
    pub since: u64,
    /// How often it was asked for and not yet released.
    pub uses: u32,
    /// Addresses given away, each with the Unix time at which it was.
    pub leases: Vec<Lease>,
}

/// An address that was given away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The address.
    pub ip: IpAddr,
    /// When it was given, in seconds.
    pub since: u64,
}

/// Seconds for which an address may be given away and nobody have it: Docker is about to make the endpoint.
const PATIENCE: u64 = 120;

impl Pool {
    /// All addresses that are given away.
    pub fn taken(&self) -> HashSet<IpAddr> {
        let leases = self.leases.iter().map(|lease| lease.ip);
        leases.chain(self.subnet.held()).collect()
    }

    /// Gives an address away; false where it is given away already.
    pub fn lease(&mut self, ip: IpAddr) -> bool {
        if self.leases.iter().any(|lease| lease.ip == ip) {
            return false;
        }
        self.leases.push(Lease { ip, since: now() });
        true
    }

    /// Takes an address back; says whether it was given away.
    pub fn release(&mut self, ip: IpAddr) -> bool {
        let before = self.leases.len();
        self.leases.retain(|lease| lease.ip != ip);
        if self.subnet.gateway == Some(ip) {
            self.subnet.gateway = None;
        }
        self.leases.len() != before
    }

    /// Says whether nobody can know it: Docker leases a gateway of every pool at once, unless the answer that
    /// named the pool was lost.
    pub(super) fn is_lost(&self) -> bool {
        self.leases.is_empty() && self.since.saturating_add(PATIENCE) < now()
    }

    /// Takes back what nobody has had for a while: containers that Docker has forgotten. Only where a network of
    /// netbridge uses the pool, since others do not tell who has what.
    pub(super) fn collect(&mut self, network: &Network) -> Vec<IpAddr> {
        let (now, used) = (now(), network.taken());
        let is_left =
            |lease: &Lease| !used.contains(&lease.ip) && lease.since.saturating_add(PATIENCE) < now;
        let left: Vec<IpAddr> = self
            .leases
            .iter()
            .filter(|l| is_left(l))
            .map(|l| l.ip)
            .collect();
        self.leases.retain(|lease| !left.contains(&lease.ip));
        left
    }
}

//! Adding ports: everything is checked before anything is changed, and undone where it fails.

use netbridge_common::{PortFlags, info::RESTORE_PROMISC};

use super::{
    Bridge, BridgeError, Hook, Port, PortSpec, container,
    plan::{Plan, Planner},
};
use crate::net::{LinkKind, XdpFeatures, peer, xdp_features::xdp_features};

impl Bridge {
    /// Makes an interface a port: checks everything, then does it, or undoes what was done.
    pub fn add_port(&mut self, spec: &PortSpec) -> Result<Port, BridgeError> {
        let mut ports = self.add_ports(std::slice::from_ref(spec))?;
        ports.pop().ok_or_else(|| BridgeError::NoSuchPort {
            ifname: spec.ifname.clone(),
            bridge: self.name().to_owned(),
        })
    }

    /// Makes interfaces ports, all of them or none.
    ///
    /// What all ports have in common, such as the lists for floods, is looked at and written once:
    /// much less work than with one call for each.
    pub fn add_ports(&mut self, specs: &[PortSpec]) -> Result<Vec<Port>, BridgeError> {
        let mut planner = Planner::new(self)?;
        let plans = specs
            .iter()
            .map(|spec| planner.plan(self, spec))
            .collect::<Result<Vec<_>, _>>()?;
        for plan in &plans {
            self.require_limits(&plan.limits)?;
        }
        let mut ports = Vec::with_capacity(plans.len());
        let done = self.connect_all(plans, &mut planner.peers, &mut ports);
        if let Err(error) = done {
            if let Err(error) = self.remove_ports(&ports) {
                tracing::warn!("{error}");
            }
            return Err(error);
        }
        Ok(ports)
    }

    /// Carries plans out; `ports` takes those that must be removed again should one fail.
    fn connect_all(
        &mut self,
        plans: Vec<Plan>,
        peers: &mut peer::Search,
        ports: &mut Vec<Port>,
    ) -> Result<(), BridgeError> {
        for mut plan in plans {
            if plan.hook == Hook::Xdp {
                plan.info.restore = self.prepare(&plan, peers)?;
            }
            let done = self.connect(&mut plan);
            ports.push(plan.into_port());
            done?;
        }
        Ok(self.write_flood_lists()?)
    }

    /// Makes the container end of a port fit for XDP; returns what must be put back one day.
    fn prepare(&self, plan: &Plan, peers: &mut peer::Search) -> Result<u8, BridgeError> {
        let failed = |error: crate::net::NetError| BridgeError::ContainerEnd {
            ifname: plan.link.name.clone(),
            reason: error.to_string(),
        };
        match peers
            .container_end(&self.links, &plan.link)
            .map_err(failed)?
        {
            Some(end) => container::prepare(&plan.link.name, &end),
            None => Ok(0),
        }
    }

    /// Writes the maps, then attaches the programs: the first frame finds everything in place.
    fn connect(&mut self, plan: &mut Plan) -> Result<(), BridgeError> {
        let id = plan.id;
        if plan.link.kind != LinkKind::Veth && !plan.link.promiscuous {
            self.links.set_promisc(plan.link.ifindex, true)?;
            plan.info.restore |= RESTORE_PROMISC;
        }
        self.maps.clear_counters(id)?;
        self.maps.set_port_info(id, plan.info)?;
        self.maps.set_port_vlans(id, Self::default_vlans())?;
        self.maps.set_port_limits(id, plan.limits)?;
        self.maps.set_port_conf(id, plan.conf)?;
        self.maps.set_port_id(plan.link.ifindex, id)?;
        self.programs.attach_tc(id, &plan.link.name)?;
        if plan.hook == Hook::Xdp {
            self.programs
                .attach_xdp(id, &plan.link.name, plan.link.ifindex)?;
            plan.conf.flags = plan.conf.flags.with(PortFlags::XDP_FIRST);
        }
        // Only now does the driver say whether redirected frames can reach the interface.
        if xdp_features(plan.link.ifindex)?.is_some_and(XdpFeatures::ndo_xmit) {
            plan.conf.flags = plan.conf.flags.with(PortFlags::XDP_TARGET);
            self.maps.set_xdp_port(id, plan.link.ifindex)?;
        }
        Ok(self.maps.set_port_conf(id, plan.conf)?)
    }
}

impl Plan {
    fn into_port(self) -> Port {
        Port::new(self.id, self.conf, self.info)
    }
}

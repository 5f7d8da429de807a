//! Mirrors: copies of what a port or a VLAN carries, sent to a port.

use std::fmt;

use netbridge_common::{Features, PortConf, PortId, VlanMirror};

use super::{
    Bridge, BridgeError, Port,
    vlan::{VIDS, check_vids, no_vlans},
};

/// What is mirrored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MirrorSource {
    /// The port on this interface.
    Port(String),
    /// The VLAN of this VID.
    Vlan(u16),
}

impl fmt::Display for MirrorSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port(ifname) => write!(f, "port {ifname}"),
            Self::Vlan(vid) => write!(f, "vlan {vid}"),
        }
    }
}

impl MirrorSource {
    /// The source as it is typed.
    fn option(&self) -> String {
        match self {
            Self::Port(ifname) => format!("--port {ifname}"),
            Self::Vlan(vid) => format!("--vlan {vid}"),
        }
    }
}

/// Which frames are mirrored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// Those that come in.
    Ingress,
    /// Those that go out.
    Egress,
    /// Both.
    #[default]
    Both,
}

impl Direction {
    /// The name that the command line uses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ingress => "ingress",
            Self::Egress => "egress",
            Self::Both => "both",
        }
    }

    const fn covers(self, other: Self) -> bool {
        matches!(
            (self, other),
            (Self::Both, _) | (Self::Ingress, Self::Ingress) | (Self::Egress, Self::Egress)
        )
    }
}

/// A mirror of a bridge.
#[derive(Clone, Debug)]
pub struct Mirror {
    /// What is mirrored.
    pub source: MirrorSource,
    /// Name of the container behind the port that is mirrored, where one was given.
    pub name: Option<String>,
    /// Which of its frames.
    pub direction: Direction,
    /// The port that gets the copies.
    pub to: Port,
}

/// A source, found on its bridge.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Port(PortId),
    Vlan(u16),
}

/// The targets of a source: of what comes in, and of what goes out.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Targets {
    ingress: PortId,
    egress: PortId,
}

impl Targets {
    fn of(mirror_in: u16, mirror_out: u16) -> Self {
        Self {
            ingress: PortId(mirror_in.into()),
            egress: PortId(mirror_out.into()),
        }
    }

    /// The numbers that stand in the maps.
    fn slots(self) -> (u16, u16) {
        // A bridge has at most 32,767 ports.
        let slot = |id: PortId| u16::try_from(id.0).unwrap_or(0);
        (slot(self.ingress), slot(self.egress))
    }

    /// The target of each direction that `direction` covers.
    fn each(&mut self, direction: Direction) -> impl Iterator<Item = (Direction, &mut PortId)> {
        [
            (Direction::Ingress, &mut self.ingress),
            (Direction::Egress, &mut self.egress),
        ]
        .into_iter()
        .filter(move |(one, _)| direction.covers(*one))
    }

    /// Mirrors, as they are shown: one where both directions have the same target.
    fn mirrors(self) -> Vec<(Direction, PortId)> {
        let both = self.ingress == self.egress;
        let all = if both {
            vec![(Direction::Both, self.ingress)]
        } else {
            vec![
                (Direction::Ingress, self.ingress),
                (Direction::Egress, self.egress),
            ]
        };
        let is_set = |(_, id): &(Direction, PortId)| *id != PortId::NONE;
        all.into_iter().filter(is_set).collect()
    }
}

impl Bridge {
    /// Has what `source` carries copied to the port on interface `to`.
    pub fn add_mirror(
        &mut self,
        source: &MirrorSource,
        direction: Direction,
        to: &str,
    ) -> Result<(), BridgeError> {
        let target = self.port_named(to)?;
        let place = self.place(source)?;
        if place == Place::Port(target.id) {
            return Err(bad_mirror(format!(
                "{source}: a port cannot be mirrored to itself; name another one with --to"
            )));
        }
        if let Place::Vlan(vid) = place
            && self.settings()?.vlan_filtering == 0
        {
            return Err(no_vlans(vid, self.name()));
        }
        let mut targets = self.targets(place)?;
        for (one, slot) in targets.each(direction) {
            if *slot != PortId::NONE && *slot != target.id {
                let (other, bridge) = (self.port(*slot)?.ifname, self.name());
                let (one, option) = (one.name(), source.option());
                return Err(bad_mirror(format!(
                    "{source}: its {one} is mirrored to {other}, and there is one target for each direction; `netbridge mirror del {bridge} {option} --direction {one}` frees it"
                )));
            }
            *slot = target.id;
        }
        self.require(Features::MIRROR)?;
        self.set_targets(place, targets)
    }

    /// Ends a mirror, or one direction of it.
    pub fn del_mirror(
        &mut self,
        source: &MirrorSource,
        direction: Direction,
    ) -> Result<(), BridgeError> {
        let place = self.place(source)?;
        let mut targets = self.targets(place)?;
        let before = targets;
        for (_, slot) in targets.each(direction) {
            *slot = PortId::NONE;
        }
        if targets == before {
            let what = match direction {
                Direction::Both => String::new(),
                one => format!("its {} ", one.name()),
            };
            return Err(bad_mirror(format!(
                "{source}: {what}is not mirrored; `netbridge mirror show {}` lists the mirrors",
                self.name()
            )));
        }
        self.set_targets(place, targets)
    }

    /// The mirrors: those of ports, in order of their slots, then those of VLANs.
    pub fn mirrors(&self) -> Result<Vec<Mirror>, BridgeError> {
        let mut mirrors = Vec::new();
        for port in self.ports()? {
            let targets = Targets::of(port.conf.mirror_in, port.conf.mirror_out);
            let source = MirrorSource::Port(port.ifname);
            self.list(&mut mirrors, &source, port.name.as_ref(), targets)?;
        }
        for (vid, mirror) in self.vlan_mirrors()? {
            let targets = Targets::of(mirror.mirror_in, mirror.mirror_out);
            self.list(&mut mirrors, &MirrorSource::Vlan(vid), None, targets)?;
        }
        Ok(mirrors)
    }

    fn list(
        &self,
        mirrors: &mut Vec<Mirror>,
        source: &MirrorSource,
        name: Option<&String>,
        targets: Targets,
    ) -> Result<(), BridgeError> {
        for (direction, id) in targets.mirrors() {
            mirrors.push(Mirror {
                source: source.clone(),
                name: name.cloned(),
                direction,
                to: self.port(id)?,
            });
        }
        Ok(())
    }

    /// Ends all mirrors to ports that are about to go: a new port in a slot inherits none.
    pub(super) fn forget_mirrors_to(&mut self, gone: &[Port]) -> Result<(), BridgeError> {
        if !self.settings()?.features.contains(Features::MIRROR) {
            return Ok(());
        }
        let keep = |slot: u16| {
            let is_gone = gone.iter().any(|port| port.id.0 == u32::from(slot));
            if is_gone { 0 } else { slot }
        };
        for port in self.ports()? {
            let conf = PortConf {
                mirror_in: keep(port.conf.mirror_in),
                mirror_out: keep(port.conf.mirror_out),
                ..port.conf
            };
            if conf != port.conf {
                self.maps.set_port_conf(port.id, conf)?;
            }
        }
        for (vid, mirror) in self.vlan_mirrors()? {
            let kept = VlanMirror {
                mirror_in: keep(mirror.mirror_in),
                mirror_out: keep(mirror.mirror_out),
            };
            if kept != mirror {
                self.maps.set_vlan_mirror(vid, kept)?;
            }
        }
        Ok(())
    }

    /// The VLANs that are mirrored; none is looked for where the programs cannot do it.
    fn vlan_mirrors(&self) -> Result<Vec<(u16, VlanMirror)>, BridgeError> {
        if !self.settings()?.features.contains(Features::MIRROR) {
            return Ok(Vec::new());
        }
        let mut mirrors = Vec::new();
        for vid in VIDS {
            let mirror = self.maps.vlan_mirror(vid)?;
            if mirror != VlanMirror::default() {
                mirrors.push((vid, mirror));
            }
        }
        Ok(mirrors)
    }

    fn place(&self, source: &MirrorSource) -> Result<Place, BridgeError> {
        match source {
            MirrorSource::Port(ifname) => Ok(Place::Port(self.port_named(ifname)?.id)),
            MirrorSource::Vlan(vid) => {
                check_vids(&(*vid..=*vid))?;
                Ok(Place::Vlan(*vid))
            }
        }
    }

    fn targets(&self, place: Place) -> Result<Targets, BridgeError> {
        let (mirror_in, mirror_out) = match place {
            Place::Port(id) => {
                let conf = self.maps.port_conf(id)?;
                (conf.mirror_in, conf.mirror_out)
            }
            Place::Vlan(vid) => {
                let mirror = self.maps.vlan_mirror(vid)?;
                (mirror.mirror_in, mirror.mirror_out)
            }
        };
        Ok(Targets::of(mirror_in, mirror_out))
    }

    fn set_targets(&mut self, place: Place, targets: Targets) -> Result<(), BridgeError> {
        let (mirror_in, mirror_out) = targets.slots();
        match place {
            Place::Port(id) => {
                let conf = PortConf {
                    mirror_in,
                    mirror_out,
                    ..self.maps.port_conf(id)?
                };
                self.maps.set_port_conf(id, conf)?;
                // Which hook floods depends on it.
                Ok(self.write_flood_lists()?)
            }
            Place::Vlan(vid) => {
                let mirror = VlanMirror {
                    mirror_in,
                    mirror_out,
                };
                Ok(self.maps.set_vlan_mirror(vid, mirror)?)
            }
        }
    }
}

const fn bad_mirror(reason: String) -> BridgeError {
    BridgeError::BadSetting {
        setting: "mirror",
        reason,
    }
}

//! Bindings that follow the VLAN of untagged frames, and what a killed command left of them.

use std::collections::{HashMap, HashSet, hash_map::Entry};

use netbridge_common::{Binding, BindingKey, PortId, vlan::VID_NONE};

use super::{bad_binding, bound_flags};
use crate::{
    bridge::{Bridge, BridgeError},
    datapath,
};

/// A binding on its way to another VLAN.
#[derive(Clone, Copy, Debug)]
pub(in crate::bridge) struct Move {
    from: BindingKey,
    to: BindingKey,
    binding: Binding,
}

impl Bridge {
    /// How bindings must move for a bridge that filters VLANs or does not and, where one is given, a port
    /// whose PVID is to be another.
    ///
    /// New ones are written first, then the setting changes, then the old ones go: every frame finds
    /// those that belong to the setting that it meets.
    pub(in crate::bridge) fn binding_moves(
        &self,
        filtering: bool,
        change: Option<(PortId, u16)>,
    ) -> Result<Vec<Move>, BridgeError> {
        let bindings = self.bindings(None)?;
        let mut moves = Vec::new();
        let mut after = HashMap::new();
        for (from, binding) in bindings {
            let vid = self.vid_after(&from, &binding, filtering, change)?;
            let to = BindingKey { vid, ..from };
            match after.entry(to) {
                Entry::Vacant(slot) => drop(slot.insert(binding)),
                Entry::Occupied(slot) => return self.refuse_move(&to, slot.get(), &binding),
            }
            if to != from {
                moves.push(Move { from, to, binding });
            }
        }
        self.check_room(moves.len())?;
        Ok(moves)
    }

    fn vid_after(
        &self,
        key: &BindingKey,
        binding: &Binding,
        filtering: bool,
        change: Option<(PortId, u16)>,
    ) -> Result<u16, BridgeError> {
        Ok(match change {
            _ if binding.native == 0 => key.vid,
            _ if !filtering => VID_NONE,
            Some((port, pvid)) if port == binding.port => pvid,
            _ => self.maps().port_conf(binding.port)?.pvid,
        })
    }

    fn refuse_move(
        &self,
        key: &BindingKey,
        one: &Binding,
        other: &Binding,
    ) -> Result<Vec<Move>, BridgeError> {
        let (one, other) = (self.port(one.port)?.label(), self.port(other.port)?.label());
        Err(bad_binding(format!(
            "{key} is bound to interface {one} and to {other} in VLANs that would become one; free it on one of them with `netbridge binding del`"
        )))
    }

    /// Writes bindings where they move to.
    pub(in crate::bridge) fn write_moves(&mut self, moves: &[Move]) -> Result<(), BridgeError> {
        for one in moves {
            self.maps_mut().set_binding(one.to, one.binding)?;
        }
        Ok(())
    }

    /// Removes them where they moved from, when no frame looks there any more.
    pub(in crate::bridge) fn finish_moves(&mut self, moves: &[Move]) -> Result<(), BridgeError> {
        if !moves.is_empty() {
            datapath::wait_for_programs();
        }
        for one in moves {
            self.maps_mut().remove_binding(&one.from)?;
        }
        Ok(())
    }

    /// Removes bindings of ports that are gone or of a VLAN that they have not moved to, and marks ports by
    /// those they have: a command that was killed may have left anything.
    pub(in crate::bridge) fn settle_bindings(&mut self) -> Result<(), BridgeError> {
        let ids = self.maps().port_ids()?;
        let ids: HashSet<PortId> = ids.into_iter().map(|(_, id)| id).collect();
        let filtering = self.settings()?.vlan_filtering != 0;
        let mut bound: HashMap<PortId, Vec<_>> = HashMap::new();
        for (key, binding) in self.maps().bindings()? {
            let stays = ids.contains(&binding.port)
                && self.vid_after(&key, &binding, filtering, None)? == key.vid;
            if stays {
                bound.entry(binding.port).or_default().push((key, binding));
            } else {
                self.maps_mut().remove_binding(&key)?;
            }
        }
        for id in ids {
            let bindings = bound.get(&id).map_or(&[][..], Vec::as_slice);
            self.mark_bound(id, bound_flags(bindings))?;
        }
        Ok(())
    }
}

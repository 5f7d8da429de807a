//! The FDB as operators see it: entries shown, added, removed, flushed and swept.

use std::collections::{BTreeMap, HashSet};

use netbridge_common::{FdbEntry, FdbFlags, FdbKey, PortId, Ticks};

use crate::{
    bridge::{Bridge, BridgeError},
    datapath,
};

/// The kind of entry that an operator adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// Like a learned one: ages, and moves when the station does.
    Dynamic,
    /// Never ages, never moves.
    Static,
    /// Ages, and stays on its port until then.
    Sticky,
    /// Behind no port: frames for the address are dropped.
    Blackhole,
}

/// Which entries a flush takes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Selection {
    /// Only those on this port.
    pub port: Option<PortId>,
    /// Also those that an operator added.
    pub permanent_too: bool,
}

impl Bridge {
    /// Every entry that counts at this moment, in order of their keys.
    pub fn fdb(&self) -> Result<Vec<(FdbKey, FdbEntry)>, BridgeError> {
        let (now, ageing) = (datapath::now(), self.settings()?.ageing);
        let mut entries = Vec::new();
        self.maps().for_each_fdb_entry(|key, entry| {
            if entry.is_fresh(now, ageing) {
                entries.push((*key, *entry));
            }
        })?;
        entries.sort_unstable_by_key(|(key, _)| key.rank());
        Ok(entries)
    }

    /// Adds or replaces an entry; the port of a blackhole is [`PortId::NONE`].
    pub fn add_fdb_entry(
        &mut self,
        key: impl Into<FdbKey>,
        port: PortId,
        kind: EntryKind,
    ) -> Result<(), BridgeError> {
        let key = key.into();
        let mac = key.mac;
        let bad = |reason: &str| {
            let reason = format!("{mac} {reason}");
            Err(BridgeError::BadSetting {
                setting: "fdb entry",
                reason,
            })
        };
        if mac.is_group() || mac.is_zero() {
            return bad("is no station's address; give an individual one");
        }
        let before = self.maps().fdb_entry(&key);
        if before.is_some_and(|entry| entry.flags.intersects(FdbFlags::OWN)) {
            return bad("is the bridge's own address; it stays where it is");
        }
        if let Some(owner) = self.bound_elsewhere(&key, port)? {
            let reason = format!(
                "is bound to interface {owner}; free it there with `netbridge binding del` first"
            );
            return bad(&reason);
        }
        let flags = match kind {
            EntryKind::Dynamic => FdbFlags::default(),
            EntryKind::Static => FdbFlags::STATIC,
            EntryKind::Sticky => FdbFlags::STICKY,
            EntryKind::Blackhole => FdbFlags::STATIC.with(FdbFlags::BLACKHOLE),
        };
        let entry = FdbEntry {
            flags,
            ..FdbEntry::learned(port, datapath::now())
        };
        self.maps_mut().set_fdb_entry(key, entry)?;
        // Room is for entries that may move, whoever made them: `is_counted`.
        if let Some(old) = before.filter(is_counted) {
            self.maps_mut().unlearn(old.port, 1)?;
        }
        if is_counted(&entry) {
            self.maps_mut().unlearn(port, 1_u64.wrapping_neg())?;
        }
        Ok(())
    }

    /// Removes an entry; says whether there was one.
    pub fn del_fdb_entry(&mut self, key: impl Into<FdbKey>) -> Result<bool, BridgeError> {
        let key = key.into();
        let Some(entry) = self.maps().fdb_entry(&key) else {
            return Ok(false);
        };
        if entry.flags.intersects(FdbFlags::OWN) {
            let reason = format!(
                "{} is the bridge's own address; it goes with the bridge",
                key.mac
            );
            return Err(BridgeError::BadSetting {
                setting: "fdb entry",
                reason,
            });
        }
        let removed = self.maps_mut().remove_fdb_entry(&key)?;
        if removed && is_counted(&entry) {
            self.maps_mut().unlearn(entry.port, 1)?;
        }
        Ok(removed)
    }

    /// Removes the entries of a selection; returns how many.
    pub fn flush_fdb(&mut self, selection: &Selection) -> Result<usize, BridgeError> {
        self.remove_entries(|_, entry| {
            selection.port.is_none_or(|port| entry.port == port)
                && !entry.flags.intersects(FdbFlags::OWN)
                && (selection.permanent_too || !entry.is_permanent())
        })
    }

    /// Removes every entry of ports that go.
    pub(crate) fn flush_ports(&mut self, ports: &HashSet<PortId>) -> Result<(), BridgeError> {
        self.remove_entries(|_, entry| ports.contains(&entry.port))
            .map(drop)
    }

    /// Removes what was learned on a port in VLANs that it leaves (802.1Q 8.8.9).
    pub(crate) fn flush_vlans(&mut self, port: PortId, vids: &[u16]) -> Result<(), BridgeError> {
        self.remove_entries(|key, entry| {
            entry.port == port && !entry.is_permanent() && vids.contains(&key.vid)
        })
        .map(drop)
    }

    /// Removes entries that have aged, so that others find room; returns how many.
    ///
    /// An entry that ages between two sweeps counts for nothing already: the datapath looks at its
    /// age. One that a frame refreshes while the sweep runs may be removed too, and is learned
    /// again from the next frame.
    pub fn sweep(&mut self) -> Result<usize, BridgeError> {
        let (now, ageing) = (datapath::now(), self.settings()?.ageing);
        // One tick of grace: the datapath's clock may be a tick behind ours.
        let ageing = Ticks(ageing.0.saturating_add(1));
        self.remove_entries(|_, entry| !entry.is_fresh(now, ageing))
    }

    fn remove_entries(
        &mut self,
        mut take: impl FnMut(&FdbKey, &FdbEntry) -> bool,
    ) -> Result<usize, BridgeError> {
        let mut keys = Vec::new();
        let mut learned = BTreeMap::<PortId, u64>::new();
        self.maps().for_each_fdb_entry(|key, entry| {
            if take(key, entry) {
                keys.push(*key);
                if is_counted(entry) {
                    *learned.entry(entry.port).or_default() += 1;
                }
            }
        })?;
        if keys.is_empty() {
            return Ok(0);
        }
        let removed = self.maps_mut().remove_fdb_entries(&keys)?;
        for (port, count) in learned {
            self.maps_mut().unlearn(port, count)?;
        }
        Ok(removed)
    }
}

/// Says whether the entry counts against the limits: all do that the datapath may move, so that a
/// move takes one from one port and gives one to another, whoever made the entry.
fn is_counted(entry: &FdbEntry) -> bool {
    !entry.is_permanent()
}

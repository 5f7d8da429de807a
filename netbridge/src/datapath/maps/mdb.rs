//! The multicast database.

use aya::maps::MapError;
use netbridge_common::{MdbEntry, MdbKey, PortId, maps::name};

use super::{DatapathError, Maps, io_cause, map_error, read, write};

impl Maps {
    /// All that is in the multicast database, in no order.
    pub fn mdb_entries(&self) -> Result<Vec<(MdbKey, MdbEntry)>, DatapathError> {
        self.mdb
            .iter()
            .collect::<Result<_, _>>()
            .map_err(|error| map_error(name::MDB, "read", &error))
    }

    /// What is under `key`.
    pub fn mdb_entry(&self, key: &MdbKey) -> Option<MdbEntry> {
        self.mdb.get(key, 0).ok()
    }

    /// Writes an entry.
    pub fn set_mdb_entry(&mut self, key: MdbKey, entry: MdbEntry) -> Result<(), DatapathError> {
        self.mdb.insert(key, entry, 0).map_err(|error| {
            let source = io_cause(&error);
            if source.raw_os_error() == Some(libc::E2BIG) {
                return DatapathError::Full {
                    map: name::MDB,
                    entries: netbridge_common::maps::MDB_ENTRIES,
                    remedy: "remove entries with `netbridge mdb del`",
                };
            }
            DatapathError::Map {
                map: name::MDB,
                op: "write",
                source,
            }
        })
    }

    /// Removes an entry; says whether there was one.
    pub fn remove_mdb_entry(&mut self, key: &MdbKey) -> Result<bool, DatapathError> {
        match self.mdb.remove(key) {
            Ok(()) => Ok(true),
            Err(MapError::KeyNotFound) => Ok(false),
            Err(error) if io_cause(&error).raw_os_error() == Some(libc::ENOENT) => Ok(false),
            Err(error) => Err(map_error(name::MDB, "delete from", &error)),
        }
    }

    /// Sets the tick in which the database was last full; 0 for never.
    pub fn set_mdb_full(&mut self, tick: u64) -> Result<(), DatapathError> {
        write(name::MDB_COUNTS, &mut self.mdb_counts, PortId::NONE.0, tick)
    }

    /// Groups that the datapath has learned on a port and that were not removed since.
    pub fn mdb_learned(&self, id: PortId) -> Result<u64, DatapathError> {
        let joined = read(name::MDB_COUNTS, &self.mdb_counts, id.0)?;
        let removed = read(name::MDB_COUNTS, &self.mdb_counts, self.removed(id)?)?;
        Ok(joined.wrapping_sub(removed))
    }

    /// Takes `count` learned groups of a port back.
    pub fn unlearn_groups(&mut self, id: PortId, count: u64) -> Result<(), DatapathError> {
        let slot = self.removed(id)?;
        let before = read(name::MDB_COUNTS, &self.mdb_counts, slot)?;
        let sum = before.wrapping_add(count);
        write(name::MDB_COUNTS, &mut self.mdb_counts, slot, sum)
    }

    /// Sets what was counted of a port's groups to zero.
    pub fn clear_mdb_counts(&mut self, id: PortId) -> Result<(), DatapathError> {
        for slot in [id.0, self.removed(id)?] {
            write(name::MDB_COUNTS, &mut self.mdb_counts, slot, 0)?;
        }
        Ok(())
    }

    /// Where it is counted what was removed of a port's groups.
    fn removed(&self, id: PortId) -> Result<u32, DatapathError> {
        Ok(self.settings()?.port_slots.saturating_add(id.0))
    }
}

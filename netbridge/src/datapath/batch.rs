//! Reading, writing and deleting many map entries with one system call, which aya does not offer.
#![expect(
    unsafe_code,
    reason = "bpf(2) with pointers into buffers that are checked against the map"
)]

use std::{
    io,
    os::fd::{AsFd as _, AsRawFd as _},
};

use aya::{Pod, maps::MapData};
use aya_obj::generated::{bpf_attr, bpf_cmd};
use netbridge_common::{FdbEntry, FdbKey};

/// Entries per system call.
const BATCH: usize = 16_384;

/// Everything that is in a hash map of `FdbKey` to `FdbEntry`.
pub fn read_all(map: &MapData) -> io::Result<Vec<(FdbKey, FdbEntry)>> {
    let mut all = Vec::new();
    for_each(map, |key, entry| all.push((*key, *entry)))?;
    Ok(all)
}

/// Shows `see` everything that is in a hash map of `FdbKey` to `FdbEntry`.
///
/// An entry that is there all the while is shown once; one that comes or goes meanwhile may be
/// missed. Cost: about one system call per 16,384 entries.
pub fn for_each(map: &MapData, mut see: impl FnMut(&FdbKey, &FdbEntry)) -> io::Result<()> {
    let mut keys = vec![FdbKey::default(); BATCH];
    let mut values = vec![FdbEntry::default(); BATCH];
    let mut cursor: Option<u32> = None;
    loop {
        let mut next = 0_u32;
        let (count, outcome) = lookup(map, cursor, &mut next, &mut keys, &mut values)?;
        match outcome {
            // A bucket did not fit: the same place again with more room.
            Err(libc::ENOSPC) => {
                let room = keys.len().saturating_mul(2);
                keys.resize(room, FdbKey::default());
                values.resize(room, FdbEntry::default());
                continue;
            }
            Err(errno) if errno != libc::ENOENT => return Err(io::Error::from_raw_os_error(errno)),
            _ => {}
        }
        for (key, value) in keys.iter().zip(&values).take(count) {
            see(key, value);
        }
        if outcome.is_err() {
            return Ok(());
        }
        cursor = Some(next);
    }
}

/// Deletes `keys`; those that are gone already are passed over. Returns how many were deleted.
pub fn delete(map: &MapData, keys: &[FdbKey]) -> io::Result<usize> {
    let mut rest = keys;
    let mut deleted = 0_usize;
    while !rest.is_empty() {
        let some = rest.get(..BATCH).unwrap_or(rest);
        let (count, outcome) = change_some(map, bpf_cmd::BPF_MAP_DELETE_BATCH, some, 0)?;
        deleted = deleted.saturating_add(count);
        let done = match outcome {
            Ok(()) => count,
            // The key after those deleted was not there.
            Err(libc::ENOENT) => count.saturating_add(1),
            Err(errno) => return Err(io::Error::from_raw_os_error(errno)),
        };
        rest = rest.get(done..).unwrap_or_default();
    }
    Ok(deleted)
}

/// Writes `entries`, in place of what is under their keys.
pub fn write_all(map: &MapData, entries: &[(FdbKey, FdbEntry)]) -> io::Result<()> {
    for some in entries.chunks(BATCH) {
        let (keys, values): (Vec<FdbKey>, Vec<FdbEntry>) = some.iter().copied().unzip();
        let command = bpf_cmd::BPF_MAP_UPDATE_BATCH;
        if let (_, Err(errno)) = change_some(map, command, &keys, values.as_ptr() as u64)? {
            return Err(io::Error::from_raw_os_error(errno));
        }
    }
    Ok(())
}

type Outcome = Result<(), i32>;

fn lookup(
    map: &MapData,
    cursor: Option<u32>,
    next: &mut u32,
    keys: &mut [FdbKey],
    values: &mut [FdbEntry],
) -> io::Result<(usize, Outcome)> {
    check_sizes(map)?;
    let room = keys.len().min(values.len());
    // SAFETY: all zeros is a value of this union of integers.
    let mut attr: bpf_attr = unsafe { std::mem::zeroed() };
    let batch = Batch {
        cursor: cursor.as_ref().map_or(0, address),
        next: std::ptr::from_mut(next) as u64,
        keys: keys.as_mut_ptr() as u64,
        values: values.as_mut_ptr() as u64,
        count: u32::try_from(room).unwrap_or(u32::MAX),
    };
    batch.fill(&mut attr, map);
    let outcome = bpf(bpf_cmd::BPF_MAP_LOOKUP_BATCH, &mut attr);
    Ok((batch_count(&attr).min(room), outcome))
}

/// Deletes `keys`, or writes as many values from the address `values` under them.
fn change_some(
    map: &MapData,
    command: bpf_cmd,
    keys: &[FdbKey],
    values: u64,
) -> io::Result<(usize, Outcome)> {
    check_sizes(map)?;
    // SAFETY: all zeros is a value of this union of integers.
    let mut attr: bpf_attr = unsafe { std::mem::zeroed() };
    let batch = Batch {
        cursor: 0,
        next: 0,
        keys: keys.as_ptr() as u64,
        values,
        count: u32::try_from(keys.len()).unwrap_or(u32::MAX),
    };
    batch.fill(&mut attr, map);
    let outcome = bpf(command, &mut attr);
    Ok((batch_count(&attr).min(keys.len()), outcome))
}

struct Batch {
    cursor: u64,
    next: u64,
    keys: u64,
    values: u64,
    count: u32,
}

impl Batch {
    fn fill(&self, attr: &mut bpf_attr, map: &MapData) {
        // SAFETY: `batch` is the member that the batch commands use; all members are integers.
        let batch = unsafe { &mut attr.batch };
        batch.in_batch = self.cursor;
        batch.out_batch = self.next;
        batch.keys = self.keys;
        batch.values = self.values;
        batch.count = self.count;
        batch.map_fd = map.fd().as_fd().as_raw_fd().cast_unsigned();
    }
}

fn address<T: Pod>(value: &T) -> u64 {
    std::ptr::from_ref(value) as u64
}

fn batch_count(attr: &bpf_attr) -> usize {
    // SAFETY: `batch` is the member that was filled; all members are integers.
    unsafe { attr.batch.count as usize }
}

/// The kernel writes as many octets as the map's sizes say: they must be those of our types.
fn check_sizes(map: &MapData) -> io::Result<()> {
    let info = map
        .info()
        .map_err(|error| io::Error::other(error.to_string()))?;
    if (info.key_size() as usize, info.value_size() as usize)
        == (size_of::<FdbKey>(), size_of::<FdbEntry>())
    {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        "not a map of FDB entries",
    ))
}

fn bpf(command: bpf_cmd, attr: &mut bpf_attr) -> Outcome {
    // SAFETY: `attr` is filled for `command` by the callers, and its buffers hold `count` elements
    // of the map's own sizes, which `check_sizes` compared.
    let result = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command as i32,
            std::ptr::from_mut(attr),
            size_of::<bpf_attr>(),
        )
    };
    if result < 0 {
        return Err(io::Error::last_os_error()
            .raw_os_error()
            .unwrap_or(libc::EIO));
    }
    Ok(())
}

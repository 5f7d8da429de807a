//! Mounts that nobody else sees.

use anyhow::{Context as _, Result};
use nix::{
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
};

/// Gives the calling thread, and what it starts from now on, a view of the files of its own, with an
/// empty file system of the given kind at each place. It goes with the last of them, however that
/// dies.
pub(super) fn make_private(places: &[(&str, &str)]) -> Result<()> {
    let none: Option<&str> = None;
    unshare(CloneFlags::CLONE_NEWNS).context("make a namespace of mounts")?;
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(none, "/", none, private, none).context("keep mounts private")?;
    for (kind, place) in places {
        mount(Some(*kind), *place, Some(*kind), MsFlags::empty(), none)
            .with_context(|| format!("mount {kind} at {place}"))?;
    }
    Ok(())
}

/// Lets views of the files that are made from this one see what is mounted below `place`, and show
/// what they mount there.
pub(super) fn share(place: &str) -> Result<()> {
    let none: Option<&str> = None;
    mount(none, place, none, MsFlags::MS_SHARED, none).with_context(|| format!("share {place}"))
}

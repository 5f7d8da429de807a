//! The socket: the one that systemd has opened, or one of our own.

use std::{
    fs, io,
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use listenfd::ListenFd;

/// Where Docker looks for a plugin of this name.
pub const SOCKET: &str = "/run/docker/plugins/netbridge.sock";

/// A socket that is listened on; the file of one of our own goes with the value.
pub(super) struct Socket {
    pub(super) listener: UnixListener,
    own: Option<PathBuf>,
}

impl Socket {
    /// Opens the socket.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let given = ListenFd::from_env().take_unix_listener(0);
        if let Some(listener) = given.context("take the socket that systemd opened")? {
            return Ok(Self {
                listener,
                own: None,
            });
        }
        let object = || format!("listen on {}", path.display());
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).with_context(object)?;
        }
        // What a killed process left does not answer.
        if UnixStream::connect(path).is_ok() {
            bail!(
                "{}: another `netbridge serve --docker` does; end that one",
                object()
            );
        }
        match fs::remove_file(path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).with_context(object),
        }
        Ok(Self {
            listener: UnixListener::bind(path).with_context(object)?,
            own: Some(path.to_owned()),
        })
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if let Some(path) = &self.own
            && let Err(error) = fs::remove_file(path)
        {
            tracing::debug!("remove {}: {error}", path.display());
        }
    }
}

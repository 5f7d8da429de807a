//! A TCP stream between two namespaces.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};

const PORT: u16 = 5001;
const CHUNK: usize = 128 * 1024;
/// How long either side waits for the other before it gives up.
const PATIENCE: Duration = Duration::from_secs(10);

/// Listens in the calling thread's namespace.
pub(super) fn listen(address: Ipv4Addr) -> Result<TcpListener> {
    TcpListener::bind((address, PORT)).with_context(|| format!("listen on {address}:{PORT}"))
}

/// Takes one connection and counts what arrives, until the other side is done.
pub(super) fn receive(listener: &TcpListener) -> Result<u64> {
    drain(accept(listener)?)
}

/// Counts what arrives on a connection, until the other side is done.
pub(crate) fn drain(mut stream: TcpStream) -> Result<u64> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut buffer = vec![0; CHUNK];
    let mut total = 0;
    loop {
        match stream.read(&mut buffer).context("receive by TCP")? {
            0 => return Ok(total),
            count => total += count as u64,
        }
    }
}

/// Accepts a connection, or gives up: the sender may have failed before it connected.
fn accept(listener: &TcpListener) -> Result<TcpStream> {
    listener.set_nonblocking(true)?;
    let end = Instant::now() + PATIENCE;
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(false)?;
                return Ok(stream);
            }
            Err(error) if error.kind() != std::io::ErrorKind::WouldBlock => {
                return Err(error).context("accept a TCP connection");
            }
            Err(error) if Instant::now() > end => {
                return Err(error).context("no TCP connection came");
            }
            Err(_) => std::thread::sleep(Duration::from_millis(2)),
        }
    }
}

/// Connects and sends for `duration`; returns how many octets.
pub(super) fn send(to: SocketAddr, duration: Duration) -> Result<u64> {
    let stream =
        TcpStream::connect_timeout(&to, PATIENCE).with_context(|| format!("connect to {to}"))?;
    fill(stream, duration)
}

/// Sends on a connection for `duration`; returns how many octets.
pub(crate) fn fill(mut stream: TcpStream, duration: Duration) -> Result<u64> {
    stream.set_write_timeout(Some(PATIENCE))?;
    let chunk = vec![0x5a; CHUNK];
    let end = Instant::now() + duration;
    let mut total = 0;
    while Instant::now() < end {
        stream.write_all(&chunk).context("send by TCP")?;
        total += chunk.len() as u64;
    }
    stream.shutdown(Shutdown::Write)?;
    Ok(total)
}

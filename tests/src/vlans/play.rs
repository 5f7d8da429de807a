//! A trial played on a bridge, and what became of each frame.

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use super::{Joined, Trial, script::PORTS, tags};
use crate::wire::Wire;

/// How long nothing may come before all that was sent has arrived.
const QUIET: Duration = Duration::from_millis(4);

/// A copy of a frame that came out: the container, from 1, and the tags that it came with.
pub type Copy = (usize, Vec<u8>);

/// For each frame of a trial by its number, the copies that came out, by container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Played(pub Vec<Vec<Copy>>);

/// Plays a trial on a bridge that joins the containers with these sockets.
///
/// Asserts what must hold on any bridge: frames keep their order and, but for their tags, their
/// octets, and nothing comes out that was not sent.
pub fn play(trial: &Trial, bridge: &mut impl Joined, wires: &[Wire]) -> Played {
    assert_eq!(wires.len(), PORTS, "containers");
    let mut played = Played(vec![Vec::new(); trial.len()]);
    for phase in &trial.phases {
        for (port, change) in &phase.changes {
            bridge.set(*port, change);
        }
        for window in &phase.windows {
            let sender = &wires[window.from];
            let numbered = window.frames.iter().map(|frame| (number(frame), frame));
            let sent: BTreeMap<usize, &Vec<u8>> = numbered.collect();
            window.frames.iter().for_each(|frame| sender.send(frame));
            receive(&sent, wires, &mut played);
        }
    }
    for copies in &mut played.0 {
        copies.sort();
    }
    played
}

/// Receives until all containers are quiet.
fn receive(sent: &BTreeMap<usize, &Vec<u8>>, wires: &[Wire], played: &mut Played) {
    let mut latest = vec![0; wires.len()];
    loop {
        let mut silent = true;
        for (n, wire) in wires.iter().enumerate() {
            let patience = if n == 0 { QUIET } else { Duration::ZERO };
            while let Some(frame) = wire.receive(patience) {
                silent = false;
                let at = number(&frame);
                let original = sent.get(&at);
                let original = original.unwrap_or_else(|| panic!("{frame:02x?} was not sent"));
                assert_eq!(bare(&frame), bare(original), "frame {at} was changed");
                assert!(at >= latest[n], "frame {at} came after {}", latest[n]);
                latest[n] = at;
                played.0[at].push((n + 1, tags(&frame).to_vec()));
            }
        }
        if silent {
            return;
        }
    }
}

/// Octets as they are written.
pub fn hex(octets: &[u8]) -> String {
    let mut text = String::new();
    for octet in octets {
        write!(text, "{octet:02x}").expect("write to a string");
    }
    text
}

/// A frame's number, which is at its end.
fn number(frame: &[u8]) -> usize {
    let last = frame.last_chunk().copied().unwrap_or_default();
    usize::try_from(u32::from_be_bytes(last)).expect("a number")
}

/// The frame without its tags.
fn bare(frame: &[u8]) -> Vec<u8> {
    [&frame[..12], &frame[12 + tags(frame).len()..]].concat()
}

impl Played {
    /// One line for each frame: its copies, as container and tags.
    pub fn lines(&self) -> Vec<String> {
        let copy = |(n, tags): &Copy| format!("{n}:{}", hex(tags));
        let line = |copies: &Vec<Copy>| {
            let copies: Vec<String> = copies.iter().map(copy).collect();
            copies.join(" ")
        };
        self.0.iter().map(line).collect()
    }
}

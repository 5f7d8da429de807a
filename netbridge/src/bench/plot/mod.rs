//! Figures as pictures (SVG): bars for each, lines for a series, and all of them at a glance.

mod bars;
mod lines;
mod overview;
mod ticks;

use plotters::style::{IntoFont as _, RGBColor, TextStyle};

pub(super) use self::{bars::bars, lines::lines, overview::overview};
use super::Datapath;

const WIDTH: u32 = 960;
const INK: RGBColor = RGBColor(0x21, 0x25, 0x29);
const FAINT: RGBColor = RGBColor(0xde, 0xe2, 0xe6);
const LINUX: RGBColor = RGBColor(0xe8, 0x59, 0x0c);
const OTHER: RGBColor = RGBColor(0x97, 0x75, 0xfa);

/// A datapath has one colour in all pictures: grey are the limits, orange is the kernel's bridge.
fn colour(datapath: &str) -> RGBColor {
    match Datapath::from_name(datapath) {
        Some(Datapath::NetbridgeTc | Datapath::DockerNetbridge) => RGBColor(0x2f, 0x9e, 0x44),
        Some(Datapath::NetbridgeTcNoPeer) => RGBColor(0x8c, 0xd9, 0x9b),
        Some(Datapath::NetbridgeXdp) => RGBColor(0x18, 0x64, 0xab),
        Some(Datapath::LinuxBridge | Datapath::DockerBridge) => LINUX,
        Some(Datapath::LinuxBridgeNf | Datapath::DockerUserBridge) => RGBColor(0xff, 0xc0, 0x78),
        Some(Datapath::XdpStatic) => RGBColor(0x5c, 0x63, 0x6a),
        Some(Datapath::TcStatic) => RGBColor(0x86, 0x8e, 0x96),
        Some(Datapath::Veth) => RGBColor(0xad, 0xb5, 0xbd),
        _ => OTHER,
    }
}

/// Text of a size in pixels; whoever shows the picture chooses the font.
fn text(size: u32) -> TextStyle<'static> {
    text_in(INK, size)
}

fn text_in(colour: RGBColor, size: u32) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(&colour)
}

/// A unit and which way is better, for the title of an axis.
fn axis(unit: &str, better: &str) -> String {
    let unit = if unit.is_empty() { "count" } else { unit };
    format!("{unit} ({better} is better)")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::{Outcome, series::Series};

    fn outcome(test: &str, datapath: Datapath, median: f64) -> Outcome {
        Outcome {
            test: test.to_owned(),
            group: "throughput",
            datapath: datapath.name(),
            unit: "Mpps",
            better: "higher",
            median,
            min: median * 0.9,
            max: median * 1.05,
            noise: 0.15,
            runs: 3,
            lost: None,
            vs_linux_bridge: Some(median),
            within_noise: Some(median < 1.1),
            limit: datapath.limit(false).map(Datapath::name),
            vs_limit: Some(0.9),
        }
    }

    fn session() -> Vec<Outcome> {
        let tests = [
            "fdb_size_1",
            "fdb_size_1000",
            "fdb_size_1000000",
            "udp_small",
        ];
        let speeds = (1_u32..).map(|nth| f64::from(nth) * 0.4);
        let of = |test| {
            let all = Datapath::ALL.into_iter().zip(speeds.clone());
            all.map(move |(datapath, speed)| outcome(test, datapath, speed))
        };
        tests.into_iter().flat_map(of).collect()
    }

    #[test]
    fn bars_show_every_datapath_with_its_figure() {
        let session = session();
        for count in 1..=Datapath::ALL.len() {
            let svg = bars(&session[..count]).expect("bars");
            assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
            for outcome in &session[..count] {
                assert!(svg.contains(outcome.datapath), "{svg}");
                assert!(
                    svg.contains(&format!("{:.3} Mpps", outcome.median)),
                    "{svg}"
                );
            }
            assert!(svg.contains("Mpps (higher is better)"));
        }
    }

    #[test]
    fn a_series_is_drawn_over_its_parameter() {
        let session = session();
        let all = Series::all(&session);
        assert_eq!(all.len(), 1, "udp_small has no parameter");
        let svg = lines(&all[0]).expect("lines");
        for word in ["fdb_size", "1000000", "netbridge-xdp", "linux-bridge"] {
            assert!(svg.contains(word), "{word} in {svg}");
        }
    }

    #[test]
    fn the_overview_has_the_ends_of_a_series() {
        let svg = overview(&session())
            .expect("an overview")
            .expect("a picture");
        for word in [
            "fdb_size_1",
            "fdb_size_1000000",
            "udp_small",
            "netbridge-tc",
        ] {
            assert!(svg.contains(word), "{word} in {svg}");
        }
        assert!(!svg.contains("fdb_size_1000\n"), "the middle of a series");
        assert_eq!(overview(&[]).expect("an overview"), None);
    }
}

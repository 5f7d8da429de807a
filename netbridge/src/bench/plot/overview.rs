//! Everything at a glance: netbridge against the Linux bridge.

use anyhow::Result;
use plotters::{
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

use super::{
    FAINT, LINUX, WIDTH, colour, text, text_in,
    ticks::{Ticks, row_places, rows},
};
use crate::bench::{Datapath, Outcome, report::main_figures};

const ROW: u32 = 40;
const DATAPATHS: [Datapath; 2] = [Datapath::NetbridgeTc, Datapath::NetbridgeXdp];

/// How many times better than the Linux bridge each figure is, on a scale of doublings; nothing
/// where no figure can be compared.
pub(in crate::bench) fn overview(outcomes: &[Outcome]) -> Result<Option<String>> {
    let mut figures = Vec::new();
    for (test, all) in main_figures(outcomes) {
        let of = |datapath: Datapath| {
            let find = |one: &&Outcome| one.datapath == datapath.name();
            let one = all.iter().find(find)?;
            Some((datapath, one, better_by(one)?))
        };
        let bars: Vec<_> = DATAPATHS.into_iter().filter_map(of).collect();
        if !bars.is_empty() {
            figures.push((test, bars));
        }
    }
    let gains = || figures.iter().flat_map(|(_, bars)| bars).map(|bar| bar.2);
    let (least, most) = (gains().fold(1.0, f64::min), gains().fold(1.0, f64::max));
    if figures.is_empty() {
        return Ok(None);
    }
    // Whole doublings, and room for the figure at the end of a bar.
    let (left, right) = (least.log2().floor().min(-1.0), most.log2().ceil().max(1.0));
    let ticks = std::iter::successors(Some(left), |at| Some(at + 1.0));
    let marks = ticks
        .take_while(|at| *at <= right)
        .map(|at| (at, times(at)));
    let xs = Ticks::new(marks.collect(), 0.5);

    let mut svg = String::new();
    let count = figures.len();
    let height = 150 + ROW * u32::try_from(count)?;
    let root = SVGBackend::with_string(&mut svg, (WIDTH, height)).into_drawing_area();
    root.fill(&WHITE)?;
    let (title, below) = root.split_vertically(70);
    title.draw(&Text::new(
        "netbridge against the Linux bridge",
        (16, 14),
        text(20),
    ))?;
    let mut x = 16;
    for datapath in DATAPATHS {
        let style = text_in(colour(datapath.name()), 15);
        title.draw(&Text::new(format!("■ {}", datapath.name()), (x, 44), style))?;
        x += 140;
    }
    let note = "≈ and pale: no more than the noise";
    title.draw(&Text::new(note, (x, 44), text(15)))?;
    let mut chart = ChartBuilder::on(&below)
        .margin(10)
        .x_label_area_size(45)
        .y_label_area_size(185)
        .build_cartesian_2d(xs, rows(figures.iter().map(|row| row.0.to_owned())))?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .x_max_light_lines(0)
        .bold_line_style(FAINT)
        .axis_style(FAINT)
        .x_desc("times as good as the Linux bridge: to the right of 1 is better")
        .x_label_style(text(13))
        .y_label_style(text(14))
        .draw()?;
    for (y, (_, bars)) in row_places(&figures) {
        for (datapath, outcome, gain) in bars {
            let noise = outcome.within_noise == Some(true);
            let paint = colour(datapath.name()).mix(if noise { 0.35 } else { 1.0 });
            let end = gain.log2();
            let mut bar = Rectangle::new([(0.0, y - 0.5), (end, y + 0.5)], paint.filled());
            let upper = *datapath == DATAPATHS[0];
            let (above, under) = if upper { (4, 21) } else { (21, 4) };
            bar.set_margin(above, under, 0, 0);
            chart.draw_series([bar])?;
            let (side, dx) = if end < 0.0 {
                (HPos::Right, -6)
            } else {
                (HPos::Left, 6)
            };
            let style = text(13).pos(Pos::new(side, VPos::Center));
            let label = format!("{}{gain:.2}", if noise { "≈" } else { "" });
            let label = Text::new(label, (dx, if upper { -8 } else { 8 }), style);
            chart.draw_series([EmptyElement::at((end, y)) + label])?;
        }
    }
    let one = [(0.0, -0.5), (0.0, f64::from(u32::try_from(count)?) - 0.5)];
    chart.draw_series([PathElement::new(one, LINUX.stroke_width(2))])?;
    root.present()?;
    drop(chart);
    drop((title, below, root));
    Ok(Some(svg))
}

/// The ratio to the Linux bridge, turned so that more is better.
fn better_by(outcome: &Outcome) -> Option<f64> {
    let ratio = outcome.vs_linux_bridge.filter(|ratio| *ratio > 0.0)?;
    Some(if outcome.better == "higher" {
        ratio
    } else {
        1.0 / ratio
    })
}

/// A number of doublings as people write it: 2, 1, 1/2.
fn times(doublings: f64) -> String {
    if doublings < 0.0 {
        format!("1/{:.0}", (-doublings).exp2())
    } else {
        format!("{:.0}", doublings.exp2())
    }
}

//! One figure: a bar for each datapath.

use anyhow::Result;
use plotters::{
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

use super::{
    FAINT, INK, LINUX, WIDTH, axis, colour, text,
    ticks::{row_places, rows},
};
use crate::bench::{Datapath, Outcome, report::figure};

const ROW: u32 = 34;
/// Room for the figures right of the bars, as a share of the longest.
const ROOM: f64 = 1.75;

/// Medians as bars, their range as whiskers, and the figures beside them.
pub(in crate::bench) fn bars(outcomes: &[Outcome]) -> Result<String> {
    let mut svg = String::new();
    let Some(first) = outcomes.first() else {
        return Ok(svg);
    };
    let count = outcomes.len();
    let height = 110 + ROW * u32::try_from(count)?;
    let root = SVGBackend::with_string(&mut svg, (WIDTH, height)).into_drawing_area();
    root.fill(&WHITE)?;
    let longest = outcomes.iter().map(|one| one.max).fold(0.0, f64::max);
    let end = if longest > 0.0 { longest * ROOM } else { 1.0 };
    let name = |outcome: &Outcome| {
        let mut others = outcomes.iter();
        let limit = others.any(|other| other.limit == Some(outcome.datapath));
        let limit = if limit { " (limit)" } else { "" };
        format!("{}{limit}", outcome.datapath)
    };
    let mut chart = ChartBuilder::on(&root)
        .caption(&first.test, text(20))
        .margin(10)
        .x_label_area_size(45)
        .y_label_area_size(185)
        .build_cartesian_2d(0.0..end, rows(outcomes.iter().map(name)))?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .x_max_light_lines(0)
        .bold_line_style(FAINT)
        .axis_style(FAINT)
        .x_desc(axis(first.unit, first.better))
        .x_label_style(text(13))
        .y_label_style(text(14))
        .draw()?;
    for (y, outcome) in row_places(outcomes) {
        let corners = [(0.0, y - 0.5), (outcome.median, y + 0.5)];
        let mut bar = Rectangle::new(corners, colour(outcome.datapath).filled());
        bar.set_margin(5, 5, 0, 0);
        chart.draw_series([bar])?;
        let whisker = [(outcome.min, y), (outcome.max, y)];
        chart.draw_series([PathElement::new(whisker, INK)])?;
        for end in [outcome.min, outcome.max] {
            let tick = PathElement::new([(0, -5), (0, 5)], INK);
            chart.draw_series([EmptyElement::at((end, y)) + tick])?;
        }
        let style = text(14).pos(Pos::new(HPos::Left, VPos::Center));
        let beside = Text::new(label(outcome), (8, 0), style);
        chart.draw_series([EmptyElement::at((outcome.max, y)) + beside])?;
    }
    let is_baseline = |outcome: &&Outcome| baseline(outcome) == Some(outcome.datapath);
    let linux = outcomes.iter().find(is_baseline);
    if let Some(linux) = linux {
        let line = [
            (linux.median, -0.5),
            (linux.median, f64::from(u32::try_from(count)?) - 0.5),
        ];
        chart.draw_series([PathElement::new(line, LINUX.mix(0.6))])?;
    }
    root.present()?;
    drop(chart);
    drop(root);
    Ok(svg)
}

/// A figure, and how it compares.
fn label(outcome: &Outcome) -> String {
    let mut text = format!("{} {}", figure(outcome.median), outcome.unit);
    if let (Some(ratio), Some(base)) = (outcome.vs_linux_bridge, baseline(outcome))
        && base != outcome.datapath
    {
        let about = if outcome.within_noise == Some(true) {
            "≈"
        } else {
            ""
        };
        text = format!("{text} · {about}{ratio:.2} × {base}");
    }
    if let (Some(ratio), Some(limit)) = (outcome.vs_limit, outcome.limit)
        && limit != outcome.datapath
    {
        text = format!("{text} · {ratio:.2} × {limit}");
    }
    text
}

/// The bridge of Linux that it is compared with.
fn baseline(outcome: &Outcome) -> Option<&'static str> {
    let datapath = Datapath::from_name(outcome.datapath)?;
    Some(datapath.baseline().name())
}

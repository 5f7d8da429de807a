//! A series: a line for each datapath over the parameter.

use anyhow::Result;
use plotters::{
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

use super::{FAINT, WIDTH, axis, colour, text, text_in, ticks::Ticks};
use crate::bench::series::Series;

const HEIGHT: u32 = 460;
/// Room for the names at the ends of the lines.
const NAMES: u32 = 170;
/// Pixels from one name to the next.
const NAME_STEP: i32 = 16;
/// A parameter that grows by more than this is drawn by its logarithm.
const WIDE: f64 = 10.0;

/// Medians over the parameter, with their ranges.
pub(in crate::bench) fn lines(series: &Series<'_>) -> Result<String> {
    let mut svg = String::new();
    let points = || series.lines.iter().flat_map(|line| &line.points);
    let Some((_, first)) = points().next() else {
        return Ok(svg);
    };
    let scale = Scale::of(&series.parameters());
    let marks = scale.marks();
    let width = marks.last().map_or(0.0, |mark| mark.0) - marks.first().map_or(0.0, |mark| mark.0);
    let xs = Ticks::new(marks, width * 0.03);
    let highest = points().map(|(_, one)| one.max).fold(0.0, f64::max);
    let top = if highest > 0.0 { highest * 1.08 } else { 1.0 };

    let root = SVGBackend::with_string(&mut svg, (WIDTH, HEIGHT)).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .caption(&series.name, text(20))
        .margin(10)
        .margin_right(NAMES)
        .x_label_area_size(45)
        .y_label_area_size(70)
        .build_cartesian_2d(xs, 0.0..top)?;
    chart
        .configure_mesh()
        .max_light_lines(0)
        .bold_line_style(FAINT)
        .axis_style(FAINT)
        .x_desc("N")
        .y_desc(axis(first.unit, first.better))
        .label_style(text(13))
        .x_labels(scale.parameters.len())
        .draw()?;
    let mut names = Vec::new();
    for line in &series.lines {
        let colour = colour(line.datapath);
        let medians = line
            .points
            .iter()
            .map(|(x, one)| (scale.place(*x), one.median));
        let medians: Vec<(f64, f64)> = medians.collect();
        if let Some(last) = medians.last() {
            let at = chart.plotting_area().map_coordinate(last);
            names.push((at.1, at.0, line.datapath));
        }
        chart.draw_series([PathElement::new(medians.clone(), colour.stroke_width(2))])?;
        chart.draw_series(
            medians
                .iter()
                .map(|at| Circle::new(*at, 4, colour.filled())),
        )?;
        chart.draw_series(line.points.iter().map(|(x, one)| {
            let x = scale.place(*x);
            PathElement::new([(x, one.min), (x, one.max)], colour)
        }))?;
    }
    names.sort_unstable();
    let mut free = i32::MIN;
    for (y, x, name) in names {
        let y = y.max(free);
        free = y.saturating_add(NAME_STEP);
        let style = text_in(colour(name), 14).pos(Pos::new(HPos::Left, VPos::Center));
        root.draw(&Text::new(name, (x + 10, y), style))?;
    }
    root.present()?;
    drop(chart);
    drop(root);
    Ok(svg)
}

/// Where parameters are on their axis.
struct Scale {
    parameters: Vec<f64>,
    /// Where zero is drawn on an axis of logarithms, which has none.
    zero: Option<f64>,
}

impl Scale {
    fn of(parameters: &[f64]) -> Self {
        let least = parameters.iter().copied().find(|value| *value > 0.0);
        let most = parameters.last().copied();
        let zero = match (least, most) {
            (Some(least), Some(most)) if most / least > WIDE => Some(least / 10.0),
            _ => None,
        };
        Self {
            parameters: parameters.to_vec(),
            zero,
        }
    }

    fn place(&self, parameter: f64) -> f64 {
        self.zero
            .map_or(parameter, |zero| parameter.max(zero).log10())
    }

    fn marks(&self) -> Vec<(f64, String)> {
        let mark = |parameter: &f64| (self.place(*parameter), parameter.to_string());
        self.parameters.iter().map(mark).collect()
    }
}

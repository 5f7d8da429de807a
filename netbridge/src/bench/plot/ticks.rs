//! An axis with marks where we want them, named as we say.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};

/// Marks of an axis by place, in order, each with its name.
#[derive(Clone)]
pub(super) struct Ticks {
    marks: Vec<(f64, String)>,
    pad: f64,
}

impl Ticks {
    /// An axis from the first to the last of `marks`, and `pad` more at either end.
    pub(super) const fn new(marks: Vec<(f64, String)>, pad: f64) -> Self {
        Self { marks, pad }
    }
}

/// The axis of rows with these names, the first on top.
pub(super) fn rows(names: impl DoubleEndedIterator<Item = String>) -> Ticks {
    let places = (0_u32..).map(f64::from);
    Ticks::new(places.zip(names.rev()).collect(), 0.5)
}

/// The same places, each with what is drawn there.
pub(super) fn row_places<T>(items: &[T]) -> impl Iterator<Item = (f64, &T)> {
    (0_u32..).map(f64::from).zip(items.iter().rev())
}

impl Ranged for Ticks {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (start, end): (i32, i32)) -> i32 {
        let Range {
            start: left,
            end: right,
        } = self.range();
        let share = (value - left) / (right - left);
        let pixels = f64::from(end - start) * share;
        #[expect(clippy::cast_possible_truncation, reason = "pixels of a picture")]
        let pixels = pixels.round() as i32;
        start + pixels
    }

    fn key_points<Hint: KeyPointHint>(&self, _hint: Hint) -> Vec<f64> {
        self.marks.iter().map(|(place, _)| *place).collect()
    }

    fn range(&self) -> Range<f64> {
        let place = |mark: Option<&(f64, String)>| mark.map_or(0.0, |mark| mark.0);
        place(self.marks.first()) - self.pad..place(self.marks.last()) + self.pad
    }
}

impl ValueFormatter<f64> for Ticks {
    fn format_ext(&self, value: &f64) -> String {
        let at = |mark: &&(f64, String)| (mark.0 - value).abs() < 1e-9;
        let mark = self.marks.iter().find(at);
        mark.map_or_else(String::new, |(_, name)| name.clone())
    }
}

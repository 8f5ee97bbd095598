//! Q: the product of all reflectors, or some rows and columns of it.
//!
//! The panels of reflectors are applied to the columns of the identity, the last panel first. A column of Q depends on no
//! other column, so strips of columns are computed independently.

use crate::cpu::dispatch::WithFused;
use crate::cpu::execution::Execution;
use crate::cpu::fused::Fused;
use crate::cpu::queue::for_each;
use crate::cpu::tuning::{MULTIPLY_ADDS_PER_THREAD, OUTPUT_ROWS, TASK_ROWS};
use crate::error::Error;
use crate::float::element::{Compute, Element};
use crate::matrix::gemm::{
    Row, Rows, add_product, add_transposed_product, elements_mut, negative_product, strip_width,
};
use crate::matrix::reflectors::{PANEL, Panel, Reflectors};
use crate::memory::try_collect;
use bytemuck::Zeroable;
use ndarray::{ArrayViewMut2, Axis};
use std::ops::Range;

/// Returns how many threads pay for a matrix of this shape.
pub(crate) fn threads_for(rows: usize, columns: usize) -> usize {
    let multiply_adds = rows.saturating_mul(columns).saturating_mul(rows.min(columns));
    1 + multiply_adds / MULTIPLY_ADDS_PER_THREAD
}

/// Writes `gain`·Q·D, where D is the diagonal matrix of signs: these rows and columns, each in ascending runs.
pub(crate) fn multiply_out<T: Element>(
    reflectors: &Reflectors<T::Compute>,
    gain: T::Compute,
    [row_runs, column_runs]: [&[Range<usize>]; 2],
    mut out: ArrayViewMut2<'_, T>,
    execution: Execution,
    interrupted: &mut dyn FnMut() -> bool,
) -> Result<(), Error> {
    let columns = try_collect(column_runs.iter().cloned().flatten())?;
    let apply = |(rows, columns, out): (_, &[usize], _), stopped: &mut dyn FnMut() -> bool| {
        let mut writer = Writer { gain, signs: &reflectors.signs, columns, out };
        let write = &mut |block: &Computed<'_, _>| writer.write(block);
        execution.width.run_with_fused(RunTask { reflectors, rows, columns, write, stopped })
    };
    if reflectors.panels.len() == 1 {
        let mut rows = RemainingRows { runs: row_runs, taken: 0 };
        let tasks = out.axis_chunks_iter_mut(Axis(0), TASK_ROWS);
        let tasks = tasks.map(|out| (rows.take(out.nrows()), &columns[..], out));
        for_each(tasks, execution, |(rows, columns, out), stopped| apply((rows?, columns, out), stopped), interrupted)
    } else {
        // Later columns need more panels: they come first, so that all threads end at about the same time.
        let tasks = out.axis_chunks_iter_mut(Axis(1), PANEL).zip(columns.chunks(PANEL)).rev();
        let tasks = tasks.map(|(out, columns)| (try_collect(row_runs.iter().cloned()), columns, out));
        for_each(tasks, execution, |(rows, columns, out), stopped| apply((rows?, columns, out), stopped), interrupted)
    }
}

/// Ascending runs of rows that no task has taken yet.
struct RemainingRows<'a> {
    runs: &'a [Range<usize>],
    /// Rows of the first run that are taken.
    taken: usize,
}

impl RemainingRows<'_> {
    /// Returns the next `count` rows.
    fn take(&mut self, mut count: usize) -> Result<Vec<Range<usize>>, Error> {
        let mut rows = Vec::new();
        while count > 0 {
            let start = self.runs[0].start + self.taken;
            let end = self.runs[0].end.min(start + count);
            rows.try_reserve(1).map_err(|_| Error::Memory)?;
            rows.push(start..end);
            count -= end - start;
            self.taken += end - start;
            if end == self.runs[0].end {
                (self.runs, self.taken) = (&self.runs[1..], 0);
            }
        }
        Ok(rows)
    }
}

/// Computes rows and columns of the product on one thread and hands them to `write`.
///
/// It does not name the element type of the output, so it is compiled only for each computing type.
struct RunTask<'a, T> {
    reflectors: &'a Reflectors<T>,
    rows: Vec<Range<usize>>,
    columns: &'a [usize],
    write: &'a mut dyn FnMut(&Computed<'_, T>) -> Result<(), Error>,
    stopped: &'a mut dyn FnMut() -> bool,
}

impl<T: Compute> WithFused for RunTask<'_, T> {
    type Output = Result<(), Error>;

    #[inline(always)]
    fn call<S: Fused>(self, simd: S) -> Result<(), Error> {
        let Self { reflectors, rows, columns, write, stopped } = self;
        let width = strip_width::<S, T>();
        let strips = find_strips(columns, width)?;
        let Some(last) = strips.last().map(Strip::panel) else { return Ok(()) };

        // With one panel, rows are computed as they are written. With several, the strips are stored in between.
        let stored_rows = if last > 0 { reflectors.rows } else { 0 };
        let mut memory = Rows::new::<S, T>(stored_rows.checked_mul(strips.len()).ok_or(Error::Memory)?)?;
        let matrix = memory.as_mut::<S, T>();
        if stored_rows > 0 {
            for (strip, rows) in strips.iter().zip(matrix.chunks_exact_mut(stored_rows)) {
                set_identity::<S, T>(strip.first, 0, rows);
            }
        }
        for (p, panel) in reflectors.panels[..=last].iter().enumerate().rev() {
            for (i, strip) in strips.iter().enumerate().filter(|(_, strip)| strip.panel() >= p) {
                if stopped() {
                    return Ok(());
                }
                let below = if stored_rows > 0 {
                    &mut matrix[i * stored_rows..(i + 1) * stored_rows][panel.first..]
                } else {
                    &mut []
                };
                let mut factors = [<Row<S, T>>::zeroed(); PANEL];
                let factors = &mut factors[..panel.width];
                find_factors(simd, panel, strip, below, factors);
                if p > 0 {
                    add_product(simd, &panel.vectors, factors, below);
                    continue;
                }
                let mut written = 0;
                for rows in rows
                    .iter()
                    .flat_map(|run| run.clone().step_by(OUTPUT_ROWS).map(|row| row..run.end.min(row + OUTPUT_ROWS)))
                {
                    let mut scratch = [<Row<S, T>>::zeroed(); OUTPUT_ROWS];
                    let computed = if stored_rows > 0 {
                        &mut below[rows.clone()]
                    } else {
                        set_identity::<S, T>(strip.first, rows.start, &mut scratch[..rows.len()]);
                        &mut scratch[..rows.len()]
                    };
                    add_product(simd, &panel.vectors[rows.start * panel.width..], factors, computed);
                    let values = bytemuck::cast_slice(computed);
                    write(&Computed { strip, rows: written..written + rows.len(), values })?;
                    written += rows.len();
                }
            }
        }
        Ok(())
    }
}

/// Columns that are computed together: from `first` on, as many as a row of a strip has elements.
struct Strip {
    first: usize,
    /// Columns of the output that belong to it.
    places: Range<usize>,
}

/// Returns the strips of these ascending columns.
fn find_strips(columns: &[usize], width: usize) -> Result<Vec<Strip>, Error> {
    let mut strips: Vec<Strip> = Vec::new();
    for (place, &column) in columns.iter().enumerate() {
        let first = column - column % width;
        match strips.last_mut() {
            Some(Strip { first: last, places }) if *last == first => places.end = place + 1,
            _ => {
                strips.try_reserve(1).map_err(|_| Error::Memory)?;
                strips.push(Strip { first, places: place..place + 1 });
            }
        }
    }
    Ok(strips)
}

impl Strip {
    /// The last panel that changes these columns of the identity.
    fn panel(&self) -> usize {
        self.first / PANEL
    }
}

/// Sets `rows`, which are zero, to rows of the identity: from row `start` on, in the strip from column `first` on.
#[inline(always)]
fn set_identity<S: Fused, T: Compute>(first: usize, start: usize, rows: &mut [Row<S, T>]) {
    for column in 0..strip_width::<S, T>() {
        if let Some(row) = (first + column).checked_sub(start).and_then(|row| rows.get_mut(row)) {
            elements_mut::<S, T>(row)[column] = T::from_f64(1.0);
        }
    }
}

/// Computes −T·(Vᵀ·C) for the rows C from the panel's first on. V times it, added to C, applies the panel.
#[inline(always)]
fn find_factors<S: Fused, T: Compute>(
    simd: S,
    panel: &Panel<T>,
    strip: &Strip,
    below: &[Row<S, T>],
    factors: &mut [Row<S, T>],
) {
    let mut products = [<Row<S, T>>::zeroed(); PANEL];
    let products = &mut products[..panel.width];
    if let Some(first) = strip.first.checked_sub(panel.first).filter(|&first| first < PANEL) {
        // The columns are still those of the identity: the product consists of rows of V.
        for (column, row) in panel.vectors.chunks_exact(panel.width).skip(first).take(strip_width::<S, T>()).enumerate()
        {
            for (product, &value) in products.iter_mut().zip(row) {
                elements_mut::<S, T>(product)[column] = value;
            }
        }
    } else {
        // The first PANEL rows are still zero.
        add_transposed_product(simd, &panel.vectors[PANEL * PANEL..], PANEL, &below[PANEL..], products);
    }
    negative_product(simd, &panel.factor, products, factors);
}

/// Computed rows of a strip, and the output rows that they belong to.
struct Computed<'a, T> {
    strip: &'a Strip,
    rows: Range<usize>,
    /// A row has as many values as a strip is wide.
    values: &'a [T],
}

/// Writes rows of strips to the output: multiplied by the signs and the gain, rounded.
struct Writer<'a, T: Element> {
    gain: T::Compute,
    signs: &'a [T::Compute],
    columns: &'a [usize],
    out: ArrayViewMut2<'a, T>,
}

impl<T: Element> Writer<'_, T> {
    fn write(&mut self, block: &Computed<'_, T::Compute>) -> Result<(), Error> {
        let Computed { strip, rows, values } = block;
        let gain = self.gain;
        let value = |sign: T::Compute, x: T::Compute| T::round(gain * (sign * x) + T::Compute::default());
        let width = values.len() / rows.len();
        let columns = &self.columns[strip.places.clone()];
        let mut out = self.out.view_mut();
        out.slice_axis_inplace(Axis(0), rows.clone().into());
        out.slice_axis_inplace(Axis(1), strip.places.clone().into());
        if out.strides()[0] == 1 {
            for (mut target, &column) in out.columns_mut().into_iter().zip(columns) {
                let (sign, place) = (self.signs[column], column - strip.first);
                for (target, row) in target.iter_mut().zip(values.chunks_exact(width)) {
                    *target = value(sign, row[place]);
                }
            }
            return Ok(());
        }
        let places = try_collect(columns.iter().map(|&j| (j - strip.first, self.signs[j])))?;
        for (mut target, row) in out.rows_mut().into_iter().zip(values.chunks_exact(width)) {
            for (target, &(place, sign)) in target.iter_mut().zip(&places) {
                *target = value(sign, row[place]);
            }
        }
        Ok(())
    }
}

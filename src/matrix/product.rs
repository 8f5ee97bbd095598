//! The product of reflectors, multiplied out panel by panel, the last one first, onto the columns of the identity.
//!
//! A column of the result depends on the reflectors and itself only: strips of columns are made independently of one another.

use crate::cpu::dispatch::WithFused;
use crate::cpu::execution::Execution;
use crate::cpu::fused::Fused;
use crate::cpu::queue::for_each;
use crate::cpu::tuning::{MULTIPLY_ADDS_PER_THREAD, OUTPUT_ROWS, TASK_ROWS};
use crate::error::Error;
use crate::float::element::{Compute, Element};
use crate::matrix::gemm::{
    Row, Rows, add_product, add_transposed_product, elements, elements_mut, negative_product, strip_width,
};
use crate::matrix::reflectors::{PANEL, Panel, Reflectors};
use crate::memory::try_collect;
use bytemuck::Zeroable;
use ndarray::{ArrayViewMut2, Axis};
use std::ops::Range;

/// How many threads pay for a matrix of that shape.
pub(crate) fn threads_for(rows: usize, columns: usize) -> usize {
    let multiply_adds = rows.saturating_mul(columns).saturating_mul(rows.min(columns));
    1 + multiply_adds / MULTIPLY_ADDS_PER_THREAD
}

/// Writes gain times the wanted rows and columns of the product of the reflectors and signs.
pub(crate) fn multiply_out<T: Element>(
    reflectors: &Reflectors<T::Compute>,
    gain: T::Compute,
    [row_runs, column_runs]: [&[Range<usize>]; 2],
    mut out: ArrayViewMut2<'_, T>,
    execution: Execution,
    interrupted: &mut dyn FnMut() -> bool,
) -> Result<(), Error> {
    let columns = try_collect(column_runs.iter().cloned().flatten())?;
    let apply = |(rows, columns, out), stopped: &mut dyn FnMut() -> bool| {
        execution.width.run_with_fused(Apply { reflectors, gain, task: Task { rows, columns, out }, stopped })
    };
    if reflectors.panels.len() == 1 {
        let mut rows = Runs { runs: row_runs, skipped: 0 };
        let tasks = out.axis_chunks_iter_mut(Axis(0), TASK_ROWS);
        let tasks = tasks.map(|out| (rows.take(out.nrows()), &columns[..], out));
        for_each(tasks, execution, |(rows, columns, out), stopped| apply((rows?, columns, out), stopped), interrupted)
    } else {
        // Later columns take more panels: they come first, so that the threads end together.
        let tasks = out.axis_chunks_iter_mut(Axis(1), PANEL).zip(columns.chunks(PANEL)).rev();
        let tasks = tasks.map(|(out, columns)| (try_collect(row_runs.iter().cloned()), columns, out));
        for_each(tasks, execution, |(rows, columns, out), stopped| apply((rows?, columns, out), stopped), interrupted)
    }
}

/// What is left of ascending runs of rows.
struct Runs<'a> {
    runs: &'a [Range<usize>],
    /// Of the first run.
    skipped: usize,
}

impl Runs<'_> {
    /// The next `count` rows.
    fn take(&mut self, mut count: usize) -> Result<Vec<Range<usize>>, Error> {
        let mut taken = Vec::new();
        while count > 0 {
            let start = self.runs[0].start + self.skipped;
            let end = self.runs[0].end.min(start + count);
            taken.try_reserve(1).map_err(|_| Error::Memory)?;
            taken.push(start..end);
            count -= end - start;
            self.skipped += end - start;
            if end == self.runs[0].end {
                (self.runs, self.skipped) = (&self.runs[1..], 0);
            }
        }
        Ok(taken)
    }
}

/// A part of the result: these rows and columns, in their order.
struct Task<'a, T> {
    rows: Vec<Range<usize>>,
    columns: &'a [usize],
    out: ArrayViewMut2<'a, T>,
}

struct Apply<'a, 'b, T: Element> {
    reflectors: &'a Reflectors<T::Compute>,
    gain: T::Compute,
    task: Task<'a, T>,
    stopped: &'b mut dyn FnMut() -> bool,
}

impl<T: Element> WithFused for Apply<'_, '_, T> {
    type Output = Result<(), Error>;

    #[inline(always)]
    fn call<S: Fused>(self, simd: S) -> Result<(), Error> {
        let Self { reflectors, gain, task: Task { rows, columns, mut out }, stopped } = self;
        let width = strip_width::<S, T::Compute>();
        let strips = find_strips(columns, width)?;
        let Some(last) = strips.last().map(Strip::panel) else { return Ok(()) };

        // Where only one panel is taken, rows are made as they are written: none is kept.
        let kept = if last > 0 { reflectors.rows } else { 0 };
        let mut memory = Rows::new::<S, T::Compute>(kept.checked_mul(strips.len()).ok_or(Error::Memory)?)?;
        let matrix = memory.as_mut::<S, T::Compute>();
        if kept > 0 {
            for (strip, rows) in strips.iter().zip(matrix.chunks_exact_mut(kept)) {
                set_identity::<S, T::Compute>(strip.first, 0, rows);
            }
        }
        for (p, panel) in reflectors.panels[..=last].iter().enumerate().rev() {
            for (i, strip) in strips.iter().enumerate().filter(|(_, strip)| strip.panel() >= p) {
                if stopped() {
                    return Ok(());
                }
                let below = if kept > 0 { &mut matrix[i * kept..(i + 1) * kept][panel.first..] } else { &mut [] };
                let mut factors = [<Row<S, T::Compute>>::zeroed(); PANEL];
                let factors = &mut factors[..panel.width];
                find_factors(simd, panel, strip, below, factors);
                if p > 0 {
                    add_product(simd, &panel.vectors, factors, below);
                    continue;
                }
                let emit = Emit { gain, signs: &reflectors.signs, columns: &columns[strip.places.clone()], strip };
                let mut done = 0;
                for rows in rows
                    .iter()
                    .flat_map(|run| run.clone().step_by(OUTPUT_ROWS).map(|row| row..run.end.min(row + OUTPUT_ROWS)))
                {
                    let mut fresh = [<Row<S, T::Compute>>::zeroed(); OUTPUT_ROWS];
                    let made = if kept > 0 {
                        &mut below[rows.clone()]
                    } else {
                        set_identity::<S, T::Compute>(strip.first, rows.start, &mut fresh[..rows.len()]);
                        &mut fresh[..rows.len()]
                    };
                    add_product(simd, &panel.vectors[rows.start * panel.width..], factors, made);
                    let mut target = out.view_mut();
                    target.slice_axis_inplace(Axis(0), (done..done + rows.len()).into());
                    target.slice_axis_inplace(Axis(1), strip.places.clone().into());
                    emit.write::<S, T>(made, target)?;
                    done += rows.len();
                }
            }
        }
        Ok(())
    }
}

/// Columns that are made together: those from `first` on, as many as a row of a strip has elements.
struct Strip {
    first: usize,
    /// Which places of the output are columns of it.
    places: Range<usize>,
}

/// The strips that have some of these ascending columns.
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
    /// The last panel that does anything to the columns.
    fn panel(&self) -> usize {
        self.first / PANEL
    }
}

/// The rows of the identity from number `start` on, in the strip from column `first` on; they are zero before.
#[inline(always)]
fn set_identity<S: Fused, T: Compute>(first: usize, start: usize, rows: &mut [Row<S, T>]) {
    for column in 0..strip_width::<S, T>() {
        if let Some(row) = (first + column).checked_sub(start).and_then(|row| rows.get_mut(row)) {
            elements_mut::<S, T>(row)[column] = T::from_f64(1.0);
        }
    }
}

/// −T·(Vᵀ·C), C being the rows from the panel's first on: what the columns of V are multiplied by and added to C.
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
        // Columns of the identity yet: the product is made of rows of V.
        for (column, row) in panel.vectors.chunks_exact(panel.width).skip(first).take(strip_width::<S, T>()).enumerate()
        {
            for (product, &value) in products.iter_mut().zip(row) {
                elements_mut::<S, T>(product)[column] = value;
            }
        }
    } else {
        // The first rows, as many as the panel has columns, are zero yet.
        add_transposed_product(simd, &panel.vectors[PANEL * PANEL..], PANEL, &below[PANEL..], products);
    }
    negative_product(simd, &panel.factor, products, factors);
}

/// How rows of a strip are written to the output.
struct Emit<'a, T> {
    gain: T,
    signs: &'a [T],
    columns: &'a [usize],
    strip: &'a Strip,
}

impl<C: Compute> Emit<'_, C> {
    #[inline(always)]
    fn write<S: Fused, T: Element<Compute = C>>(
        &self,
        rows: &[Row<S, C>],
        mut out: ArrayViewMut2<'_, T>,
    ) -> Result<(), Error> {
        let value = |sign: C, x: C| T::round(self.gain * (sign * x) + C::default());
        if out.strides()[0] == 1 {
            for (mut target, &column) in out.columns_mut().into_iter().zip(self.columns) {
                let (sign, place) = (self.signs[column], column - self.strip.first);
                for (target, row) in target.iter_mut().zip(rows) {
                    *target = value(sign, elements::<S, C>(row)[place]);
                }
            }
            return Ok(());
        }
        let places = try_collect(self.columns.iter().map(|&j| (j - self.strip.first, self.signs[j])))?;
        for (mut target, row) in out.rows_mut().into_iter().zip(rows) {
            let row = elements::<S, C>(row);
            for (target, &(place, sign)) in target.iter_mut().zip(&places) {
                *target = value(sign, row[place]);
            }
        }
        Ok(())
    }
}

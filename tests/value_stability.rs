//! Golden values: the values of stream version 1 never change (`tests/golden/`, written by `tests/golden/make.py`).

use half::{bf16, f16};
use initializers::{
    ConvolutionOrthogonal, DeltaOrthogonal, Dirac, Element, Error, F8E4M3FN, F8E5M2, Fill, Hippo, HippoPart,
    Initializer, LogOfUniform, LstmBias, Normal, Orthogonal, RingRadius, Rotary, RotaryPart, S4d, S4dPart, Seed,
    Sinusoidal, Sparse, Stream, TimeStepBias, TruncatedNormal, Uniform, VarianceScaling, Width, set_width_limit,
};
use ndarray::{Array1, ArrayViewMut1, Axis};
use rand_core::Rng;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locked by each test that sets the process's vector width or number of threads.
static SETTINGS: Mutex<()> = Mutex::new(());

fn hold_settings() -> MutexGuard<'static, ()> {
    SETTINGS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A row of a golden file: column name → text.
struct Row(HashMap<String, String>);

impl Row {
    fn text(&self, name: &str) -> &str {
        &self.0[name]
    }

    fn get<T: std::str::FromStr<Err: std::fmt::Debug>>(&self, name: &str) -> T {
        self.text(name).parse().unwrap()
    }

    fn seed(&self) -> Seed {
        let stream = self.0.get("stream").map_or(0, |text| text.parse().unwrap());
        Seed::from(self.get::<i128>("seed")).with_stream(stream)
    }

    /// The bytes, least significant first, of elements `start` to `start + count` of a 1-D tensor.
    fn draw(&self, sampler: &impl Initializer) -> Vec<u8> {
        match self.text("dtype") {
            "float32" => self.draw_as::<f32>(sampler),
            "float64" => self.draw_as::<f64>(sampler),
            "float16" => self.draw_as::<f16>(sampler),
            "bfloat16" => self.draw_as::<bf16>(sampler),
            "float8_e4m3fn" => self.draw_as::<F8E4M3FN>(sampler),
            "float8_e5m2" => self.draw_as::<F8E5M2>(sampler),
            other => panic!("dtype {other}"),
        }
    }

    fn draw_as<T: Element>(&self, sampler: &impl Initializer) -> Vec<u8> {
        let (start, count) = (self.get::<u64>("start"), self.get::<u64>("count"));
        let mut values = vec![T::default(); count as usize];
        let view = ArrayViewMut1::from(&mut values);
        sampler.fill_block(self.seed(), &[start + count], &[start], view).unwrap();
        values.iter().flat_map(little).collect()
    }
}

/// The bytes of a value, least significant first.
fn little<T: Element>(value: &T) -> Vec<u8> {
    let mut bytes = bytemuck::bytes_of(value).to_vec();
    if cfg!(target_endian = "big") {
        bytes.reverse();
    }
    bytes
}

fn rows(name: &str) -> Vec<Row> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = text.lines().map(|line| line.split(',').map(str::to_owned));
    let header: Vec<String> = lines.next().unwrap().collect();
    let rows: Vec<Row> = lines.map(|cells| Row(header.iter().cloned().zip(cells).collect())).collect();
    assert!(!rows.is_empty(), "{name} has no rows");
    rows
}

/// Decodes hexadecimal digits.
fn bytes(hex: &str) -> impl DoubleEndedIterator<Item = u8> {
    (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap())
}

/// Returns the expected bytes of a row, least significant first.
fn expected(row: &Row) -> Vec<u8> {
    row.text("bits").split(' ').flat_map(|hex| bytes(hex).rev()).collect()
}

/// Returns the bytes that the crate draws for a row; `a` and `b` are the names of the parameter columns.
fn drawn(row: &Row, sampler: &str, a: &str, b: &str) -> Vec<u8> {
    let (a, b) = (row.get(a), row.get(b));
    match sampler {
        "uniform" => row.draw(&Uniform::new(a, b).unwrap()),
        "normal" => row.draw(&Normal::new(a, b).unwrap()),
        "truncated_normal" => {
            row.draw(&TruncatedNormal::with_bounds(a, b, row.get("lower"), row.get("upper")).unwrap())
        }
        other => panic!("sampler {other}"),
    }
}

#[test]
fn words() {
    for row in rows("words.csv") {
        let mut stream = Stream::new(row.seed());
        stream.seek(row.get("index"));
        for word in row.text("words").split(' ') {
            assert_eq!(stream.next_u32(), u32::from_str_radix(word, 16).unwrap(), "{:?}", row.0);
        }
    }
}

#[test]
fn values() {
    for (name, a, b) in
        [("uniform", "minval", "maxval"), ("normal", "mean", "stddev"), ("truncated_normal", "mean", "stddev")]
    {
        for row in rows(&format!("{name}.csv")) {
            assert!(drawn(&row, name, a, b) == expected(&row), "{name} {:?}", row.0);
        }
    }
}

/// Long ranges, on every vector width of this processor and on several threads.
#[test]
fn digests() {
    let _settings = hold_settings();
    let rows = rows("digests.csv");
    for width in Width::available() {
        set_width_limit(width);
        for (threads, row) in [1, 2, 3, 7].iter().cycle().zip(&rows) {
            initializers::set_num_threads(*threads).unwrap();
            let digest = Sha256::digest(drawn(row, row.text("sampler"), "a", "b"));
            let expected = bytes(row.text("sha256"));
            assert!(digest.iter().copied().eq(expected), "{width:?} {threads} threads {:?}", row.0);
        }
    }
    set_width_limit(Width::Bits512);
}

/// Orthogonal matrices of all dtypes, on every vector width.
#[test]
fn orthogonal() {
    fn digest<T: Element>(row: &Row) -> Vec<u8> {
        let shape = (row.get("rows"), row.get("columns"));
        let matrix = Orthogonal::new(row.get("gain")).unwrap().sample::<T, _>(row.seed(), shape).unwrap();
        Sha256::digest(matrix.iter().flat_map(little).collect::<Vec<u8>>()).to_vec()
    }
    let _settings = hold_settings();
    let (sampler, shape) = (Orthogonal::new(1.0).unwrap(), (3, 40, 70));
    let matrix = sampler.sample::<f32, _>(9, (120, 70)).unwrap();
    let mut tensor = ndarray::Array3::<f32>::zeros(shape);
    sampler.fill(9, tensor.view_mut()).unwrap();
    assert!(tensor.iter().eq(matrix.iter()));
    // A block, in memory with gaps.
    let mut strided = ndarray::Array4::<f32>::zeros((2, 30, 50, 2));
    sampler.fill_block(9, &[3, 40, 70], &[1, 5, 20], strided.index_axis_mut(Axis(3), 1)).unwrap();
    let place = |i, j, k| tensor[[1 + i, 5 + j, 20 + k]];
    assert_eq!(strided.index_axis(Axis(3), 1), ndarray::Array3::from_shape_fn((2, 30, 50), |(i, j, k)| place(i, j, k)));
    assert!(sampler.fill(9, Array1::<f32>::zeros(3).view_mut()).unwrap_err().to_string().contains("2 dimensions"));
    for width in Width::available() {
        set_width_limit(width);
        for row in rows("orthogonal.csv").iter().chain(&rows("orthogonal_large.csv")) {
            let made = match row.text("dtype") {
                "float32" => digest::<f32>(row),
                "float64" => digest::<f64>(row),
                "float16" => digest::<f16>(row),
                "bfloat16" => digest::<bf16>(row),
                "float8_e4m3fn" => digest::<F8E4M3FN>(row),
                "float8_e5m2" => digest::<F8E5M2>(row),
                other => panic!("dtype {other}"),
            };
            assert!(made.into_iter().eq(bytes(row.text("sha256"))), "{width:?} {:?}", row.0);
        }
    }
    set_width_limit(Width::Bits512);
}

/// Returns the SHA-256 of the whole tensor of a row.
fn digest_of(row: &Row, initializer: &dyn Initializer) -> Vec<u8> {
    fn digest<T: Element>(row: &Row, initializer: &dyn Initializer) -> Vec<u8> {
        let shape: Vec<u64> = row.text("shape").split(' ').map(|size| size.parse().unwrap()).collect();
        let values = initializer.sample_vec::<T>(row.seed(), &shape).unwrap();
        Sha256::digest(values.iter().flat_map(little).collect::<Vec<u8>>()).to_vec()
    }
    match row.text("dtype") {
        "float32" => digest::<f32>(row, initializer),
        "float64" => digest::<f64>(row, initializer),
        "float16" => digest::<f16>(row, initializer),
        "bfloat16" => digest::<bf16>(row, initializer),
        "float8_e4m3fn" => digest::<F8E4M3FN>(row, initializer),
        "float8_e5m2" => digest::<F8E5M2>(row, initializer),
        other => panic!("dtype {other}"),
    }
}

/// Whole tensors of the initializers whose values depend on the shape.
#[test]
fn families() {
    for row in rows("families.csv") {
        let a = || row.get("a");
        let initializer: Box<dyn Initializer> = match row.text("initializer") {
            "he_normal" => Box::new(VarianceScaling::he_normal()),
            "lecun_normal" => Box::new(VarianceScaling::lecun_normal()),
            "glorot_uniform" => Box::new(VarianceScaling::glorot_uniform()),
            "sparse" => Box::new(Sparse::new(a(), row.get("b")).unwrap()),
            "delta_orthogonal" => Box::new(DeltaOrthogonal::new(a()).unwrap()),
            "convolution_orthogonal" => {
                let dimensions = row.text("shape").split(' ').count() - 2;
                Box::new(ConvolutionOrthogonal::new(a(), dimensions).unwrap())
            }
            "dirac" => Box::new(Dirac::new(row.get("a")).unwrap()),
            other => panic!("initializer {other}"),
        };
        assert!(digest_of(&row, &*initializer).into_iter().eq(bytes(row.text("sha256"))), "{:?}", row.0);
    }
}

/// Functions of a uniform draw, and tables, on every vector width.
#[test]
fn laws() {
    let _settings = hold_settings();
    for width in Width::available() {
        set_width_limit(width);
        for row in rows("laws.csv") {
            let arguments: Vec<&str> = row.text("arguments").split(' ').collect();
            let number = |i: usize| arguments[i].parse::<f64>().unwrap();
            let truth = |i: usize| arguments[i] == "True";
            let initializer: Box<dyn Initializer> = match (row.text("initializer"), arguments[0]) {
                ("time_step_bias", _) => Box::new(TimeStepBias::new(number(0), number(1), number(2)).unwrap()),
                ("log_of_uniform", _) => Box::new(LogOfUniform::new(number(0), number(1)).unwrap()),
                ("ring_radius", _) => Box::new(RingRadius::new(number(0), number(1), truth(2)).unwrap()),
                ("lstm_bias", _) => Box::new(LstmBias::new(number(0), arguments[1]).unwrap()),
                ("s4d", "log_real") => Box::new(S4d::new(S4dPart::LogReal)),
                ("s4d", "real") => Box::new(S4d::new(S4dPart::Real)),
                ("s4d", _) => Box::new(S4d::new(S4dPart::Imaginary)),
                ("hippo", "A") => Box::new(Hippo::new(HippoPart::A)),
                ("hippo", _) => Box::new(Hippo::new(HippoPart::B)),
                ("sinusoidal", _) => Box::new(Sinusoidal::new(number(0), truth(1), truth(2)).unwrap()),
                ("rotary", part) => {
                    let part = match part {
                        "frequencies" => RotaryPart::Frequencies,
                        "cos" => RotaryPart::Cos,
                        _ => RotaryPart::Sin,
                    };
                    Box::new(Rotary::new(part, number(1), truth(2)).unwrap())
                }
                (other, _) => panic!("initializer {other}"),
            };
            assert!(digest_of(&row, &*initializer).into_iter().eq(bytes(row.text("sha256"))), "{:?}", row.0);
        }
    }
    set_width_limit(Width::Bits512);
}

/// A tensor large enough for several chunks and threads, in every memory layout.
#[test]
fn threads_and_layouts() {
    let _settings = hold_settings();
    let normal = Normal::new(0.5, 2.0).unwrap();
    let shape = (1031, 2053);
    initializers::set_num_threads(1).unwrap();
    let whole = normal.sample::<f32, _>(9, shape).unwrap();
    for threads in [2, 3, 7] {
        initializers::set_num_threads(threads).unwrap();
        assert_eq!(normal.sample::<f32, _>(9, shape).unwrap(), whole);
    }
    let mut transposed = ndarray::Array2::<f32>::zeros((shape.1, shape.0));
    normal.fill(9, transposed.view_mut().reversed_axes()).unwrap();
    assert_eq!(transposed.t(), whole);
    let mut strided = ndarray::Array3::<f32>::zeros((shape.0, shape.1, 2));
    normal.fill(9, strided.index_axis_mut(Axis(2), 1)).unwrap();
    assert_eq!(strided.index_axis(Axis(2), 1), whole);
    let none: Array1<f32> = normal.sample(9, 0).unwrap();
    assert!(none.is_empty());
    let one = normal.sample::<f32, _>(9, ()).unwrap();
    assert_eq!(one[()], whole[[0, 0]]);
}

/// Tensors too large for any memory are errors, also if their number of elements overflows 32 bits.
#[test]
fn too_large() {
    let normal = Normal::new(0.0, 1.0).unwrap();
    let side = 1usize << (usize::BITS / 2);
    assert_eq!(normal.sample::<f64, _>(9, (side, side / 4)).unwrap_err(), Error::Memory);
    assert!(normal.sample::<f32, _>(9, (side, side)).is_err());
    let mut part = ndarray::Array2::<f32>::zeros((2, 64));
    let mut orthogonal = |rows: u64| Orthogonal::new(1.0).unwrap().fill_block(9, &[rows, 64], &[5, 0], part.view_mut());
    assert_eq!(orthogonal(1 << 56).unwrap_err(), Error::Memory);
    if cfg!(target_pointer_width = "32") {
        assert_eq!(orthogonal(1 << 31).unwrap_err(), Error::Memory);
    }
}

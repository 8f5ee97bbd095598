//! Random requests, valid and invalid: each returns the right values or an error, and nothing panics.
//!
//! A case depends only on the seed, its number, and whether recipes are compiled (features `recipe` and `serde`). Environment
//! variables: `FUZZ_CASES` (number of cases), `FUZZ_SEED`, `FUZZ_FIRST` (number of the first case; with `FUZZ_CASES=1` it
//! repeats one case). `make fuzz` runs many more cases, some of them with overflow checks and debug assertions.

#[path = "families.rs"]
mod families;
#[path = "matrices.rs"]
mod matrices;
#[path = "random.rs"]
mod random;
#[cfg(all(feature = "recipe", feature = "serde"))]
#[path = "recipes.rs"]
mod recipes;
#[path = "samplers.rs"]
mod samplers;

use chacha20::ChaCha8Rng;
use initializers::{
    Error, Fill, Orthogonal, Stream, Uniform, Width, fill_constant, num_threads, set_num_threads, unit_roots,
};
use ndarray::Array2;
use rand_core::{Rng, SeedableRng};
use random::Random;
use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Number of cases in `make test`: some seconds on one core.
const CASES: u64 = 500_000;

fn variable(name: &str, otherwise: u64) -> u64 {
    env::var(name).map_or(otherwise, |text| text.parse().expect("an integer"))
}

/// Words, 64-bit words and bytes at any position, against the `chacha20` crate.
fn words(random: &mut Random, widths: &[Width]) {
    let (seed, value, stream_id) = random.seed();
    let near = random.pick(&[0, 1 << 32, 1 << 36, 1 << 37, 1 << 64, 1 << 67, (1 << 68) - 300]);
    let index = (near + random.size() as u128 % 300).saturating_sub(random.size() as u128 % 300) % (1 << 68);
    let mut key = *b"................initializers v01";
    key[..16].copy_from_slice(&value.to_le_bytes());
    let mut expected = ChaCha8Rng::from_seed(key);
    expected.set_stream(stream_id);
    expected.set_word_pos(index);
    random.set_width(widths);
    let mut stream = Stream::new(seed);
    stream.seek(index);
    for _ in 0..random.within(1..=5) {
        assert_eq!(stream.position(), expected.get_word_pos(), "{seed:?} {index}");
        match random.below(3) {
            0 => assert_eq!(stream.next_u32(), expected.next_u32(), "{seed:?} {index}"),
            1 => assert_eq!(stream.next_u64(), expected.next_u64(), "{seed:?} {index}"),
            _ => {
                let (mut a, mut b) = ([0; 70], [0; 70]);
                let size = random.within(0..=70);
                stream.fill_bytes(&mut a[..size]);
                expected.fill_bytes(&mut b[..size]);
                assert_eq!(a, b, "{seed:?} {index}");
            }
        }
    }
}

/// The other public functions.
fn others(random: &mut Random) {
    let threads = random.size() as usize >> random.below(60);
    assert_eq!(set_num_threads(threads).is_ok(), (1..=1024).contains(&threads), "{threads} threads");
    set_num_threads(2).unwrap();
    assert_eq!(num_threads(), Ok(2));
    let n = random.below(40);
    let (cos, sin) = unit_roots(n).expect("memory for a few numbers");
    assert!(cos.len() == n as usize && sin.len() == n as usize);
    for (r, (cos, sin)) in cos.iter().zip(&sin).enumerate() {
        let angle = std::f64::consts::TAU * r as f64 / n as f64;
        #[expect(clippy::disallowed_methods, reason = "compared with the C library")]
        let (right_cos, right_sin) = (angle.cos(), angle.sin());
        assert!((cos - right_cos).abs() < 4e-15 && (sin - right_sin).abs() < 4e-15, "{r}/{n}");
    }
    let mut array = Array2::from_elem((random.within(0..=5), random.within(0..=5)), 1u8);
    fill_constant(7, array.slice_mut(ndarray::s![..;2, ..;-1])).unwrap();
    assert!(array.indexed_iter().all(|((i, _), &x)| x == if i % 2 == 0 { 7 } else { 1 }));
    // Too large for any memory.
    let shape = (random.size() as usize | 1 << 30, random.size() as usize | 1 << 29);
    let uniform = Uniform::new(0.0, 1.0).unwrap().sample::<f64, _>(1, shape);
    assert!(matches!(uniform, Err(Error::Memory | Error::Shape(_))), "{shape:?}");
    let orthogonal = Orthogonal::new(1.0).unwrap().sample::<f32, _>(1, shape);
    assert!(matches!(orthogonal, Err(Error::Memory | Error::Shape(_))), "{shape:?}");
}

fn case(random: &mut Random, widths: &[Width]) {
    match random.below(32) {
        0..=3 => words(random, widths),
        4 => matrices::case(random, widths), // they take longest
        5 => others(random),
        6 => families::case(random, widths),
        #[cfg(all(feature = "recipe", feature = "serde"))]
        7 => recipes::case(random, widths),
        _ => samplers::case(random, widths),
    }
}

#[test]
fn fuzz() {
    let (cases, first, seed) = (variable("FUZZ_CASES", CASES), variable("FUZZ_FIRST", 0), variable("FUZZ_SEED", 1));
    let widths: Vec<Width> = Width::available().collect();
    let started = std::time::Instant::now();
    let mut failed = Vec::new();
    for number in first..first + cases {
        let run = AssertUnwindSafe(|| case(&mut Random::new(seed, number), &widths));
        if catch_unwind(run).is_err() {
            eprintln!("== FUZZ_SEED={seed} FUZZ_FIRST={number} FUZZ_CASES=1\n");
            failed.push(number);
            assert!(failed.len() < 10, "too many failures");
        }
    }
    eprintln!("{cases} cases from {first} on, seed {seed}, widths {widths:?}: {:.0?}", started.elapsed());
    assert!(failed.is_empty(), "failed: {failed:?}");
}

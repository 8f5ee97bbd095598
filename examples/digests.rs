//! Prints digests of all kinds of values, one line for each vector width of this processor. All lines must be equal.
//!
//! `make crossarch` compares them across processors.

use half::{bf16, f16};
use initializers::{
    Element, Error, F8E4M3FN, F8E5M2, Fill, Initializer, Normal, Orthogonal, Stream, TruncatedNormal, Uniform, Width,
    orthogonalize, set_width_limit, unit_roots,
};
use ndarray::{Array1, Array2};
use rand_core::Rng;
use sha2::{Digest, Sha256};

/// Hashes values by their bytes, least significant first.
fn add<'a, T: Element>(hash: &mut Sha256, values: impl IntoIterator<Item = &'a T>) {
    for value in values {
        let mut bytes = [0; 8];
        let bytes = &mut bytes[..size_of::<T>()];
        bytes.copy_from_slice(bytemuck::bytes_of(value));
        if cfg!(target_endian = "big") {
            bytes.reverse();
        }
        hash.update(bytes);
    }
}

/// Hashes several chunks of values of every element type.
fn samples(sampler: &impl Initializer) -> Result<Sha256, Error> {
    fn draw<T: Element>(hash: &mut Sha256, sampler: &impl Initializer) -> Result<(), Error> {
        let values: Array1<T> = sampler.sample(i128::MIN + 12_345, 70_001)?;
        add(hash, &values);
        Ok(())
    }
    let mut hash = Sha256::new();
    let long: Array1<f32> = sampler.sample(1, 1_200_000)?;
    add(&mut hash, &long);
    draw::<f64>(&mut hash, sampler)?;
    draw::<f16>(&mut hash, sampler)?;
    draw::<bf16>(&mut hash, sampler)?;
    draw::<F8E4M3FN>(&mut hash, sampler)?;
    draw::<F8E5M2>(&mut hash, sampler)?;
    Ok(hash)
}

/// Hashes orthogonal matrices of every element type, and orthogonal factors of given matrices.
fn matrices() -> Result<Sha256, Error> {
    fn draw<T: Element>(hash: &mut Sha256, sampler: Orthogonal) -> Result<(), Error> {
        for shape in [(1, 1), (2, 1), (70, 130), (200, 64)] {
            add(hash, &sampler.sample::<T, _>(5, shape)?);
        }
        Ok(())
    }
    let (mut hash, sampler) = (Sha256::new(), Orthogonal::new(1.1)?);
    draw::<f32>(&mut hash, sampler)?;
    draw::<f64>(&mut hash, sampler)?;
    draw::<f16>(&mut hash, sampler)?;
    draw::<bf16>(&mut hash, sampler)?;
    draw::<F8E4M3FN>(&mut hash, sampler)?;
    draw::<F8E5M2>(&mut hash, sampler)?;
    let normal = Normal::new(0.0, 1.0)?;
    let (single, double): (Array2<f32>, Array2<f64>) = (normal.sample(6, (90, 70))?, normal.sample(6, (70, 90))?);
    add(&mut hash, &orthogonalize(&single)?);
    add(&mut hash, &orthogonalize(&double)?);
    Ok(hash)
}

/// Returns the digests of all kinds of values, with the vectors that are set.
///
/// # Errors
/// [`Error::Memory`] if there is no memory for them.
pub fn digests() -> Result<[(&'static str, u64); 7], Error> {
    let (mut words, mut roots) = (Sha256::new(), Sha256::new());
    let mut stream = Stream::new(-7);
    (0..100_000).for_each(|_| words.update(stream.next_u32().to_le_bytes()));
    let (cos, sin) = unit_roots(4097)?;
    add(&mut roots, cos.iter().chain(&sin));
    let hashes = [
        ("words", words),
        ("uniform", samples(&Uniform::new(-0.3, 0.7)?)?),
        ("normal", samples(&Normal::new(0.1, 0.5)?)?),
        ("truncated", samples(&TruncatedNormal::new(0.1, 0.5)?)?),
        ("bounds", samples(&TruncatedNormal::with_bounds(0.1, 0.5, -0.7, 3.5)?)?),
        ("orthogonal", matrices()?),
        ("roots", roots),
    ];
    Ok(hashes.map(|(name, hash)| (name, hash.finalize()[..8].iter().fold(0, |all, &byte| all << 8 | u64::from(byte)))))
}

#[allow(clippy::print_stdout, reason = "its purpose")]
#[allow(dead_code, reason = "tools/wasm calls `digests` alone")]
fn main() -> Result<(), Error> {
    initializers::set_num_threads(3)?;
    for width in Width::available() {
        set_width_limit(width);
        print!("{}", width.name());
        for (name, digest) in digests()? {
            print!(" {name}={digest:016x}");
        }
        println!();
    }
    Ok(())
}

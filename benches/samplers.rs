//! Elements per second of each sampler and dtype, in place: at each vector width in the first-level cache on one
//! thread, and in memory on one thread and on all.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use half::{bf16, f16};
use initializers::{
    Element, F8E4M3FN, Fill, Initializer, Normal, TruncatedNormal, Uniform, Width, num_threads, set_num_threads,
    set_width_limit,
};
use ndarray::Array1;

const ELEMENTS: usize = 1 << 22;
const ELEMENTS_IN_CACHE: usize = 1 << 12;

fn bench<T: Element>(criterion: &mut Criterion, name: &str, sampler: &impl Initializer) {
    let mut group = criterion.benchmark_group(format!("{name}/{}", T::NAME));
    group.throughput(Throughput::Elements(ELEMENTS as u64)).sample_size(20);
    let mut tensor = Array1::from_elem(ELEMENTS, T::default());
    let all = num_threads().expect("a valid number of threads");
    for threads in if all > 1 { vec![1, all] } else { vec![1] } {
        set_num_threads(threads).expect("a valid number of threads");
        group.bench_function(BenchmarkId::from_parameter(threads), |bencher| {
            bencher.iter(|| sampler.fill(1, tensor.view_mut()).expect("values that fit"));
        });
    }
    set_num_threads(all).expect("a valid number of threads");
    group.throughput(Throughput::Elements(ELEMENTS_IN_CACHE as u64));
    let mut tensor = Array1::from_elem(ELEMENTS_IN_CACHE, T::default());
    for width in Width::available() {
        set_width_limit(width);
        group.bench_function(BenchmarkId::new("in cache", width.name()), |bencher| {
            bencher.iter(|| sampler.fill(1, tensor.view_mut()).expect("values that fit"));
        });
    }
    set_width_limit(Width::Bits512);
}

fn samplers(criterion: &mut Criterion) {
    let uniform = Uniform::new(-0.05, 0.05).expect("valid parameters");
    let normal = Normal::new(0.0, 0.05).expect("valid parameters");
    let two_sigma = TruncatedNormal::new(0.0, 0.05).expect("valid parameters");
    let half_normal = TruncatedNormal::with_bounds(0.0, 0.05, 0.0, f64::INFINITY).expect("valid parameters");
    bench::<f32>(criterion, "uniform", &uniform);
    bench::<f32>(criterion, "normal", &normal);
    bench::<f64>(criterion, "normal", &normal);
    bench::<f16>(criterion, "normal", &normal);
    bench::<bf16>(criterion, "normal", &normal);
    bench::<F8E4M3FN>(criterion, "normal", &normal);
    bench::<f32>(criterion, "truncated ±2", &two_sigma);
    bench::<f64>(criterion, "truncated ±2", &two_sigma);
    bench::<f32>(criterion, "truncated [0, ∞)", &half_normal);
}

criterion_group!(benches, samplers);
criterion_main!(benches);

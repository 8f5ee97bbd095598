//! All coefficients of the stream: the tables of `docs/stream.md`, as bits. They are frozen.
//!
//! The samplers use them, and so do the GPU kernels, which get them from the extension module. `tools/fit_coefficients.py`
//! fits those of section 5 for f32, and those of section 6 for ±2.

const fn singles<const N: usize>(bits: [u32; N]) -> [f32; N] {
    let mut values = [0.0; N];
    let mut i = 0;
    while i < N {
        values[i] = f32::from_bits(bits[i]);
        i += 1;
    }
    values
}

const fn doubles<const N: usize>(bits: [u64; N]) -> [f64; N] {
    let mut values = [0.0; N];
    let mut i = 0;
    while i < N {
        values[i] = f64::from_bits(bits[i]);
        i += 1;
    }
    values
}

// Section 5, f32.

/// ln 2 = HI + LO. HI has few bits, so that its multiples are exact.
pub(crate) const HI: f32 = f32::from_bits(0x3f318000);
/// The rest of ln 2.
pub(crate) const LO: f32 = f32::from_bits(0xb95e8083);
/// (ln(1 + f) − f + f²/2)/f³ on [√½ − 1, √2 − 1].
pub(crate) const P: [f32; 8] =
    singles([0x3eaaaaaa, 0xbe800114, 0x3e4cd01a, 0xbe2a3917, 0x3e116b31, 0xbe06c107, 0x3e02b967, 0xbd9c7ff1]);
/// 2π = S0 + S0LO. The error of the sine is 3.9 ulp; with 2π in one part it is 4.3 ulp.
pub(crate) const S0: f32 = f32::from_bits(0x40c90fdb);
/// The rest of 2π.
pub(crate) const S0LO: f32 = f32::from_bits(0xb45110ac);
/// The sine of 2πt after its first term, S1 to S3.
pub(crate) const S: [f32; 3] = singles([0xc2255ddb, 0x42a32f66, 0xc296e31a]);
/// The cosine of 2πt after 1, C1 to C4.
pub(crate) const C: [f32; 4] = singles([0xc19de9e6, 0x4281e0d8, 0xc2aad95b, 0x426a7bf7]);

// Section 5, f64: those of fdlibm (Sun Microsystems, 1993).

/// ln 2 = LN2HI + LN2LO.
pub(crate) const LN2HI: f64 = f64::from_bits(0x3fe62e42fee00000);
/// The rest of ln 2.
pub(crate) const LN2LO: f64 = f64::from_bits(0x3dea39ef35793c76);
/// The logarithm, L1 to L7.
pub(crate) const L: [f64; 7] = doubles([
    0x3fe5555555555593,
    0x3fd999999997fa04,
    0x3fd2492494229359,
    0x3fcc71c51d8e78af,
    0x3fc7466496cb03de,
    0x3fc39a09d078c69f,
    0x3fc2f112df3e5244,
]);
/// 2π·2^-64.
pub(crate) const U: f64 = f64::from_bits(0x3c1921fb54442d18);
/// The sine, S1 to S6.
pub(crate) const SIN: [f64; 6] = doubles([
    0xbfc5555555555549,
    0x3f8111111110f8a6,
    0xbf2a01a019c161d5,
    0x3ec71de357b1fe7d,
    0xbe5ae5e68a2b9ceb,
    0x3de5d93a5acfd57c,
]);
/// The cosine, C1 to C6.
pub(crate) const COS: [f64; 6] = doubles([
    0x3fa555555555554c,
    0xbf56c16c16c15177,
    0x3efa01a019cb1590,
    0xbe927e4f809c52ad,
    0x3e21ee9ebdb4b1c4,
    0xbda8fae9be8838d4,
]);

// Section 6.

/// The quantile between −2 and 2, numerator.
pub(crate) const P2: [f32; 5] = singles([0x3fffffff, 0x41c224c3, 0x42952a19, 0x42597931, 0x408cd479]);
/// The same, denominator.
pub(crate) const Q2: [f32; 5] = singles([0x3f800000, 0x415d8031, 0x4251ecf0, 0x425d7467, 0x412bd766]);
/// Φ(2) − ½.
pub(crate) const INSIDE: f64 = f64::from_bits(0x3fde8b4307d3627a);
/// 0.425: the central rational function is used up to this distance from the median.
pub(crate) const SPLIT: f64 = f64::from_bits(0x3fdb333333333333);

// M. J. Wichura, "Algorithm AS 241: the percentage points of the normal distribution", 1988, PPND16.

/// The central rational, numerator.
pub(crate) const A: [f64; 8] = doubles([
    0x400b18d91e9eef75,
    0x4060a4888b1a436e,
    0x409ece5d2213c0cc,
    0x40cad1d8cd4ee71d,
    0x40e66c3e869b752a,
    0x40f06c1c55b78f20,
    0x40e052d26b2e45e4,
    0x40a39a296f7d925e,
]);
/// The same, denominator.
pub(crate) const B: [f64; 8] = doubles([
    0x3ff0000000000000,
    0x4045281b386e1ab5,
    0x4085797efdc8b3f7,
    0x40b512322e75c89f,
    0x40d4b772d5d65266,
    0x40e3317caa64f4be,
    0x40dc0e457cb1ae76,
    0x40b46a7eca984b69,
]);
/// The tail, √(−ln p) ≤ 5, numerator; C on the page.
pub(crate) const CC: [f64; 8] = doubles([
    0x3ff6c665fde9526a,
    0x4012857748cab19b,
    0x401713f71462256a,
    0x400d2ecb1a3d02c4,
    0x3ff453cc085375b2,
    0x3fcef2abb9b85c37,
    0x3f9744eb6c45ec67,
    0x3f49615ac0b7ace9,
]);
/// The same, denominator.
pub(crate) const D: [f64; 8] = doubles([
    0x3ff0000000000000,
    0x40006cefbb46a449,
    0x3ffad278e6526633,
    0x3fe61292f23385c9,
    0x3fc2f5123394f040,
    0x3f8f207a7eab17bf,
    0x3f41f18cbfdf2728,
    0x3e120d3f686439e4,
]);
/// The far tail, numerator.
pub(crate) const E: [f64; 8] = doubles([
    0x401aa1b1c13ee526,
    0x4015daea6e875003,
    0x3ffc8ea6461fa445,
    0x3fd2fad9315255cf,
    0x3f9b2b41193b4ee7,
    0x3f545c1908425345,
    0x3efc6ec6cc59e02a,
    0x3e8afb74d693bf93,
]);
/// The same, denominator.
pub(crate) const F: [f64; 8] = doubles([
    0x3ff0000000000000,
    0x3fe331d34fc7d77f,
    0x3fc186eb183443fb,
    0x3f8e76f93215462a,
    0x3f49c8bc979dc5d7,
    0x3ef35c2c496374bf,
    0x3e831446f740b9e0,
    0x3ce269bff1f8c190,
]);

// Section 14, f64.

/// 1/ln 2.
pub(crate) const LOG2E: f64 = f64::from_bits(0x3ff71547652b82fe);
/// The exponential function on [−½ ln 2, ½ ln 2], after its first terms.
pub(crate) const EXP: [f64; 5] =
    doubles([0x3fc555555555553e, 0xbf66c16c16bebd93, 0x3f11566aaf25de2c, 0xbebbbd41c5d26bf1, 0x3e66376972bea4d0]);
/// 2/π.
pub(crate) const TWO_OVER_PI: f64 = f64::from_bits(0x3fe45f306dc9c883);
/// π/2 in three parts. The first two have 26 bits, so that their multiples are exact.
pub(crate) const HALF_PI: [f64; 3] = doubles([0x3ff921fb50000000, 0x3e5110b460000000, 0x3c91a62633145c07]);

/// All tables by name.
#[cfg(feature = "python")]
pub(crate) fn tables() -> Vec<(&'static str, Vec<f64>)> {
    let singles: [(_, &[f32]); 9] = [
        ("HI", &[HI]),
        ("LO", &[LO]),
        ("P", &P),
        ("S0", &[S0]),
        ("S0LO", &[S0LO]),
        ("S", &S),
        ("C", &C),
        ("P2", &P2),
        ("Q2", &Q2),
    ];
    let doubles: [(_, &[f64]); 14] = [
        ("LN2HI", &[LN2HI]),
        ("LN2LO", &[LN2LO]),
        ("L", &L),
        ("U", &[U]),
        ("SIN", &SIN),
        ("COS", &COS),
        ("INSIDE", &[INSIDE]),
        ("SPLIT", &[SPLIT]),
        ("A", &A),
        ("B", &B),
        ("CC", &CC),
        ("D", &D),
        ("E", &E),
        ("F", &F),
    ];
    let widened = singles.map(|(name, values)| (name, values.iter().map(|&value| value.into()).collect()));
    widened.into_iter().chain(doubles.map(|(name, values)| (name, values.to_vec()))).collect()
}

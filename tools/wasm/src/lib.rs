//! The digests of `examples/digests.rs`, and that of a recipe, as a WebAssembly module that imports nothing: it has no clock,
//! no files and no threads. `tools/crossarch.py` builds it and `tools/run_bare_wasm.py` calls it.

#[path = "../../../examples/digests.rs"]
mod digests;

use initializers::{Recipe, Spec};

/// Returns digest `index`; 0 if it cannot be computed.
#[unsafe(no_mangle)]
pub extern "C" fn digest(index: usize) -> u64 {
    digests::digests().map_or(0, |digests| digests[index].1)
}

/// Returns the first 64 bits of a recipe's digest; 0 if it cannot be computed.
#[unsafe(no_mangle)]
pub extern "C" fn recipe_digest() -> u64 {
    let text = "seed = 1\nconvention = 'keras'\nrules = [{ glob = '*', initializer = 'he_normal' }]";
    let digest = Recipe::from_toml(text).and_then(|recipe| {
        recipe.plan([("kernel", Spec::new(&[784, 256]))], None)?.digest() //
    });
    digest.ok().and_then(|digest| u64::from_str_radix(&digest[..16], 16).ok()).unwrap_or(0)
}

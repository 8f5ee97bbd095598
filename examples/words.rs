//! Writes words to standard output endlessly, as bytes, for programs that test random number generators. `words N` takes
//! the words from seeds 0 to N − 1 in turn. `make dieharder` runs it.

use initializers::Stream;
use rand_core::Rng;
use std::io::{ErrorKind, Result, Write, stdout};

fn main() -> Result<()> {
    let seeds = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(1);
    let mut streams: Vec<Stream> = (0..seeds).map(Stream::new).collect();
    let mut out = stdout().lock();
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        while bytes.len() < 1 << 16 {
            bytes.extend(streams.iter_mut().flat_map(|stream| stream.next_u32().to_ne_bytes()));
        }
        match out.write_all(&bytes) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()), // the reader has read enough
            result => result?,
        }
    }
}

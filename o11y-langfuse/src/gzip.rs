//! Compression of request bodies: one compressor, reused, at the level that pays.

use flate2::{Compress, CompressError, Compression, FlushCompress, Status};

/// Level 1: level 6 takes eight times as long to save another two fifths.
const LEVEL: Compression = Compression::fast();
const WINDOW_BITS: u8 = 15;

/// A gzip compressor that keeps its state (some 270 KB) from one body to the next.
pub(crate) struct Gzip {
    compress: Compress,
    output: Vec<u8>,
}

impl Gzip {
    pub(crate) fn new() -> Self {
        Self {
            compress: Compress::new_gzip(LEVEL, WINDOW_BITS),
            output: Vec::new(),
        }
    }

    /// The body, compressed; it is valid until the next call.
    pub(crate) fn compress(&mut self, body: &[u8]) -> Result<&[u8], CompressError> {
        self.compress.reset();
        self.output.clear();
        // Text shrinks to a third or less; what does not is found out and given more room.
        self.output.reserve(body.len() / 3 + 64);
        loop {
            let done = usize::try_from(self.compress.total_in()).unwrap_or(usize::MAX);
            let rest = body.get(done..).unwrap_or_default();
            let status =
                self.compress
                    .compress_vec(rest, &mut self.output, FlushCompress::Finish)?;
            if status == Status::StreamEnd {
                return Ok(&self.output);
            }
            self.output.reserve(self.output.capacity());
        }
    }

    /// Gives back room beyond `bytes`.
    pub(crate) fn shrink_to(&mut self, bytes: usize) {
        self.output.clear();
        self.output.shrink_to(bytes);
    }
}

impl std::fmt::Debug for Gzip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gzip").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use proptest::prelude::*;

    use super::*;

    fn decompressed(bytes: &[u8]) -> Vec<u8> {
        let mut output = Vec::new();
        flate2::read::GzDecoder::new(bytes)
            .read_to_end(&mut output)
            .unwrap();
        output
    }

    #[test]
    fn one_compressor_serves_many_bodies() {
        let mut gzip = Gzip::new();
        let long = vec![b'x'; 100_000];
        for body in [&b"first"[..], b"", &long, b"last"] {
            assert_eq!(decompressed(gzip.compress(body).unwrap()), body);
        }
    }

    proptest! {
        #[test]
        fn what_does_not_shrink_arrives_too(body in proptest::collection::vec(any::<u8>(), 0..5_000)) {
            prop_assert_eq!(decompressed(Gzip::new().compress(&body).unwrap()), body);
        }
    }
}

//! What became of the lines.

use std::fmt;

/// What became of the lines of a [`JsonLines`](crate::JsonLines), all of one moment. Prints as one
/// line.
///
/// What was handed over is `written + failed + waiting + dropped`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct JsonLinesStats {
    /// In the file, or in an older one.
    pub written: u64,
    /// Refused by the disk.
    pub failed: u64,
    /// Waiting to be written.
    pub waiting: u64,
    /// Dropped, because too much was waiting or the writer had ended.
    pub dropped: u64,
    /// How often a new file was begun.
    pub rotations: u64,
    /// What the system said when it last refused something.
    pub last_error: Option<String>,
}

/// `120 lines written, 0 waiting, 0 refused by the disk, 0 dropped`.
impl fmt::Display for JsonLinesStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} lines written, {} waiting, {} refused by the disk, {} dropped",
            self.written, self.waiting, self.failed, self.dropped
        )?;
        match &self.last_error {
            Some(error) => write!(f, "; last error: {error}"),
            None => Ok(()),
        }
    }
}

//! The file: it is appended to, and renamed when it is full.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _},
    mem,
    path::{Path, PathBuf},
};

use super::queue::Queue;

/// Lines are written together, so many bytes at a time.
const BUFFER_BYTES: usize = 64 * 1_024;

pub(super) struct Output {
    path: PathBuf,
    /// None if a new one could not be opened: tried again with every write.
    file: Option<File>,
    /// How long the file is, the buffer not included.
    len: u64,
    /// The length from which on it is renamed.
    rotate_at: u64,
    /// Whether the file may end in the middle of a line.
    torn: bool,
    buffer: Vec<u8>,
    lines: u64,
    outcome: Outcome,
    max_bytes: u64,
    keep: u32,
    fsync: bool,
}

/// What became of some lines.
#[derive(Debug, Default)]
#[must_use = "tell the queue"]
pub(super) struct Outcome {
    written: u64,
    failed: u64,
    rotations: u64,
    error: Option<String>,
}

impl Outcome {
    pub(super) fn tell(self, queue: &Queue) {
        if self.rotations > 0 || self.error.is_some() {
            queue.note(|stats| {
                stats.rotations += self.rotations;
                stats.last_error = self.error.or_else(|| stats.last_error.take());
            });
        }
        queue.settle(self.written, self.failed);
    }
}

impl Output {
    pub(super) fn open(path: PathBuf, max_bytes: u64, keep: u32, fsync: bool) -> io::Result<Self> {
        let mut output = Self {
            path,
            file: None,
            len: 0,
            rotate_at: max_bytes,
            torn: false,
            buffer: Vec::new(),
            lines: 0,
            outcome: Outcome::default(),
            max_bytes,
            keep,
            fsync,
        };
        output.reopen()?;
        Ok(output)
    }

    /// Adds a line. What became of earlier ones, if they had to be written to make room.
    pub(super) fn push(&mut self, line: &[u8]) -> Option<Outcome> {
        let behind = self.len + self.buffer.len() as u64;
        let is_full = behind > 0 && behind + line.len() as u64 > self.rotate_at;
        let is_due = is_full || self.buffer.len() + line.len() > BUFFER_BYTES;
        let written = (is_due && self.lines > 0).then(|| self.write());
        if is_full && self.len > 0 {
            self.rotate();
        }
        self.buffer.extend_from_slice(line);
        self.lines += 1;
        written
    }

    /// Writes what was added. Either all of it stands in the file afterwards, or nothing of it.
    pub(super) fn write(&mut self) -> Outcome {
        let lines = mem::take(&mut self.lines);
        let buffer = mem::take(&mut self.buffer);
        let mut outcome = mem::take(&mut self.outcome);
        match self.append(&buffer) {
            Ok(()) => outcome.written += lines,
            Err(error) => {
                outcome.failed += lines;
                outcome.error = Some(error.to_string());
                self.undo();
            }
        }
        // The buffer is used again, unless one long line has made it large.
        if buffer.capacity() <= 2 * BUFFER_BYTES {
            self.buffer = buffer;
            self.buffer.clear();
        }
        outcome
    }

    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        if lines.is_empty() {
            return Ok(());
        }
        if self.file.is_none() {
            self.reopen()?;
        }
        let Some(file) = &mut self.file else {
            return Err(ErrorKind::NotFound.into());
        };
        if self.torn {
            file.write_all(b"\n")?;
            self.torn = false;
            self.len += 1;
        }
        file.write_all(lines)?;
        if self.fsync {
            file.sync_data()?;
        }
        self.len += lines.len() as u64;
        Ok(())
    }

    /// Takes back what was written of lines that count as failed.
    fn undo(&mut self) {
        if let Some(file) = &self.file {
            self.torn = file.set_len(self.len).is_err();
        }
    }

    /// Renames the file and those before it, and begins a new one. If that fails, the file goes on
    /// beyond its size until it has doubled: no line is lost for it.
    fn rotate(&mut self) {
        match self.rename_all() {
            Ok(()) => {
                self.file = None;
                self.outcome.rotations += 1;
                if let Err(error) = self.reopen() {
                    self.outcome.error = Some(error.to_string());
                }
            }
            Err(error) => {
                self.outcome.error = Some(error.to_string());
                self.rotate_at = self.len.saturating_add(self.max_bytes);
            }
        }
    }

    fn rename_all(&self) -> io::Result<()> {
        if self.keep == 0 {
            return fs::remove_file(&self.path);
        }
        for number in (1..self.keep).rev() {
            let moved = fs::rename(self.older(number), self.older(number + 1));
            match moved {
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                moved => moved?,
            }
        }
        fs::rename(&self.path, self.older(1))
    }

    fn older(&self, number: u32) -> PathBuf {
        let mut name = OsString::from(&self.path);
        name.push(format!(".{number}"));
        name.into()
    }

    fn reopen(&mut self) -> io::Result<()> {
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(&self.path)?;
        self.len = file.metadata()?.len();
        self.torn = self.len > 0 && ends_torn(&self.path).unwrap_or(false);
        self.rotate_at = self.max_bytes;
        self.file = Some(file);
        Ok(())
    }
}

fn ends_torn(path: &Path) -> io::Result<bool> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

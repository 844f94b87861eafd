//! The data of server-sent events, from bytes in pieces of any size.
//!
//! As <https://html.spec.whatwg.org/multipage/server-sent-events.html> has it, section 9.2.6: lines
//! end with CR, LF or both, an event with an empty line, and its data is what its lines `data:` say.

use std::mem;

/// Where the reading stands. Holds the incomplete event and nothing else, up to a limit.
pub(super) struct Events {
    kind: Kind,
    line: Vec<u8>,
    /// Also of a line of which nothing is kept.
    line_is_empty: bool,
    data: Vec<u8>,
    max_bytes: usize,
    after_cr: bool,
    /// The event is too long: nothing of it is kept.
    is_too_long: bool,
    left_out: u64,
}

/// What an event is made of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Lines with fields.
    ServerSent,
    /// One line of JSON.
    Lines,
}

impl Events {
    pub(super) fn new(kind: Kind, max_bytes: usize) -> Self {
        Self {
            kind,
            line: Vec::new(),
            line_is_empty: true,
            data: Vec::new(),
            max_bytes,
            after_cr: false,
            is_too_long: false,
            left_out: 0,
        }
    }

    /// How many bytes were in events that were too long.
    pub(super) fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Reads on, and calls `on_event` with the data of every event that ends in it.
    pub(super) fn read(&mut self, mut bytes: &[u8], mut on_event: impl FnMut(&[u8])) {
        while !bytes.is_empty() {
            if mem::take(&mut self.after_cr) && bytes[0] == b'\n' {
                bytes = &bytes[1..];
                continue;
            }
            let end = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            let Some(end) = end else {
                self.keep(bytes);
                return;
            };
            self.after_cr = bytes[end] == b'\r';
            self.keep(&bytes[..end]);
            bytes = &bytes[end + 1..];
            self.end_line(&mut on_event);
        }
    }

    /// The stream has ended: what stands there without an end is an event, too.
    pub(super) fn end(&mut self, mut on_event: impl FnMut(&[u8])) {
        self.end_line(&mut on_event);
        self.end_event(&mut on_event);
    }

    fn keep(&mut self, bytes: &[u8]) {
        self.line_is_empty &= bytes.is_empty();
        let held = self.line.len() + self.data.len();
        if !self.is_too_long && held + bytes.len() <= self.max_bytes {
            self.line.extend_from_slice(bytes);
            return;
        }
        self.is_too_long = true;
        self.left_out += (held + bytes.len()) as u64;
        self.data = Vec::new();
        self.line = Vec::new();
    }

    fn end_line(&mut self, on_event: &mut impl FnMut(&[u8])) {
        let is_empty = mem::replace(&mut self.line_is_empty, true);
        if self.kind == Kind::Lines {
            mem::swap(&mut self.line, &mut self.data);
            self.end_event(on_event);
        } else if is_empty {
            self.end_event(on_event);
        } else if let Some(data) = self.line.strip_prefix(b"data:") {
            if !self.data.is_empty() {
                self.data.push(b'\n');
            }
            let data = data.strip_prefix(b" ").unwrap_or(data);
            self.data.extend_from_slice(data);
        }
        self.line.clear();
    }

    fn end_event(&mut self, on_event: &mut impl FnMut(&[u8])) {
        if !mem::take(&mut self.is_too_long) && !self.data.is_empty() {
            on_event(&self.data);
        }
        self.data.clear();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn events(kind: Kind, max: usize, pieces: &[&[u8]]) -> (Vec<String>, u64) {
        let mut read = Vec::new();
        let mut on_event = |data: &[u8]| read.push(String::from_utf8_lossy(data).into_owned());
        let mut events = Events::new(kind, max);
        for piece in pieces {
            events.read(piece, &mut on_event);
            assert!(events.line.len() + events.data.len() <= max.max(1));
        }
        events.end(&mut on_event);
        (read, events.left_out())
    }

    #[test]
    fn lines_end_in_three_ways_and_only_data_counts() {
        let text = b"event: x\r\ndata: one\r\n\r\n: comment\n\ndata:two\ndata: three\n\nid: 4\rdata\r\rdata: five";

        let (read, _) = events(Kind::ServerSent, 1_000, &[text]);

        assert_eq!(read, ["one", "two\nthree", "five"]);
    }

    #[test]
    fn lines_of_json_are_events_by_themselves() {
        let (read, _) = events(Kind::Lines, 1_000, &[b"{\"a\":1}\n{\"b\"", b":2}\n\n"]);

        assert_eq!(read, [r#"{"a":1}"#, r#"{"b":2}"#]);
    }

    #[test]
    fn an_event_that_is_too_long_is_left_out_and_the_next_is_read() {
        let long = format!("data: {}\n\ndata: next\n\n", "x".repeat(100));
        let pieces: Vec<&[u8]> = long.as_bytes().chunks(7).collect();

        let (read, left_out) = events(Kind::ServerSent, 20, &pieces);

        assert_eq!(read, ["next"]);
        assert!(left_out >= 100, "{left_out}");
    }

    proptest! {
        #[test]
        fn pieces_of_any_size_say_the_same(
            text in "(data: ?[a-c]{0,9}|event: x|: y|\r|\n|\r\n){0,30}",
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..10),
            max in 1_usize..40,
        ) {
            let bytes = text.as_bytes();
            let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            at.extend([0, bytes.len()]);
            at.sort_unstable();
            let pieces: Vec<_> = at.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();

            let whole = events(Kind::ServerSent, max, &[bytes]).0;

            prop_assert_eq!(events(Kind::ServerSent, max, &pieces).0, whole);
        }
    }
}

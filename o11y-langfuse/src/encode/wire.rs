//! The protobuf wire format, as much of it as OTLP needs, written in one pass.
//!
//! The length of a message is known only when it has been written. Instead of measuring first or
//! moving bytes afterwards, four bytes are reserved and the length is written into them as a
//! varint padded with continuation bits, which every protobuf decoder reads.

/// Bytes reserved for the length of a message: enough for 256 MiB.
pub(super) const LENGTH_BYTES: usize = 4;

/// The largest length that fits.
const MAX_LENGTH: usize = (1 << (7 * LENGTH_BYTES)) - 1;

/// A message whose length is still to be written.
#[must_use = "end it with `Writer::end`"]
pub(super) struct Open {
    content: usize,
}

impl Open {
    /// Where the content of the message begins, right after its length: for a length that is
    /// written later and more than once.
    pub(super) fn content(self) -> usize {
        self.content
    }
}

/// Appends protobuf to a buffer.
pub(super) struct Writer<'a> {
    pub(super) buffer: &'a mut Vec<u8>,
}

impl Writer<'_> {
    /// Begins a nested message in field `field`.
    pub(super) fn begin(&mut self, field: u32) -> Open {
        self.tag(field, 2);
        self.buffer.extend_from_slice(&[0; LENGTH_BYTES]);
        Open {
            content: self.buffer.len(),
        }
    }

    /// Ends a nested message.
    #[expect(clippy::needless_pass_by_value, reason = "a message is ended once")]
    pub(super) fn end(&mut self, open: Open) {
        let content = open.content;
        let length = padded_length(self.buffer.len() - content);
        self.buffer[content - LENGTH_BYTES..content].copy_from_slice(&length);
    }

    pub(super) fn bytes(&mut self, field: u32, bytes: &[u8]) {
        self.head(field, bytes.len());
        self.buffer.extend_from_slice(bytes);
    }

    /// What stands before content of that length.
    #[inline]
    pub(super) fn head(&mut self, field: u32, length: usize) {
        let tag = field << 3 | 2;
        // Both take a byte nearly always, and are written at once.
        if let (Ok(tag @ ..0x80), Ok(length @ ..0x80)) = (u8::try_from(tag), u8::try_from(length)) {
            self.buffer.extend_from_slice(&[tag, length]);
        } else {
            self.varint(u64::from(tag));
            self.varint(length as u64);
        }
    }

    /// What stands before a message that begins with a field of its own.
    #[inline]
    pub(super) fn heads(&mut self, outer: (u32, usize), inner: (u32, usize)) {
        let [outer_tag, inner_tag] = [outer, inner].map(|(field, _)| field << 3 | 2);
        let bytes = [outer_tag as usize, outer.1, inner_tag as usize, inner.1];
        // Everything takes a byte nearly always, and all is written at once.
        if bytes.iter().all(|byte| *byte < 0x80) {
            #[expect(clippy::cast_possible_truncation, reason = "less than 0x80")]
            let bytes = bytes.map(|byte| byte as u8);
            self.buffer.extend_from_slice(&bytes);
        } else {
            self.head(outer.0, outer.1);
            self.head(inner.0, inner.1);
        }
    }

    /// Text; an empty one is the default and is left out.
    pub(super) fn text(&mut self, field: u32, text: &str) {
        if !text.is_empty() {
            self.bytes(field, text.as_bytes());
        }
    }

    pub(super) fn fixed64(&mut self, field: u32, value: u64) {
        self.tag(field, 1);
        self.buffer.extend_from_slice(&value.to_le_bytes());
    }

    pub(super) fn number(&mut self, field: u32, value: u64) {
        self.tag(field, 0);
        self.varint(value);
    }

    #[inline]
    pub(super) fn tag(&mut self, field: u32, wire_type: u32) {
        self.varint(u64::from(field << 3 | wire_type));
    }

    /// A number takes a byte nearly always.
    #[inline]
    pub(super) fn varint(&mut self, value: u64) {
        match u8::try_from(value) {
            Ok(byte @ ..0x80) => self.buffer.push(byte),
            _ => self.long_varint(value),
        }
    }

    #[inline(never)]
    fn long_varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "the low seven bits are meant"
            )]
            self.buffer.push(value as u8 | 0x80);
            value >>= 7;
        }
        #[expect(clippy::cast_possible_truncation, reason = "less than 0x80")]
        self.buffer.push(value as u8);
    }
}

/// How many bytes a varint takes.
pub(super) const fn varint_len(value: u64) -> usize {
    // Each byte carries seven bits; zero takes one byte.
    ((value | 1).ilog2() / 7 + 1) as usize
}

/// The length of a nested message in its reserved bytes.
pub(super) fn padded_length(length: usize) -> [u8; LENGTH_BYTES] {
    // A request is bounded far below this; a longer one would be refused by any server.
    let length = length.min(MAX_LENGTH);
    std::array::from_fn(|index| {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the low seven bits are meant"
        )]
        let bits = (length >> (7 * index)) as u8 & 0x7f;
        if index + 1 < LENGTH_BYTES {
            bits | 0x80
        } else {
            bits
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
        let mut buffer = Vec::new();
        write(&mut Writer {
            buffer: &mut buffer,
        });
        buffer
    }

    #[test]
    fn varints_are_as_long_as_foretold() {
        for value in [
            0,
            1,
            127,
            128,
            300,
            16_383,
            16_384,
            u64::from(u32::MAX),
            u64::MAX,
        ] {
            let bytes = written(|writer| writer.varint(value));

            assert_eq!(bytes.len(), varint_len(value), "{value}");
        }
        assert_eq!(written(|writer| writer.varint(300)), [0xac, 0x02]);
    }

    #[test]
    fn a_padded_length_is_read_as_the_length() {
        for length in [0, 1, 127, 128, 65_536, MAX_LENGTH] {
            let padded = padded_length(length);

            let read = prost::decode_length_delimiter(&padded[..]).unwrap();

            assert_eq!(read, length);
        }
    }

    #[test]
    fn nested_messages_carry_their_length() {
        let bytes = written(|writer| {
            let outer = writer.begin(1);
            writer.text(5, "ab");
            writer.text(6, "");
            writer.end(outer);
        });

        assert_eq!(bytes, [0x0a, 0x84, 0x80, 0x80, 0x00, 0x2a, 2, b'a', b'b']);
    }
}

//! Who came: the spans of OTLP requests, told apart by their ids, read off the bytes.

/// Fields of the request, from the OTLP definition 1.5.
const RESOURCE_SPANS: u64 = 1;
const SCOPE_SPANS: u64 = 2;
const SPANS: u64 = 2;
const SPAN_ID: u64 = 2;

/// The spans that came, and how many of them were different ones.
#[derive(Default)]
pub struct Tally {
    pub spans: u64,
    /// All of them: a set would grow while a sender waits, and that would be the sender's loss.
    ids: Vec<[u8; 8]>,
}

impl Tally {
    /// Counts the spans of a request. What cannot be read is not there.
    pub fn add(&mut self, request: &[u8]) {
        for resource in of(RESOURCE_SPANS, request) {
            for scope in of(SCOPE_SPANS, resource) {
                for span in of(SPANS, scope) {
                    self.spans += 1;
                    let id = of(SPAN_ID, span).next();
                    self.ids
                        .extend(id.and_then(|id| <[u8; 8]>::try_from(id).ok()));
                }
            }
        }
    }

    pub fn distinct(mut self) -> usize {
        self.ids.sort_unstable();
        self.ids.dedup();
        self.ids.len()
    }
}

/// The contents of one field of a message.
fn of(field: u64, message: &[u8]) -> impl Iterator<Item = &[u8]> {
    Fields(message)
        .filter(move |(number, _)| *number == field)
        .map(|(_, content)| content)
}

/// The fields of a message that are messages, texts or bytes; the others are passed over.
struct Fields<'a>(&'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = (u64, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let tag = self.varint()?;
            match tag & 7 {
                0 => _ = self.varint()?,
                1 => _ = self.bytes(8)?,
                2 => {
                    let length = usize::try_from(self.varint()?).ok()?;
                    return Some((tag >> 3, self.bytes(length)?));
                }
                5 => _ = self.bytes(4)?,
                _ => return None,
            }
        }
    }
}

impl<'a> Fields<'a> {
    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A field that holds bytes, fewer than 128.
    fn field(number: u8, content: &[u8]) -> Vec<u8> {
        let mut bytes = vec![number << 3 | 2, content.len() as u8];
        bytes.extend_from_slice(content);
        bytes
    }

    fn span(id: u8) -> Vec<u8> {
        let flags = [0x85, 1, 0, 0, 0, 0]; // field 16, four bytes
        [
            field(1, &[9; 16]),
            field(2, &[id; 8]),
            field(5, b"name"),
            flags.to_vec(),
        ]
        .concat()
    }

    fn request(ids: &[u8]) -> Vec<u8> {
        let spans: Vec<u8> = ids.iter().flat_map(|id| field(2, &span(*id))).collect();
        field(1, &[field(1, b""), field(2, &spans)].concat())
    }

    #[test]
    fn spans_that_come_twice_are_told_from_those_that_differ() {
        let mut tally = Tally::default();

        tally.add(&request(&[1, 2]));
        tally.add(&request(&[2]));

        assert_eq!((tally.spans, tally.distinct()), (3, 2));
    }

    #[test]
    fn what_is_cut_off_is_not_counted_as_come() {
        let whole = request(&[1, 2]);
        for length in 0..whole.len() {
            let mut tally = Tally::default();
            tally.add(&whole[..length]);
            assert_eq!(tally.distinct(), 0, "{length} bytes");
        }
    }
}

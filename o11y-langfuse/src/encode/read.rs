//! The protobuf wire format, read: as much of it as our own encoder writes.

/// One field of a message.
#[cfg_attr(
    not(any(feature = "otlp", test)),
    expect(dead_code, reason = "only `otlp` reads numbers")
)]
pub(crate) enum Field<'a> {
    Number(u64),
    Fixed64(u64),
    /// Text, bytes or a message.
    Bytes(&'a [u8]),
}

/// The fields of a message in their order. What cannot be read ends them.
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = (u64, Field<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let tag = self.varint()?;
        let field = match tag & 7 {
            0 => Field::Number(self.varint()?),
            1 => {
                let (bytes, rest) = self.0.split_first_chunk()?;
                self.0 = rest;
                Field::Fixed64(u64::from_le_bytes(*bytes))
            }
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                let (bytes, rest) = self.0.split_at_checked(length)?;
                self.0 = rest;
                Field::Bytes(bytes)
            }
            _ => return None,
        };
        Some((tag >> 3, field))
    }
}

impl Fields<'_> {
    fn varint(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.0.split_first()?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_kind_of_field_is_read_and_damage_ends_them() {
        let bytes = [
            0x08, 0x96, 0x01, 0x12, 0x81, 0x00, 0x07, 0x19, 1, 0, 0, 0, 0, 0, 0, 0, 0x22,
        ];

        let read: Vec<_> = Fields(&bytes)
            .map(|(number, field)| match field {
                Field::Number(value) | Field::Fixed64(value) => (number, value),
                Field::Bytes(bytes) => (number, bytes.len() as u64),
            })
            .collect();

        assert_eq!(read, [(1, 150), (2, 1), (3, 1)]);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(Fields(&bytes).count() <= bytes.len());
        }
    }
}

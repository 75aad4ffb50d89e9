//! The wire format against hand-computed bytes, and malformed input.

use proptest::prelude::*;

use super::socket::split;
use super::{Attributes, Writer};

#[test]
fn attributes_are_padded_to_four_bytes() {
    let mut writer = Writer::new();
    writer.message(16, 5, 7, |w| {
        w.text(3, "lo");
        w.nest(18, |w| w.u8(1, 9));
    });
    let expected: &[u8] = &[
        36, 0, 0, 0, 16, 0, 5, 0, 7, 0, 0, 0, 0, 0, 0, 0, // header
        7, 0, 3, 0, b'l', b'o', 0, 0, // text
        12, 0, 18, 0x80, 5, 0, 1, 0, 9, 0, 0, 0, // nest
    ];
    assert_eq!(writer.finish(), expected);
}

#[test]
fn a_message_reads_back() {
    let mut writer = Writer::new();
    writer.message(1, 0, 42, |w| {
        w.raw(&[0; 4]);
        w.be32(1, 77);
        w.nest(2, |w| w.text(5, "name"));
    });
    let messages = split(&writer.finish()).unwrap();
    assert_eq!(messages.len(), 1);
    let attributes = messages[0].attributes(4);
    assert_eq!(messages[0].sequence, 42);
    assert_eq!(attributes.be32(1), Some(77));
    assert_eq!(attributes.nested(2).unwrap().text(5), Some("name"));
}

proptest! {
    #[test]
    fn reading_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
        let count = Attributes(&bytes).count();
        prop_assert!(count <= bytes.len());
        if let Ok(messages) = split(&bytes) {
            for message in messages {
                prop_assert!(message.error().is_none_or(|(_, text)| text.is_none_or(|t| t.len() < 256)));
            }
        }
    }
}

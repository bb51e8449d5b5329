//! Datagrams of the original programs as they were captured from a wire: the reference for ours.
//!
//! ```text
//!   hosts   hub 10.94.0.10 mcaster    h1 10.94.0.11 gid 1    h3 10.94.0.13 gid 3    h4 10.94.0.14 no mserver
//!   ring    h1 monitors h3, so h3 is its ccw neighbour and it is the cw neighbour of h3
//! ```
//!
//! Written as hexadecimal digits in the fields of the header; `z28` stands for 28 bytes of zero.

/// Name and bytes of every datagram that is compared or mutated.
pub const GOLDEN: &[(&str, &str)] = &[
    ("JOIN_GROUP", "0001 0000 0000ffff 72696e67 z28 z8 0000 0078 0000 z34"),
    ("JOIN_ACK", "0001 0000 0000ffff 72696e67 z28 z8 0000 0082 0000 z34"),
    ("DUP_MEMBER", "0001 0000 0000ffff 72696e67 z28 z8 0000 0083 0000 z34"),
    ("LEAVE_GROUP", "0001 0000 0000ffff 72696e67 z28 z8 0000 0079 0000 z34"),
    ("LEAVE_ACK", "0001 0000 0000ffff 72696e67 z28 z8 0000 008c 0000 z34"),
    ("NO_MEMBER", "0001 0000 0000ffff 72696e67 z28 z8 0000 008e 0000 z34"),
    ("NO_GROUP", "0001 0000 0000ffff 6e6f67726f7570 z25 z8 0000 008d 0000 z34"),
    ("QUERY", "0001 0000 0000ffff 72696e67 z28 z8 0001 0000 0003 z34"),
    ("REPLY", "0001 0000 0000ffff 72696e67 z28 z8 0003 0001 0001 z34"),
    (
        "APP_MESSAGE",
        "0001 0000 0000ffff 72696e67 z28 0007 0000 01020304 0004 004c 0002 0000 00000000 0000 0000 \
         100d5bf0 0002 0000 100d5c00 0001 0000 40800894 00000005 \
         0003 0005 0007 68656c6c6f",
    ),
    (
        "JOIN_ACK_echo",
        "0001 aaaa 0000ffff 677270 00 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa \
         1112 aaaa 00000000 0000 0082 2122 aaaa 0a0b0c0d 5152 aaaa \
         00000000 0000 aaaa 00000000 0000 aaaa 00000000 00000000",
    ),
    (
        "request of JOIN_ACK_echo",
        "0009 aaaa 61626364 677270 00 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa \
         1112 aaaa 01020304 2122 0078 3132 aaaa 0a0b0c0d 5152 aaaa \
         deadbeef 0000 aaaa deadbeef 0000 aaaa deadbeef 00000000",
    ),
];

/// The bytes of the datagram called `name`.
pub fn golden(name: &str) -> Vec<u8> {
    let (_, text) = GOLDEN.iter().find(|(n, _)| *n == name).expect("a name of the list");
    let mut bytes = Vec::new();
    for word in text.split_whitespace() {
        match word.strip_prefix('z') {
            Some(zeros) => bytes.resize(bytes.len() + zeros.parse::<usize>().unwrap(), 0),
            None => {
                bytes.extend(word.as_bytes().chunks(2).map(|pair| {
                    u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()
                }))
            }
        }
    }
    bytes
}

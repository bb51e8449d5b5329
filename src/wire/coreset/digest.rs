//! The digest of a view: what makes two views the same.
//!
//! ```text
//!  first 16 bytes of the SHA-256 of
//!  +--------+---------+-------+------+--------+--------+---------+---------+------+-------------------+
//!  | number | batches | level | name | parent | former | members | parents | done | what the change   |
//!  |  (2)   |   (8)   |       |      |        |        |         |         |      | decides besides   |
//!  +--------+---------+-------+------+--------+--------+---------+---------+------+-------------------+
//! ```
//!
//! The bytes are those of a view on the wire without the digest of its position; those of the parents'
//! positions have theirs, so a digest covers the whole line that a view is on. It does not cover the id of the
//! change: two changes with one result on one view make one view. Whatever is added to a view on the wire
//! must not come in here, or mservers of two versions would never agree.

use super::{Operation, View};
use crate::name::Digest;
use crate::wire::cursor::Writer;
use sha2::{Digest as _, Sha256};

/// The digest of a view; that in its position is not looked at. `extra` is what the change that made it decides
/// besides the view: the operations ([`encode_operations`]); of a Split a byte, 1 for the side that
/// goes and 0 for the one that stays; nothing for other changes.
pub fn digest_of(view: &View, extra: &[u8]) -> Digest {
    let mut writer = Writer::default();
    writer.u16(view.position.num.0);
    writer.u64(view.position.k);
    writer.rest_of_view(view);
    let sum = Sha256::new().chain_update(&writer.0).chain_update(extra).finalize();
    let mut first = [0; 16];
    first.copy_from_slice(&sum[..16]);
    Digest(first)
}

/// The bytes of a batch of operations, as an APPLICATION change has them.
pub fn encode_operations(operations: &[Operation]) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.operations(operations);
    writer.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::{Gid, Incarnation};
    use crate::wire::coreset::{Done, Life, Member, Position, SetName};
    use std::net::SocketAddrV4;

    fn life(n: u8) -> Life {
        let address = SocketAddrV4::new([10, 0, 0, n].into(), 2900);
        Life { address, inc: Incarnation(n.into()) }
    }

    fn view() -> View {
        let done = |n| Done { origin: life(n), number: 1 };
        View {
            position: Position::default(),
            level: 1,
            name: SetName { base: "ring".parse().unwrap(), suffix: None },
            members: vec![
                Member { gid: Gid(1), life: life(1) },
                Member { gid: Gid(2), life: life(2) },
            ],
            parents: vec![Position::default()],
            parent: Some(life(1).address),
            former: None,
            done: vec![done(1), done(2)],
        }
    }

    #[test]
    fn everything_of_a_view_but_its_digest_is_in_the_digest() {
        let changes: [fn(&mut View); 15] = [
            |v| v.position.num = v.position.num.next(),
            |v| v.position.k += 1,
            |v| v.level += 1,
            |v| v.name.base = "rung".parse().unwrap(),
            |v| v.name.suffix = Some(Gid(1)),
            |v| v.members.swap(0, 1),
            |v| v.members.truncate(1),
            |v| v.members[0].gid = Gid(3),
            |v| v.members[0].life.inc = Incarnation(9),
            |v| v.members[0].life.address.set_port(2901),
            |v| v.parents[0].digest.0[15] ^= 1,
            |v| v.parents.push(Position::default()),
            |v| v.former = v.parent.take(),
            |v| v.done[1].number += 1,
            |v| v.done.truncate(1),
        ];
        let mut digests = vec![digest_of(&view(), b""), digest_of(&view(), b"x")];
        for change in changes {
            let mut other = view();
            change(&mut other);
            digests.push(digest_of(&other, b""));
        }
        let count = digests.len();
        digests.sort_unstable();
        digests.dedup();
        assert_eq!(digests.len(), count);
        let mut same = view();
        same.position.digest = Digest([7; 16]);
        assert_eq!(digest_of(&same, b""), digest_of(&view(), b""));
    }

    #[test]
    fn the_digest_is_that_of_other_implementations() {
        let bytes = "0000 0000000000000000 01 ffff 04 72696e67 01 0a0000010b54 00 \
             0002 0001 0a0000010b54 00000001 0002 0a0000020b54 00000002 \
             01 0000 0000000000000000 00000000000000000000000000000000 \
             0002 0a0000010b54 00000001 0000000000000001 0a0000020b54 00000002 0000000000000001";
        let digits: Vec<u8> = bytes.bytes().filter(u8::is_ascii_hexdigit).collect();
        let digit = |b: u8| char::from(b).to_digit(16).unwrap() as u8;
        let bytes: Vec<u8> = digits.chunks(2).map(|p| digit(p[0]) << 4 | digit(p[1])).collect();
        assert_eq!(digest_of(&view(), b"").0[..], Sha256::digest(&bytes)[..16]);
    }
}

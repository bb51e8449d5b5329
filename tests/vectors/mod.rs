//! Reads `originals.json`: the datagrams of 1994 and what they say.

// Each test binary that includes this reads other fields.
#![allow(dead_code)]

use membership::name::{Gid, GroupName, Rank};
use membership::wire::Header;
use serde_json::Value;
use std::net::SocketAddrV4;
use std::ops::Range;

/// A captured datagram and what is known of it.
pub struct Vector {
    pub name: String,
    pub datagram: Vec<u8>,
    /// Whose message it is, where an mcaster relayed it.
    pub prefix: Option<SocketAddrV4>,
    pub header: Header,
    /// The name of the message type.
    pub kind: String,
    pub exclude: Vec<Gid>,
    pub subjects: Vec<Gid>,
    pub data: Vec<u8>,
    /// What it is the answer to.
    pub request: Option<Vec<u8>>,
    /// Bytes of the datagram that mean nothing.
    pub ignore: Vec<Range<usize>>,
    /// Bytes of the datagram that its sender never wrote.
    pub stale: Vec<Range<usize>>,
}

/// All of them.
pub fn all() -> Vec<Vector> {
    let file: Value = serde_json::from_str(include_str!("originals.json")).expect("JSON");
    let vectors: Vec<_> = array(&file["datagrams"]).iter().map(Vector::read).collect();
    assert_eq!(vectors.len(), 18);
    vectors
}

impl Vector {
    fn read(value: &Value) -> Vector {
        let prefix = value.get("prefix").map(|p| text(p).parse().expect("address and port"));
        Vector {
            name: text(&value["name"]).to_owned(),
            datagram: bytes(&value["hex"]),
            prefix,
            header: header(&value["header"]),
            kind: text(&value["header"]["type"]).to_owned(),
            exclude: gids(&value["exclude"]),
            subjects: gids(&value["subjects"]),
            data: text(&value["data"]).as_bytes().to_vec(),
            request: value.get("request").map(bytes),
            ignore: ranges(&value["ignore"]),
            stale: ranges(&value["stale"]),
        }
    }

    /// The datagram with zeros where nothing was meant: what we send in its place.
    pub fn cleaned(&self) -> Vec<u8> {
        let mut datagram = self.datagram.clone();
        for range in self.ignore.iter().chain(&self.stale) {
            datagram[range.clone()].fill(0);
        }
        datagram
    }
}

fn header(value: &Value) -> Header {
    let mut field = [0; GroupName::FIELD];
    let group = text(&value["group"]);
    field[..group.len()].copy_from_slice(group.as_bytes());
    Header {
        group: GroupName::from_field(&field).expect("at most 31 bytes"),
        view: number(&value["view"]) as u16,
        authentication: number(&value["authentication"]) as u32,
        sender: Gid(number(&value["sender"]) as u16),
        code: number(&value["code"]) as u16,
        subject: Gid(number(&value["subject"]) as u16),
        subject_addr: text(&value["subject_addr"]).parse().expect("address"),
        subject_rank: Rank(number(&value["subject_rank"]) as u16),
    }
}

fn array(value: &Value) -> &[Value] {
    value.as_array().expect("array")
}

fn text(value: &Value) -> &str {
    value.as_str().expect("string")
}

fn number(value: &Value) -> u64 {
    value.as_u64().expect("number")
}

fn bytes(lines: &Value) -> Vec<u8> {
    let hex: String = array(lines).iter().map(text).collect();
    let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex");
    (0..hex.len()).step_by(2).map(byte).collect()
}

fn gids(value: &Value) -> Vec<Gid> {
    array(value).iter().map(|gid| Gid(number(gid) as u16)).collect()
}

fn ranges(value: &Value) -> Vec<Range<usize>> {
    let range = |pair: &Value| number(&pair[0]) as usize..number(&pair[1]) as usize;
    array(value).iter().map(range).collect()
}

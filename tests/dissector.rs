//! etc/wireshark/ms.lua says what the program says: its tables are the program's, and tshark with it reads
//! the datagrams of the originals, and damaged ones, as `wire` does.
//!
//! What needs tshark is ignored by default: `cargo test --test dissector -- --ignored` runs it, and says
//! so where there is none.

#[path = "coreset/examples.rs"]
mod examples;
#[path = "decode/fixture.rs"]
mod fixture;

use fixture::{Original, ipv4, originals, pcap};
use membership::wire::checksum::{self, Checksum};
use membership::wire::{Draft, HEADER_LEN, Header, Kind, Message, Sum, TABLE, prefix};
use membership::wire::{auth, coreset, fragment};
use std::io::Write;
use std::net::SocketAddrV4;
use std::process::{Command, Stdio};

const DISSECTOR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/etc/wireshark/ms.lua");
/// What tshark prints of a packet, in this order; the last is an error of Lua.
const FIELDS: [&str; 23] = [
    "ms.prefix.family",
    "ms.prefix.port",
    "ms.prefix.addr",
    "ms.vers",
    "ms.checksum",
    "ms.checksum.status",
    "ms.group",
    "ms.view",
    "ms.auth",
    "ms.sender",
    "ms.type",
    "ms.subject",
    "ms.subject_addr",
    "ms.subject_rank",
    "ms.exclude",
    "ms.subjects",
    "ms.data",
    "ms.payload",
    "ms.body",
    "_ws.col.Protocol",
    "_ws.col.Info",
    "_ws.expert.message",
    "_ws.lua.text",
];
/// Where the payload and the columns of tshark begin among them.
const PAYLOAD: usize = 17;
const PROTOCOL: usize = 19;

/// What is in a table of the dissector.
fn lua_table(name: &str) -> String {
    let lua = std::fs::read_to_string(DISSECTOR).unwrap();
    let (_, rest) = lua.split_once(&format!("local {name} = {{")).expect("the table is there");
    rest.split_once('}').expect("the table ends").0.trim().to_owned()
}

#[test]
fn the_types_of_the_dissector_are_those_of_the_table() {
    let expected: Vec<String> =
        TABLE.iter().map(|row| format!("[{}] = \"{}\",", row.code, row.name)).collect();
    let table = lua_table("TYPES");
    let found: Vec<&str> = table.lines().map(str::trim).collect();
    assert_eq!(found, expected);
}

#[test]
fn the_payloads_of_the_dissector_are_those_of_the_program() {
    let payloads = [
        (coreset::KIND, "core-set"),
        (fragment::KIND, "fragment"),
        (auth::PAYLOAD_KIND, "authentication"),
    ];
    let bodies = coreset::BODIES.iter().zip(0..).map(|(name, code)| (code, *name)).collect();
    for (name, rows) in [("PAYLOADS", payloads.to_vec()), ("BODIES", bodies)] {
        let rows = rows.iter().map(|(code, name)| format!("[{code}] = \"{name}\","));
        assert!(lua_table(name).lines().map(str::trim).eq(rows), "{name}");
    }
}

#[test]
fn the_types_with_garbage_for_a_length_are_those_of_the_program() {
    let bare: Vec<String> = TABLE
        .iter()
        .filter(|row| row.kind.data_len_may_be_garbage())
        .map(|row| row.code.to_string())
        .collect();
    assert_eq!(lua_table("BARE"), bare.join(", "));
}

/// What tshark says of each packet, or `None` where there is no tshark.
fn tshark(packets: &[Vec<u8>]) -> Option<Vec<Vec<String>>> {
    let mut command = Command::new("tshark");
    command.args(["-X", &format!("lua_script:{DISSECTOR}"), "-r", "-", "-T", "fields"]);
    command.args(["-E", "separator=/t", "-E", "aggregator=;"]);
    for field in FIELDS {
        command.args(["-e", field]);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            eprintln!("skipped: tshark is not installed");
            return None;
        }
        Err(error) => panic!("tshark: {error}"),
    };
    let file = pcap(true, false, 101, packets);
    let mut stdin = child.stdin.take().expect("stdin is piped");
    // A thread of its own, lest tshark wait for us to read while we wait for it to.
    let writer = std::thread::spawn(move || stdin.write_all(&file));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && !complaints.contains("Lua"), "{complaints}");
    let text = String::from_utf8(output.stdout).unwrap();
    let rows: Vec<Vec<String>> =
        text.lines().map(|line| line.split('\t').map(String::from).collect()).collect();
    assert_eq!(rows.len(), packets.len());
    Some(rows)
}

fn join<T: ToString>(items: impl Iterator<Item = T>) -> String {
    items.map(|item| item.to_string()).collect::<Vec<_>>().join(";")
}

/// What tshark must say of a message that makes sense, up to its payload.
fn fields(prefix: Option<SocketAddrV4>, bytes: &[u8], message: &Message<'_>) -> Vec<String> {
    let header = &message.header;
    let status = match checksum::check(bytes) {
        Checksum::None => "none",
        Checksum::Good => "good",
        Checksum::Bad { .. } => "bad",
    };
    let sum = u32::from_be_bytes(bytes[4..8].try_into().unwrap());
    let data: String = message.data.iter().map(|byte| format!("{byte:02x}")).collect();
    vec![
        prefix.map_or(String::new(), |_| "2".into()),
        prefix.map_or(String::new(), |sender| sender.port().to_string()),
        prefix.map_or(String::new(), |sender| sender.ip().to_string()),
        "1".into(),
        format!("0x{sum:08x}"),
        status.into(),
        lua_name(header.group.as_bytes()),
        header.view.to_string(),
        format!("0x{:08x}", header.authentication),
        header.sender.to_string(),
        header.code.to_string(),
        header.subject.to_string(),
        header.subject_addr.to_string(),
        header.subject_rank.to_string(),
        join(message.exclude.iter()),
        join(message.subjects.iter()),
        data,
    ]
}

/// A group name as the dissector writes it.
fn lua_name(name: &[u8]) -> String {
    name.iter()
        .map(|&b| match b {
            b'\\' => "\\x5c".into(),
            b' '..=b'~' => char::from(b).to_string(),
            _ => format!("\\x{b:02x}"),
        })
        .collect()
}

fn packet(original: &Original) -> Vec<u8> {
    ipv4(original.source, original.destination, &original.bytes)
}

#[test]
#[ignore = "needs tshark"]
fn tshark_reads_the_originals_as_we_do() {
    let originals = originals();
    let packets: Vec<Vec<u8>> = originals.iter().map(packet).collect();
    let Some(rows) = tshark(&packets) else { return };
    for (original, row) in originals.iter().zip(rows) {
        let (sender, bytes) = match original.destination.port() {
            3000 => prefix::decode(&original.bytes).map(|(who, bytes)| (Some(who), bytes)).unwrap(),
            _ => (None, &original.bytes[..]),
        };
        let message = Message::decode(bytes).unwrap();
        assert_eq!(row[..PAYLOAD], fields(sender, bytes, &message), "{}", original.name);
        assert_eq!(row[PROTOCOL], "MS");
        let header = &message.header;
        let kind = header.kind().expect("a type of the table");
        let info = format!("{kind} {} {} -> {}", header.group, header.sender, header.subject);
        assert!(row[PROTOCOL + 1].starts_with(&info), "{row:?}");
        assert_eq!(row[PROTOCOL + 2..].concat(), "", "{}: nothing is odd", original.name);
    }
    let query = originals.iter().position(|original| original.name == "QUERY").unwrap();
    let rows = tshark(&packets[query..=query]).unwrap();
    assert_eq!(rows[0][PROTOCOL + 1], "QUERY ring 1 -> 3");
}

#[test]
#[ignore = "needs tshark"]
fn tshark_reads_every_message_of_the_table_and_its_checksum() {
    let from = "10.0.0.1:2900".parse().unwrap();
    let to = "10.0.0.2:2901".parse().unwrap();
    let drafts: Vec<Vec<u8>> = TABLE
        .iter()
        .map(|row| {
            let header = Header::new("ring".parse().unwrap(), row.kind);
            let data = vec![row.code as u8; row.code.into()];
            Draft { data: &data, ..Draft::bare(header) }.to_vec(Sum::Crc).unwrap()
        })
        .collect();
    let packets: Vec<Vec<u8>> = drafts.iter().map(|bytes| ipv4(from, to, bytes)).collect();
    let Some(rows) = tshark(&packets) else { return };
    for ((bytes, row), table) in drafts.iter().zip(rows).zip(TABLE) {
        let message = Message::receive(bytes, false).unwrap();
        assert_eq!(row[..PAYLOAD], fields(None, bytes, &message), "{}", table.name);
        assert_eq!(row[PROTOCOL + 1], format!("{} ring 0 -> 0", table.name));
        assert_eq!(row[PROTOCOL + 2..].concat(), "", "{}", table.name);
    }
}

#[test]
#[ignore = "needs tshark"]
fn tshark_names_the_payload_of_a_core_set() {
    let from = "10.94.0.1:2900".parse().unwrap();
    let datagrams = examples::datagrams();
    let packets: Vec<Vec<u8>> = datagrams.iter().map(|bytes| ipv4(from, from, bytes)).collect();
    let Some(rows) = tshark(&packets) else { return };
    for ((name, message), row) in examples::examples().into_iter().zip(rows) {
        assert_eq!(row[PAYLOAD..PROTOCOL], ["1".into(), message.body.code().to_string()], "{name}");
        assert_eq!(row[PROTOCOL + 2..].concat(), "", "{name}");
    }
}

/// A small generator of numbers that look random: the same on every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) as usize % limit
    }
}

#[test]
#[ignore = "needs tshark"]
fn tshark_complains_of_a_damaged_message_exactly_where_we_do() {
    let seed = 1994;
    eprintln!("seed {seed}");
    let (mut numbers, originals) = (Numbers(seed), originals());
    let damaged: Vec<Original> = (0..1000)
        .map(|_| {
            let mut original = originals[numbers.below(originals.len())].clone();
            for _ in 0..numbers.below(3) {
                // Most changes go to where the lengths and the version are.
                let places = [0, 1, 39, 51, 68, 69, 76, 77, 84, 85, 86, 87];
                let at = match numbers.below(3) {
                    0 => numbers.below(original.bytes.len()),
                    _ => places[numbers.below(places.len())],
                };
                original.bytes[at] = numbers.below(256) as u8;
            }
            if numbers.below(4) == 0 {
                let len = 1 + numbers.below(original.bytes.len());
                original.bytes.truncate(len);
            }
            original
        })
        .collect();
    let packets: Vec<Vec<u8>> = damaged.iter().map(packet).collect();
    let Some(rows) = tshark(&packets) else { return };
    let (mut good, mut bad) = (0, 0);
    for (original, row) in damaged.iter().zip(rows) {
        assert_eq!(row[PROTOCOL + 3], "", "no error of Lua: {original:?}");
        let plain = (None, &original.bytes[..]);
        let (sender, bytes) = match prefix::decode(&original.bytes) {
            Ok((who, bytes)) if original.destination.port() == 3000 => (Some(who), bytes),
            _ => plain,
        };
        let complaint = &row[PROTOCOL + 2];
        let decoded = Message::decode(bytes);
        let sound = decoded.is_ok() && !matches!(checksum::check(bytes), Checksum::Bad { .. });
        match decoded {
            Ok(message) if sound => {
                good += 1;
                assert_eq!(row[..PAYLOAD], fields(sender, bytes, &message), "{original:?}");
                let odd = message.kind().is_none() || has_garbage_length(bytes, &message);
                assert_eq!(complaint.is_empty(), !odd, "{complaint}: {original:?}");
            }
            _ => {
                bad += 1;
                assert!(!complaint.is_empty(), "{original:?}");
            }
        }
    }
    assert!(good > 100 && bad > 100, "both must happen: {good} good, {bad} bad");
}

fn has_garbage_length(bytes: &[u8], message: &Message<'_>) -> bool {
    bytes.len() == HEADER_LEN
        && message.kind().is_some_and(Kind::data_len_may_be_garbage)
        && bytes[84..88] != [0; 4]
}

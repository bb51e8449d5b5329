//! `ms decode`, as a person meets it: whole transcripts, every format, and garbage by the bucket.
//!
//! A transcript is the file tests/decode/NAME.out; `REWRITE=1` accepts what comes out.

#[path = "decode/fixture.rs"]
mod fixture;

use fixture::{Original, ethernet, ipv4, originals, pcap, pcapng};
use membership::cmd::decode;
use membership::wire::checksum::{self, Checksum};
use membership::wire::{Draft, HEADER_LEN, Header, Message, Sum, TABLE, prefix};
use proptest::prelude::*;
use serde_json::Value;
use std::fmt::Write;

/// What a run of `ms decode` did.
#[derive(Debug, PartialEq)]
struct Ran {
    out: String,
    err: String,
    status: i32,
}

fn run(args: &[&str], mut stdin: &[u8]) -> Ran {
    let args: Vec<String> = args.iter().map(|&arg| arg.into()).collect();
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let status = decode::run(&args, &mut stdin, &mut out, &mut err);
    let text = |bytes| String::from_utf8(bytes).expect("output is text");
    Ran { out: text(out), err: text(err), status }
}

fn digits(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn objects(out: &str) -> Vec<Value> {
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn original(name: &str) -> Original {
    originals().into_iter().find(|original| original.name == name).expect("a name of originals.hex")
}

/// Compares a run with its transcript.
fn compare(name: &str, args: &[&str], stdin: &[u8]) {
    let ran = run(args, stdin);
    let mut found = format!("$ ms decode {}\n{}", args.join(" "), ran.out);
    writeln!(found, "[stderr]\n{}[exit status {}]", ran.err, ran.status).unwrap();
    let path = format!("{}/tests/decode/{name}.out", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("REWRITE").is_some() {
        std::fs::write(&path, &found).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(found, expected, "{path} differs; REWRITE=1 accepts");
}

/// The originals' datagrams as packets of the LAN they were captured on.
fn packets() -> Vec<Vec<u8>> {
    let all = originals();
    all.iter()
        .map(|original| ipv4(original.source, original.destination, &original.bytes))
        .collect()
}

fn frames() -> Vec<Vec<u8>> {
    packets().iter().map(|packet| ethernet(packet)).collect()
}

#[test]
fn every_datagram_of_the_originals_is_printed() {
    compare("originals", &["tests/decode/originals.hex"], b"");
    compare("originals-json", &["--json", "tests/decode/originals.hex"], b"");
}

#[test]
fn what_mservers_say_to_one_another_is_printed() {
    compare("coreset", &["tests/decode/coreset.hex"], b"");
    compare("coreset-json", &["--json", "tests/decode/coreset.hex"], b"");
}

#[test]
fn what_is_said_about_groups_is_printed() {
    compare("group", &["tests/decode/group.hex"], b"");
    compare("group-json", &["--json", "tests/decode/group.hex"], b"");
}

#[test]
fn a_payload_that_makes_no_sense_is_said_to_make_none() {
    let hex = std::fs::read_to_string("tests/decode/coreset.hex").unwrap();
    let query = hex.lines().find(|line| line.starts_with("00")).unwrap();
    let mut bytes: Vec<u8> = (0..query.len() / 2)
        .map(|i| u8::from_str_radix(&query[2 * i..2 * i + 2], 16).unwrap())
        .collect();
    // The code of the body: behind the fixed part and a gid, two bytes into the data.
    bytes[HEADER_LEN + 2 + 2] = 0xFE;
    let sum = checksum::compute(&bytes);
    bytes[4..8].copy_from_slice(&sum.to_be_bytes());
    let ran = run(&["-j", &digits(&bytes)], b"");
    assert_eq!(objects(&ran.out)[0]["payload"], "core-set, malformed payload: body: unknown");
}

#[test]
fn garbage_is_explained() {
    compare("garbage", &["tests/decode/garbage.hex"], b"");
    compare("garbage-json", &["--json", "tests/decode/garbage.hex"], b"");
}

#[test]
fn builds_for_other_machines_are_named() {
    compare("foreign", &["tests/decode/foreign.hex"], b"");
}

#[test]
fn a_capture_is_printed_with_time_and_addresses() {
    compare("capture", &["-"], &pcap(true, false, 1, &frames()));
    compare("capture-json", &["-j"], &pcapng(false, 1, &frames()));
}

#[test]
fn every_format_of_captures_says_the_same() {
    let expected = run(&["-j"], &pcapng(true, 1, &frames())).out;
    assert_eq!(expected.lines().count(), originals().len());
    assert_eq!(run(&["-j"], &pcapng(false, 1, &frames())).out, expected);
    assert_eq!(run(&["-j"], &pcap(false, true, 1, &frames())).out, expected);
    assert_eq!(run(&["-j"], &pcap(true, true, 1, &frames())).out, expected);
    let micro = expected.replace(".500000000Z", ".500000Z");
    assert_eq!(run(&["-j"], &pcap(false, false, 1, &frames())).out, micro);
    assert_eq!(run(&["-j"], &pcap(true, false, 1, &frames())).out, micro);
}

#[test]
fn every_link_layer_says_the_same() {
    let expected = run(&["-j"], &pcap(true, false, 1, &frames())).out;
    let wrap = |before: &[u8], after: &[u8]| -> Vec<Vec<u8>> {
        packets().iter().map(|packet| [before, packet, after].concat()).collect()
    };
    let cooked = [0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 8, 0];
    let cooked2 = [8, 0, 0, 0, 0, 0, 0, 2, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0];
    let vlan = b"\x02\0\0\0\0\x01\x02\0\0\0\0\x02\x81\0\0\x07\x08\0";
    let double = b"\x02\0\0\0\0\x01\x02\0\0\0\0\x02\x88\xa8\0\x09\x81\0\0\x07\x08\0";
    let plain = b"\x02\0\0\0\0\x01\x02\0\0\0\0\x02\x08\0";
    for (link, packets) in [
        (101, wrap(b"", b"")),
        (228, wrap(b"", b"")),
        (12, wrap(b"", b"")),
        (0, wrap(b"\x02\0\0\0", b"")),
        (0, wrap(b"\0\0\0\x02", b"")),
        (108, wrap(b"\0\0\0\x02", b"")),
        (113, wrap(&cooked, b"")),
        (276, wrap(&cooked2, b"")),
        (1, wrap(vlan, b"")),
        (1, wrap(double, b"")),
        // A frame check sequence behind the packet is no part of the message.
        (1, wrap(plain, &[0xAA; 4])),
    ] {
        let ran = run(&["-j"], &pcap(true, false, link, &packets));
        assert_eq!(ran, Ran { out: expected.clone(), err: "".into(), status: 0 }, "link {link}");
    }
    let ran = run(&[], &pcap(true, false, 105, &packets()));
    assert_eq!((ran.status, ran.out.as_str()), (65, ""));
    assert!(ran.err.contains("link type 105"), "{}", ran.err);
}

#[test]
fn a_packet_cut_short_is_told_from_a_message_cut_short() {
    let app = &original("APP_MESSAGE");
    let mut frame = ethernet(&ipv4(app.source, app.destination, &app.bytes));
    frame.truncate(frame.len() - 3);
    let ran = run(&["-j"], &pcap(true, false, 1, &[frame]));
    let object = &objects(&ran.out)[0];
    assert_eq!(object["exclude_gids"], serde_json::json!([3, 5]));
    assert_eq!(object["data_text"], "he");
    assert_eq!(object["error"]["offset"], 96);
    assert_eq!(object["error"]["reason"], "only 96 of the message's 99 bytes are captured");
    assert_eq!(ran.status, 65);
}

#[test]
fn fragments_are_reported_and_not_guessed() {
    let app = &original("APP_MESSAGE");
    let whole = ipv4(app.source, app.destination, &app.bytes);
    // 96 bytes of UDP, of which 8 are its header, and the rest.
    let mut first = whole[..20 + 96].to_vec();
    first[2..4].copy_from_slice(&116u16.to_be_bytes());
    first[6] = 0x20;
    let mut later = [&whole[..20], &whole[116..]].concat();
    let len = later.len() as u16;
    later[2..4].copy_from_slice(&len.to_be_bytes());
    later[6..8].copy_from_slice(&12u16.to_be_bytes());
    let ran = run(&["-j"], &pcap(true, false, 101, &[later, first]));
    let object = &objects(&ran.out)[0];
    assert_eq!(object["type"], "SUBMIT");
    assert_eq!(
        object["error"]["reason"],
        "only 88 of the message's 99 bytes are in this IPv4 fragment"
    );
    assert_eq!(ran.out.lines().count(), 1);
    assert_eq!(ran.status, 65);
    assert!(ran.err.contains("1 later IPv4 fragments"), "{}", ran.err);
}

#[test]
fn other_ports_are_passed_over_unless_asked_for() {
    let query = &original("QUERY");
    let packet =
        ipv4("10.0.0.1:1".parse().unwrap(), "10.0.0.2:4000".parse().unwrap(), &query.bytes);
    let file = pcap(true, false, 101, &[packet]);
    let ran = run(&[], &file);
    assert_eq!((ran.out.as_str(), ran.status), ("", 0));
    assert!(ran.err.contains("no UDP of port 2900, 3000, 2901 in 1 packets"), "{}", ran.err);
    let ran = run(&["--port", "4000"], &file);
    assert!(ran.out.contains("QUERY"), "{}", ran.out);
    assert_eq!((ran.err.as_str(), ran.status), ("", 0));
}

#[test]
fn a_damaged_capture_gives_what_is_before_the_damage() {
    let mut file = pcap(false, false, 1, &frames());
    file.truncate(file.len() - 10);
    let ran = run(&["-j"], &file);
    assert_eq!(ran.out.lines().count(), originals().len() - 1);
    assert_eq!(ran.status, 65);
    assert!(ran.err.contains("damaged behind packet 17: it ends there"), "{}", ran.err);
}

#[test]
fn a_message_may_be_an_argument_a_file_or_standard_input() {
    let Original { bytes, .. } = &original("QUERY");
    let hex = digits(bytes);
    let expected = run(&[&hex], b"");
    assert_eq!(expected.status, 0);
    assert!(expected.out.starts_with("version:        1\n"), "{}", expected.out);
    let spaced: Vec<String> = bytes.iter().map(|byte| format!("0x{byte:02X}")).collect();
    assert_eq!(run(&[&spaced.join(" ")], b""), expected);
    assert_eq!(run(&[&spaced.join(":").replace("0x", "")], b""), expected);
    assert_eq!(run(&[], bytes), expected);
    assert_eq!(run(&["-"], bytes), expected);
    let several = run(&[&hex, "-"], bytes);
    assert_eq!(several.out.matches("msg_type:       QUERY (0)").count(), 2);
    assert!(several.out.contains("\nstdin\n"), "{}", several.out);
}

#[test]
fn a_whole_packet_in_hex_is_found_out() {
    let Original { source, destination, bytes, .. } = &original("EXTENDED_to_h1");
    let packet = ipv4(*source, *destination, bytes);
    // Captured on its way out, before the network card put in the checksum of IPv4.
    let mut offloaded = packet.clone();
    offloaded[10..12].fill(0);
    for packet in [ethernet(&packet), packet, offloaded] {
        let ran = run(&["-j", &digits(&packet)], b"");
        let object = &objects(&ran.out)[0];
        assert_eq!(object["dst"], "10.94.0.11:3000");
        assert_eq!(object["prefix"], "10.94.0.14:2900");
        assert_eq!(ran.status, 0);
    }
}

#[test]
fn an_extended_message_needs_no_port_to_be_known() {
    let Original { bytes, .. } = &original("EXTENDED_to_h1");
    let ran = run(&[&digits(bytes)], b"");
    assert!(ran.out.starts_with("prefix:         10.94.0.14:2900 (family 2)\n"), "{}", ran.out);
    // And a plain one that went to the port of extended ones is a plain one.
    let query = &original("QUERY");
    let packet = ipv4(query.source, "10.94.0.11:3000".parse().unwrap(), &query.bytes);
    let ran = run(&["-j"], &pcap(true, false, 101, &[packet]));
    assert_eq!(ran.status, 0);
    assert_eq!(objects(&ran.out)[0].get("prefix"), None);
}

#[test]
fn what_is_wrong_with_an_input_decides_the_exit_status() {
    assert_eq!(run(&["--jason"], b"").status, 64);
    assert_eq!(run(&["--port", "0"], b"").status, 64);
    assert_eq!(run(&["--port", "\x1b"], b"").err.lines().next().unwrap().find('\x1b'), None);
    let ran = run(&["--help"], b"");
    assert_eq!((ran.status, ran.out), (0, decode::usage()));
    let ran = run(&["/nonexistent/file", "0001"], b"");
    assert_eq!(ran.status, 66);
    assert!(ran.err.contains("/nonexistent/file: "), "{}", ran.err);
    assert!(ran.out.contains("checksum at byte 2"), "the next input is read: {}", ran.out);
    assert_eq!(run(&[], b"").status, 65);
    assert_eq!(
        run(&[], b"no hex\n").err,
        "ms decode: stdin:1: neither hex nor a dump: \"no hex\"\n"
    );
    assert_eq!(run(&[], &[0; 70_000]).status, 65);
    assert_eq!(run(&["tests"], b"").status, 74);
}

/// A stream that is no good.
struct Broken(std::io::ErrorKind);

impl std::io::Write for Broken {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(self.0.into())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl std::io::Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        Err(self.0.into())
    }
}

#[test]
fn a_full_disk_is_an_error_and_a_closed_pipe_is_none() {
    use std::io::ErrorKind;
    for json in [&[][..], &["-j".to_string()]] {
        let mut full = Broken(ErrorKind::StorageFull);
        let bytes = original("JOIN_GROUP").bytes;
        assert_eq!(decode::run(json, &mut &bytes[..], &mut full, &mut Vec::new()), 74);
        let mut pipe = Broken(ErrorKind::BrokenPipe);
        assert_eq!(decode::run(json, &mut &bytes[..], &mut pipe, &mut Vec::new()), 0);
    }
    let mut stdin = Broken(ErrorKind::TimedOut);
    assert_eq!(decode::run(&[], &mut stdin, &mut Vec::new(), &mut Vec::new()), 74);
}

#[test]
fn every_message_of_the_table_is_printed_with_its_name() {
    for row in TABLE {
        let header = Header::new("ring".parse().unwrap(), row.kind);
        let bytes = Draft::bare(header).to_vec(Sum::Crc).unwrap();
        let ran = run(&[&digits(&bytes)], b"");
        let line = format!("\nmsg_type:       {} ({})\n", row.name, row.code);
        assert!(ran.out.contains(&line), "{}", ran.out);
        assert!(ran.out.contains(" (good)\n"), "{}", ran.out);
        let ran = run(&["-j", &digits(&bytes)], b"");
        assert_eq!(objects(&ran.out)[0]["type"], row.name);
    }
}

/// Whether a daemon would take the datagram, an unchecked one too.
fn is_message(bytes: &[u8]) -> bool {
    Message::decode(bytes).is_ok() && !matches!(checksum::check(bytes), Checksum::Bad { .. })
}

/// No output may do anything to a terminal.
fn is_harmless(ran: &Ran) -> bool {
    (ran.out.chars().chain(ran.err.chars())).all(|c| c == '\n' || c == ' ' || c.is_ascii_graphic())
}

fn judge(ran: &Ran, ran_json: &Ran, bytes: &[u8]) {
    assert!(is_harmless(ran), "{}", ran.out);
    assert!(is_harmless(ran_json), "{}", ran_json.out);
    let extended = prefix::decode(bytes).is_ok_and(|(_, message)| is_message(message))
        && bytes[8..16].iter().all(|&b| b == 0);
    let good = is_message(bytes) || extended;
    assert_eq!(ran.status, if good { 0 } else { 65 }, "{}", ran.out);
    assert_eq!(ran_json.status, ran.status);
    let error = objects(&ran_json.out)[0].get("error").cloned();
    assert_eq!(error.is_some(), !good);
    if let Some(error) = error {
        assert!(error["offset"].as_u64().unwrap() <= bytes.len() as u64, "{error}");
    }
}

fn changed(mut bytes: Vec<u8>, changes: &[(prop::sample::Index, u8)], cut: usize) -> Vec<u8> {
    for (at, value) in changes {
        let at = at.index(bytes.len());
        bytes[at] = *value;
    }
    bytes.truncate(bytes.len() - cut.min(bytes.len() - 1));
    bytes
}

fn changes() -> impl Strategy<Value = Vec<(prop::sample::Index, u8)>> {
    prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4)
}

proptest! {
    #[test]
    fn random_bytes_are_explained(bytes in prop::collection::vec(any::<u8>(), 1..300)) {
        let hex = digits(&bytes);
        judge(&run(&[&hex], b""), &run(&["-j", &hex], b""), &bytes);
        prop_assert!(is_harmless(&run(&[], &bytes)));
    }

    #[test]
    fn a_header_of_random_bytes_is_explained(
        mut bytes in prop::collection::vec(any::<u8>(), HEADER_LEN..300),
        lens in any::<(u8, u8, u8)>(),
    ) {
        bytes[..8].copy_from_slice(b"\0\x01\0\0\0\0\xff\xff");
        bytes[39] = 0;
        for (at, len) in [(68, lens.0), (76, lens.1)] {
            bytes[at..at + 2].copy_from_slice(&u16::from(len).to_be_bytes());
        }
        bytes[84..88].copy_from_slice(&u32::from(lens.2).to_be_bytes());
        let hex = digits(&bytes);
        judge(&run(&[&hex], b""), &run(&["-j", &hex], b""), &bytes);
    }

    #[test]
    fn a_damaged_message_is_explained(
        which in any::<prop::sample::Index>(),
        changes in changes(),
        cut in 0usize..120,
    ) {
        let originals = originals();
        let bytes = changed(which.get(&originals).bytes.clone(), &changes, cut);
        let hex = digits(&bytes);
        judge(&run(&[&hex], b""), &run(&["-j", &hex], b""), &bytes);
    }

    #[test]
    fn a_damaged_capture_is_explained(
        next_generation in any::<bool>(),
        big in any::<bool>(),
        changes in changes(),
        cut in 0usize..4000,
    ) {
        let file = if next_generation {
            pcapng(big, 1, &frames())
        } else {
            pcap(big, false, 1, &frames())
        };
        let ran = run(&[], &changed(file, &changes, cut));
        prop_assert!(is_harmless(&ran));
        prop_assert!(ran.status == 0 || ran.status == 65);
    }

    #[test]
    fn any_text_is_hex_or_refused(text in "[0-9a-f:#* |>\\n]{0,200}|(?s).{0,60}") {
        prop_assert!(is_harmless(&run(&[], text.as_bytes())));
    }
}

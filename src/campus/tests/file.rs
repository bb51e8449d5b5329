//! What is read, and what is refused.

use super::*;

fn faults(text: &str) -> Vec<String> {
    parse(text).unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn a_file_says_what_it_means() {
    let campus = parse(TWO_LEVELS).unwrap();
    assert_eq!(campus.sets.len(), 4);
    let west = &campus.sets[&name("west")];
    assert_eq!((west.level, west.address), (1, Some(at("239.1.1.1"))));
    assert_eq!(west.parents, [at("10.0.0.8")]);
    assert_eq!(west.mservers[&at("10.0.0.1")], Server { lan: Some(name("a")), mi: false });
    assert_eq!(west.mservers[&at("10.0.0.2")], Server { lan: None, mi: true });
    assert_eq!(campus.sets[&name("top")].level, 2, "one above those that it is the parent of");
    assert!(campus.lans[&name("a")].mis.contains(&at("10.0.0.101:2901")));
    assert_eq!(parse(&campus.to_string()).unwrap(), campus);
}

#[test]
fn every_fault_has_its_place_and_what_would_be_right() {
    let text = "\
st x {
}
set a.b { mserver 10.0.0.1 }
set x {
    level 0
    address 224.0.0.1
    parent
    mserver 10.0.0.300
    mserver 239.1.1.1
    mserver 10.0.0.2 lan
    mserver 10.0.0.3 mo
    level 1
    level 2
    frob 1
}
lan y {
    mi ::1
";
    let expected = [
        "1:1: st: must be set or lan",
        "3:5: set a.b: must have no dot: it sets off the suffix of a part",
        "5:11: level 0: must be 1 to 255",
        "6:13: address 224.0.0.1: must be a multicast address, 224.0.1.0 to 239.255.255.255, or the \
         address of an mcaster",
        "7:5: parent: has no value, must have some",
        "8:13: mserver 10.0.0.300: must be the IPv4 address of one host, address[:port]",
        "9:13: mserver 239.1.1.1: must be the IPv4 address of one host, address[:port]",
        "10:22: lan: must be followed by a name",
        "11:22: mserver 10.0.0.3: mo: must be lan NAME or mi",
        "13:5: level: stands in this block twice, must stand once",
        "14:5: frob: no keyword of a set, must be level, address, parent or mserver",
        "16:1: lan y: is not closed, must end with }",
        "16:5: lan y: no mserver has it, at least one must",
        "17:8: mi ::1: must be the IPv4 address of one host, address[:port]",
    ];
    assert_eq!(faults(text), expected);
    assert_eq!(faults("set"), ["1:1: set: must be followed by a name and {"]);
    assert_eq!(faults("set x y"), ["1:1: set x: must go on with {, not y"]);
    assert_eq!(faults(""), ["1:1: set: there is none, must be at least one"]);
    assert_eq!(
        faults("set x {\nlevel 1 2\n mserver 1.1.1.1\n}"),
        ["2:1: level: has 2 values, must have one"]
    );
    let unclosed = "set x {\n mserver 1.1.1.1\nset y {\n mserver 1.1.1.2\n}";
    assert_eq!(faults(unclosed), ["1:1: set x: is not closed, must end with }"]);
}

#[test]
fn what_does_not_fit_together_is_told() {
    let told = |text: &str, expected: &str| {
        let all = faults(text);
        assert!(all.iter().any(|fault| fault == expected), "{expected} in {all:#?}");
    };
    let x = "set x { mserver 10.0.0.1 }\n";
    told(&format!("{x}{x}"), "2:5: set x: the name stands here twice, must stand once");
    told(
        &format!("{x}lan x {{ mi 10.0.0.9 }}"),
        "2:5: lan x: the name stands here twice, must stand once",
    );
    told("set y { }", "1:5: set y: has no mserver, must have at least one");
    told(
        &format!("{x}set y {{ mserver 10.0.0.1 }}"),
        "2:17: mserver 10.0.0.1:2900: is in set x, must be in one set",
    );
    told(
        "set y {\nparent 10.0.0.9\nmserver 10.0.0.1 }",
        "2:8: parent 10.0.0.9:2900: must be a mserver of a set here",
    );
    told(
        "set y {\nparent 10.0.0.9\nmserver 10.0.0.1 }\nset z {\nlevel 3\nmserver 10.0.0.9 }",
        "2:8: parent 10.0.0.9:2900: is in set z of level 3, must be in one of level 2",
    );
    told(
        "set y {\nparent 10.0.0.1\nmserver 10.0.0.1 }",
        "1:5: set y: is above itself by its parents, must not",
    );
    told(
        "set y {\nparent 10.0.0.9\nmserver 10.0.0.1 }\nset z {\nmserver 10.0.0.9 mi }",
        "5:9: mserver 10.0.0.9:2900: is a parent of set y, must have neither lan nor mi",
    );
    let twice =
        "set y {\nparent 10.0.0.9\nmserver 10.0.0.1 }\nset v {\nparent 10.0.0.9\nmserver 10.0.0.2 }
        set z {\nmserver 10.0.0.9 }";
    told(twice, "5:8: parent 10.0.0.9:2900: is one of set y, must be of one set, once");
    told(
        "set y { mserver 10.0.0.1 lan a }\nlan a { mi 10.0.0.1:2900 }",
        "2:12: mi 10.0.0.1:2900: is a mserver already, must stand once",
    );
    told(
        "set y { mserver 10.0.0.1 lan a }\nlan a {\naddress 10.0.0.9\n}",
        "3:9: address 10.0.0.9:2900: must be a multicast address: no mcaster serves a lan",
    );
}

#[test]
fn the_commands_are_those_of_each_host() {
    let text = commands(&parse(TWO_LEVELS).unwrap());
    let expected = "\
# in the ms.groups of every host:
#     west 239.1.1.1
# 10.0.0.8
ms mserver --interface 10.0.0.8 --child west top
# 10.0.0.9
ms mserver --interface 10.0.0.9 --child east top
# 10.0.0.10
ms mserver --interface 10.0.0.10 --child east top2
# 10.0.0.3
ms mserver --interface 10.0.0.3 east
# 10.0.0.4
ms mserver --interface 10.0.0.4 --port 3900 east
# 10.0.0.1
ms mserver --interface 10.0.0.1 --lan a west
# 10.0.0.2
ms mserver --interface 10.0.0.2 --mi west
# 10.0.0.101
ms mi --interface 10.0.0.101 --lan a 10.0.0.1
# 10.0.0.102
ms mi --interface 10.0.0.102 --port 2999 --lan a 10.0.0.1
";
    assert_eq!(text, expected);
}

#[test]
fn a_shell_takes_every_name_as_it_is() {
    let text = "set Zürich { mserver 10.0.0.1 lan it's }\n";
    let campus = parse(text).unwrap();
    assert_eq!(parse(&campus.to_string()).unwrap(), campus);
    let line = command_of_mserver(&campus, at("10.0.0.1")).unwrap();
    assert_eq!(line, r"ms mserver --interface 10.0.0.1 --lan 'it'\''s' 'Zürich'");
}

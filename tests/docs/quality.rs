//! What ms(1) says of the quality of service is what can be chosen, and what of it is carried out.

use super::{page, section};
use membership::client::Qos;
use membership::proto::qos::NAMES;
use std::collections::BTreeSet;

/// What is not the usual, of each.
const CHOICES: [(&str, &str); 8] = [
    ("order", "weak"),
    ("batch", "10 or 50ms"),
    ("monitor", "fixed 1s x 3"),
    ("roster", "count"),
    ("survive", "size >= 2 and (majority or tag role=db)"),
    ("merge", "member 10.0.0.1:2901/7"),
    ("name-scope", "2"),
    ("membership-scope", "campus"),
];

#[test]
fn every_choice_stands_in_the_manual_with_what_it_can_be() {
    let text = section(&page("ms.1"), ".Ss Quality of service");
    let items: BTreeSet<&str> = text
        .lines()
        .filter_map(|l| l.strip_prefix(".It Cm "))
        .map(|l| l.split(' ').next().unwrap())
        .collect();
    assert_eq!(items, NAMES.into());
    assert_eq!(CHOICES.map(|(name, _)| name), NAMES);
    for word in ["weak", "batch off", "fixed", "count", "majority", "size >=", "size <", "a colon"]
    {
        assert!(text.contains(word), "{word}");
    }
}

#[test]
fn what_is_not_carried_out_stands_in_the_manual() {
    let mut not_yet = BTreeSet::new();
    for (name, words) in CHOICES {
        let mut qos = Qos::default();
        qos.set(name, words).unwrap();
        assert_eq!(qos.get(name).as_deref(), Some(words));
        if let Err(why) = qos.supported() {
            assert_eq!(why.name, name);
            not_yet.insert(name.to_string());
        }
    }
    let text = section(&page("ms.1"), ".Ss Quality of service");
    let (_, rest) = text.split_once("compares with the program begins here.").unwrap();
    let (named, _) = rest.split_once(".\\\"").unwrap();
    let is_name = |word: &&str| NAMES.contains(word);
    let named: BTreeSet<String> =
        named.split_whitespace().filter(is_name).map(str::to_string).collect();
    assert_eq!(named, not_yet, "what is carried out by now is taken away there, or the reverse");
}

//! III.A.3 and IV.A: monitoring in pairs, timeouts, retries.

use super::*;
use membership::proto::coreset::SetParams;
use membership::sim::scenario::params;
use std::collections::BTreeSet;

/// Who asks whom, in a set that is left alone for one round.
fn pairs(play: &mut Play) -> BTreeSet<(HostId, HostId)> {
    let begun = play.now();
    play.run(params().query + 5);
    let queries = sent(play, Kind::Query);
    queries.iter().filter(|sent| sent.tick > begun).map(|sent| (sent.from, sent.to[0])).collect()
}

/// Page 22: each mserver monitors one other, and is monitored by one.
#[test]
fn each_monitors_one_and_is_monitored_by_one() {
    let mut play = Play::of(&[0, 1, 2, 3, 4]);
    assert_eq!(pairs(&mut play), BTreeSet::from([(0, 4), (1, 0), (2, 1), (3, 2), (4, 3)]));
}

/// Page 22: a newcomer is monitored by the oldest, and monitors the one that was the youngest.
#[test]
fn a_newcomer_stands_between_the_oldest_and_the_youngest() {
    let mut play = Play::with(&[0, 1, 2], 1, params());
    assert!(pairs(&mut play).contains(&(0, 2)));
    play.start(3, Founding::Never);
    play.rest_in(&[&[0, 1, 2, 3]]);
    let pairs = pairs(&mut play);
    assert!(pairs.contains(&(0, 3)) && pairs.contains(&(3, 2)) && !pairs.contains(&(0, 2)));
}

/// Page 22, and 41: every Query is answered with a Reply.
#[test]
fn every_query_is_answered() {
    let mut play = Play::of(&[0, 1, 2, 3]);
    play.run(300);
    let count = |kind| sent(&play, kind).len();
    assert!(count(Kind::Query) >= 16 && count(Kind::Query) == count(Kind::Reply));
    assert_eq!(play.tally().of("isolations"), 0);
}

/// Page 23, and 42: a member that is silent through all retries is declared failed, not before.
#[test]
fn the_silent_are_declared_failed_after_the_retries() {
    let mut play = Play::of(&[0, 1, 2, 3]);
    play.crash(1);
    play.until("a verdict", |world| !isolated(world, 2).is_empty());
    let play = sound(play);
    let asked: Vec<u64> =
        sent(&play, Kind::Query).iter().filter(|s| s.from == 2).map(|s| s.tick).collect();
    let reply = u64::from(params().reply);
    assert_eq!(asked.len(), 1 + params().retries as usize);
    assert!(asked.windows(2).all(|pair| pair[1] == pair[0] + reply));
    assert_eq!(play.now(), asked[2] + reply);
}

/// Page 23: failed or out of its monitor's reach: in either case it is failed to all who hear so.
#[test]
fn who_cannot_be_heard_by_its_monitor_is_failed_to_all() {
    let mut play = Play::of(&[0, 1, 2, 3]);
    play.cut_one_way(&[1], &[2]);
    play.until_in(0, &[0, 2, 3]);
    play.until_in(3, &[0, 2, 3]);
    sound(play);
}

/// Page 23, and 76: a failure and an interruption of the network cannot be told apart, so they are treated alike.
#[test]
fn a_crash_and_a_cut_are_treated_alike() {
    let ladder = |crash: bool| {
        let mut play = Play::of(&[0, 1, 2, 3]);
        match crash {
            true => play.crash(3),
            false => play.cut(&[0, 1, 2], &[3]),
        }
        play.until_in(2, &[0, 1, 2]);
        let play = sound(play);
        let ours = play.events().iter().filter(|event| match &event.what {
            What::Sent { from, .. } => *from != 3,
            _ => false,
        });
        let ours: Vec<_> = ours.cloned().collect();
        let lines = membership::sim::scenario::ladder(&ours);
        lines.iter().map(|line| line.replace(", not 3", "")).collect::<Vec<_>>()
    };
    assert_eq!(ladder(true), ladder(false));
    assert_eq!(ladder(true).len(), 3);
}

/// Page 41: the monitoring timer is set again when the Reply has come.
#[test]
fn monitoring_is_repeated_after_each_reply() {
    let mut play = Play::of(&[0, 1, 2]);
    play.run(300);
    let asked: Vec<u64> =
        sent(&play, Kind::Query).iter().filter(|s| s.from == 1).map(|s| s.tick).collect();
    // A tick there and a tick back; the one in which the Reply is read counts.
    let round = u64::from(params().query) + 1;
    let rounds: Vec<u64> = asked.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(rounds.len() >= 3 && rounds.iter().all(|time| *time == round), "{rounds:?}");
}

/// Page 42: the communication over one link is made reliable by retries: as many losses as there are retries
/// accuse nobody, one more does.
#[test]
fn retries_bear_as_many_losses_as_there_are_retries() {
    for (kind, from, to) in [(Kind::Query, 2, 1), (Kind::Reply, 1, 2)] {
        for (lost, verdict) in [(params().retries, 0), (params().retries + 1, 1)] {
            let mut play = Play::of(&[0, 1, 2]);
            play.lose(kind, from, to, lost);
            play.run(100);
            let accused = isolated(&play, 2).len();
            assert_eq!(accused, verdict, "{lost} {kind} lost");
        }
    }
}

/// Page 24: with more retries it takes longer, and more losses are borne; how many there are is a setting.
#[test]
fn how_many_retries_there_are_is_a_setting() {
    let params = SetParams { retries: 6, ..params() };
    let mut play = Play::with(&[0, 1, 2], 0, params);
    play.lose(Kind::Query, 2, 1, 6);
    play.run(100);
    assert!(isolated(&play, 2).is_empty());
}

//! `batch`: changes of a group at about the same time become one view (HIERARCHY: quality of service).

use membership::name::Incarnation;
use membership::proto::group::{Effect, Registry, Role, reconcile};
use membership::sim::campus::Plan;
use membership::sim::campus::event::AppId;
use membership::sim::campus::play::{Play, group, params};
use membership::wire::coreset::Life;
use membership::wire::group::{
    Call, Content, Core, Direct, GroupOp, MemberId, Mode, Qos, Reason, Refusal, Request, RequestId,
    Scope,
};
use std::net::{Ipv4Addr, SocketAddrV4};

fn mserver(n: u8) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, n), 2900)
}

fn member(n: u8) -> MemberId {
    let address = SocketAddrV4::new(Ipv4Addr::new(10, 0, 1, n), 2901);
    MemberId { mi: Life { address, inc: Incarnation(7) }, number: 1 }
}

/// A request of the member interface `n`, which came by the mserver `n`.
fn request(n: u8, number: u64, call: Call) -> Request {
    let id = RequestId { origin: member(n).mi, number };
    let (group, path) = ("db".parse().unwrap(), vec![mserver(n)]);
    Request { id, oldest: 1, group, registration: 0, reach: Scope::Top, call, path }
}

fn gathering(batch: u16) -> Qos {
    Qos { batch, batch_ms: 50, ..Qos::default() }
}

fn join(n: u8) -> Request {
    let (mode, member, qos) = (Mode::JoinOrCreate, member(n), gathering(4));
    request(n, 1, Call::Join { mode, member, tag: Vec::new(), roams: false, qos })
}

fn leave(n: u8) -> Request {
    request(n, 2, Call::Leave { member: member(n) })
}

fn fail(by: u8, who: &[u8]) -> Request {
    let members = who.iter().map(|n| member(*n)).collect();
    request(by, 3, Call::Fail { members, cut: false })
}

fn apply(registry: &mut Registry, op: GroupOp) -> Vec<Effect> {
    // As every set does: what was agreed on is bytes; and the registry is, for whoever comes to the set.
    let op = GroupOp::decode(&op.encode()).unwrap();
    let mut effects = Vec::new();
    *registry = Registry::decode(&registry.encode()).unwrap();
    registry.apply(op, &mut effects);
    effects
}

fn call(registry: &mut Registry, request: Request) -> Vec<Effect> {
    apply(registry, GroupOp::Call(request))
}

fn core(registry: &Registry) -> &Core {
    match &registry.get(("db".parse().unwrap(), None)).unwrap().role {
        Role::Core { core, .. } => core,
        other => panic!("{other:?}"),
    }
}

/// The time is up for what the registry gathers.
fn time(registry: &mut Registry) -> Vec<Effect> {
    let (key, first) = (core(registry).key, core(registry).gathered[0].id);
    apply(registry, GroupOp::Gathered { key, first })
}

fn view(effects: &[Effect]) -> Option<&Direct> {
    effects.iter().find_map(|effect| match effect {
        Effect::View { direct, .. } => Some(direct),
        _ => None,
    })
}

fn answers(effects: &[Effect]) -> Vec<(RequestId, Result<(), Refusal>)> {
    let answer = |effect: &Effect| match effect {
        Effect::Answer { request, outcome, .. } => Some((request.id, *outcome)),
        _ => None,
    };
    effects.iter().filter_map(answer).collect()
}

fn members(registry: &Registry) -> Vec<u8> {
    core(registry).roster.iter().map(|entry| entry.id.mi.address.ip().octets()[3]).collect()
}

/// A group that gathers four changes, with these members.
fn group_of(all: &[u8]) -> Registry {
    let mut registry = Registry::default();
    let effects = apply(&mut registry, GroupOp::Create(join(all[0])));
    assert_eq!(view(&effects).unwrap().reason, Reason::Created, "the first waits for nobody");
    all[1..].iter().for_each(|n| drop(call(&mut registry, join(*n))));
    if !core(&registry).gathered.is_empty() {
        time(&mut registry);
    }
    assert_eq!(members(&registry), all);
    registry
}

#[test]
fn so_many_changes_become_one_view_in_their_order_and_each_is_answered() {
    let mut registry = group_of(&[1, 2, 3]);
    let number = core(&registry).number;
    let effects = call(&mut registry, join(4));
    assert!(matches!(&effects[..], [Effect::Gathering(_)]), "{effects:?}");
    assert_eq!(call(&mut registry, leave(2)), []);
    assert_eq!(call(&mut registry, fail(3, &[3])), []);
    assert_eq!((core(&registry).number, members(&registry)), (number, vec![1, 2, 3]));
    let effects = call(&mut registry, join(5));
    let direct = view(&effects).unwrap();
    assert_eq!((direct.number, direct.reason), (number + 1, Reason::Failed));
    let done = [join(4), leave(2), fail(3, &[3]), join(5)].map(|request| request.id);
    assert_eq!(direct.causes, done);
    assert_eq!(answers(&effects), done.map(|id| (id, Ok(()))));
    let Content::Delta { gone, came } = &direct.content else { panic!("{direct:?}") };
    assert_eq!((&gone[..], came.len()), (&[1, 2][..], 2));
    assert_eq!((direct.digest, members(&registry)), (core(&registry).digest(), vec![1, 4, 5]));
    assert!(core(&registry).gathered.is_empty());
}

#[test]
fn the_time_is_up_once_for_those_whose_first_it_names() {
    let mut registry = group_of(&[1]);
    call(&mut registry, join(2));
    call(&mut registry, join(3));
    let (key, first) = (core(&registry).key, join(2).id);
    let late = GroupOp::Gathered { key, first: join(3).id };
    assert_eq!(apply(&mut registry, late), [], "it is not the first of them");
    let effects = apply(&mut registry, GroupOp::Gathered { key, first });
    assert_eq!(view(&effects).unwrap().reason, Reason::Joined);
    assert_eq!(members(&registry), [1, 2, 3]);
    assert_eq!(apply(&mut registry, GroupOp::Gathered { key, first }), []);
}

#[test]
fn a_request_that_comes_again_waits_once_and_is_shown_the_view_when_it_is_done() {
    let mut registry = group_of(&[1]);
    call(&mut registry, join(2));
    let before = registry.clone();
    assert_eq!(call(&mut registry, join(2)), []);
    assert_eq!(registry, before);
    time(&mut registry);
    let effects = call(&mut registry, join(2));
    assert!(matches!(&effects[..], [Effect::Show { .. }]), "{effects:?}");
}

#[test]
fn who_comes_and_goes_while_others_are_waited_for_is_told_both() {
    let mut registry = group_of(&[1]);
    call(&mut registry, join(2));
    let effects = call(&mut registry, leave(2));
    assert_eq!(view(&effects).unwrap().reason, Reason::Joined);
    assert_eq!(members(&registry), [1, 2]);
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Gathering(_))));
    assert_eq!(view(&time(&mut registry)).unwrap().reason, Reason::Left);
    assert_eq!(members(&registry), [1]);
}

#[test]
fn a_refusal_waits_for_nobody_and_makes_nobody_hurry() {
    let mut registry = group_of(&[1, 2]);
    call(&mut registry, join(3));
    let Call::Join { member, tag, roams, qos, .. } = join(4).call else { unreachable!() };
    let create = Call::Join { mode: Mode::Create, member, tag, roams, qos };
    let effects = call(&mut registry, request(4, 9, create));
    assert_eq!(answers(&effects)[0].1, Err(Refusal::Exists));
    assert_eq!(answers(&call(&mut registry, leave(9)))[0].1, Err(Refusal::NotMember));
    assert!(matches!(
        &call(&mut registry, request(5, 1, Call::View))[..],
        [Effect::Show { core, .. }] if core.roster.len() == 2
    ));
    assert_eq!(core(&registry).gathered.len(), 1);
}

#[test]
fn what_is_no_change_of_members_comes_after_all_that_waited() {
    let mut registry = group_of(&[1, 2, 3]);
    call(&mut registry, leave(3));
    let new = "part".parse().unwrap();
    let effects = call(&mut registry, request(1, 9, Call::Split { new, members: vec![1] }));
    let reasons: Vec<Reason> = effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::View { direct, .. } => Some(direct.reason),
            _ => None,
        })
        .collect();
    assert_eq!(reasons, [Reason::Left, Reason::Split, Reason::Split]);
    let mut registry = group_of(&[1, 2]);
    call(&mut registry, leave(2));
    let (key, term, carrier) = (core(&registry).key, 2, mserver(1));
    let effects = apply(&mut registry, GroupOp::Lock { key, term, carrier });
    let [Effect::View { .. }, Effect::Answer { .. }, Effect::Locked { core, .. }] = &effects[..]
    else {
        panic!("{effects:?}")
    };
    assert_eq!((core.roster.len(), core.gathered.len()), (1, 0));
}

#[test]
fn the_last_who_leave_end_the_group_in_one_view() {
    let mut registry = group_of(&[1, 2]);
    call(&mut registry, leave(1));
    call(&mut registry, leave(2));
    let effects = time(&mut registry);
    assert_eq!(view(&effects).unwrap().causes.len(), 2);
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Ended { .. })));
    assert_eq!(registry.iter().count(), 0);
}

#[test]
fn while_it_is_unclear_who_is_cut_off_they_go_on_waiting() {
    let mut registry = group_of(&[1, 2, 3]);
    call(&mut registry, leave(1));
    call(&mut registry, join(4));
    registry.lose(&[mserver(3), mserver(4)]);
    // Who was to come by a mserver that is gone asks again by another one.
    assert_eq!(core(&registry).gathered.len(), 1);
    assert_eq!(time(&mut registry), []);
    let cause = RequestId { origin: member(9).mi, number: 1 };
    let cut = GroupOp::Cut { branches: vec![mserver(3)], all: true, cause };
    assert_eq!(view(&apply(&mut registry, cut)).unwrap().reason, Reason::Partitioned);
    assert_eq!(members(&registry), [1, 2]);
    assert_eq!(view(&time(&mut registry)).unwrap().reason, Reason::Left);
    assert_eq!(members(&registry), [2]);
}

#[test]
fn when_sides_meet_what_waited_at_either_goes_on_waiting() {
    let both = group_of(&[1, 2]);
    let (mut one, mut other) = (both.clone(), both);
    call(&mut one, join(3));
    call(&mut other, join(4));
    call(&mut other, join(3));
    let (mut all, _) = reconcile(&one, &other);
    assert_eq!(core(&all).gathered.len(), 2);
    time(&mut all);
    assert_eq!(members(&all), [1, 2, 3, 4]);
}

/// A group on four LANs of one set that gathers `batch` changes for 50 ticks, and its members.
fn gathers(batch: u16) -> (Play, Vec<AppId>) {
    let mut play = Play::of(Plan::tree(&[4], 1));
    let ms = 50 * params().tick_ms;
    let qos = Qos { batch, batch_ms: ms, ..Qos::default() };
    let first = play.on("a/1");
    play.join_as(first, group("db"), Mode::Create, qos);
    play.until_in("db", &[first]);
    let second = play.on("b/1");
    play.join(second, group("db"));
    play.until_in("db", &[first, second]);
    play.run(200);
    (play, vec![first, second])
}

fn number(play: &Play, app: AppId) -> u32 {
    play.view(app, group("db")).unwrap().number
}

fn ended(play: Play) {
    let play = play.end();
    assert!(play.failed().is_empty(), "{}\n{}", play.failed().join("\n"), play.transcript());
}

#[test]
fn three_who_join_at_once_are_one_view_to_everybody() {
    let (mut play, mut all) = gathers(3);
    let before = number(&play, all[0]);
    for node in ["c/1", "d/1", "c/1"] {
        let app = play.on(node);
        play.join(app, group("db"));
        all.push(app);
    }
    play.run(20);
    assert!(all.iter().all(|app| number(&play, *app) == before + 1), "{}", play.transcript());
    ended(play);
}

#[test]
fn fewer_wait_until_the_time_is_up_and_then_are_one_view() {
    let (mut play, mut all) = gathers(100);
    let before = number(&play, all[0]);
    for node in ["c/1", "d/1"] {
        let app = play.on(node);
        play.join(app, group("db"));
        all.push(app);
    }
    play.run(40);
    assert_eq!(number(&play, all[0]), before, "they wait");
    play.run(30);
    assert!(all.iter().all(|app| number(&play, *app) == before + 1), "{}", play.transcript());
    ended(play);
}

#[test]
fn a_crash_of_any_mserver_while_changes_wait_loses_none_of_them() {
    for node in ["a", "b", "c", "d"] {
        for ticks in [1, 10, 45, 52] {
            let (mut play, _) = gathers(100);
            for node in ["a/1", "c/1", "d/1"] {
                let app = play.on(node);
                play.join(app, group("db"));
            }
            play.run(ticks);
            play.crash(node);
            play.run(400);
            play.restart(node);
            play.run(2000);
            let play = play.end();
            assert!(play.failed().is_empty(), "{node} at {ticks}: {}", play.failed().join("\n"));
        }
    }
}

#[test]
fn it_is_chosen_in_words_and_carried_out() {
    let mut qos = Qos::default();
    qos.set("batch", "10 or 50ms").unwrap();
    assert_eq!((qos.batch, qos.batch_ms), (10, 50));
    qos.check().unwrap();
    qos.supported().unwrap();
}

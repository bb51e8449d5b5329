//! What happens on the campus, step by step.
//!
//! ```text
//!   boot ─> joins ─> a core goes up ─> a host dies, comes back ─> a mserver dies in a change ─> the core goes down ─> check
//! ```

use super::Trouble;
use super::figure::{BUILDINGS, GROUPS, HOSTS, TOP, WANDERER, Work, host, lans};
use super::people::People;
use super::stage::{Stage, all_lans};
use super::voice::Shade;
use super::{tree, views};
use crate::client::Event;
use std::time::Instant;

type Played = Result<(), Trouble>;

/// All of it.
pub fn play(stage: &mut Stage) -> Played {
    boot(stage)?;
    come_together(stage)?;
    core_goes_up(stage)?;
    show(stage);
    host_dies(stage)?;
    mserver_dies(stage)?;
    network_parts(stage)?;
    core_goes_down(stage)?;
    show(stage);
    check(stage)
}

fn boot(stage: &mut Stage) -> Played {
    let mis = HOSTS.iter().filter(|host| matches!(host.work, Work::Mi { .. })).count();
    let mservers = HOSTS.len() - mis;
    stage.voice.line(&format!(
        "The campus of Figure 5 on 127.77.{}.0/24: each daemon is a process with an address of its own, and they speak by \
         IP multicast.\n",
        stage.campus.net()
    ));
    say(stage, "start", &format!("{mservers} mservers and {mis} member interfaces"));
    (0..HOSTS.len()).try_for_each(|at| stage.campus.start(at))?;
    stage.until("every set has one view and a parent", 20, Stage::stands)?;
    let sets = BUILDINGS.join(", ");
    let lans = all_lans();
    say(
        stage,
        "boot",
        &format!("{TOP} has found together, and is parent of {sets} with {lans} LANs"),
    );
    Ok(())
}

fn come_together(stage: &mut Stage) -> Played {
    for (group, hosts) in GROUPS {
        stage.join(group, hosts)?;
    }
    for (group, _) in GROUPS {
        stage.settle(group, 10)?;
        stage.core_at(group, TOP, 5)?;
        let text = format!("{group} at {}; its core is {TOP}", view_of(&stage.people, group));
        say(stage, "join", &text);
    }
    Ok(())
}

/// The lowest set that covers all members decides (IV.C.2.c).
fn core_goes_up(stage: &mut Stage) -> Played {
    let steps = [
        (["ece1/1", "ece1/2"].as_slice(), "ECE1", "one LAN decides alone"),
        (&["sp1/2"], "Spanagel", "another LAN of the building: the core moves up"),
        (&["ro2/1"], TOP, "another building: the core moves up again"),
    ];
    for (hosts, place, why) in steps {
        stage.join(WANDERER, hosts)?;
        stage.settle(WANDERER, 10)?;
        stage.core_at(WANDERER, place, 5)?;
        let text = format!(
            "{WANDERER} at {}; its core is {place}: {why}",
            view_of(&stage.people, WANDERER)
        );
        say(stage, "core up", &text);
    }
    Ok(())
}

/// A member interface is killed: its members fail. Started again, they join anew.
fn host_dies(stage: &mut Stage) -> Played {
    let victim = host("sp1/1");
    let groups: Vec<&'static str> =
        stage.people.all().iter().filter(|p| p.host == victim).map(|p| p.group).collect();
    let since = Instant::now();
    stage.campus.kill(victim);
    say_bad(stage, "kill", "the member interface of sp1/1, as with kill -9");
    for group in &groups {
        stage.settle(group, 15)?;
    }
    let text = format!(
        "{} go on without it after {:.2} s: {}",
        groups.join(" and "),
        since.elapsed().as_secs_f64(),
        views_of(&stage.people, &groups)
    );
    say(stage, "failed", &text);
    stage.campus.start(victim)?;
    for group in &groups {
        stage.settle(group, 15)?;
    }
    let text =
        format!("sp1/1 is back, and its members as new ones: {}", views_of(&stage.people, &groups));
    say(stage, "rejoin", &text);
    Ok(())
}

/// A mserver dies, and with it the way to a building; another one takes its place.
fn mserver_dies(stage: &mut Stage) -> Played {
    let building = "Ingersoll";
    let Some(victim) = stage.parent_of(building) else {
        return Err(Trouble::failed("Ingersoll has no parent"));
    };
    let name = HOSTS[victim].name;
    let group = "alpha";
    stage.join(group, &["sp1/2", "ro2/1", "ro2/2", "in1/2"])?;
    stage.settle(group, 10)?;
    let view = view_of(&stage.people, group);
    say(stage, "join", &format!("four more join {group}, now at {view}"));
    let since = Instant::now();
    stage.campus.kill(victim);
    say_bad(stage, "kill", &format!("{name}, parent of {building}"));
    stage.until("every set has one view and a parent again", 20, Stage::stands)?;
    let heir = stage.parent_of(building).map_or("nobody", |at| HOSTS[at].name);
    let text = format!(
        "{heir} stood by, and is parent of {building} after {:.2} s",
        since.elapsed().as_secs_f64()
    );
    say(stage, "heir", &text);
    let groups: Vec<&'static str> = GROUPS.iter().map(|(group, _)| *group).collect();
    for group in &groups {
        stage.settle(group, 20)?;
    }
    let text = format!(
        "nobody is missing after {:.2} s: {}",
        since.elapsed().as_secs_f64(),
        views_of(&stage.people, &groups)
    );
    say(stage, "whole", &text);
    Ok(())
}

/// A building is cut off. Each side goes on with those it can reach, and both become one again.
fn network_parts(stage: &mut Stage) -> Played {
    let building = "Root";
    let lans = lans(building);
    let is_there = |work: Work| match work {
        Work::Server { lan, .. } | Work::Mi { lan } => lans.contains(&lan),
        Work::Parent { .. } => false,
    };
    let side: Vec<usize> = (0..HOSTS.len()).filter(|&at| is_there(HOSTS[at].work)).collect();
    let groups: Vec<&'static str> = all_groups().collect();
    let since = Instant::now();
    stage.campus.cut(&side)?;
    say_bad(stage, "cut", &format!("the network between {building} and the rest of the campus"));
    for group in &groups {
        stage.settle_among(group, |host| side.contains(&host), 15)?;
        stage.settle_among(group, |host| !side.contains(&host), 15)?;
    }
    let view = |here: bool| {
        let one = |group: &&'static str| {
            let mut all = stage.people.of(group).filter(|p| side.contains(&p.host) == here);
            let view = all.find_map(|person| person.view());
            view.map(|view| format!("{group} {} of {}", views::place(view), view.size))
        };
        groups.iter().filter_map(one).collect::<Vec<_>>().join(", ")
    };
    let text =
        format!("each side has views of its own after {:.2} s", since.elapsed().as_secs_f64());
    say(stage, "parted", &text);
    stage.voice.more(&format!("in {building}: {}", view(true)));
    stage.voice.more(&format!("elsewhere: {}", view(false)));
    let since = Instant::now();
    stage.campus.heal()?;
    say(stage, "heal", "the network is whole again");
    stage.until("every set has one view and a parent again", 20, Stage::stands)?;
    for group in &groups {
        stage.settle(group, 20)?;
    }
    let text = format!(
        "all are together after {:.2} s: {}",
        since.elapsed().as_secs_f64(),
        views_of(&stage.people, &groups)
    );
    say(stage, "merged", &text);
    Ok(())
}

/// Members leave, and the core follows those who stay.
fn core_goes_down(stage: &mut Stage) -> Played {
    for (leaver, place) in [("ro2/1", "Spanagel"), ("sp1/2", "ECE1")] {
        stage.people.leave(WANDERER, host(leaver))?;
        stage.settle(WANDERER, 10)?;
        stage.core_at(WANDERER, place, 15)?;
        let view = view_of(&stage.people, WANDERER);
        say(
            stage,
            "core down",
            &format!("{leaver} has left {WANDERER}, now at {view}; its core is {place}"),
        );
    }
    Ok(())
}

/// Everything that everybody was told is compared.
fn check(stage: &mut Stage) -> Played {
    stage.until("every set has one view and a parent", 10, Stage::stands)?;
    for group in all_groups() {
        stage.settle(group, 10)?;
    }
    let compared = views::compare(&stage.people).map_err(Trouble::Failed)?;
    let text = format!(
        "{} views were told, {} different ones; whoever was told one was told the same",
        compared.told, compared.different
    );
    stage.voice.step(Shade::Good, "checked", &text);
    Ok(())
}

/// Leaves it running until SIGINT or SIGTERM; tells what the members are told.
pub fn keep(stage: &mut Stage) -> Played {
    let run = stage.campus.run_dir().display().to_string();
    let program = std::env::current_exe().map_or("ms".into(), |path| path.display().to_string());
    let at = |name: &str| HOSTS[host(name)].at(stage.campus.net());
    stage.voice.line(&format!(
        "\nIt goes on until SIGINT (Ctrl-C). To play with it, in another terminal:\n\n\
         \x20   export MS_MI={run}/{}.mi        # as an application of ece2/1\n\
         \x20   {program} status --run-dir {run} {}\n\
         \x20   {program} tree --run-dir {run} --watch\n\
         \x20   {program} trace --run-dir {run} --seconds 5 all\n\
         \x20   {program} why --run-dir {run} {}\n",
        at("ece2/1").to_string().replace(':', "-"),
        at("ece1").ip(),
        at("nps3").ip(),
    ));
    loop {
        match stage.turn() {
            Ok(news) => {
                for news in news {
                    if let Event::View(change) = &news.event {
                        let (place, names) =
                            (views::place(&change.view), views::names(&change.view));
                        let text = format!("{} is told {} {place}: {names}", news.who, news.group);
                        say(stage, "view", &text);
                    }
                }
            }
            Err(Trouble::Stopped) => return Ok(()),
            // Whoever plays may kill daemons.
            Err(Trouble::Failed(why)) => say_bad(stage, "event", &why),
        }
        stage.people.wait(std::time::Duration::from_millis(500));
    }
}

fn all_groups() -> impl Iterator<Item = &'static str> {
    GROUPS.iter().map(|(group, _)| *group).chain([WANDERER])
}

fn view_of(people: &People, group: &str) -> String {
    let view = people.of(group).find_map(|person| person.view());
    view.map_or("no view".to_string(), |view| {
        format!("view {} of {}", views::place(view), view.size)
    })
}

fn views_of(people: &People, groups: &[&'static str]) -> String {
    let all: Vec<String> =
        groups.iter().map(|group| format!("{group} {}", view_of(people, group))).collect();
    all.join(", ")
}

fn say(stage: &Stage, word: &str, text: &str) {
    stage.voice.step(Shade::Bold, word, text);
}

fn say_bad(stage: &Stage, word: &str, text: &str) {
    stage.voice.step(Shade::Bad, word, text);
}

fn show(stage: &Stage) {
    stage.voice.line("");
    tree::draw(stage).iter().for_each(|line| stage.voice.more(line));
    stage.voice.line("");
}

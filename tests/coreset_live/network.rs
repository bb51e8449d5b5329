//! Real partitions: cables pulled and put into another switch. Each heals, and one view is there again by itself.

use super::lab::require;
use super::switches::Switches;

const HOSTS: &[(&str, u8)] = &[("h1", 11), ("h2", 12), ("h3", 13), ("h4", 14), ("h5", 15)];

fn boot() -> Switches {
    require(&[("ip", "iproute2")]);
    Switches::boot(HOSTS)
}

#[test]
#[ignore = "needs root, iproute2"]
fn halves_on_two_switches_go_on_and_become_one_view_again() {
    let set = boot();
    for host in ["h4", "h5"] {
        set.lab.host(host).replug("other");
    }
    set.await_view(&["h1", "h2", "h3"]);
    set.await_view(&["h4", "h5"]);
    for host in ["h4", "h5"] {
        set.lab.host(host).replug("lan");
    }
    set.await_view(&set.names());
}

#[test]
#[ignore = "needs root, iproute2"]
fn a_host_whose_cable_is_out_is_alone_until_it_is_back() {
    let set = boot();
    // The most senior one and another.
    for host in ["h1", "h3"] {
        set.lab.host(host).unplug();
        let rest: Vec<&str> = set.names().into_iter().filter(|name| *name != host).collect();
        set.await_view(&rest);
        set.await_view(&[host]);
        set.lab.host(host).plug();
        set.await_view(&set.names());
    }
}

#[test]
#[ignore = "needs root, iproute2"]
fn a_switch_that_fails_leaves_everybody_alone_until_it_is_back() {
    let set = boot();
    for host in set.names() {
        set.lab.host(host).unplug();
    }
    for host in set.names() {
        set.await_view(&[host]);
    }
    for host in set.names() {
        set.lab.host(host).plug();
    }
    set.await_view(&set.names());
}

#[test]
#[ignore = "needs root, iproute2"]
fn a_cut_of_one_direction_between_neighbours_parts_and_heals() {
    let mut set = boot();
    let ranks = set.by_rank();
    // The second monitors the first: its QUERYs arrive, the answers do not.
    set.deafen(ranks[1], &[ranks[0]]);
    set.await_parted(ranks[1], ranks[0]);
    set.deafen(ranks[1], &[]);
    set.await_view(&set.names());
    let ranks = set.by_rank();
    // The other way round: the answers would arrive, the QUERYs do not.
    set.deafen(ranks[0], &[ranks[1]]);
    set.await_parted(ranks[0], ranks[1]);
    set.deafen(ranks[0], &[]);
    set.await_view(&set.names());
}

#[test]
#[ignore = "needs root, iproute2"]
fn a_cut_between_two_that_do_not_monitor_each_other_shows_with_the_next_change() {
    let mut set = boot();
    let ranks = set.by_rank();
    let (first, third, last) = (ranks[0], ranks[2], ranks[4]);
    set.deafen(first, &[third]);
    set.deafen(third, &[first]);
    // The first monitors the last, and sees to it that it is excluded: the third does not hear of it.
    set.crash(last);
    set.await_parted(first, third);
    set.deafen(first, &[]);
    set.deafen(third, &[]);
    set.await_view(&ranks[..4]);
    set.start(last);
    set.await_view(&ranks);
}

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
fn a_cut_of_one_direction_parts_and_heals() {
    let mut set = boot();
    set.deafen("h2", &["h1", "h3"]);
    set.await_parted("h1", "h2");
    set.deafen("h2", &[]);
    set.await_view(&set.names());
}

#[test]
#[ignore = "needs root, iproute2"]
fn two_that_reach_only_others_part_and_heal() {
    let mut set = boot();
    set.deafen("h1", &["h5"]);
    set.deafen("h5", &["h1"]);
    set.await_parted("h1", "h5");
    set.deafen("h1", &[]);
    set.deafen("h5", &[]);
    set.await_view(&set.names());
}

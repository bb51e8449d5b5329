//! Hierarchies of whole processes in one deterministic world.

use membership::proto::coreset::Founding;
use membership::proto::params::Params;
use membership::sim::campus::{Campus, Plan};

/// The timings of the specification's model.
fn params() -> Params {
    Params {
        tick_ms: 10,
        query: 60,
        reply: 5,
        retries: 2,
        report_each_round: false,
        confirm: 0,
        merge: 0,
    }
}

fn campus(plan: Plan) -> Campus {
    let mut campus = Campus::new(1, plan, params());
    for node in 0..campus.plan().sites().len() {
        campus.start(node, Founding::IfNone);
    }
    campus
}

#[test]
fn a_hierarchy_of_four_levels_stands_with_a_parent_for_every_set() {
    let mut campus = campus(Plan::tree(&[2, 2, 2], 0));
    let stands = campus.run_until(5000, Campus::stands);
    assert!(stands, "{:?}", campus.violation());
    println!("t{}: {:?}", campus.now(), campus.tally());
}

#[test]
fn a_campus_that_leaps_over_idle_ticks_is_the_same_campus() {
    let run = |diligent: bool| {
        let mut campus = Campus::new(1, Plan::tree(&[2, 2], 1), params());
        campus.record();
        if diligent {
            campus.be_diligent();
        }
        for node in 0..campus.plan().sites().len() {
            campus.start(node, Founding::IfNone);
        }
        campus.run(1000);
        assert_eq!(campus.violation(), None);
        campus
    };
    let (one, two) = (run(false), run(true));
    assert_eq!(one.tally(), two.tally());
    assert!(one.events() == two.events());
}

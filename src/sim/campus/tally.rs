//! What is counted on a campus: proof that a run was not vacuous.

/// Everything that is counted, and what it means.
pub const COUNTED: &[(&str, &str)] = &[
    ("datagrams", "copies of datagrams sent"),
    ("lost", "copies that did not arrive"),
    ("garbled", "copies damaged under way"),
    ("replayed", "old datagrams sent again"),
    ("dropped", "datagrams that their receivers dropped"),
    ("set views", "views of sets installed by mservers"),
    ("calls", "calls of applications"),
    ("refused", "calls refused"),
    ("rosters", "rosters shown to those who asked"),
    ("created", "first views of groups told"),
    ("joined", "views told because somebody joined"),
    ("left", "views told because somebody left"),
    ("failed", "views told because somebody failed"),
    ("partitioned", "views told because mservers were lost"),
    ("merged", "views told because groups or sides became one"),
    ("split", "views told because a group was split"),
    ("resynced", "views told as a whole because some were missed"),
    ("outs", "members told that they are out"),
    ("ended", "members told that their side of a partition ends"),
    ("mservers lost", "member interfaces that lost their mserver"),
    ("crashes", "processes crashed"),
    ("restarts", "processes that came back"),
    ("stops", "processes stopped"),
];

//! The metrics that there are: name, type, and what is counted or measured, in a sentence.

/// What a number does as time passes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// It grows until the daemon starts anew.
    Counter,
    /// It goes up and down.
    Gauge,
}

use Kind::{Counter, Gauge};

/// Every family, in the order of the page.
pub const FAMILIES: &[(&str, Kind, &str)] = &[
    ("membership_up", Gauge, "Whether the daemon behind a control socket answered."),
    ("membership_daemon_info", Gauge, "Always 1; the labels tell mode and version."),
    ("membership_ticks_total", Counter, "Ticks since the start."),
    ("membership_late_ticks_total", Counter, "Ticks that came late: the process was not run."),
    ("membership_tick_seconds", Gauge, "Length of a tick."),
    ("membership_received_datagrams_total", Counter, "Datagrams taken from the kernel."),
    ("membership_socket_errors_total", Counter, "What went wrong at the sockets, by cause."),
    ("membership_dropped_messages_total", Counter, "Messages that changed nothing, by cause."),
    ("membership_messages_sent_total", Counter, "Messages sent to one mserver or to all."),
    ("membership_authentication_findings_total", Counter, "Findings about signatures."),
    ("membership_views_total", Counter, "Views of core-sets that were installed."),
    ("membership_batches_total", Counter, "Batches of operations that were agreed on."),
    ("membership_isolations_total", Counter, "Members that it ceased to communicate with."),
    ("membership_phases_total", Counter, "How often a phase of a change was entered."),
    ("membership_set_joined", Gauge, "Whether it is in a view of the set; a stand-by is not."),
    ("membership_set_incarnation", Gauge, "Its incarnation in the set."),
    ("membership_set_level", Gauge, "Level of the set in the hierarchy."),
    ("membership_set_view_number", Gauge, "Number of the view, modulo 65536."),
    ("membership_set_batch_number", Gauge, "Batches since that view."),
    ("membership_set_members", Gauge, "Members of the view."),
    ("membership_set_rank", Gauge, "Its rank in the view; 0 is the most senior."),
    ("membership_set_changing", Gauge, "Whether a change is under way."),
    ("membership_set_has_parent", Gauge, "Whether the view has a parent."),
    ("membership_set_isolated_members", Gauge, "Members that it does not communicate with."),
    ("membership_set_lost_members", Gauge, "Members looked for on other sides of a partition."),
    ("membership_set_queue_length", Gauge, "What waits to be done in the set."),
    ("membership_known_groups", Gauge, "Application groups that it knows."),
    ("membership_groups", Gauge, "Application groups by what its sets are to them."),
    ("membership_hidden_groups", Gauge, "Groups beyond those that have lines of their own."),
    ("membership_group_members", Gauge, "Members in the last view of a group."),
    ("membership_group_local_members", Gauge, "Members of a group at this member interface."),
    ("membership_group_term", Gauge, "Term of a group: how often its core moved."),
    ("membership_group_view_number", Gauge, "Number of the last view of a group."),
    ("membership_departures_total", Counter, "Members that left groups with members here."),
    ("membership_mi_registered", Gauge, "Whether a member interface belongs to its mserver."),
    ("membership_applications", Gauge, "Applications at the socket of the member interface."),
    ("membership_applications_backlog_bytes", Gauge, "What applications have not read yet."),
    ("membership_applications_parted_total", Counter, "Applications parted with, by cause."),
    ("membership_ring_events_total", Counter, "Monitoring in a fixed ring, by event."),
    ("membership_ring_neighbour_failed", Gauge, "Whether its neighbour in a ring is failed."),
    ("membership_mcaster_groups", Gauge, "Groups of an mcaster."),
    ("membership_mcaster_members", Gauge, "Members of all groups of an mcaster together."),
    ("membership_mcaster_answers_total", Counter, "Answers of an mcaster to joins and leaves."),
    ("membership_mcaster_relayed_datagrams_total", Counter, "Datagrams that were relayed."),
    ("membership_mcaster_copies_total", Counter, "Copies that were made of them."),
    ("membership_mcaster_copied_bytes_total", Counter, "Bytes of those copies."),
    ("membership_mcaster_expired_members_total", Counter, "Members removed for their silence."),
];

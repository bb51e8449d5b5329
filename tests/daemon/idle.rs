//! What a daemon costs that has nothing to do.

use super::ring::ring;
use super::world::World;

#[test]
fn an_idle_daemon_is_small() {
    let world = World::new();
    let (mcaster, members) = ring(&world);
    for daemon in [&mcaster, &members[0]] {
        let (anon, all) = (daemon.kilobytes("RssAnon:"), daemon.kilobytes("VmRSS:"));
        assert!(anon < 1024, "{anon} kB of its own");
        // The code of a debug build alone is larger than that.
        if !cfg!(debug_assertions) {
            assert!(all < 4096, "{all} kB resident");
        }
    }
}

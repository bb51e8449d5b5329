//! What a service manager is told (sd_notify(3)): a socket of the test takes its place.

use super::golden::golden;
use super::peer::Peer;
use super::ring::operands;
use super::world::{PATIENCE, World};
use nix::sys::signal::Signal;
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

struct Manager(UnixDatagram);

impl Manager {
    fn new(world: &World) -> Manager {
        let socket = UnixDatagram::bind(world.path("notify")).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Manager(socket)
    }

    fn hear(&self) -> String {
        let mut buffer = [0; 256];
        let len = self.0.recv(&mut buffer).expect("a word of the daemon");
        String::from_utf8_lossy(&buffer[..len]).into_owned()
    }

    /// The next word that is no sign of life.
    fn hear_news(&self) -> String {
        std::iter::repeat_with(|| self.hear()).find(|word| word != "WATCHDOG=1").unwrap()
    }
}

#[test]
fn a_service_manager_hears_of_start_life_reload_and_end() {
    let world = World::new();
    let manager = Manager::new(&world);
    let path = world.path("notify");
    let env = [("NOTIFY_SOCKET", path.to_str().unwrap()), ("WATCHDOG_USEC", "200000")];
    let mut mcaster = world.spawn_with("mcaster", 1, &[], &env);
    assert_eq!(manager.hear_news(), "READY=1");
    let start = Instant::now();
    for _ in 0..5 {
        assert_eq!(manager.hear(), "WATCHDOG=1");
    }
    let took = start.elapsed();
    assert!(took >= Duration::from_millis(350), "every 100 ms, not five in {took:?}");
    mcaster.signal(Signal::SIGHUP);
    assert!(manager.hear_news().starts_with("RELOADING=1"));
    assert_eq!(manager.hear_news(), "READY=1");
    mcaster.signal(Signal::SIGTERM);
    assert_eq!(manager.hear_news(), "STOPPING=1");
    assert_eq!(mcaster.exit_code(), 0);
}

#[test]
fn a_member_is_ready_when_it_has_joined_and_not_before() {
    let world = World::new();
    let manager = Manager::new(&world);
    let path = world.path("notify");
    let env = [("NOTIFY_SOCKET", path.to_str().unwrap())];
    let operands = operands(&world, 1, &world.ip(1).to_string());
    let mut args = vec!["--reply", "60000", "--query", "60000"];
    args.extend(operands.iter().map(String::as_str));
    let hub = Peer::new(world.ip(1), 2900);
    let member = world.spawn_with("mserver", 11, &args, &env);
    hub.receive();
    member.signal(Signal::SIGHUP);
    member.await_log("configuration read again");
    hub.send(world.at(11), &golden("JOIN_ACK"));
    member.await_log("ready");
    assert_eq!(manager.hear(), "READY=1", "and nothing before");
}

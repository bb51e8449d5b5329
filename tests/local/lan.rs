//! A mserver that decides alone for the member interfaces of its LAN: a thread with a UDP socket.

use super::world::{Daemon, PATIENCE, World, eventually};
use membership::name::{GroupName, Incarnation};
use membership::proto::group::{Effect, Registry};
use membership::sys::{control, local};
use membership::wire::Message;
use membership::wire::coreset::Life;
use membership::wire::group::{
    Call, Content, Core, Direct, Entry, GroupBody, GroupMessage, GroupOp, Reason, Request,
    RequestId,
};
use nix::sys::signal::Signal;
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::{SocketAddr, SocketAddrV4, UdpSocket};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often it polls.
const POLL: Duration = Duration::from_millis(100);

/// What a test wants of it.
enum Wish {
    /// Keep what is submitted until further notice, or go on.
    Hold(bool),
    End,
}

/// It, and the member interface before it.
pub struct Lan {
    pub world: World,
    pub mi: Daemon,
    wishes: Sender<Wish>,
    heard: Receiver<GroupBody>,
    thread: Option<JoinHandle<()>>,
}

const SERVER: u8 = 1;
const MI: u8 = 9;

impl Lan {
    /// A member interface that belongs to a mserver, with these options.
    pub fn with(options: &[&str]) -> Lan {
        Lan::within(World::new(), options)
    }

    /// One that has the machine for itself, for those who load it.
    pub fn alone() -> Lan {
        Lan::within(World::alone(), &[])
    }

    fn within(world: World, options: &[&str]) -> Lan {
        let (wishes, wished) = channel();
        let (tell, heard) = channel();
        let socket = UdpSocket::bind(world.at(SERVER)).unwrap();
        let thread = std::thread::spawn(move || serve(&socket, &wished, &tell));
        let mi = start(&world, options);
        Lan { world, mi, wishes, heard, thread: Some(thread) }
    }

    /// Starts the member interface anew, whether or not it has ended.
    pub fn again(&mut self) {
        if self.mi.lives() {
            self.mi.signal(Signal::SIGTERM);
            self.mi.exit_code();
        }
        self.mi = start(&self.world, &[]);
    }

    /// The same without options.
    pub fn new() -> Lan {
        Lan::with(&[])
    }

    /// The address of the member interface.
    pub fn mi_at(&self) -> SocketAddrV4 {
        SocketAddrV4::new(self.world.ip(MI), 2901)
    }

    /// Where applications call.
    pub fn socket(&self) -> PathBuf {
        local::path(&self.world.path("run"), self.mi_at())
    }

    /// What the daemon knows.
    pub fn status(&self) -> Value {
        let path = control::path(&self.world.path("run"), self.mi_at());
        serde_json::from_str(&control::ask(&path, "status", PATIENCE).unwrap()).unwrap()
    }

    /// Applications that are let in.
    pub fn clients(&self) -> u64 {
        self.status()["applications"]["clients"].as_u64().unwrap()
    }

    /// A counter of the socket.
    pub fn counter(&self, word: &str) -> u64 {
        self.status()["applications"]["counters"][word].as_u64().unwrap_or(0)
    }

    /// Waits until a counter is that.
    pub fn await_counter(&self, word: &str, n: u64) {
        eventually(&format!("{word} {n}"), || (self.counter(word) == n).then_some(()));
    }

    /// Nothing that is submitted is decided until it goes on.
    pub fn hold(&self, on: bool) {
        self.wishes.send(Wish::Hold(on)).unwrap();
    }

    /// Waits until the member interface says what is looked for.
    pub fn await_said<T>(&self, what: &str, look: impl Fn(&GroupBody) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.heard.recv_timeout(left) {
                Ok(body) => match look(&body) {
                    Some(seen) => return seen,
                    None => continue,
                },
                Err(e) => panic!("not said: {what}: {e}"),
            }
        }
    }

    /// Waits until it submits what is looked for.
    pub fn await_submit<T>(&self, what: &str, look: impl Fn(&Call) -> Option<T>) -> T {
        self.await_said(what, |body| match body {
            GroupBody::Submit { request, .. } => look(&request.call),
            _ => None,
        })
    }
}

fn start(world: &World, options: &[&str]) -> Daemon {
    let server = world.ip(SERVER).to_string();
    let base = ["--state-dir", "state"];
    let mi = world.spawn("mi", MI, &[&base, options, &[server.as_str()]].concat());
    mi.await_log("ready");
    mi
}

impl Drop for Lan {
    fn drop(&mut self) {
        // It ends by itself if it panicked.
        let _ = self.wishes.send(Wish::End);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// What the thread knows.
struct Mserver<'a> {
    socket: &'a UdpSocket,
    registry: Registry,
    held: Option<BTreeMap<RequestId, Request>>,
    mis: Vec<SocketAddrV4>,
}

fn serve(socket: &UdpSocket, wished: &Receiver<Wish>, tell: &Sender<GroupBody>) {
    let mut mserver =
        Mserver { socket, registry: Registry::default(), held: None, mis: Vec::new() };
    socket.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
    let mut buffer = vec![0; 65_536];
    let mut next_poll = Instant::now();
    loop {
        match wished.recv_timeout(Duration::ZERO) {
            Ok(Wish::Hold(true)) => mserver.held = Some(BTreeMap::new()),
            Ok(Wish::Hold(false)) => {
                for (_, request) in mserver.held.take().unwrap_or_default() {
                    mserver.decide(request);
                }
            }
            Ok(Wish::End) | Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {}
        }
        if Instant::now() >= next_poll {
            next_poll = Instant::now() + POLL;
            mserver.mis.iter().for_each(|&to| mserver.say(to, GroupBody::Poll { nonce: 1 }));
        }
        let Ok((len, SocketAddr::V4(from))) = socket.recv_from(&mut buffer) else { continue };
        let message = Message::receive(&buffer[..len], false).unwrap();
        // Fragments are not for us.
        let Ok(message) = GroupMessage::decode(&message) else { continue };
        assert_eq!(message.from.address, from);
        // If the test is over, nobody wants to know.
        let _ = tell.send(message.body.clone());
        mserver.answer(from, message.body);
    }
}

impl Mserver<'_> {
    fn answer(&mut self, from: SocketAddrV4, body: GroupBody) {
        match body {
            GroupBody::Register { number, .. } => {
                if !self.mis.contains(&from) {
                    self.mis.push(from);
                }
                self.say(from, GroupBody::Registered { number });
            }
            GroupBody::Submit { request, .. } => match &mut self.held {
                Some(held) => {
                    let id = request.id;
                    held.insert(id, request);
                    self.say(id.origin.address, GroupBody::Wait { id });
                }
                None => self.decide(request),
            },
            _ => {}
        }
    }

    fn decide(&mut self, request: Request) {
        let known = self.registry.get((request.group, None)).is_some_and(|r| !r.is_over());
        let op = match known {
            true => GroupOp::Call(request.clone()),
            false => GroupOp::Create(request.clone()),
        };
        let mut effects = Vec::new();
        self.registry.apply(op, &mut effects);
        for effect in effects {
            match effect {
                Effect::View { direct, core, .. } => self.show(&direct, &core),
                Effect::Show { request, core } => {
                    let direct = Direct {
                        key: core.key,
                        term: core.term,
                        number: core.number,
                        digest: core.digest(),
                        reason: Reason::Resync,
                        causes: vec![request.id],
                        content: core.whole(),
                    };
                    self.say(request.id.origin.address, GroupBody::Direct(direct));
                }
                Effect::Answer { request, outcome: Err(refusal), .. } => {
                    let id = request.id;
                    self.say(id.origin.address, GroupBody::Refused { id, refusal });
                }
                _ => {}
            }
        }
    }

    /// A view for all: whoever has just its first member has no view that a change could follow on.
    fn show(&self, direct: &Direct, core: &Core) {
        for &mi in &self.mis {
            let here = |entry: &&Entry| entry.id.mi.address == mi;
            let came = match &direct.content {
                Content::Delta { came, .. } => came.iter().any(|entry| here(&entry)),
                Content::Whole(_) => false,
            };
            let content = match came && core.roster.iter().filter(here).count() == 1 {
                true => core.whole(),
                false => direct.content.clone(),
            };
            self.say(mi, GroupBody::Direct(Direct { content, ..direct.clone() }));
        }
    }

    fn say(&self, to: SocketAddrV4, body: GroupBody) {
        let SocketAddr::V4(address) = self.socket.local_addr().unwrap() else { unreachable!() };
        let from = Life { address, inc: Incarnation(1) };
        let lan: GroupName = "lan".parse().unwrap();
        let name = match &body {
            GroupBody::Direct(direct) => direct.key.name,
            _ => lan,
        };
        let bytes = GroupMessage { name, from, body }.encode().unwrap();
        // A member interface that has just died does not hear it.
        let _ = self.socket.send_to(&bytes, to);
    }
}

//! Applications that are sockets of the bench, and what each was told last.
//!
//! One thread hears all of them, packet by packet, as each would: a view counts when it was taken from the socket and
//! understood. They look at every number, too: views of a strong group come one after another to everybody, and two
//! applications that were told one number were told one digest.

use membership::name::{Digest, GroupName};
use membership::wire::group::{MemberId, Mode, Qos, Reason};
use membership::wire::local::{
    Ask, Asking, Assembly, LocalCall, LocalEvent, MAX_PACKET, Telling, VERSION,
};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::socket::{MsgFlags, recv};
use socket2::{Domain, SockAddr, Socket, Type};
use std::collections::{BTreeMap, HashMap};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long the bench waits for what must happen.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where a membership of an application stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Standing {
    /// Number of the last view, and members of it; 0 before the first one.
    pub number: u32,
    /// Members of it.
    pub size: u32,
    /// When it was told.
    pub at: Instant,
}

/// An application.
struct App {
    socket: Socket,
    assembly: Assembly,
    calls: u32,
    /// Its memberships, in the order in which they were taken; those that are over are gone.
    members: BTreeMap<MemberId, (GroupName, Standing)>,
    /// Memberships that it was told of and has not called about since, and those that ended meanwhile.
    came: Vec<MemberId>,
    went: usize,
    /// It was closed by the other end.
    ended: bool,
}

/// All applications of a bench.
pub struct Crowd {
    epoll: Epoll,
    apps: Vec<Option<App>>,
    buffer: Vec<u8>,
    /// The digest of each view, by group and number, as it was told first.
    digests: HashMap<(GroupName, u32), Digest>,
    /// Sides of a partition had views of their own: numbers do not tell them apart.
    parted: bool,
    /// Views that were told.
    pub views: u64,
}

/// An application by its place.
pub type AppId = usize;

impl Crowd {
    pub fn new() -> Crowd {
        let epoll = Epoll::new(EpollCreateFlags::empty()).unwrap();
        let buffer = vec![0; MAX_PACKET + 1];
        Crowd { epoll, apps: Vec::new(), buffer, digests: HashMap::new(), parted: false, views: 0 }
    }

    /// One more application, at the socket of a member interface.
    pub fn open(&mut self, path: &Path) -> AppId {
        let socket = Socket::new(Domain::UNIX, Type::SEQPACKET, None).unwrap();
        let deadline = Instant::now() + PATIENCE;
        while let Err(e) = socket.connect(&SockAddr::unix(path).unwrap()) {
            assert!(Instant::now() < deadline, "{}: {e}", path.display());
            std::thread::sleep(Duration::from_millis(5));
        }
        socket.send(&Asking::Hello { version: VERSION }.encode().unwrap()).unwrap();
        let id = self.apps.len();
        self.epoll.add(&socket, EpollEvent::new(EpollFlags::EPOLLIN, id as u64)).unwrap();
        let (assembly, members) = (Assembly::default(), BTreeMap::new());
        let (calls, came, went, ended) = (0, Vec::new(), 0, false);
        self.apps.push(Some(App { socket, assembly, calls, members, came, went, ended }));
        id
    }

    /// An application is gone.
    pub fn close(&mut self, app: AppId) {
        self.apps[app] = None;
    }

    fn call(&mut self, app: AppId, group: GroupName, ask: Ask) -> Instant {
        let app = self.apps[app].as_mut().expect("it is there");
        app.calls += 1;
        let packet = Asking::Call(LocalCall { number: app.calls, group, ask }).encode().unwrap();
        let begun = Instant::now();
        app.socket.send(&packet).unwrap();
        begun
    }

    /// An application joins; when it called.
    pub fn join(&mut self, app: AppId, group: GroupName) -> Instant {
        let (mode, qos) = (Mode::JoinOrCreate, Qos::default());
        self.call(app, group, Ask::Join { mode, tag: Vec::new(), qos: qos.into(), patience_ms: 0 })
    }

    /// The oldest membership of an application in a group ends; when it called.
    pub fn leave(&mut self, app: AppId, group: GroupName) -> Instant {
        let members = &self.apps[app].as_ref().expect("it is there").members;
        let of = members.iter().find(|(_, (name, _))| *name == group);
        let member = *of.expect("it is a member").0;
        self.call(app, group, Ask::Leave { member })
    }

    /// Where the memberships of an application in a group stand.
    pub fn standings(&self, app: AppId, group: GroupName) -> impl Iterator<Item = Standing> + '_ {
        let members = self.apps[app].iter().flat_map(|app| app.members.values());
        members.filter(move |(name, _)| *name == group).map(|(_, standing)| *standing)
    }

    /// An application calls once more for each of its calls that came to an end: whoever is in leaves, whoever is
    /// out joins.
    pub fn keep_going(&mut self, app: AppId, group: GroupName) {
        let Some(entry) = &mut self.apps[app] else { return };
        let (came, went) = (std::mem::take(&mut entry.came), std::mem::take(&mut entry.went));
        for member in came {
            self.call(app, group, Ask::Leave { member });
        }
        for _ in 0..went {
            self.join(app, group);
        }
    }

    /// Waits until the last view of each of `who` has so many members.
    pub fn calm(&mut self, who: &[AppId], group: GroupName, size: u32) {
        let deadline = Instant::now() + PATIENCE;
        while !who.iter().all(|&app| self.standings(app, group).all(|s| s.size == size)) {
            assert!(Instant::now() < deadline, "no rest at {size}");
            self.hear(Duration::from_millis(100));
        }
        self.digests.clear();
    }

    /// Waits until each of `who` has been told a view of so many members after `since`; when the last one was.
    pub fn agreed(
        &mut self,
        who: &[AppId],
        group: GroupName,
        (size, since): (u32, Instant),
    ) -> Instant {
        let deadline = Instant::now() + PATIENCE;
        // Those who have been told need not be looked at again.
        let mut left: Vec<AppId> = who.to_vec();
        let mut last = since;
        loop {
            left.retain(|&app| {
                let told = self.standings(app, group).find(|s| s.size == size && s.at >= since);
                last = told.map_or(last, |standing| last.max(standing.at));
                told.is_none()
            });
            if left.is_empty() {
                return last;
            }
            let lag: Vec<_> = left.iter().map(|&app| self.standings(app, group).next()).collect();
            assert!(Instant::now() < deadline, "no view of {size} at {left:?}: {lag:?}");
            self.hear(Duration::from_millis(100));
        }
    }

    /// Waits until an application has so many memberships in a group.
    pub fn until_held(&mut self, app: AppId, group: GroupName, members: usize) {
        let deadline = Instant::now() + PATIENCE;
        while self.standings(app, group).filter(|s| s.number > 0).count() != members {
            assert!(Instant::now() < deadline, "not {members} of {group} at {app}");
            self.hear(Duration::from_millis(100));
        }
    }

    /// Takes what has come, or comes within that time; the applications that were told something.
    pub fn hear(&mut self, patience: Duration) -> Vec<AppId> {
        let mut events = [EpollEvent::empty(); 128];
        let timeout = EpollTimeout::try_from(patience).unwrap();
        let count = self.epoll.wait(&mut events, timeout).unwrap_or(0);
        let heard: Vec<AppId> = events[..count].iter().map(|e| e.data() as AppId).collect();
        for &id in &heard {
            // One packet of each in turn: that there are more, the next look says for less than asking each costs.
            self.hear_one(id);
        }
        heard
    }

    /// Takes a packet of an application, if there is one.
    fn hear_one(&mut self, id: AppId) {
        let Some(app) = self.apps[id].as_mut().filter(|app| !app.ended) else { return };
        let fd = app.socket.as_raw_fd();
        let len = match recv(fd, &mut self.buffer, MsgFlags::MSG_DONTWAIT) {
            Ok(len) if len > 0 => len,
            Err(nix::Error::EAGAIN) => return,
            Ok(_) | Err(_) => {
                self.epoll.delete(&app.socket).unwrap();
                app.ended = true;
                return;
            }
        };
        let buffer = std::mem::take(&mut self.buffer);
        let mut rest = &buffer[..len];
        while !rest.is_empty() {
            let Some(app) = &mut self.apps[id] else { break };
            let telling = Telling::read(&mut rest).unwrap();
            if let Some(Telling::Event { event, .. }) = app.assembly.take(telling).unwrap() {
                self.on_event(id, &event);
            }
        }
        self.buffer = buffer;
    }

    fn on_event(&mut self, id: AppId, event: &LocalEvent) {
        let Some(app) = &mut self.apps[id] else { return };
        match event {
            LocalEvent::Alive { nonce } => {
                let nonce = *nonce;
                self.call(id, "alive".parse().unwrap(), Ask::Alive { nonce });
            }
            LocalEvent::View { key, member, number, size, digest, reason, .. } => {
                let new = Standing { number: *number, size: *size, at: Instant::now() };
                let (name, standing) =
                    app.members.entry(*member).or_insert((key.name, Standing { number: 0, ..new }));
                if standing.number == 0 {
                    app.came.push(*member);
                }
                let follows = standing.number == 0 || standing.number + 1 == *number;
                let jumps = matches!(reason, Reason::Partitioned | Reason::Merged | Reason::Resync);
                assert!(follows || jumps, "{name}: {number} after {}", standing.number);
                (*name, *standing) = (key.name, new);
                self.parted |= jumps;
                let first = self.digests.entry((key.name, *number)).or_insert(*digest);
                assert!(self.parted || first == digest, "{} {number}: two digests", key.name);
                self.views += 1;
            }
            LocalEvent::Out { member, .. } => {
                app.members.remove(member);
                app.went += 1;
            }
            LocalEvent::Refused { group, refusal, .. } => panic!("{group}: {}", refusal.sentence()),
            LocalEvent::Taken { .. }
            | LocalEvent::Done { .. }
            | LocalEvent::Roster { .. }
            | LocalEvent::ServerLost
            | LocalEvent::ServerFound => {}
        }
    }
}

//! A member interface that says what a test wants it to say.

use membership::client::{
    Digest, Entry, GroupKey, JoinOptions, Member, MemberId, Place, Qos, Reason, Refusal, RequestId,
};
use membership::name::Incarnation;
use membership::proto::group::view_digest;
use membership::wire::coreset::Life;
use membership::wire::local::{Ask, Asking, Closing, LocalCall, LocalEvent, Telling, VERSION};
use socket2::{Domain, SockAddr, Socket, Type};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Longer than anything takes that happens at all.
pub const LONG: Duration = Duration::from_secs(20);

static DIRS: AtomicU32 = AtomicU32::new(0);

/// A run directory, gone at the end.
pub struct Dir(pub PathBuf);

impl Dir {
    pub fn new() -> Dir {
        let count = DIRS.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("ms-client-{}-{count}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        Dir(dir)
    }

    /// A member interface with this name.
    pub fn mi(&self, name: &str) -> Script {
        Script::at(&self.0.join(name))
    }

    pub fn place(&self) -> Place {
        Place::at(&self.0)
    }

    pub fn options(&self) -> JoinOptions {
        JoinOptions::new().place(self.place())
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A listening member interface; dropped, it is dead and its socket is gone.
pub struct Script {
    listener: Socket,
    path: PathBuf,
}

impl Script {
    fn at(path: &Path) -> Script {
        let listener = Socket::new(Domain::UNIX, Type::SEQPACKET, None).unwrap();
        listener.bind(&SockAddr::unix(path).unwrap()).unwrap();
        listener.listen(8).unwrap();
        listener.set_read_timeout(Some(LONG)).unwrap();
        Script { listener, path: path.to_path_buf() }
    }

    /// The next application, which has greeted and was greeted.
    pub fn accept(&self) -> Peer {
        let (socket, _) = self.listener.accept().expect("somebody connects");
        socket.set_nonblocking(false).unwrap();
        socket.set_read_timeout(Some(LONG)).unwrap();
        let peer = Peer { socket };
        assert_eq!(peer.hears(), Asking::Hello { version: VERSION });
        peer.says_packet(&Telling::Hello { version: VERSION, mi: life(1) }.encode());
        peer
    }

    /// The next application, which joins and gets this id.
    pub fn takes(&self, member: MemberId) -> (Peer, LocalCall) {
        let peer = self.accept();
        let call = peer.is_asked();
        assert!(matches!(call.ask, Ask::Join { .. }), "{call:?}");
        peer.says(&LocalEvent::Taken { call: call.number, member });
        (peer, call)
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// An application, as a member interface has it.
pub struct Peer {
    pub socket: Socket,
}

impl Peer {
    pub fn hears(&self) -> Asking {
        let mut packet = vec![0; 70_000];
        let have = (&self.socket).read(&mut packet).expect("a packet");
        assert!(have > 0, "it hung up");
        Asking::decode(&packet[..have]).unwrap()
    }

    pub fn is_asked(&self) -> LocalCall {
        match self.hears() {
            Asking::Call(call) => call,
            other => panic!("{other:?}"),
        }
    }

    /// It is asked for something, in order not to be asked for anything else.
    pub fn hears_that_it_hung_up(&self) {
        match (&self.socket).read(&mut [0; 100]) {
            Ok(0) => {}
            Err(e) if e.kind() == ErrorKind::ConnectionReset => {}
            other => panic!("{other:?}"),
        }
    }

    pub fn says(&self, event: &LocalEvent) {
        event.packets().iter().for_each(|packet| self.says_packet(packet));
    }

    pub fn says_packet(&self, packet: &[u8]) {
        (&self.socket).write_all(packet).unwrap();
    }

    pub fn closes(self, why: Closing) {
        self.says_packet(&Telling::Closing(why).encode());
    }

    pub fn refuses(&self, call: &LocalCall, refusal: Refusal) {
        self.says(&LocalEvent::Refused { call: call.number, group: call.group, refusal });
    }
}

pub fn life(inc: u32) -> Life {
    Life { address: "127.0.0.1:2900".parse().unwrap(), inc: Incarnation(inc) }
}

pub fn member(number: u32) -> MemberId {
    MemberId { mi: life(1), number }
}

/// A group as its core has it.
#[derive(Clone)]
pub struct Group {
    pub key: GroupKey,
    pub term: u32,
    pub number: u32,
    pub roster: Vec<Entry>,
    pub qos: Qos,
    next_gid: u32,
}

impl Group {
    pub fn new(name: &str) -> Group {
        let inc = RequestId { origin: life(1), number: 1 };
        let key = GroupKey { name: name.parse().unwrap(), suffix: None, inc };
        let (roster, qos) = (Vec::new(), Qos::default());
        Group { key, term: 1, number: 0, roster, qos, next_gid: 10 }
    }

    /// Of which so many are members, from number 1 on, in view 1.
    pub fn of(name: &str, members: u32) -> Group {
        let mut group = Group::new(name);
        (1..=members).for_each(|n| drop(group.enter(member(n), "")));
        group.number = 1;
        group
    }

    pub fn digest(&self) -> Digest {
        view_digest(self.qos.order, &self.key.inc, self.number, &self.roster)
    }

    fn enter(&mut self, id: MemberId, tag: &str) -> Entry {
        let entry = Entry {
            id,
            gid: self.next_gid,
            tag: tag.into(),
            roams: false,
            lost: false,
            registration: 0,
            path: Default::default(),
        };
        self.next_gid += 1;
        self.number += 1;
        self.roster.push(entry.clone());
        entry
    }

    /// The next view, as it is told to `told`: somebody joins.
    pub fn joins(&mut self, told: MemberId, id: MemberId, tag: &str) -> LocalEvent {
        let came = vec![self.enter(id, tag)];
        self.delta(told, Reason::Joined, Vec::new(), came)
    }

    /// The next view: somebody fails.
    pub fn fails(&mut self, told: MemberId, id: MemberId) -> LocalEvent {
        let at = self.roster.iter().position(|entry| entry.id == id).unwrap();
        let gone = vec![self.roster.remove(at).gid];
        self.number += 1;
        self.delta(told, Reason::Failed, gone, Vec::new())
    }

    /// The view as it is, whole.
    pub fn whole(&self, told: MemberId, reason: Reason) -> LocalEvent {
        let mut event = self.delta(told, reason, Vec::new(), self.roster.clone());
        if let LocalEvent::View { whole, qos, .. } = &mut event {
            (*whole, *qos) = (true, Some(Box::new(self.qos.clone())));
        }
        event
    }

    fn delta(
        &self,
        member: MemberId,
        reason: Reason,
        gone: Vec<u32>,
        came: Vec<Entry>,
    ) -> LocalEvent {
        let rank = self.roster.iter().position(|entry| entry.id == member).unwrap();
        LocalEvent::View {
            key: self.key,
            member,
            gid: self.roster[rank].gid,
            rank: rank as u32,
            term: self.term,
            number: self.number,
            digest: self.digest(),
            size: self.roster.len() as u32,
            reason,
            qos: None,
            gone,
            came,
            whole: false,
        }
    }

    /// The answer to who asks for the roster.
    pub fn answer(&self, call: &LocalCall) -> LocalEvent {
        LocalEvent::Roster {
            call: call.number,
            key: self.key,
            term: self.term,
            number: self.number,
            digest: self.digest(),
            qos: Box::new(self.qos.clone()),
            entries: self.roster.clone(),
        }
    }
}

/// A member of a group of its own making, with two others, that has had its first view: it is the last of them.
pub fn joined(dir: &Dir, script: &Script, options: &JoinOptions) -> (Member, Peer, Group) {
    assert!(dir.0.exists());
    let group = Group::of("orders", 3);
    let mut member = options.join("orders").unwrap();
    let (peer, _) = script.takes(self::member(3));
    peer.says(&group.whole(self::member(3), Reason::Joined));
    assert_eq!(super::view(&mut member).view.size, 3);
    (member, peer, group)
}

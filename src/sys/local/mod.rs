//! The socket at which applications of this host call the member interface.
//!
//! ```text
//!   connect ──> fresh ── HELLO ──> let in: calls in turn, a few packets a lap; events as fast as it takes them
//!                 └── silent, or too many others: closed          └── gone, reads nothing, says nonsense: its members failed
//! ```
//!
//! A Unix socket of whole packets, `ADDRESS-PORT.mi` in the run directory. Whoever may open it is still asked who it is.
//! What an application does costs the others nothing: it has a bounded backlog, a turn like all others, and a share
//! of the places that leaves as many to the rest.

mod access;
mod connection;

pub use access::{Access, Caller, Who, group_named};

use crate::proto::counters::Counters;
use crate::proto::mi::Client;
use crate::proto::note::Note;
use crate::wire::coreset::Life;
use crate::wire::local::{Asking, Closing, LocalCall, LocalEvent, MAX_PACKET, Telling, VERSION};
use connection::{Connection, Reading};
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use nix::unistd::getegid;
use serde_json::{Value, json};
use socket2::{Domain, SockAddr, Socket, Type};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::net::SocketAddrV4;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Applications that are let in at a time.
const CLIENTS: usize = 1024;
/// Those that have not said their version yet.
const FRESH: usize = 64;
/// How long they may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Applications that are accepted, and that are read, in a lap of the loop.
const TURNS: usize = 16;
/// Packets of one of them in a lap.
const PACKETS: usize = 8;
/// Connections that wait in the kernel to be accepted.
const QUEUE: i32 = 128;

/// The token of the listening socket, behind all others; applications have those behind it, which are never used again.
const LISTENER: usize = 1 << 20;

/// What the socket is to be.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Where it is.
    pub path: PathBuf,
    /// The member interface, for those who greet it.
    pub mi: Life,
    /// Who may call.
    pub access: Access,
}

/// What an application did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Heard {
    /// It called.
    Call(Client, LocalCall),
    /// It is gone.
    Gone(Client),
}

/// Why an application is parted with, unless it goes by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Parting {
    Closing(Closing),
    NotReading,
    Silent,
}

/// The words under which applications that are parted with are counted.
pub const WORDS: [&str; 6] = [
    "application-version",
    "application-not-authorised",
    "application-no-place",
    "application-not-understood",
    "application-not-reading",
    "application-silent",
];

impl Parting {
    /// The word under which it is counted, and a sentence for the log if an operator wants to know of it.
    fn words(self) -> (&'static str, Option<&'static str>) {
        let [version, authorised, place, understood, reading, silent] = WORDS;
        match self {
            Parting::Closing(Closing::Version { .. }) => {
                (version, Some("turned away, it speaks another version"))
            }
            Parting::Closing(Closing::NotAuthorised) => {
                (authorised, Some("turned away, not authorised"))
            }
            Parting::Closing(Closing::NoPlace) => {
                (place, Some("turned away, there are too many applications of this user"))
            }
            Parting::Closing(Closing::NotUnderstood) => {
                (understood, Some("closed, it sent what is no call"))
            }
            Parting::NotReading => (reading, Some("closed, it does not read what it is told")),
            Parting::Silent => (silent, None),
        }
    }
}

/// The socket, and all applications.
pub struct Local {
    listener: Socket,
    registry: Registry,
    setup: Setup,
    clients: BTreeMap<Client, Connection>,
    /// How many of them have yet to say their version.
    fresh: usize,
    last: Client,
    /// There may be more to accept, of which the kernel will not tell again.
    waiting: bool,
    /// Those who may have said something, in the order in which they are read.
    turns: VecDeque<Client>,
    /// The same of those who have yet to say their version: neither sort waits for the other.
    fresh_turns: VecDeque<Client>,
    /// Those who have something to take and may be able to.
    told: BTreeSet<Client>,
    /// Those who had been let in and are gone.
    gone: Vec<Client>,
    notes: Vec<Note>,
    counters: Counters,
    buffer: Box<[u8]>,
}

/// The socket of the member interface at `address`.
pub fn path(run_dir: &Path, address: SocketAddrV4) -> PathBuf {
    run_dir.join(format!("{}-{}.mi", address.ip(), address.port()))
}

impl Local {
    /// Listens, replacing what a dead daemon left.
    ///
    /// # Errors
    /// The socket cannot be made, or given to its group, or a living daemon answers there.
    pub fn open(setup: Setup, registry: &Registry) -> io::Result<Local> {
        let listener = listen(&setup)?;
        let source = &mut SourceFd(&listener.as_raw_fd());
        registry.register(source, Token(LISTENER), Interest::READABLE)?;
        Ok(Local {
            listener,
            registry: registry.try_clone()?,
            setup,
            clients: BTreeMap::new(),
            fresh: 0,
            last: 0,
            waiting: false,
            turns: VecDeque::new(),
            fresh_turns: VecDeque::new(),
            told: BTreeSet::new(),
            gone: Vec::new(),
            notes: Vec::new(),
            counters: Counters::default(),
            // One byte more than a packet may have shows that one has more.
            buffer: vec![0; MAX_PACKET + 1].into_boxed_slice(),
        })
    }

    /// Whether `token` is one of ours.
    pub fn owns(token: Token) -> bool {
        token.0 >= LISTENER
    }

    /// Something can be done at the socket of `token`.
    pub fn ready(&mut self, token: Token) {
        if token.0 == LISTENER {
            return self.accept();
        }
        let client = (token.0 - LISTENER) as Client;
        let Some(connection) = self.clients.get_mut(&client) else { return };
        if connection.waiting() > 0 {
            self.told.insert(client);
        }
        if !connection.in_turn {
            connection.in_turn = true;
            match connection.greeted {
                true => self.turns.push_back(client),
                false => self.fresh_turns.push_back(client),
            }
        }
    }

    /// Whether there is something to do without waiting for the kernel.
    pub fn is_busy(&self) -> bool {
        let turns = !self.turns.is_empty() || !self.fresh_turns.is_empty();
        turns || !self.gone.is_empty() || !self.told.is_empty()
    }

    /// What applications did: those whose turn it is, a few packets each.
    pub fn hear(&mut self) -> Vec<Heard> {
        let mut heard = Vec::new();
        let fresh: Vec<Client> =
            self.fresh_turns.drain(..TURNS.min(self.fresh_turns.len())).collect();
        let turns: Vec<Client> = self.turns.drain(..TURNS.min(self.turns.len())).collect();
        for client in fresh.into_iter().chain(turns) {
            if self.hear_one(client, &mut heard)
                && let Some(connection) = self.clients.get_mut(&client)
            {
                connection.in_turn = true;
                self.turns.push_back(client);
            }
        }
        heard.extend(self.gone.drain(..).map(Heard::Gone));
        heard
    }

    /// Reads an application; whether it may have more.
    fn hear_one(&mut self, client: Client, heard: &mut Vec<Heard>) -> bool {
        for _ in 0..PACKETS {
            let Some(connection) = self.clients.get_mut(&client) else { return false };
            connection.in_turn = false;
            let len = match connection.read(&mut self.buffer) {
                Reading::Packet(len) => len,
                Reading::Nothing => return false,
                Reading::Ended => {
                    self.part(client, None);
                    return false;
                }
            };
            let asking = match self.buffer.get(..len).filter(|_| len <= MAX_PACKET) {
                Some(packet) => Asking::decode(packet).ok(),
                None => None,
            };
            match (asking, connection.greeted) {
                (Some(Asking::Call(call)), true) => heard.push(Heard::Call(client, call)),
                (Some(Asking::Hello { version }), false) => self.greet(client, version),
                _ => self.part(client, Some(Parting::Closing(Closing::NotUnderstood))),
            }
        }
        true
    }

    /// An application said its version.
    fn greet(&mut self, client: Client, version: u16) {
        let greeted = self.clients.values().filter(|c| c.greeted).count();
        let Some(connection) = self.clients.get(&client) else { return };
        let user = connection.caller.user;
        let same = |c: &&Connection| c.greeted && c.caller.user == user;
        let own = self.clients.values().filter(same).count();
        let refused = if version != VERSION {
            Some(Closing::Version { spoken: VERSION })
        } else if !self.setup.access.admits(&connection.caller, connection.fd()) {
            Some(Closing::NotAuthorised)
        } else if own >= CLIENTS - greeted {
            // Nobody takes more than is left to the others.
            Some(Closing::NoPlace)
        } else {
            None
        };
        if let Some(closing) = refused {
            return self.part(client, Some(Parting::Closing(closing)));
        }
        let hello = Telling::Hello { version, mi: self.setup.mi };
        if let Some(connection) = self.clients.get_mut(&client) {
            connection.greeted = true;
            self.fresh -= 1;
            connection.keep(vec![hello.encode()]);
            self.told.insert(client);
        }
    }

    /// Tells an application, at the next [`Local::flush`]. One that does not take what it was told before is closed.
    pub fn tell(&mut self, client: Client, event: &LocalEvent) {
        let Some(connection) = self.clients.get_mut(&client) else { return };
        let packets = event.packets();
        if !connection.keep(packets) {
            // It may have read since then.
            let flushed = connection.flush();
            if flushed.is_err() || !connection.keep(event.packets()) {
                return self.part(client, Some(Parting::NotReading));
            }
        }
        self.told.insert(client);
    }

    /// Sends what applications take of what they were told.
    pub fn flush(&mut self) {
        for client in std::mem::take(&mut self.told) {
            let Some(connection) = self.clients.get_mut(&client) else { continue };
            // Where not all went out, the kernel tells when more may.
            let flushed = connection
                .flush()
                .and_then(|all| connection.await_room(!all, token_of(client), &self.registry));
            if flushed.is_err() {
                self.part(client, None);
            }
        }
    }

    /// Parts with those that do not say who they are, and lets in those who wait.
    pub fn expire(&mut self, now: Instant) {
        let late =
            |(client, c): (&Client, &Connection)| (!c.greeted && c.until < now).then_some(*client);
        if self.fresh > 0 {
            let late: Vec<Client> = self.clients.iter().filter_map(late).collect();
            late.into_iter().for_each(|client| self.part(client, Some(Parting::Silent)));
        }
        if self.waiting {
            self.accept();
        }
    }

    /// What an operator should be told.
    pub fn notes(&mut self) -> Vec<Note> {
        std::mem::take(&mut self.notes)
    }

    /// Others may call from now on; who was let in stays.
    ///
    /// # Errors
    /// The socket does not take its mode or group: it stays as it was.
    pub fn change(&mut self, access: Access) -> io::Result<()> {
        if access != self.setup.access {
            dress(&self.setup.path, &access)?;
            self.setup.access = access;
        }
        Ok(())
    }

    /// What `ms status` shows of it: an object.
    pub fn status(&self) -> Value {
        json!({
            "socket": self.setup.path.display().to_string(),
            "clients": self.clients.values().filter(|c| c.greeted).count(),
            "backlog": self.clients.values().map(Connection::waiting).sum::<usize>(),
            "counters": self.counters.to_json(),
        })
    }

    fn accept(&mut self) {
        self.waiting = true;
        for _ in 0..TURNS {
            match self.listener.accept() {
                Ok((socket, _)) => self.admit(socket),
                Err(e) => {
                    // Of those that come later the kernel tells; without a file to spare, we ask again.
                    self.waiting = e.kind() != io::ErrorKind::WouldBlock;
                    return;
                }
            }
        }
    }

    fn admit(&mut self, socket: Socket) {
        let Ok(caller) = Caller::of(socket.as_fd()) else { return };
        self.make_room();
        self.last += 1;
        let client = self.last;
        let (token, source) = (token_of(client), &mut SourceFd(&socket.as_raw_fd()));
        if self.registry.register(source, token, Interest::READABLE).is_ok() {
            let mut connection = Connection::new(socket, caller, Instant::now() + PATIENCE);
            // Its version is there already, as a rule.
            connection.in_turn = true;
            self.fresh_turns.push_back(client);
            self.clients.insert(client, connection);
            self.fresh += 1;
        }
    }

    /// Of those who said nothing yet, the oldest goes of the user that has most of them.
    fn make_room(&mut self) {
        let mut fresh: BTreeMap<u32, Vec<Client>> = BTreeMap::new();
        for (client, connection) in self.clients.iter().filter(|(_, c)| !c.greeted) {
            fresh.entry(connection.caller.user).or_default().push(*client);
        }
        if fresh.values().map(Vec::len).sum::<usize>() < FRESH {
            return;
        }
        let most = fresh.values().max_by_key(|clients| clients.len());
        if let Some(&oldest) = most.and_then(|clients| clients.first()) {
            self.part(oldest, Some(Parting::Silent));
        }
    }

    fn part(&mut self, client: Client, why: Option<Parting>) {
        let Some(connection) = self.clients.remove(&client) else { return };
        match connection.greeted {
            true => self.gone.push(client),
            false => self.fresh -= 1,
        }
        let last = match why {
            Some(Parting::Closing(closing)) => Some(Telling::Closing(closing).encode()),
            _ => None,
        };
        let Caller { user, process, .. } = connection.caller;
        connection.end(last, &mut self.buffer, &self.registry);
        let Some((word, sentence)) = why.map(Parting::words) else { return };
        self.counters.count(word);
        self.notes.extend(sentence.map(|why| Note::Application { user, process, why }));
    }
}

fn token_of(client: Client) -> Token {
    Token(LISTENER + client as usize)
}

impl Drop for Local {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = std::fs::remove_file(&self.setup.path);
    }
}

/// A socket that listens at its path, with its mode and group before anybody can connect.
fn listen(setup: &Setup) -> io::Result<Socket> {
    let address = SockAddr::unix(&setup.path)?;
    let open = || -> io::Result<Socket> {
        let socket = Socket::new(Domain::UNIX, Type::SEQPACKET, None)?;
        socket.set_nonblocking(true)?;
        Ok(socket)
    };
    let listener = open()?;
    if let Err(e) = listener.bind(&address) {
        if e.kind() != io::ErrorKind::AddrInUse {
            return Err(e);
        }
        // Only what a dead daemon left refuses connections.
        match open()?.connect(&address) {
            Err(refused) if refused.kind() == io::ErrorKind::ConnectionRefused => {}
            _ => return Err(e),
        }
        std::fs::remove_file(&setup.path)?;
        listener.bind(&address)?;
    }
    dress(&setup.path, &setup.access)?;
    listener.listen(QUEUE)?;
    Ok(listener)
}

/// Gives the socket's file its group and mode.
fn dress(path: &Path, access: &Access) -> io::Result<()> {
    // It may have had another one before.
    let group = access.group.unwrap_or_else(|| getegid().as_raw());
    std::os::unix::fs::chown(path, None, Some(group))?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(access.mode))
}

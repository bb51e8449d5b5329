//! The control socket: how commands on the same host ask a daemon what it knows.
//!
//! A Unix stream socket `ADDRESS-PORT.ctl` in the run directory. The client sends one line, the request; the daemon
//! answers with JSON and closes. A client that is slow, silent or floods costs a bounded buffer and is
//! dropped after a while, or as soon as others need its place; the loop never waits for it.

use mio::net::{UnixListener, UnixStream};
use mio::{Interest, Registry, Token};
use serde_json::json;
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::SocketAddrV4;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Clients at a time, and new ones in a lap of the loop; more wait in the kernel's queue.
const CLIENTS: usize = 16;
/// Longest request, in bytes.
const REQUEST: usize = 256;
/// How long a client may take for all of it.
const PATIENCE: Duration = Duration::from_secs(5);
/// Clients that follow events at a time.
const FOLLOWERS: usize = 4;
/// Bytes that are kept for one of them; what comes beyond is lost to it, and counted.
const BACKLOG: usize = 256 * 1024;

/// The token of the listening socket; clients have those behind it.
pub const LISTENER: Token = Token(1000);

struct Client {
    stream: UnixStream,
    request: Vec<u8>,
    answer: Option<Vec<u8>>,
    until: Instant,
    /// It follows events: how many lines it lost since the last one that it got.
    lost: Option<u64>,
}

/// The daemon's side.
pub struct Control {
    listener: UnixListener,
    path: PathBuf,
    clients: BTreeMap<usize, Client>,
    /// There may be more to accept, of which the kernel will not tell again.
    waiting: bool,
    followers: usize,
}

/// The socket of the daemon at `address`.
pub fn path(run_dir: &Path, address: SocketAddrV4) -> PathBuf {
    run_dir.join(format!("{}-{}.ctl", address.ip(), address.port()))
}

impl Control {
    /// Listens, replacing what a dead daemon left.
    ///
    /// # Errors
    /// The socket cannot be made, or a living daemon answers there.
    pub fn open(path: PathBuf, registry: &Registry) -> io::Result<Control> {
        let mut listener = match UnixListener::bind(&path) {
            Err(e) if e.kind() == io::ErrorKind::AddrInUse => {
                if std::os::unix::net::UnixStream::connect(&path).is_ok() {
                    return Err(e);
                }
                std::fs::remove_file(&path)?;
                UnixListener::bind(&path)?
            }
            other => other?,
        };
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o660))?;
        registry.register(&mut listener, LISTENER, Interest::READABLE)?;
        Ok(Control { listener, path, clients: BTreeMap::new(), waiting: false, followers: 0 })
    }

    /// Whether `token` is one of ours.
    pub fn owns(token: Token) -> bool {
        token.0 >= LISTENER.0
    }

    /// Goes on with what `token` is ready for. A request that is complete is returned, and wants
    /// [`Control::answer`].
    pub fn serve(&mut self, token: Token, registry: &Registry) -> Option<String> {
        if token == LISTENER {
            self.accept(registry);
            return None;
        }
        let client = self.clients.get_mut(&token.0)?;
        let (over, request) = match &client.answer {
            Some(_) if client.lost.is_some() => (client.is_gone() || client.flush().is_err(), None),
            Some(_) => (client.write(), None),
            None => match client.read() {
                Reading::More => (false, None),
                Reading::Gone => (true, None),
                Reading::Request(request) => (false, Some(request)),
            },
        };
        if over {
            self.close(token.0, registry);
        }
        request
    }

    /// Sends the answer to the request that came from `token`, as fast as the client takes it.
    pub fn answer(&mut self, token: Token, answer: String, registry: &Registry) {
        let Some(client) = self.clients.get_mut(&token.0) else { return };
        client.answer = Some(answer.into_bytes());
        if client.write() {
            self.close(token.0, registry);
        }
    }

    /// From now on the client of `token` gets every line that is published.
    pub fn follow(&mut self, token: Token, registry: &Registry) {
        if self.followers >= FOLLOWERS {
            let why = json!({"error": format!("{FOLLOWERS} follow already")});
            return self.answer(token, format!("{why}\n"), registry);
        }
        let Some(client) = self.clients.get_mut(&token.0) else { return };
        client.lost = Some(0);
        client.answer = Some(Vec::new());
        self.followers += 1;
    }

    /// Whether somebody follows.
    pub fn is_followed(&self) -> bool {
        self.followers > 0
    }

    /// A line for all that follow. A client that does not keep up loses lines, and is told how many.
    pub fn publish(&mut self, line: &str, registry: &Registry) {
        let following = self.clients.iter_mut().filter(|(_, client)| client.lost.is_some());
        let gone =
            following.filter_map(|(&token, client)| client.offer(line).is_err().then_some(token));
        let gone: Vec<usize> = gone.collect();
        gone.into_iter().for_each(|token| self.close(token, registry));
    }

    /// Drops clients whose time is up, and lets in those who wait.
    pub fn expire(&mut self, now: Instant, registry: &Registry) {
        let late: Vec<usize> = self
            .clients
            .iter()
            .filter(|(_, c)| c.until < now && c.lost.is_none())
            .map(|(&t, _)| t)
            .collect();
        for token in late {
            self.close(token, registry);
        }
        if self.waiting {
            self.accept(registry);
        }
    }

    /// Takes in a lap no more than there are places, so that each has at least one lap to say its request
    /// before others may need its place.
    fn accept(&mut self, registry: &Registry) {
        self.waiting = true;
        for _ in 0..CLIENTS {
            match self.listener.accept() {
                Ok((stream, _)) => self.admit(stream, registry),
                Err(e) => {
                    // Of those that come later the kernel tells; without a file to spare, we ask again.
                    self.waiting = e.kind() != io::ErrorKind::WouldBlock;
                    return;
                }
            }
        }
    }

    fn admit(&mut self, mut stream: UnixStream, registry: &Registry) {
        if self.clients.len() >= CLIENTS {
            // Who asked nothing yet goes before who has not taken its answer, and the oldest of them first.
            let oldest = self
                .clients
                .iter()
                .min_by_key(|(_, c)| (c.lost.is_some(), c.answer.is_some(), c.until));
            let oldest = oldest.map(|(&token, _)| token);
            oldest.into_iter().for_each(|token| self.close(token, registry));
        }
        let mut tokens = LISTENER.0 + 1..;
        let Some(token) = tokens.find(|token| !self.clients.contains_key(token)) else { return };
        let interest = Interest::READABLE | Interest::WRITABLE;
        if registry.register(&mut stream, Token(token), interest).is_ok() {
            let until = Instant::now() + PATIENCE;
            let client = Client { stream, request: Vec::new(), answer: None, until, lost: None };
            self.clients.insert(token, client);
        }
    }

    fn close(&mut self, token: usize, registry: &Registry) {
        if let Some(mut client) = self.clients.remove(&token) {
            self.followers -= usize::from(client.lost.is_some());
            // It is closed right after, which deregisters it as well.
            let _ = registry.deregister(&mut client.stream);
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// How far a client's request is.
enum Reading {
    More,
    Gone,
    Request(String),
}

impl Client {
    fn read(&mut self) -> Reading {
        let mut part = [0; REQUEST];
        loop {
            match self.stream.read(&mut part) {
                Ok(0) => return Reading::Gone,
                Ok(n) => self.request.extend_from_slice(&part[..n]),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Reading::More,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Reading::Gone,
            }
            if let Some(end) = self.request.iter().position(|&b| b == b'\n') {
                return Reading::Request(
                    String::from_utf8_lossy(&self.request[..end]).into_owned(),
                );
            }
            if self.request.len() > REQUEST {
                return Reading::Gone;
            }
        }
    }

    /// True when it has all of the answer, or went away.
    fn write(&mut self) -> bool {
        self.answer.is_some() && self.flush().unwrap_or(true)
    }

    /// Writes what it takes; true if that was all. An error: it went away.
    fn flush(&mut self) -> io::Result<bool> {
        let Some(rest) = &mut self.answer else { return Ok(true) };
        while !rest.is_empty() {
            match self.stream.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => drop(rest.drain(..n)),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(true)
    }

    /// A line for one who follows: kept if there is room, lost if not. An error: it went away.
    fn offer(&mut self, line: &str) -> io::Result<bool> {
        let (Some(backlog), Some(lost)) = (&mut self.answer, &mut self.lost) else {
            return Ok(true);
        };
        if backlog.len() + line.len() > BACKLOG {
            *lost += 1;
        } else {
            if *lost > 0 {
                backlog.extend_from_slice(format!("{}\n", json!({"lost": *lost})).as_bytes());
                *lost = 0;
            }
            backlog.extend_from_slice(line.as_bytes());
        }
        self.flush()
    }

    /// Whether one who follows, and has nothing more to say, has closed its end.
    fn is_gone(&mut self) -> bool {
        let mut part = [0; REQUEST];
        loop {
            match self.stream.read(&mut part) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return e.kind() != io::ErrorKind::WouldBlock,
            }
        }
    }
}

/// Follows the events of the daemon behind `socket`: a stream of lines, read with `patience` for each.
///
/// # Errors
/// What connecting or sending says.
pub fn follow(socket: &Path, patience: Duration) -> io::Result<std::os::unix::net::UnixStream> {
    let mut stream = std::os::unix::net::UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(patience))?;
    stream.write_all(b"trace\n")?;
    Ok(stream)
}

/// Asks the daemon behind `socket`, and waits for its answer for at most `patience`.
///
/// # Errors
/// What connecting, sending or receiving says.
pub fn ask(socket: &Path, request: &str, patience: Duration) -> io::Result<String> {
    let mut stream = std::os::unix::net::UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    stream.write_all(format!("{request}\n").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

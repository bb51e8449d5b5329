//! An operator's end of the wire: a socket, keys if there are any, and patience.
//!
//! ```text
//!   request ─ signed ─> mserver       again every REPEAT, until
//!   answer  <─ judged ─ fragments ─── it is there, or the time is over
//! ```
//!
//! Where there are keys, the first contact costs each side a challenge: the repetitions carry on from there.

use crate::cmd::serve::{Failure, Plan, refused};
use crate::name::{Gid, Incarnation};
use crate::proto::door::Door;
use crate::proto::parcel::Parcels;
use crate::proto::step::{Action, Input, Via};
use crate::sys::process::exit;
use crate::sys::{entropy, interface, socket};
use crate::wire::coreset::{Body, CoreMessage, Life, Member, Position, SetName};
use crate::wire::{Kind, MAX_DATAGRAM, Message};
use std::io;
use std::net::{SocketAddr, SocketAddrV4, UdpSocket};
use std::time::{Duration, Instant};

/// From one repetition of a request to the next.
const REPEAT: Duration = Duration::from_millis(250);
/// How long one answer is waited for.
pub const PATIENCE: Duration = Duration::from_secs(3);
/// A tick of what counts ticks here: fragments and challenges.
const TICK: Duration = Duration::from_millis(10);
/// Ticks in a second.
const SECOND: u32 = 100;

/// Who asks.
pub struct Asker {
    socket: UdpSocket,
    own: SocketAddrV4,
    door: Option<Door>,
    parcels: Parcels,
    ticked: Instant,
}

impl Asker {
    /// A socket on the way to `server`, and the keys that the settings name.
    pub fn open(plan: &Plan<'_>, server: SocketAddrV4) -> Result<Asker, Failure> {
        let ip = plan.own(|| interface::towards(server))?;
        let what = format!("own address {ip}");
        let socket = socket::open_own(SocketAddrV4::new(ip, 0), plan.settings.ttl.into())
            .map_err(|e| refused(&what, &e))?;
        let socket = UdpSocket::from(socket);
        let opened = socket
            .set_nonblocking(false)
            .and_then(|()| socket.set_read_timeout(Some(TICK)))
            .and_then(|()| socket.local_addr());
        let own = match opened.map_err(|e| refused(&what, &e))? {
            SocketAddr::V4(own) => own,
            SocketAddr::V6(_) => return Err((exit::OSERR, what)),
        };
        let door = plan.door(own, SECOND)?;
        let (boot, _) = entropy::life().map_err(|e| refused("random numbers", &e))?;
        // Fragments of an earlier command from the same port must not be taken for ours.
        let parcels = Parcels::new((boot >> 20) as u32);
        Ok(Asker { socket, own, door, parcels, ticked: Instant::now() })
    }

    /// Asks `to`, a mserver or all that hear a group, until somebody answers; none if nobody does within
    /// `patience`.
    pub fn ask(
        &mut self,
        to: SocketAddrV4,
        (name, level): (SetName, u8),
        body: &Body,
        patience: Duration,
    ) -> Result<Option<CoreMessage>, Failure> {
        let until = Instant::now() + patience;
        let mut next = Instant::now();
        while Instant::now() < until {
            if Instant::now() >= next {
                let bytes = self.message(name, level, body.clone())?;
                let mut actions = Vec::new();
                self.parcels.send(bytes, to, &[to], |_| None, &mut actions);
                self.carry_out(actions).map_err(|e| refused(&format!("sending to {to}"), &e))?;
                next += REPEAT;
            }
            let is_answer = |m: &CoreMessage| {
                let from_there = to.ip().is_multicast() || m.from.life.address == to;
                from_there && answers_to(body, &m.body)
            };
            if let Some(answer) = self.receive()?.filter(is_answer) {
                return Ok(Some(answer));
            }
            self.tick();
        }
        Ok(None)
    }

    /// Asks all of `servers` for the same at once; whoever does not answer within `patience` is missing in what comes
    /// back. A server that cannot be sent to is one of those.
    pub fn ask_each(
        &mut self,
        servers: &[SocketAddrV4],
        body: &Body,
        patience: Duration,
    ) -> Result<Vec<CoreMessage>, Failure> {
        let until = Instant::now() + patience;
        let mut next = Instant::now();
        let mut missing: Vec<SocketAddrV4> = servers.to_vec();
        let mut answers = Vec::new();
        while Instant::now() < until && !missing.is_empty() {
            if Instant::now() >= next {
                next += REPEAT;
                for to in &missing {
                    let bytes = self.message(SetName::default(), 0, body.clone())?;
                    let mut actions = Vec::new();
                    self.parcels.send(bytes, *to, &[*to], |_| None, &mut actions);
                    // There may be no way to one of them, and one to the others.
                    let _ = self.carry_out(actions);
                }
            }
            let is_answer = |m: &CoreMessage| answers_to(body, &m.body);
            if let Some(answer) = self.receive()?.filter(is_answer)
                && let Some(place) = missing.iter().position(|to| *to == answer.from.life.address)
            {
                missing.swap_remove(place);
                answers.push(answer);
            }
            self.tick();
        }
        Ok(answers)
    }

    fn message(&self, name: SetName, level: u8, body: Body) -> Result<Vec<u8>, Failure> {
        let life = Life { address: self.own, inc: Incarnation(0) };
        let message = CoreMessage {
            name,
            from: Member { gid: Gid::NONE, life },
            level,
            position: Position::default(),
            parents: Vec::new(),
            prev: None,
            exclude: Vec::new(),
            body,
        };
        message.encode().map_err(|e| (exit::USAGE, format!("the request is none: {e}")))
    }

    fn carry_out(&mut self, mut actions: Vec<Action>) -> io::Result<()> {
        if let Some(door) = &mut self.door {
            door.seal(&mut actions);
        }
        for action in actions {
            if let Action::Send { to, bytes } = action {
                self.socket.send_to(&bytes, to)?;
            }
        }
        Ok(())
    }

    /// The next message, if there is one within a tick. What is none, or not signed as it must be, is dropped.
    fn receive(&mut self) -> Result<Option<CoreMessage>, Failure> {
        let mut buffer = [0; MAX_DATAGRAM];
        let (from, bytes) = match self.socket.recv_from(&mut buffer) {
            Ok((n, SocketAddr::V4(from))) => (from, &buffer[..n]),
            Ok(_) => return Ok(None),
            Err(e) => {
                use io::ErrorKind::{ConnectionRefused, Interrupted, TimedOut, WouldBlock};
                // Nobody there yet is no reason to give up before the time is over.
                return match e.kind() {
                    ConnectionRefused | Interrupted | TimedOut | WouldBlock => Ok(None),
                    _ => Err(refused("receiving", &e)),
                };
            }
        };
        let mut actions = Vec::new();
        let input = Input::Datagram { via: Via::Own, from, bytes };
        let passes = self.door.as_mut().is_none_or(|door| door.admit(&input, &mut actions));
        let read = if passes { self.read(from, bytes, &mut actions) } else { None };
        // An answer that does not get through is asked for again by the other side.
        let _ = self.carry_out(actions);
        Ok(read)
    }

    fn read(
        &mut self,
        from: SocketAddrV4,
        bytes: &[u8],
        actions: &mut Vec<Action>,
    ) -> Option<CoreMessage> {
        let message = Message::receive(bytes, true).ok()?;
        let decoded = match message.kind() {
            Some(Kind::Fragment) => {
                let (header, data) = (&message.header, message.data);
                let whole = self.parcels.receive(from, header, data, actions).ok()??;
                CoreMessage::decode(&Message::receive(&whole, true).ok()?)
            }
            _ => CoreMessage::decode(&message),
        };
        decoded.ok().filter(|m| m.from.life.address == from)
    }

    fn tick(&mut self) {
        let elapsed = self.ticked.elapsed().as_millis() / TICK.as_millis();
        let elapsed = u32::try_from(elapsed).unwrap_or(u32::MAX);
        if elapsed == 0 {
            return;
        }
        self.ticked += TICK * elapsed;
        let mut actions = Vec::new();
        if let Some(door) = &mut self.door {
            door.admit(&Input::Tick { elapsed }, &mut actions);
        }
        self.parcels.tick(elapsed, |_| None, &mut actions);
        // As above: what is lost is sent again.
        let _ = self.carry_out(actions);
    }
}

/// Whether a message of that kind answers one of this.
fn answers_to(request: &Body, answer: &Body) -> bool {
    match (request, answer) {
        (Body::StatsRequest { long }, Body::Stats(stats)) => *long == stats.detail.is_some(),
        (Body::StatsRequest { .. } | Body::Request(_), Body::Refused { .. }) => true,
        (Body::Request(_), Body::Taken) => true,
        _ => false,
    }
}

//! What an operator asks of a mserver: statistics, and changes of its sets (Table 5: M_STATS_S_REQ to M_DEL_PAR_REQ).
//!
//! ```text
//!   MS_mgr                         mserver
//!   M_STATS_S_REQ ───────────────> who am I, in which view: M_STATS_S
//!   M_SPLIT_REQ ─────────────────> ACK: taken up          or ERROR: why not
//!   M_STATS_S_REQ, again and again until the view shows what was asked for
//! ```
//!
//! The same messages come from joiners and members, for themselves; an operator's come from nobody in the set, in no
//! view and about somebody else. A request that is taken up is then multicast to the set as our own.

use super::{Mserver, Seat, Side};
use crate::name::{Gid, GroupName, Incarnation};
use crate::proto::coreset::{CoreSet, Founding};
use crate::proto::group::Registry;
use crate::proto::step::{Action, Via};
use crate::sorted::Sorted as _;
use crate::wire::coreset::{
    Body, CoreMessage, Life, MAX_COUNTERS, MAX_STRING, Member, PHASES, Position, Request, SetName,
    Stats, StatsDetail,
};
use crate::wire::group::GroupKey;
use std::collections::BTreeSet;
use std::net::SocketAddrV4;

/// The code of a refusal that says why in words.
const REFUSED: u16 = 2;
/// The code of a refusal: whoever asked is not allowed to.
pub const NOT_ALLOWED: u16 = 3;

impl Mserver {
    /// A request, or a question about statistics.
    pub(super) fn on_request(
        &mut self,
        via: Via,
        m: CoreMessage,
        actions: &mut Vec<Action>,
    ) -> Result<(), &'static str> {
        let from = m.from.life.address;
        if !self.may_ask(from) {
            if via == Via::Own {
                let why = "not allowed: see --allow of mserver(8)".to_string();
                self.answer(from, m.name, refused(NOT_ALLOWED, why), actions);
            }
            return Err("not-allowed");
        }
        match &m.body {
            Body::StatsRequest { long } => {
                let (side, long) = (self.side_of(m.name.base), *long);
                if let Some(stats) = self.stats_of_lan(m.name.base, long) {
                    self.answer_for_lan(from, m.name, Body::Stats(stats), actions);
                    return Ok(());
                }
                let stats = self.stats(side, long);
                self.answer(from, m.name, Body::Stats(stats), actions);
                Ok(())
            }
            Body::Request(request) if via == Via::Own && self.is_operators(&m, request) => {
                let request = request.clone();
                let body = match self.operate(&m, request, actions) {
                    Ok(()) => Body::Taken,
                    Err(why) => refused(REFUSED, why),
                };
                self.answer(from, m.name, body, actions);
                Ok(())
            }
            _ => self.give(&m, actions),
        }
    }

    /// Members speak for themselves, whatever network they are in.
    pub(super) fn may_ask(&self, who: SocketAddrV4) -> bool {
        let view =
            |seat: &Seat| seat.set().and_then(CoreSet::view).is_some_and(|v| v.contains(who));
        self.allows(who) || self.seats.values().any(view)
    }

    /// Nobody in the set, in no view, about somebody else: an operator.
    fn is_operators(&self, m: &CoreMessage, request: &Request) -> bool {
        let nobody = m.from.gid == Gid::NONE && m.position == Position::default();
        let own = match request {
            Request::Join(life) | Request::AddParent(life) | Request::Leave(life) => {
                life.address == m.from.life.address
            }
            Request::Split { .. } | Request::Merge { .. } | Request::DelParent => false,
        };
        nobody && !own
    }

    fn side_of(&self, name: GroupName) -> Side {
        let named = |side: &Side| self.seats.get(side).is_some_and(|seat| seat.name() == name);
        if !named(&Side::Peer) && named(&Side::Child) { Side::Child } else { Side::Peer }
    }

    fn operate(
        &mut self,
        m: &CoreMessage,
        request: Request,
        actions: &mut Vec<Action>,
    ) -> Result<(), String> {
        let own = self.id.own;
        let about_us = |address: SocketAddrV4| match address == own {
            true => Ok(()),
            false => Err(format!("this is {own}, ask {address} itself")),
        };
        match request {
            Request::Join(life) => {
                about_us(life.address)?;
                self.join(m, actions)
            }
            Request::AddParent(life) => {
                about_us(life.address)?;
                self.become_parent(m, actions)
            }
            Request::Leave(life) => {
                about_us(life.address)?;
                self.leave(m.name, life, actions)
            }
            other => {
                let side = self.set_named(m.name)?;
                self.judge(side, &other)?;
                self.ask(side, other, actions).map_or(Ok(()), Err)
            }
        }
    }

    /// Whether a change of a set can come of it at all: who is told now need not wait for nothing.
    fn judge(&self, side: Side, request: &Request) -> Result<(), String> {
        let seat = self.seats.get(&side);
        let set = seat.and_then(Seat::set);
        let Some((set, view)) = set.and_then(|set| Some((set, set.view()?))) else {
            return Err("in no view yet: ask again when it is".to_string());
        };
        match request {
            Request::Merge { at } if seat.and_then(Seat::group) == Some(*at) => {
                Err("that is this set itself".to_string())
            }
            Request::Merge { at } if view.contains(*at) => {
                Err(format!("{at} is a member of this set"))
            }
            Request::Merge { .. } => match leader(set) {
                Some(leader) if leader != self.id.own => {
                    Err(format!("the leader looks for other sets, ask {leader}"))
                }
                _ => Ok(()),
            },
            // Both sides would be heard in one place, and merge again.
            Request::Split { name, .. } if name.base == view.name.base => {
                Err(format!("the side must have another name than {}", view.name.base))
            }
            Request::DelParent if view.parent.is_none() => Err("there is no parent".to_string()),
            _ => Ok(()),
        }
    }

    /// Out of a set, at once if it has no other member. Who has left already has done what was asked for.
    fn leave(
        &mut self,
        name: SetName,
        life: Life,
        actions: &mut Vec<Action>,
    ) -> Result<(), String> {
        let found = self.seats.iter().find(|(_, seat)| seat.name() == name.base);
        let Some((&side, seat)) = found else {
            return Err(format!("not in a set called {}", name.base));
        };
        if seat.is_over() {
            return Ok(());
        }
        // A request that was long on its way must not end a later life.
        let set = seat.set();
        if let Some(set) = set.filter(|set| set.view().is_some() && set.life().inc > life.inc) {
            return Err(format!("in incarnation {} by now, ask again", set.life().inc));
        }
        if let (Side::Peer, Some(child)) = (side, self.seats.get(&Side::Child))
            && child.set().is_some()
        {
            // A set whose parent has no peers hangs in the air.
            return Err(format!("parent of set {}: del-parent that first", child.name()));
        }
        self.leave_set(side, actions);
        Ok(())
    }

    /// Our place in the set that an operator names.
    fn set_named(&self, name: SetName) -> Result<Side, String> {
        let found = self.seats.iter().find(|(_, seat)| seat.name() == name.base);
        found
            .filter(|(_, seat)| seat.set().is_some())
            .map(|(side, _)| *side)
            .ok_or_else(|| format!("not in a set called {}", name.base))
    }

    fn join(&mut self, m: &CoreMessage, actions: &mut Vec<Action>) -> Result<(), String> {
        match self.seats.get(&Side::Peer) {
            Some(seat) if seat.set().is_some_and(CoreSet::is_leaving) => Err(leaving(seat)),
            Some(seat) if seat.set().is_some() && seat.name() == m.name.base => Ok(()),
            Some(seat) if seat.set().is_some() => {
                Err(format!("in set {}, leave that first", seat.name()))
            }
            Some(seat) if !seat.is_over() => Err(leaving(seat)),
            _ => {
                let child = self.seats.get(&Side::Child).filter(|seat| seat.set().is_some());
                if let Some(child) =
                    child.filter(|child| child.level().checked_add(1) != Some(m.level))
                {
                    let (name, level) = (child.name(), child.level());
                    return Err(format!("parent of set {name} of level {level}, not {}", m.level));
                }
                self.sit(Side::Peer, (m.name.base, m.level, Founding::IfNone), actions);
                Ok(())
            }
        }
    }

    /// A place in a set below, for as long as it takes.
    fn become_parent(&mut self, m: &CoreMessage, actions: &mut Vec<Action>) -> Result<(), String> {
        let peers = self.seats.get(&Side::Peer).filter(|seat| seat.set().is_some());
        match peers.map(Seat::level) {
            Some(level) if level != m.level.saturating_add(1) => {
                return Err(format!(
                    "on level {level}, parent only of sets of level {}, not {}",
                    level.saturating_sub(1),
                    m.level
                ));
            }
            _ => {}
        }
        match self.seats.get(&Side::Child) {
            Some(seat) if seat.set().is_some_and(CoreSet::is_leaving) => Err(leaving(seat)),
            Some(seat) if seat.name() == m.name.base && seat.set().is_some() => Ok(()),
            Some(seat) if seat.set().is_some() => {
                Err(format!("parent of set {}, del-parent that first", seat.name()))
            }
            Some(seat) if !seat.is_over() => Err(leaving(seat)),
            _ => {
                self.sit(Side::Child, (m.name.base, m.level, Founding::AsParent), actions);
                Ok(())
            }
        }
    }

    fn stats(&self, side: Side, long: bool) -> Stats {
        let set = self.seats.get(&side).and_then(Seat::set);
        let view = set.and_then(CoreSet::view);
        let phase = set.map_or("out", CoreSet::phase_name);
        let code = PHASES.iter().position(|name| *name == phase).unwrap_or(0);
        let counters = || self.counters.iter().map(|(word, n)| (word.to_string(), n));
        let detail = || StatsDetail {
            view: view.cloned().map(Box::new),
            isolated: set.iter().flat_map(|set| set.isolated()).collect(),
            counters: self.facts(side).into_iter().chain(counters()).take(MAX_COUNTERS).collect(),
        };
        Stats {
            size: view.map_or(0, |v| u16::try_from(v.members.len()).unwrap_or(u16::MAX)),
            phase: u8::try_from(code).unwrap_or(0),
            detail: long.then(detail),
        }
    }

    /// What stands before the counters: how the set is heard, what it knows, and what is below us. No counter's word
    /// has a blank, each of these has one.
    fn facts(&self, side: Side) -> Vec<(String, u64)> {
        let seated = |side| self.seats.get(&side).filter(|seat: &&Seat| seat.set().is_some());
        let mut facts = Vec::new();
        if let Some(at) = seated(side).and_then(Seat::group) {
            facts.push((format!("heard {at}"), 1));
        }
        let lan = self.groups.lan();
        if let Some(registry) = self.groups.registry(side).filter(|_| seated(side).is_some()) {
            facts.push(("groups known".to_string(), live(registry).count() as u64));
        }
        if side == Side::Child {
            return facts;
        }
        facts.push(("groups below".to_string(), self.groups_below()));
        if let Some(child) = seated(Side::Child) {
            facts.push((format!("child {}", plain(child.name())), child.level().into()));
        }
        if let Some(lan) = lan {
            facts.push((format!("lan {}", plain(lan.name())), lan.guests().count() as u64));
        }
        if let Some(mi) = lan.and_then(|lan| lan.mi()) {
            facts.push((format!("built-in {}", mi.config().life.address), 1));
        }
        facts
    }

    /// Groups that have members below us, whoever decides them.
    fn groups_below(&self) -> u64 {
        let lan = self.groups.lan().into_iter().flat_map(|lan| live(lan.registry()));
        let all: BTreeSet<GroupKey> = lan.chain(self.groups.relay().groups()).sorted_set();
        all.len() as u64
    }

    /// The same of our LAN, which is no core-set: its member interfaces, in place of members.
    fn stats_of_lan(&self, name: GroupName, long: bool) -> Option<Stats> {
        let named = |seat: &Seat| seat.name() == name;
        let lan = self.groups.lan().filter(|lan| lan.name() == name)?;
        if self.seats.values().any(named) {
            return None;
        }
        let first = [
            (format!("heard {}", self.id.places.of(&name)), 1),
            ("groups known".to_string(), live(lan.registry()).count() as u64),
        ];
        let guests = lan.guests().map(|who| (format!("mi {who}"), 1));
        let counters = || first.into_iter().chain(guests).take(MAX_COUNTERS).collect();
        let size = u16::try_from(lan.guests().count()).unwrap_or(u16::MAX);
        let detail =
            long.then(|| StatsDetail { view: None, isolated: Vec::new(), counters: counters() });
        Some(Stats { size, phase: 0, detail })
    }

    fn answer_for_lan(
        &mut self,
        to: SocketAddrV4,
        name: SetName,
        body: Body,
        actions: &mut Vec<Action>,
    ) {
        let life = Life { address: self.id.own, inc: self.id.inc };
        let from = Member { gid: Gid::NONE, life };
        self.reply(to, (name, 0), (from, Position::default()), body, actions);
    }

    /// An answer that is no message of the protocol: it says who we are in that set.
    fn answer(&mut self, to: SocketAddrV4, name: SetName, body: Body, actions: &mut Vec<Action>) {
        let seat = self.seats.get(&self.side_of(name.base));
        let set = seat.and_then(Seat::set);
        let view = set.and_then(CoreSet::view);
        let own = self.id.own;
        let life = set.map_or_else(
            || Life { address: own, inc: seat.map_or(self.id.inc, Seat::next_life) },
            CoreSet::life,
        );
        let name = view.map_or_else(
            || SetName { base: seat.map_or(name.base, Seat::name), suffix: None },
            |v| v.name,
        );
        let gid = view.and_then(|v| v.member(own)).map_or(Gid::NONE, |m| m.gid);
        let position = view.map(|v| v.position).unwrap_or_default();
        let level = seat.map_or(0, Seat::level);
        self.reply(to, (name, level), (Member { gid, life }, position), body, actions);
    }

    fn reply(
        &mut self,
        to: SocketAddrV4,
        (name, level): (SetName, u8),
        (from, position): (Member, Position),
        body: Body,
        actions: &mut Vec<Action>,
    ) {
        let message = CoreMessage {
            name,
            from,
            level,
            position,
            parents: Vec::new(),
            prev: None,
            exclude: Vec::new(),
            body,
        };
        match message.encode() {
            Ok(bytes) => self.parcels.send(bytes, to, &[to], |_| None, actions),
            Err(_) => self.counters.count("not-encoded"),
        }
    }
}

/// The groups of a registry that are not over.
fn live(registry: &Registry) -> impl Iterator<Item = GroupKey> {
    registry.iter().filter(|record| !record.is_over()).map(|record| record.key)
}

/// A name as it was typed.
fn plain(name: GroupName) -> String {
    String::from_utf8_lossy(name.as_bytes()).into_owned()
}

fn leaving(seat: &Seat) -> String {
    format!("leaving set {}, ask again", seat.name())
}

/// The best-ranked member that the mserver communicates with.
fn leader(set: &CoreSet) -> Option<SocketAddrV4> {
    let isolated: Vec<SocketAddrV4> = set.isolated().collect();
    set.view()?.addresses().find(|who| !isolated.contains(who))
}

fn refused(code: u16, mut why: String) -> Body {
    while why.len() > MAX_STRING {
        why.pop();
    }
    Body::Refused { code, known: Incarnation(0), why }
}

//! What waits, and who starts it: requests of operators and joiners, and the failures we perceived.
//!
//! All members queue the same request. The most senior one starts it at once, each other a little later than
//! the one before, if nobody has; duels are settled by priority.

use super::cause::Cause;
use super::outside::OLD_LIFE;
use super::state::{Phase, Search};
use super::turn::{Turn, is_open};
use super::view::{merged_gids, smallest_free};
use crate::name::Gid;
use crate::proto::timer::Countdown;
use crate::wire::coreset::{Body, ChangeKind, Life, MAX_MEMBERS, Member, Request, View};
use std::net::SocketAddrV4;

/// How a refusal begins that is meant for who wants to be the parent, where there is one: it stands by and asks again.
pub const HAS_PARENT: &str = "there is a parent";

impl Turn<'_> {
    /// A request by message: anybody's, since a joiner is no member.
    pub fn on_request(&mut self, from: Life, level: u8, request: Request) {
        match request {
            Request::Join(life) | Request::AddParent(life) if level != self.at.view.level => {
                let (theirs, ours) = (level, self.at.view.level);
                let why = format!("a set of level {ours} takes nobody of level {theirs}");
                self.refuse(life, why);
            }
            Request::Join(life) => self.on_join_request(life, request),
            Request::AddParent(life) if self.at.view.contains(life.address) => {
                self.on_join_request(life, request);
            }
            Request::AddParent(life) => match self.at.view.parent {
                Some(parent) => self.refuse(life, format!("{HAS_PARENT}, {parent}")),
                None => self.queue(Request::AddParent(life)),
            },
            Request::Merge { at } if self.at.merges.len() < MERGES => {
                let search = Search { timer: Countdown::after(1), left: PROBES };
                self.at.merges.insert(at, search);
            }
            Request::Merge { .. } => self.refused("too many merges are asked for"),
            Request::Leave(life) if life != from => self.ignore("leave-for-another", from.address),
            other => self.queue(other),
        }
    }

    /// A request of our own host.
    pub fn ask(&mut self, request: Request) {
        if matches!(request, Request::Split { .. }) && !is_open(&request, &self.at.view) {
            return self.refused("a side is some of the members, not all, and nobody else");
        }
        if !matches!(request, Request::Merge { .. }) {
            self.multicast(Body::Request(request.clone()));
        }
        let (life, level) = (self.me.life(), self.at.view.level);
        self.on_request(life, level, request);
    }

    /// A joiner, perhaps one that is in already and has not heard so.
    fn on_join_request(&mut self, life: Life, request: Request) {
        let known = self.at.view.member(life.address).map(|m| m.life.inc);
        match known {
            Some(inc) if inc == life.inc => {
                if !self.at.iso.contains(&life.address) {
                    self.send_init(life.address);
                }
            }
            Some(inc) if inc > life.inc => self.refuse_life(life, inc),
            Some(_) => {
                self.isolate(life.address, Cause::NewLife { inc: life.inc });
                self.queue(request);
            }
            None => match self.at.gone.get(&life.address).copied() {
                Some(inc) if inc >= life.inc => self.refuse_life(life, inc),
                _ if self.at.view.members.len() >= MAX_MEMBERS => {
                    self.refuse(
                        life,
                        format!("the set has {MAX_MEMBERS} members and takes no more"),
                    );
                }
                _ => self.queue(request),
            },
        }
    }

    fn refuse_life(&mut self, life: Life, known: crate::name::Incarnation) {
        let why = format!("incarnation {} is over, {known} is known", life.inc);
        self.send(life.address, Body::Refused { code: OLD_LIFE, known, why });
    }

    fn refuse(&mut self, life: Life, why: String) {
        self.refused(&why);
        let known = life.inc;
        self.send(life.address, Body::Refused { code: 2, known, why });
    }

    fn queue(&mut self, request: Request) {
        if !is_open(&request, &self.at.view) || self.knows(&request) {
            return;
        }
        if let Request::Join(life) | Request::AddParent(life) = &request {
            let same = |r: &Request| match r {
                Request::Join(l) | Request::AddParent(l) => l.address == life.address,
                _ => false,
            };
            if self.at.requests.iter().any(|r| same(r) && inc_of(r) > life.inc) {
                return;
            }
            self.at.requests.retain(|r| !same(r));
        }
        if self.at.requests.len() < QUEUE {
            self.at.requests.push(request);
        }
    }

    pub fn forget_join(&mut self, joiner: SocketAddrV4) {
        self.at.requests.retain(|r| match r {
            Request::Join(life) | Request::AddParent(life) => life.address != joiner,
            _ => true,
        });
    }

    /// The state, for a joiner that a change has let in.
    pub fn send_init(&mut self, to: SocketAddrV4) {
        // 0 is for ever, so a time that is over is told as one that soon will be.
        let lost = self
            .at
            .lost
            .iter()
            .map(|(who, time)| (*who, time.map_or(0, |left| left.max(1))))
            .collect();
        let body = Body::Init {
            view: Box::new(self.at.view.clone()),
            prev: self.at.prev.clone().map(Box::new),
            requests: self.at.requests.clone(),
            lost,
            registry: crate::name::Digest::default(),
        };
        self.send(to, body);
    }

    /// Whether a physical change waits that we know of.
    pub fn physical_waits(&self) -> bool {
        !self.at.iso.is_empty() || self.next_request().is_some()
    }

    /// The request that is served first: by kind, then by rank or address. Not our own leave.
    fn next_request(&self) -> Option<&Request> {
        let view = &self.at.view;
        let rank = |a: SocketAddrV4| view.rank(a).map_or(u64::MAX, |r| u64::from(r.0));
        let order = |request: &Request| match request {
            Request::Leave(life) => (1, rank(life.address)),
            Request::DelParent => (2, 0),
            Request::Split { side, .. } => {
                (3, side.iter().map(|a| rank(*a)).min().unwrap_or(u64::MAX))
            }
            Request::AddParent(life) => (4, super::priority::address_key(life.address)),
            Request::Join(life) => (5, super::priority::address_key(life.address)),
            Request::Merge { .. } => (6, 0),
        };
        let own = self.me.life();
        let may = |request: &&Request| **request != Request::Leave(own);
        self.at.requests.iter().filter(may).min_by_key(|request| order(request))
    }

    /// Served once at the end of every step: in Idle, the first thing that waits is started.
    pub fn serve(&mut self) {
        while self.over().is_none() && self.at.phase == Phase::Idle && self.serve_one() {}
    }

    /// Starts what is first in line; true if there may be more.
    fn serve_one(&mut self) -> bool {
        if !self.at.iso.is_empty() {
            let subjects = self.at.iso.iter().copied().collect();
            self.start(ChangeKind::Fail { subjects }, "members failed");
            return true;
        }
        if self.at.leaving.is_some() && self.at.view.members.len() == 1 {
            self.end(true);
            return false;
        }
        let Some(request) = self.next_request().cloned() else {
            self.at.stagger = None;
            return self.sweep() || self.serve_batch();
        };
        let turn = match self.at.stagger {
            Some(left) => left,
            None => self.stagger(&request),
        };
        self.at.stagger = Some(turn);
        if turn > 0 {
            return self.serve_batch();
        }
        let Some(kind) = self.change_of(&request) else {
            self.at.requests.retain(|r| *r != request);
            return true;
        };
        self.at.stagger = None;
        self.start(kind, "request");
        true
    }

    /// Ticks until it is our turn: by rank among those who may coordinate the request.
    fn stagger(&self, request: &Request) -> u32 {
        let leaver = match request {
            Request::Leave(life) => Some(life.address),
            Request::DelParent => self.at.view.parent,
            _ => None,
        };
        let own = self.own();
        let view = &self.at.view;
        let before = view
            .addresses()
            .take_while(|a| *a != own)
            .filter(|a| !self.at.iso.contains(a) && Some(*a) != leaver)
            .count();
        self.me.config.params.stagger.saturating_mul(before as u32)
    }

    /// The change that a request asks for, if it still makes sense.
    fn change_of(&self, request: &Request) -> Option<ChangeKind> {
        let view = &self.at.view;
        if !is_open(request, view) {
            return None;
        }
        Some(match request {
            Request::Join(_) | Request::AddParent(_) if view.members.len() >= MAX_MEMBERS => {
                return None;
            }
            Request::Join(life) => ChangeKind::Join { member: self.newcomer(*life) },
            Request::AddParent(life) => ChangeKind::AddParent { member: self.newcomer(*life) },
            Request::Leave(life) => ChangeKind::Leave { who: life.address },
            Request::DelParent => ChangeKind::DelParent { who: view.parent? },
            Request::Split { side, name } => {
                let mut side = side.clone();
                side.sort_unstable();
                side.dedup();
                ChangeKind::Split { side, name: *name }
            }
            Request::Merge { .. } => return None,
        })
    }

    /// A joiner with the gid that it had when it left, or the smallest that nobody of the view has; the lost and the
    /// recently gone keep theirs as long as there are others. This is local knowledge, and may only choose: the
    /// change decides.
    fn newcomer(&self, life: Life) -> Member {
        let mut taken: Vec<Gid> = self.at.view.members.iter().map(|m| m.gid).collect();
        let departed = &self.at.departed;
        let before = departed.iter().find(|(who, _)| *who == life.address).map(|(_, gid)| *gid);
        let gid = match before.filter(|gid| !taken.contains(gid)) {
            Some(gid) => gid,
            None => {
                taken.extend(departed.iter().map(|(_, gid)| *gid));
                smallest_free(&taken)
            }
        };
        Member { gid, life }
    }

    /// The Merge with another side's view, if there is room for both in one.
    pub fn merge_with(&mut self, other: &View) {
        let ours = self.at.view.clone();
        if ours.members.len() + other.members.len() > MAX_MEMBERS {
            return self.refused("the two sides have more members than one view can");
        }
        let gids = merged_gids(&ours, other);
        let views = Box::new([ours, other.clone()]);
        self.start(ChangeKind::Merge { views, gids }, "another side was found");
    }
}

/// Probes for such a set before it is given up.
const PROBES: u32 = 40;
/// Sets that an operator may want to merge with at a time.
const MERGES: usize = 16;
/// Requests that wait at the most; joiners repeat theirs.
const QUEUE: usize = 1024;

fn inc_of(request: &Request) -> crate::name::Incarnation {
    match request {
        Request::Join(life) | Request::AddParent(life) | Request::Leave(life) => life.inc,
        Request::Split { .. } | Request::Merge { .. } | Request::DelParent => Default::default(),
    }
}

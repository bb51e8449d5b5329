//! Requests that change a set: asked for, taken up, and seen in the view.

use super::{Desk, Told, not_allowed, set_name, silent};
use crate::cmd::conf;
use crate::cmd::serve::{Failure, Plan};
use crate::name::GroupName;
use crate::proto::mserver::NOT_ALLOWED;
use crate::proto::places::Places;
use crate::sys::process::exit;
use crate::sys::signal;
use crate::wire::coreset::{Body, Life, Request, SetName, View};
use std::net::SocketAddrV4;
use std::time::{Duration, Instant};

use crate::cmd::asker::PATIENCE;

/// From one look at the view to the next.
const LOOK: Duration = Duration::from_millis(50);

/// Where the set of that name is heard, or the address that was said.
pub fn place(plan: &Plan<'_>, said: &str) -> Result<SocketAddrV4, Failure> {
    let looks_like_one = said.starts_with(|c: char| c.is_ascii_digit()) && said.contains('.');
    if looks_like_one || said.contains(':') {
        return conf::address(said, plan.settings.port)
            .map_err(|why| (exit::USAGE, format!("ADDRESS {said}: {why}")));
    }
    let at = Places::new(plan.groups.clone(), plan.settings.port).of(&set_name(said)?);
    match at.ip().is_multicast() {
        true => Ok(at),
        false => Err((
            exit::USAGE,
            format!("SET {said}: is heard from the mcaster {at}: name one of its mservers instead"),
        )),
    }
}

impl Told {
    /// The view, if it is in one.
    pub fn view(&self) -> Option<&View> {
        self.stats.detail.as_ref().and_then(|detail| detail.view.as_deref())
    }

    pub fn life(&self) -> Life {
        self.message.from.life
    }

    /// The view, or that there is none to change.
    fn in_view(&self) -> Result<&View, Failure> {
        let (who, set) = (self.life().address, self.message.name);
        self.view().ok_or_else(|| {
            (exit::DATAERR, format!("{who}: refused: in no view of set {set} that could change"))
        })
    }

    /// The best-ranked member with whom the mserver communicates.
    fn leader(&self) -> Option<SocketAddrV4> {
        let detail = self.stats.detail.as_ref()?;
        self.view()?.addresses().find(|who| !detail.isolated.contains(who))
    }
}

impl Desk {
    /// SERVER joins a set.
    pub fn join(mut self, set: GroupName, level: u8) -> Result<String, Failure> {
        let told = self.server()?;
        let own = self.server;
        let name = SetName { base: set, suffix: None };
        let request = Request::Join(told.life());
        let done = move |told: &Told| {
            let view = told.view().filter(|view| view.name.base == set)?;
            let rank = view.rank(own)?;
            Some(format!("{own} is in {}, with rank {rank}", brief(view)))
        };
        self.carry_through(own, (name, level), request, done)
    }

    /// SERVER leaves its set.
    pub fn leave(mut self) -> Result<String, Failure> {
        let told = self.server()?;
        let (own, set, level) = (self.server, told.message.name, told.message.level);
        let done = move |told: &Told| {
            let out = told.view().is_none();
            out.then(|| format!("{own} has left set {set}"))
        };
        self.carry_through(own, (set, level), Request::Leave(told.life()), done)
    }

    /// Some members of SERVER's set go under another name.
    pub fn split(mut self, name: GroupName, side: Vec<SocketAddrV4>) -> Result<String, Failure> {
        let told = self.server()?;
        let view = told.in_view()?;
        if let Some(stranger) = side.iter().find(|who| !view.contains(**who)) {
            let why = format!("{}: refused: {stranger} is not in {}", self.server, brief(view));
            return Err((exit::DATAERR, why));
        }
        let (own, set) = (self.server, told.message.name);
        let goes = side.contains(&own);
        let count = side.len();
        let new = SetName { base: name, suffix: None };
        let request = Request::Split { side: side.clone(), name: new };
        let done = move |told: &Told| {
            let view = told.view()?;
            let apart = match goes {
                true => view.name.base == name,
                false => side.iter().all(|who| !view.contains(*who)),
            };
            let rest = brief(view);
            apart.then(|| match goes {
                true => format!("set {set} is split: {own} is in {rest}"),
                false => {
                    format!("set {set} is split: {count} went to set {name}, what stays is {rest}")
                }
            })
        };
        self.carry_through(own, (set, told.message.level), request, done)
    }

    /// SERVER's set and another become one. Only leaders look for other sets, so its leader is asked.
    pub fn merge(mut self, at: SocketAddrV4) -> Result<String, Failure> {
        let ours = self.server()?;
        let leader = ours.in_view().map(|_| ours.leader())?.unwrap_or(self.server);
        let theirs = self.told(at, SetName::default(), PATIENCE.min(self.timeout))?;
        let view = theirs.in_view()?;
        let (ours_level, theirs_level) = (ours.message.level, view.level);
        if ours_level != theirs_level {
            let why = format!(
                "{}: refused: set {} is on level {theirs_level}, set {} on level {ours_level}",
                self.server, view.name, ours.message.name
            );
            return Err((exit::DATAERR, why));
        }
        let them = theirs.leader().unwrap_or(theirs.life().address);
        let target = if at.ip().is_multicast() { at } else { them };
        let done = move |told: &Told| {
            let view = told.view().filter(|view| view.contains(them))?;
            Some(format!("merged: {}", brief(view)))
        };
        if let Some(line) = done(&ours) {
            let why = format!("{}: refused: they are one set already, {line}", self.server);
            return Err((exit::DATAERR, why));
        }
        let request = Request::Merge { at: target };
        self.carry_through(leader, (ours.message.name, ours_level), request, done)
    }

    /// The mserver at `parent` becomes the parent of SERVER's set.
    pub fn add_parent(mut self, parent: SocketAddrV4) -> Result<String, Failure> {
        let told = self.server()?;
        let (set, level) = (told.message.name, told.message.level);
        let now = told.in_view()?.parent;
        if let Some(now) = now.filter(|now| *now != parent) {
            let why = format!("{}: refused: set {set} has the parent {now}", self.server);
            return Err((exit::DATAERR, why));
        }
        let candidate = self.told(parent, set, PATIENCE.min(self.timeout))?;
        let done = move |told: &Told| {
            let view = told.view().filter(|view| view.parent == Some(parent))?;
            Some(format!("{parent} is the parent of {}", brief(view)))
        };
        let request = Request::AddParent(candidate.life());
        self.carry_through(parent, (set, level), request, done)
    }

    /// SERVER's set gives up its parent: that one, or whoever it is. One that stands by may take over at once.
    pub fn del_parent(mut self, which: Option<SocketAddrV4>) -> Result<String, Failure> {
        let told = self.server()?;
        let (who, set, level) = (self.server, told.message.name, told.message.level);
        let parent = match told.in_view()?.parent {
            Some(parent) if which.is_none_or(|which| which == parent) => parent,
            Some(other) => {
                let why = format!("{who}: refused: set {set} has the parent {other}");
                return Err((exit::DATAERR, why));
            }
            None => {
                return Err((exit::DATAERR, format!("{who}: refused: set {set} has no parent")));
            }
        };
        let done = move |told: &Told| {
            let view = told.view().filter(|view| !view.contains(parent))?;
            Some(match view.parent {
                None => format!("{} has no parent", brief(view)),
                Some(next) => format!("{next} is the parent of {}", brief(view)),
            })
        };
        self.carry_through(self.server, (set, level), Request::DelParent, done)
    }

    /// SERVER waits to be the parent of a set, or is it at once if it has none.
    pub fn stand_by(mut self, set: GroupName, level: u8) -> Result<String, Failure> {
        let told = self.server()?;
        let own = self.server;
        let name = SetName { base: set, suffix: None };
        let done = move |told: &Told| {
            let waits = told.fact("child") == Some(set);
            waits.then(|| format!("{own} stands by for set {set}"))
        };
        self.carry_through(own, (name, level), Request::AddParent(told.life()), done)
    }

    /// SERVER does so no longer.
    pub fn stand_down(mut self, set: GroupName) -> Result<String, Failure> {
        let told = self.server()?;
        let own = self.server;
        let name = SetName { base: set, suffix: None };
        let done = move |told: &Told| {
            let waits = told.fact("child") == Some(set);
            (!waits).then(|| format!("{own} stands by for set {set} no longer"))
        };
        self.carry_through(own, (name, 0), Request::Leave(told.life()), done)
    }

    /// Asks `to` for it, and looks at SERVER until its view shows that it is done.
    fn carry_through(
        &mut self,
        to: SocketAddrV4,
        set: (SetName, u8),
        request: Request,
        done: impl Fn(&Told) -> Option<String>,
    ) -> Result<String, Failure> {
        let until = Instant::now() + self.timeout;
        let patience = PATIENCE.min(self.timeout);
        let answer = self.asker.ask(to, set, &Body::Request(request), patience)?;
        match answer.map(|answer| answer.body) {
            None => return Err(silent(to, patience)),
            Some(Body::Refused { code: NOT_ALLOWED, why, .. }) => {
                return Err(not_allowed(to, &why));
            }
            Some(Body::Refused { why, .. }) => {
                // It may be done already: the answer that said so was lost, and we asked again.
                let line = self.server().ok().and_then(|told| done(&told));
                return line.map(told_line).ok_or((exit::DATAERR, format!("{to}: refused: {why}")));
            }
            Some(_) => {}
        }
        if !self.waits {
            return Ok(format!("{to} has taken it up\n"));
        }
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let seconds = self.timeout.as_secs();
                let why = format!("{to} has taken it up, but it is not done after {seconds} s");
                return Err((exit::TEMPFAIL, why));
            }
            if signal::stops() > 1 {
                let why =
                    format!("{to} has taken it up, and nobody waits for it: it may be done yet");
                return Err((exit::TEMPFAIL, why));
            }
            let told = self.told(self.server, SetName::default(), left.min(PATIENCE))?;
            if let Some(line) = done(&told) {
                return Ok(told_line(line));
            }
            std::thread::sleep(LOOK);
        }
    }
}

fn told_line(line: String) -> String {
    format!("{line}\n")
}

/// `set nps, view 7 of 3`.
fn brief(view: &View) -> String {
    format!("set {}, view {} of {}", view.name, view.position.num, view.members.len())
}

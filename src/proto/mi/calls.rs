//! What applications ask for, until it is answered or refused (II.D.2).
//!
//! ```text
//!   call ── refused here: a limit, a name, another's member
//!     └──> pending ── SUBMIT ──> cause of a view, Shown, Done, Refused ──> told once
//!             ├── silence for T_REPLY ──> MSG_QUERY, MSG_QUERY, SUBMIT again, ... (Figure 43)
//!             │                              ├── WAIT ──> T_QUERY
//!             │                              └── unheard of ──> SUBMIT again
//!             └── no mserver for T_CREATE ──> NoMserver, unless it is a leave or a failure
//! ```
//!
//! A leave is carried through: the application may go at once, and where its member has moved to another group, the
//! leave follows it there.

use super::departures::Failing;
use super::session::{Home, Local};
use super::{Ask, Client, LocalCall, LocalEvent, Mi, MiAction, Pending, name_of};
use crate::name::GroupName;
use crate::proto::timer::Countdown;
use crate::wire::group::{
    Call, GroupBody, MAX_RULE, MAX_TAG, MemberId, Mode, Monitor, Qos, Refusal, Request, RequestId,
    Scope, Way,
};
use std::collections::{BTreeMap, BTreeSet};

/// Calls of one application that may be under way at a time.
const CALLS: usize = 64;
/// Members of one application.
const MEMBERS: usize = 256;
/// Members of all applications, and groups that they are in: a registration states them all in one message.
const ALL_MEMBERS: usize = 16_384;
const ALL_GROUPS: usize = 8000;
/// Questions about a call that may stay unanswered before it is sent again.
const QUESTIONS: u32 = 2;
/// Members that a call can split off: they are listed in one message.
const SPLIT: usize = 1 << 16;

impl Mi {
    /// A call of an application. What becomes of it, [`LocalEvent`]s tell.
    pub(super) fn call(&mut self, client: Client, call: &LocalCall, out: &mut Vec<MiAction>) {
        if let Ask::Alive { nonce } = call.ask {
            if let Some(session) = self.sessions.get_mut(&client) {
                session.watch.answer(nonce);
            }
            return;
        }
        if let Err(refusal) = self.admit(client, call) {
            let (call, group) = (call.number, call.group);
            return self.tell(client, LocalEvent::Refused { call, group, refusal }, out);
        }
        let from = Some((client, call.number));
        match call.ask.clone() {
            Ask::Join { mode, tag, qos, patience_ms } => {
                self.members += 1;
                let number = self.members;
                let member = self.id_of(number);
                self.tell(client, LocalEvent::Taken { call: call.number, member }, out);
                let home = Home::Joining(self.requests + 1);
                self.local.insert(number, Local { client, home });
                let patience = self.config.params.ticks(patience_ms.into());
                let session = self.sessions.entry(client).or_default();
                session.members.push(number);
                // Whoever joins is there.
                session.watch.heard();
                if patience_ms > 0 {
                    session.watch.add(number, patience);
                }
                self.submit(
                    from,
                    call.group,
                    Call::Join { mode, member, tag, roams: self.roams(), qos: *qos },
                    out,
                );
            }
            Ask::Leave { member } => {
                let group = self.group_of(member.number).unwrap_or(call.group);
                self.submit(from, group, Call::Leave { member }, out);
            }
            Ask::Merge { other } => self.submit(from, call.group, Call::Merge { other }, out),
            Ask::Split { new, members } => {
                self.submit(from, call.group, Call::Split { new, members }, out);
            }
            Ask::View => self.submit(from, call.group, Call::View, out),
            Ask::Alive { .. } => {}
        }
    }

    /// What can be refused here is.
    fn admit(&self, client: Client, call: &LocalCall) -> Result<(), Refusal> {
        let no = |wrong: bool, refusal| if wrong { Err(refusal) } else { Ok(()) };
        let session = self.sessions.get(&client);
        match &call.ask {
            Ask::Join { mode, tag, qos, .. } => {
                let (creates, fits) = (*mode != Mode::Existing, is_a_name(call.group, *mode));
                no(!fits, if creates { Refusal::NotPossible } else { Refusal::NotFound })?;
                let rule = qos.survive.len().max(qos.merge.len());
                no(tag.len() > MAX_TAG || rule > MAX_RULE, Refusal::TooLarge)?;
                no(qos.check().is_err() || self.is_too_fine(qos), Refusal::NotPossible)?;
                no(qos.supported().is_err(), Refusal::NotSupported)?;
                let mine = session.map_or(0, |session| session.members.len());
                no(mine >= MEMBERS || self.is_full(), Refusal::TooMany)?;
            }
            Ask::Leave { member } => {
                let local = self.local.get(&member.number);
                let theirs = local.is_some_and(|local| local.client == client);
                no(member.mi != self.config.life || !theirs, Refusal::NotMember)?;
            }
            Ask::Merge { other } => {
                no(!is_a_name(call.group, Mode::Existing), Refusal::NotFound)?;
                no(!is_a_name(*other, Mode::Existing), Refusal::NotFound)?;
                no(*other == call.group, Refusal::NotPossible)?;
            }
            Ask::Split { new, members } => {
                no(!is_a_name(call.group, Mode::Existing), Refusal::NotFound)?;
                no(!is_a_name(*new, Mode::Create), Refusal::NotPossible)?;
                no(*new == call.group, Refusal::Exists)?;
                no(members.is_empty(), Refusal::NotMember)?;
                no(members.len() > SPLIT, Refusal::TooLarge)?;
            }
            Ask::View => no(!is_a_name(call.group, Mode::Existing), Refusal::NotFound)?,
            Ask::Alive { .. } => {}
        }
        no(session.is_some_and(|session| session.calls >= CALLS), Refusal::TooMany)
    }

    /// Whether applications would have to be asked more often than our clock ticks.
    fn is_too_fine(&self, qos: &Qos) -> bool {
        let tick_ms = self.config.params.tick_ms;
        matches!(qos.monitor, Monitor::Fixed { every_ms, .. } if every_ms < tick_ms)
    }

    fn is_full(&self) -> bool {
        let joins = |p: &&Pending| matches!(p.request.call, Call::Join { .. });
        let joining = self.pending.values().filter(joins).count();
        let members = self.local.len() >= ALL_MEMBERS || self.members == u32::MAX;
        members || self.groups.len() + joining >= ALL_GROUPS
    }

    /// What a request calls the group that a member of ours is in, as far as we know.
    pub(super) fn group_of(&self, member: u32) -> Option<GroupName> {
        match self.local.get(&member)?.home {
            Home::Joining(number) => self.pending.get(&number).map(|p| p.request.group),
            Home::In(inc) => self.groups.get(&inc).map(|group| name_of(&group.known.key())),
            Home::Astray => self.astray.get(&member).map(|astray| astray.name()),
        }
    }

    /// An application is gone: its members failed, save those whose leave is under way.
    pub(super) fn gone(&mut self, client: Client, out: &mut Vec<MiAction>) {
        let Some(session) = self.sessions.get(&client) else { return };
        let members = session.members.clone();
        for pending in self.pending.values_mut() {
            pending.client = pending.client.filter(|(whose, _)| *whose != client);
        }
        // Nobody waits for a roster any more.
        let doubted = self.doubted();
        self.pending.retain(|number, pending| {
            let waits = pending.client.is_some() || pending.request.call != Call::View;
            waits || doubted.contains(number)
        });
        self.fail(&members, Failing::Ended, out);
        self.sessions.remove(&client);
    }

    /// Members of ours failed: they are no more, and the core is told. One that never asked to be let in has not been;
    /// one whose leave is under way leaves.
    pub(super) fn fail(&mut self, members: &[u32], why: Failing, out: &mut Vec<MiAction>) {
        let mut failed: BTreeMap<(GroupName, Scope), Vec<MemberId>> = BTreeMap::new();
        let mut groups = BTreeSet::new();
        for &number in members {
            let (group, member) = (self.group_of(number), self.id_of(number));
            // Only its join may know how far the group reaches.
            let reach = group.map(|group| self.reach_of(group)).unwrap_or_default();
            let sent = match self.local.get(&number).map(|local| local.home) {
                Some(Home::Joining(join)) => self.close(join).is_some_and(|p| p.sent),
                Some(Home::In(inc)) => {
                    groups.insert(inc);
                    true
                }
                // The view that has it says of which group it is.
                Some(Home::Astray) | None => false,
            };
            let leaves = self.is_leaving(number);
            if let Some(group) = group.filter(|_| !leaves) {
                self.remember_failing(group, member, why);
            }
            self.forget(number);
            if let Some(group) = group.filter(|_| sent && !leaves) {
                failed.entry((group, reach)).or_default().push(member);
            }
        }
        for ((group, reach), members) in failed {
            self.submit_within(reach, None, group, Call::Fail { members, cut: false }, out);
        }
        groups.into_iter().for_each(|inc| self.drop_group(inc));
    }

    /// Members that the core has and nobody here. Who is reported to that group already, or leaves it, is not reported
    /// again.
    pub(super) fn report(
        &mut self,
        group: GroupName,
        strangers: Vec<MemberId>,
        out: &mut Vec<MiAction>,
    ) {
        let mut members = strangers;
        members.retain(|id| {
            !self.pending.values().any(|p| match &p.request.call {
                _ if p.request.group != group => false,
                Call::Leave { member } => member == id,
                Call::Fail { members, .. } => members.contains(id),
                _ => false,
            })
        });
        if !members.is_empty() {
            members.iter().for_each(|id| self.remember_failing(group, *id, Failing::Unknown));
            self.submit(None, group, Call::Fail { members, cut: false }, out);
        }
    }

    pub(super) fn is_leaving(&self, number: u32) -> bool {
        !self.leaves_of(number).is_empty()
    }

    /// Calls for something; by nobody: by ourselves. The number of the request.
    pub(super) fn submit(
        &mut self,
        client: Option<(Client, u32)>,
        group: GroupName,
        call: Call,
        out: &mut Vec<MiAction>,
    ) {
        let reach = match &call {
            Call::Join { qos, .. } => qos.membership_scope,
            _ => self.reach_of(group),
        };
        self.submit_within(reach, client, group, call, out);
    }

    fn submit_within(
        &mut self,
        reach: Scope,
        client: Option<(Client, u32)>,
        group: GroupName,
        call: Call,
        out: &mut Vec<MiAction>,
    ) {
        self.requests += 1;
        let number = self.requests;
        let id = RequestId { origin: self.config.life, number };
        let carried = matches!(call, Call::Leave { .. } | Call::Fail { .. } | Call::Here(_));
        let oldest = self.pending.keys().next().map_or(number, |first| *first);
        let (registration, path) = (0, Vec::new());
        let request = Request { id, oldest, registration, group, reach, call, path };
        let again = Countdown::after(self.config.params.reply);
        let unreached = if carried { Countdown::OFF } else { Countdown::after(self.longest()) };
        let sent = self.is_registered();
        if let Some((client, _)) = client {
            self.sessions.entry(client).or_default().calls += 1;
        }
        if sent {
            let request = request.clone();
            self.send(group, GroupBody::Submit { request, way: Way::Search }, out);
        }
        self.pending.insert(number, Pending { client, request, again, asked: 0, unreached, sent });
    }

    /// How far a group may be looked for, as far as we know it.
    fn reach_of(&self, group: GroupName) -> Scope {
        let known = self.groups.values().map(|group| &group.known);
        let mut known = known.filter(|known| name_of(&known.key()) == group);
        let joins = self.pending.values().filter(|pending| pending.request.group == group);
        known
            .next()
            .map(|known| known.qos().membership_scope)
            .or_else(|| joins.map(|pending| pending.request.reach).next())
            .unwrap_or_default()
    }

    /// Asks about what was not answered, or sends it again.
    pub(super) fn resubmit(&mut self, elapsed: u32, out: &mut Vec<MiAction>) {
        let due = |(&number, pending): (&u64, &mut Pending)| {
            pending.again.tick(elapsed).then_some(number)
        };
        let due: Vec<u64> = self.pending.iter_mut().filter_map(due).collect();
        due.into_iter().for_each(|number| self.ask_about(number, out));
    }

    /// Sends everything that is under way, to a mserver that does not know it.
    pub(super) fn submit_all(&mut self, out: &mut Vec<MiAction>) {
        let all: Vec<u64> = self.pending.keys().copied().collect();
        all.into_iter().for_each(|number| self.send_call(number, out));
    }

    fn ask_about(&mut self, number: u64, out: &mut Vec<MiAction>) {
        let reply = self.config.params.reply;
        let Some(pending) = self.pending.get_mut(&number) else { return };
        if !pending.sent || pending.asked >= QUESTIONS {
            return self.send_call(number, out);
        }
        pending.asked += 1;
        pending.again = Countdown::after(reply);
        let Request { id, group, .. } = pending.request;
        self.send(group, GroupBody::Where { id }, out);
    }

    fn send_call(&mut self, number: u64, out: &mut Vec<MiAction>) {
        let (reply, longest) = (self.config.params.reply, self.longest());
        let Some(pending) = self.pending.get_mut(&number) else { return };
        if pending.unreached != Countdown::OFF {
            pending.unreached = Countdown::after(longest);
        }
        pending.again = Countdown::after(reply);
        (pending.asked, pending.sent) = (0, true);
        let request = pending.request.clone();
        self.send(request.group, GroupBody::Submit { request, way: Way::Search }, out);
    }

    /// No mserver is there: what waited too long for one is refused.
    pub(super) fn give_up(&mut self, elapsed: u32, out: &mut Vec<MiAction>) {
        let over = |(&number, pending): (&u64, &mut Pending)| {
            pending.unreached.tick(elapsed).then_some(number)
        };
        let over: Vec<u64> = self.pending.iter_mut().filter_map(over).collect();
        for number in over {
            let Some(pending) = self.close(number) else { continue };
            if let Call::Join { member, .. } = pending.request.call {
                self.forget(member.number);
                // It may have come to the core all the same.
                if pending.sent {
                    self.report(pending.request.group, vec![member], out);
                }
            }
            self.tell_refused(&pending, Refusal::NoMserver, out);
        }
    }

    /// The mserver knows nothing of it, or no more: it is sent again.
    pub(super) fn unheard(
        &mut self,
        id: RequestId,
        out: &mut Vec<MiAction>,
    ) -> Result<(), &'static str> {
        self.expected(id)?;
        self.send_call(id.number, out);
        Ok(())
    }

    pub(super) fn wait(&mut self, id: RequestId) -> Result<(), &'static str> {
        let query = self.config.params.query;
        let pending = self.expected(id)?;
        (pending.again, pending.asked) = (Countdown::after(query), 0);
        Ok(())
    }

    /// The call that an answer is to.
    pub(super) fn expected(&mut self, id: RequestId) -> Result<&mut Pending, &'static str> {
        let ours = id.origin == self.config.life;
        let pending = self.pending.get_mut(&id.number).filter(|_| ours);
        pending.ok_or("answer-not-expected")
    }

    /// A call is under way no longer.
    pub(super) fn close(&mut self, number: u64) -> Option<Pending> {
        let pending = self.pending.remove(&number)?;
        if let Some((client, _)) = pending.client
            && let Some(session) = self.sessions.get_mut(&client)
        {
            session.calls -= 1;
            self.tidy(client);
        }
        Some(pending)
    }

    pub(super) fn refused(
        &mut self,
        id: RequestId,
        refusal: Refusal,
        out: &mut Vec<MiAction>,
    ) -> Result<(), &'static str> {
        let call = self.expected(id)?.request.call.clone();
        let ended = matches!(refusal, Refusal::NotFound | Refusal::NotMember | Refusal::Terminated);
        match call {
            Call::Leave { member } if ended && self.local.contains_key(&member.number) => {
                self.follow(id.number, member.number, out);
                return Ok(());
            }
            Call::Join { member, .. } => {
                let Some(pending) = self.close(id.number) else { return Ok(()) };
                let home = self.local.get(&member.number).map(|local| local.home);
                if home == Some(Home::Joining(id.number)) {
                    self.forget(member.number);
                    self.tell_refused(&pending, refusal, out);
                }
            }
            _ => {
                let Some(pending) = self.close(id.number) else { return Ok(()) };
                self.tell_refused(&pending, refusal, out);
                // A view that has it may have come meanwhile, and was left to the leave.
                if let (Call::Leave { member }, Refusal::NotMember) = (call, refusal) {
                    self.report(pending.request.group, vec![member], out);
                }
                self.unanswered(id.number, ended, out);
            }
        }
        Ok(())
    }

    /// The group that a leave was for does not have the member: it is in another by now, or in none, or we have yet to
    /// hear where it is. The leave goes on under a new number, since the core has answered the old one.
    fn follow(&mut self, number: u64, member: u32, out: &mut Vec<MiAction>) {
        let (reply, query) = (self.config.params.reply, self.config.params.query);
        let Some(mut pending) = self.pending.remove(&number) else { return };
        let group = self.group_of(member).unwrap_or(pending.request.group);
        let moved = group != pending.request.group;
        self.requests += 1;
        pending.request.id.number = self.requests;
        pending.request.group = group;
        pending.again = Countdown::after(if moved { reply } else { query });
        pending.sent = false;
        self.pending.insert(self.requests, pending);
        if moved {
            self.send_call(self.requests, out);
        } else if let Some(Home::In(inc)) = self.local.get(&member).map(|local| local.home) {
            self.doubt(inc);
        }
    }

    /// A member of ours came to another group: a leave that is under way follows.
    pub(super) fn redirect(&mut self, member: u32) {
        let Some(group) = self.group_of(member) else { return };
        let call = Call::Leave { member: self.id_of(member) };
        for pending in self.pending.values_mut().filter(|p| p.request.call == call) {
            // What is on its way to the old one comes back refused, and follows then.
            if !pending.sent {
                pending.request.group = group;
                pending.again = Countdown::after(1);
            }
        }
    }

    /// A member of ours is out, so whoever wanted that is answered.
    pub(super) fn close_leaves(&mut self, member: u32, out: &mut Vec<MiAction>) {
        for number in self.leaves_of(member) {
            self.complete(number, out);
        }
    }

    /// A member of ours is no more for its application, which is answered; the leave is carried through.
    pub(super) fn answer_leaves(&mut self, member: u32, out: &mut Vec<MiAction>) {
        for number in self.leaves_of(member) {
            let Some(pending) = self.pending.get(&number).cloned() else { continue };
            self.complete(number, out);
            self.pending.insert(number, Pending { client: None, ..pending });
        }
    }

    fn leaves_of(&self, member: u32) -> Vec<u64> {
        let call = Call::Leave { member: self.id_of(member) };
        let leaves = self.pending.iter().filter(|(_, p)| p.request.call == call);
        leaves.map(|(&number, _)| number).collect()
    }

    /// A call had its effect.
    pub(super) fn complete(&mut self, number: u64, out: &mut Vec<MiAction>) {
        let Some(Pending { client: Some((client, call)), .. }) = self.close(number) else { return };
        self.tell(client, LocalEvent::Done { call }, out);
    }

    fn tell_refused(&self, pending: &Pending, refusal: Refusal, out: &mut Vec<MiAction>) {
        let Some((client, call)) = pending.client else { return };
        let group = pending.request.group;
        self.tell(client, LocalEvent::Refused { call, group, refusal }, out);
    }
}

/// Whether a group can have that name; one that exists may have a suffix, a dot and digits, that no creator chose.
fn is_a_name(name: GroupName, mode: Mode) -> bool {
    let bytes = name.as_bytes();
    match bytes.iter().rposition(|&b| b == b'.') {
        None => !bytes.is_empty(),
        Some(dot) => {
            let suffix = &bytes[dot + 1..];
            let digits = !suffix.is_empty() && suffix.iter().all(u8::is_ascii_digit);
            mode == Mode::Existing && digits && dot > 0 && !bytes[..dot].contains(&b'.')
        }
    }
}

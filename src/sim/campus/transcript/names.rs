//! What things are called in transcripts.

use crate::name::GroupName;
use crate::proto::mi::LocalEvent;
use crate::proto::mserver::Below;
use crate::proto::places::Places;
use crate::sim::campus::event::{AppId, Event, What};
use crate::sim::campus::plan::{Plan, Post};
use crate::sim::campus::speech::{Speech, operations};
use crate::sorted::Sorted as _;
use crate::wire::group::{
    Call, Content, Direct, Entry, Gossip, GroupBody, GroupKey, GroupMessage, GroupOp, MemberId,
    Mode, Qos, Reason, Request, RequestId, Scope, Statement, Way,
};
use std::collections::BTreeMap;
use std::net::SocketAddrV4;

/// Names of members, groups and places.
pub struct Names<'a> {
    plan: &'a Plan,
    members: BTreeMap<MemberId, AppId>,
    places: BTreeMap<SocketAddrV4, GroupName>,
    groups: BTreeMap<GroupName, Vec<RequestId>>,
    /// Who had a gid last, by group.
    gids: BTreeMap<(RequestId, u32), MemberId>,
}

impl<'a> Names<'a> {
    /// The names of all that is told of in these events.
    pub fn new(plan: &'a Plan, events: &[Event]) -> Names<'a> {
        let mut members = BTreeMap::new();
        for event in events {
            if let What::Told { app, event: LocalEvent::Taken { member, .. } } = &event.what {
                members.insert(*member, *app);
            }
        }
        let places = Places::new(BTreeMap::new(), 2900);
        let lans = plan.sites().iter().filter_map(|site| match site.post {
            Post::Mserver { child: None, .. } => match Below::lan_of(site.address, false) {
                Below::Lan { name, .. } => Some(name),
                Below::Set(_) => None,
            },
            _ => None,
        });
        let sets = plan.sets().into_iter().map(|(set, _)| set);
        let places = sets.chain(lans).map(|name| (places.of(&name), name)).sorted_map();
        Names { plan, members, places, groups: BTreeMap::new(), gids: BTreeMap::new() }
    }

    /// Whose IP multicast group it is: a set's, or ` LAN`; nothing if nobody's.
    pub fn place(&self, group: SocketAddrV4) -> String {
        match self.places.get(&group) {
            Some(name) if name.to_string().starts_with("lan-") => "LAN".to_string(),
            Some(name) => name.to_string(),
            None => String::new(),
        }
    }

    fn member(&self, id: &MemberId) -> String {
        match self.members.get(id) {
            Some(app) => format!("p{}", app + 1),
            None => format!("{}#{}", self.plan.name_at(id.mi.address), id.number),
        }
    }

    fn id(&self, id: &RequestId) -> String {
        format!("{}:{}", self.plan.name_at(id.origin.address), id.number)
    }

    fn key(&mut self, key: &GroupKey) -> String {
        let known = self.groups.entry(key.name).or_default();
        let place = known.iter().position(|inc| *inc == key.inc).unwrap_or_else(|| {
            known.push(key.inc);
            known.len() - 1
        });
        if place == 0 { key.to_string() } else { format!("{key}~{}", place + 1) }
    }

    /// A group, a term and a number.
    pub fn view(&mut self, key: &GroupKey, term: u32, number: u32) -> String {
        format!("{} {term}.{number}", self.key(key))
    }

    /// All members.
    pub fn roster(&self, entries: &[Entry]) -> String {
        let names: Vec<String> = entries.iter().map(|entry| self.member(&entry.id)).collect();
        format!("[{}]", names.join(" "))
    }

    /// Who went and who came.
    pub fn delta(&mut self, key: &GroupKey, gone: &[u32], came: &[Entry]) -> String {
        let mut names: Vec<String> = Vec::new();
        for gid in gone {
            let who = self.gids.get(&(key.inc, *gid));
            names.push(
                who.map_or_else(|| format!("-gid {gid}"), |id| format!("-{}", self.member(id))),
            );
        }
        names.extend(came.iter().map(|entry| format!("+{}", self.member(&entry.id))));
        names.join(" ")
    }

    fn learn(&mut self, key: &GroupKey, entries: &[Entry]) {
        self.gids.extend(entries.iter().map(|entry| ((key.inc, entry.gid), entry.id)));
    }

    /// What a datagram says.
    pub fn speech(&mut self, speech: &Speech) -> String {
        let says = match speech {
            Speech::Group(message) => self.group(message),
            Speech::Core(message) => {
                let all: Vec<String> =
                    operations(message).iter().map(|op| self.operation(op)).collect();
                all.join("; ")
            }
            Speech::Part(_) | Speech::Noise => String::new(),
        };
        format!("{} {says}", speech.name()).trim_end().to_string()
    }

    fn group(&mut self, message: &GroupMessage) -> String {
        match &message.body {
            GroupBody::Register { number, .. }
            | GroupBody::Registered { number }
            | GroupBody::Unregister { number } => number.to_string(),
            GroupBody::Poll { .. } | GroupBody::Polled { .. } => String::new(),
            GroupBody::Submit { request, way } => {
                let way = match way {
                    Way::Search => "",
                    Way::Raise => ", raise",
                    Way::Reserve => ", reserve",
                };
                format!("{}{way}", self.request(request))
            }
            GroupBody::Grant(request) => self.request(request),
            GroupBody::Wait { id }
            | GroupBody::Where { id }
            | GroupBody::Done { id }
            | GroupBody::Unheard { id } => self.id(id),
            GroupBody::Shown { id, direct } => format!("{}: {}", self.id(id), self.direct(direct)),
            GroupBody::Refused { id, refusal } => {
                format!("{}: {}", self.id(id), refusal.sentence())
            }
            GroupBody::Direct(direct) => self.direct(direct),
            GroupBody::Got { key, term, number, below } => {
                format!("{}, {below} below", self.view(key, *term, *number))
            }
            GroupBody::Missing { key, term, number } => {
                format!("after {}", self.view(key, *term, *number))
            }
            GroupBody::Gossip(gossip) => self.gossip(gossip),
        }
    }

    /// A member is there, or, with a minus, is not.
    fn gossip(&mut self, gossip: &Gossip) -> String {
        let facts: Vec<String> = gossip
            .facts
            .iter()
            .map(|fact| {
                let sign = if fact.live.is_some() { "" } else { "-" };
                format!("{sign}{}", self.member(&fact.id))
            })
            .collect();
        format!("{} [{}]", gossip.key, facts.join(" "))
    }

    fn statement(&mut self, s: &Statement) -> String {
        let members: Vec<String> = s.members.iter().map(|m| self.member(&m.id)).collect();
        format!("{} [{}]", self.view(&s.key, s.term, s.number), members.join(" "))
    }

    fn direct(&mut self, direct: &Direct) -> String {
        let view = self.view(&direct.key, direct.term, direct.number);
        let says = match &direct.content {
            Content::Delta { gone, came } => {
                self.learn(&direct.key, came);
                self.delta(&direct.key, gone, came)
            }
            Content::Whole(whole) => {
                self.learn(&direct.key, &whole.entries);
                self.roster(&whole.entries)
            }
        };
        format!("{view} {} {says}", reason(direct.reason))
    }

    fn request(&mut self, request: &Request) -> String {
        let group = request.group;
        let call = match &request.call {
            Call::Join { mode, qos, .. } => join(group, *mode, qos),
            Call::Leave { member } => format!("leave {group} of {}", self.member(member)),
            Call::Fail { members, cut } => {
                let names: Vec<String> = members.iter().map(|id| self.member(id)).collect();
                let what = if *cut { "cut" } else { "fail" };
                format!("{what} {group} of {}", names.join(" "))
            }
            Call::Here(statement) => format!("here {}", self.statement(statement)),
            Call::Merge { other } => format!("merge {other} into {group}"),
            Call::Split { new, members } => format!("split {members:?} of {group} off as {new}"),
            Call::View => format!("view of {group}"),
        };
        format!("{call} as {}", self.id(&request.id))
    }

    fn operation(&mut self, op: &GroupOp) -> String {
        let name = |address: &SocketAddrV4| self.plan.name_at(*address);
        match op {
            GroupOp::Call(request) => self.request(request),
            GroupOp::Reserve(request) => format!("reserve: {}", self.request(request)),
            GroupOp::Create(request) => format!("create: {}", self.request(request)),
            GroupOp::Release { key } => format!("release {}", self.key(key)),
            GroupOp::Lead { key, term, branch, .. } => {
                let branch = name(branch);
                format!("lead {} {term} below {branch}", self.key(key))
            }
            GroupOp::Forget { key, term } => format!("forget {} {term}", self.key(key)),
            GroupOp::Lock { key, term, carrier } => {
                let carrier = name(carrier);
                format!("lock {} for {term} with {carrier}", self.key(key))
            }
            GroupOp::Unlock { key, term } => format!("unlock {} for {term}", self.key(key)),
            GroupOp::Adopt { core, rider, .. } => {
                let view = self.view(&core.key, core.term, core.number);
                let roster = self.roster(&core.roster);
                let rider = rider.as_ref().map(|request| format!(", {}", self.request(request)));
                format!("adopt {view} {roster}{}", rider.unwrap_or_default())
            }
            GroupOp::Moved { key, term, down } => {
                let way =
                    down.map_or("up".to_string(), |branch| format!("down to {}", name(&branch)));
                format!("moved {} {term} {way}", self.key(key))
            }
            GroupOp::Cut { branches, .. } => {
                let names: Vec<String> = branches.iter().map(name).collect();
                format!("cut {}", names.join(" "))
            }
            GroupOp::Claim(request) => format!("claim: {}", self.request(request)),
            GroupOp::Rebuild { key } => format!("rebuild {}", self.key(key)),
            GroupOp::Rename { key } => format!("rename to {}", self.key(key)),
            GroupOp::Summon { key } => format!("summon {}", self.key(key)),
            GroupOp::Gathered { key, .. } => format!("gathered {}", self.key(key)),
            GroupOp::Reset => "reset: what the proposer has left counts".to_string(),
        }
    }
}

/// A join, with what is not usual of it.
pub fn join(group: GroupName, mode: Mode, qos: &Qos) -> String {
    let mode = match mode {
        Mode::JoinOrCreate => "join",
        Mode::Create => "create",
        Mode::Existing => "join existing",
    };
    let scope = |scope: Scope, what| match scope {
        Scope::Top => String::new(),
        Scope::Level(level) => format!(", {what} scope {level}"),
        Scope::Set(name) => format!(", {what} scope {name}"),
    };
    let (names, members) =
        (scope(qos.name_scope, "name"), scope(qos.membership_scope, "membership"));
    format!("{mode} {group}{names}{members}")
}

/// A reason, in a word.
pub fn reason(reason: Reason) -> &'static str {
    match reason {
        Reason::Created => "created",
        Reason::Joined => "joined",
        Reason::Left => "left",
        Reason::Failed => "failed",
        Reason::Partitioned => "partitioned",
        Reason::Merged => "merged",
        Reason::Split => "split",
        Reason::Resync => "resync",
        Reason::Terminated => "terminated",
    }
}

//! The hierarchy as lines.
//!
//! ```text
//!   set nps                 level 2, view 4, 2 members      core of orders
//!   ├─ 10.0.1.1             rank 0, gid 0
//!   │  └─ set spanagel      level 1, view 5, 3 members, parent 10.0.1.1
//!   │     └─ 10.0.2.1       rank 1, gid 2; LAN ece
//!   │        └─ 10.0.2.7:2901    orders×2 jobs
//! ```
//!
//! A line has a key that stays the same as long as it is about the same thing: by it, one drawing is compared with the next.

use super::model::{Interface, Lan, Member, Server, Set, Source, Tree};
use crate::cmd::paint::{Shade, paint};
use std::collections::{BTreeMap, BTreeSet};

/// Column at which the second part of a line begins.
const COLUMN: usize = 34;
/// Column at which the third part does.
const CORES: usize = 44;
/// Groups that are listed at a place, and at the end.
const LISTED: usize = 8;
const GROUPS: usize = 200;

/// What others call an address.
pub type Names<'a> = &'a dyn Fn(&str) -> String;

/// A line of the drawing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// What it is about, in this place.
    pub key: String,
    /// What leads to it.
    pub front: String,
    /// Its name.
    pub head: String,
    /// What is said of it.
    pub text: String,
    /// The groups that are decided here.
    pub cores: String,
    /// How it is shown.
    pub shade: Shade,
}

impl Line {
    /// A drawing that is none, and why.
    pub fn trouble(why: &str) -> Line {
        let (key, front, cores) = (String::new(), String::new(), String::new());
        Line { key, front, head: why.to_string(), text: String::new(), cores, shade: Shade::Bad }
    }
}

/// The lines of the whole drawing.
pub fn lines(tree: &Tree, names: Names<'_>) -> Vec<Line> {
    let mut drawing = Drawing { tree, names, lines: Vec::new(), drawn: BTreeSet::new() };
    for set in tree.roots() {
        drawing.set(set, "", "", "");
    }
    for (head, text, shade) in apart(tree, names) {
        drawing.add("apart/", ("", &head), &text, shade);
    }
    drawing.groups();
    drawing.lines
}

struct Drawing<'a> {
    tree: &'a Tree,
    names: Names<'a>,
    lines: Vec<Line>,
    /// Sets that are drawn already: two mservers may each take the other for its parent.
    drawn: BTreeSet<String>,
}

impl Drawing<'_> {
    fn add(&mut self, path: &str, (front, head): (&str, &str), text: &str, shade: Shade) {
        self.lines.push(Line {
            key: format!("{path}{head}"),
            front: front.to_string(),
            head: head.to_string(),
            text: text.to_string(),
            cores: String::new(),
            shade,
        });
    }

    fn set(&mut self, set: &Set, path: &str, knee: &str, rail: &str) {
        let head = format!("set {}", set.name);
        let first = set.members.first().map_or("", |member| &member.address);
        // The sides of a set are told apart by who is in them.
        let side = if set.parted { first } else { "" };
        let path = format!("{path}{}/{side}/", set.name);
        let (text, shade) = joined(&set_parts(set, self.names), ", ");
        let shade = if shade == Shade::Plain { Shade::Bold } else { shade };
        self.add(&path, (knee, &head), &text, shade);
        let cores = self.cores(&set.name);
        if let Some(line) = self.lines.last_mut() {
            line.cores = cores;
        }
        if !self.drawn.insert(format!("{}/{first}/{}", set.name, set.level)) {
            return;
        }
        let peers: Vec<&Member> =
            set.members.iter().filter(|m| set.parent.as_ref() != Some(&m.address)).collect();
        for (n, member) in peers.iter().enumerate() {
            let (knee, inner) = branch(n + 1 == peers.len());
            let (knee, inner) = (format!("{rail}{knee}"), format!("{rail}{inner}"));
            self.member(set, member, &path, &knee, &inner);
        }
    }

    fn member(&mut self, set: &Set, member: &Member, path: &str, knee: &str, rail: &str) {
        let tree = self.tree;
        let server = tree.servers.get(&member.address);
        let below: Vec<&Set> = tree.below(set, member).collect();
        let lan = server.and_then(|server| server.lan.as_ref()).filter(|_| below.is_empty());
        let mut parts = member_parts(set, member, server, below.is_empty());
        parts.extend(lan.map(|lan| (format!("LAN {}", lan.name), Shade::Plain)));
        let (text, shade) = joined(&parts, "; ");
        let head = (self.names)(&member.address);
        self.add(path, (knee, &head), &text, shade);
        let path = format!("{path}{}/", member.address);
        if let Some(lan) = lan {
            let cores = self.cores(&lan.name);
            if let Some(line) = self.lines.last_mut() {
                line.cores = cores;
            }
            self.interfaces(lan, &path, rail);
        }
        for (n, child) in below.iter().enumerate() {
            let (knee, inner) = branch(n + 1 == below.len());
            self.set(child, &path, &format!("{rail}{knee}"), &format!("{rail}{inner}"));
        }
    }

    fn interfaces(&mut self, lan: &Lan, path: &str, rail: &str) {
        for (n, (address, interface)) in lan.interfaces.iter().enumerate() {
            let (knee, _) = branch(n + 1 == lan.interfaces.len());
            let (text, shade) = interface_in_words(interface);
            let head = (self.names)(address);
            self.add(path, (&format!("{rail}{knee}"), &head), &text, shade);
        }
    }

    fn groups(&mut self) {
        let groups = &self.tree.groups;
        if groups.is_empty() {
            return;
        }
        self.add("groups/", ("", "groups"), &groups.len().to_string(), Shade::Bold);
        for (n, group) in groups.iter().take(GROUPS).enumerate() {
            let (knee, _) = branch(n + 1 == groups.len());
            let shade = if group.is_in_trouble() { Shade::Odd } else { Shade::Plain };
            let key = format!("groups/{}/", group.incarnation);
            self.add(&key, (knee, &group.name), &group.in_words(), shade);
        }
        if let Some(more) = groups.len().checked_sub(GROUPS).filter(|more| *more > 0) {
            self.add("groups/", ("└─ ", "..."), &format!("and {more} more"), Shade::Dim);
        }
    }

    fn cores(&self, place: &str) -> String {
        let here: Vec<&str> = self.tree.cores(place).map(|group| group.name.as_str()).collect();
        if here.is_empty() { String::new() } else { format!("core of {}", shortened(&here)) }
    }
}

/// What has no place in the hierarchy, or none that is known: its name, what is to be said of it, and how.
pub fn apart(tree: &Tree, names: Names<'_>) -> Vec<(String, String, Shade)> {
    let is_in = |who: &String| {
        let mut sets = tree.sets.iter();
        sets.any(|set| set.members.iter().any(|m| m.address == *who))
    };
    let mut all = Vec::new();
    for (who, server) in tree.servers.iter().filter(|(who, _)| !is_in(who)) {
        let set = server.outside.as_deref().unwrap_or("any set");
        all.push((names(who), format!("in no view of {set}"), Shade::Bad));
    }
    for (server, lan) in &tree.strays {
        for (mi, interface) in &lan.interfaces {
            let (words, _) = interface_in_words(interface);
            let text =
                format!("LAN {}, of {}, which nobody knows; {words}", lan.name, names(server));
            all.push((names(mi), text, Shade::Bad));
        }
    }
    for (who, why) in &tree.silent {
        all.push((names(who), format!("silent: {why}"), Shade::Bad));
    }
    for what in &tree.beside {
        let (head, text) = what.split_once(": ").unwrap_or((what, ""));
        all.push((head.to_string(), text.to_string(), Shade::Plain));
    }
    all
}

/// What leads to the last one of a branch, or to another, and what goes on below it.
fn branch(last: bool) -> (&'static str, &'static str) {
    if last { ("└─ ", "   ") } else { ("├─ ", "│  ") }
}

/// Some of them, and how many there are besides.
pub fn shortened(all: &[&str]) -> String {
    let few = all.iter().take(LISTED).copied().collect::<Vec<_>>().join(" ");
    match all.len().saturating_sub(LISTED) {
        0 => few,
        more => format!("{few} and {more} more"),
    }
}

/// What is said of something, part by part, each with how it is shown.
pub type Parts = Vec<(String, Shade)>;

/// The parts as one, shown as the worst of them is.
fn joined(parts: &Parts, between: &str) -> (String, Shade) {
    let text = parts.iter().map(|(text, _)| text.as_str()).collect::<Vec<_>>().join(between);
    let worst = [Shade::Bad, Shade::Odd, Shade::Dim];
    let found = worst.into_iter().find(|shade| parts.iter().any(|(_, its)| its == shade));
    (text, found.unwrap_or(Shade::Plain))
}

/// `level 1, view 5, 3 members`, `parent 10.0.1.1`, and what is not as usual.
pub fn set_parts(set: &Set, names: Names<'_>) -> Parts {
    let size = set.members.len();
    let members = if size == 1 { "member" } else { "members" };
    let numbers = format!("level {}, view {}, {size} {members}", set.level, set.at.0);
    let mut parts = vec![(numbers, Shade::Plain)];
    if let Some(parent) = &set.parent {
        parts.push((format!("parent {}", names(parent)), Shade::Plain));
    }
    if let Some(phase) = &set.phase {
        parts.push((phase.clone(), Shade::Odd));
    }
    if !set.lost.is_empty() {
        let lost: Vec<String> = set.lost.iter().map(|who| names(who)).collect();
        let lost: Vec<&str> = lost.iter().map(String::as_str).collect();
        parts.push((format!("looks for {}", shortened(&lost)), Shade::Odd));
    }
    if set.parted {
        parts.push(("one of several sides".to_string(), Shade::Bad));
    }
    parts
}

/// `rank 0, gid 3`, and what is not as usual. `leaf`: nothing is known to be below it.
pub fn member_parts(set: &Set, member: &Member, server: Option<&Server>, leaf: bool) -> Parts {
    let mut parts = vec![(format!("rank {}, gid {}", member.rank, member.gid), Shade::Plain)];
    if let Some(child) = server.and_then(|server| server.stands_by.as_ref()) {
        parts.push((format!("stands by for {child}"), Shade::Dim));
    }
    match server.and_then(|server| server.source.as_ref()) {
        Some(Source::Remote) if leaf => {
            parts.push(("what is below is not told".to_string(), Shade::Dim));
        }
        Some(Source::Local | Source::Remote) => {}
        Some(Source::Silent(why)) => parts.push((format!("silent: {why}"), Shade::Bad)),
        None => parts.push(("not asked".to_string(), Shade::Dim)),
    }
    if set.isolated.contains(&member.address) {
        parts.push(("isolated".to_string(), Shade::Bad));
    }
    parts
}

/// `orders×2 jobs`: the groups of the members there, and how many where there are several.
pub fn interface_in_words(interface: &Interface) -> (String, Shade) {
    let mut text = members_in_words(&interface.members);
    let mut shade = Shade::Plain;
    if interface.built_in {
        text = format!("built in; {text}");
    }
    match &interface.source {
        Some(Source::Silent(why)) => (text, shade) = (format!("silent: {why}"), Shade::Bad),
        None => (text, shade) = ("not asked: on another host".to_string(), Shade::Dim),
        Some(_) if interface.registered == Some(false) => {
            text = format!("has no mserver; {text}");
            shade = Shade::Bad;
        }
        Some(_) => {}
    }
    (text, shade)
}

fn members_in_words(members: &BTreeMap<String, usize>) -> String {
    let each = |(group, n): (&String, &usize)| match n {
        1 => group.clone(),
        n => format!("{group}×{n}"),
    };
    let all: Vec<String> = members.iter().map(each).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    if all.is_empty() { "no members".to_string() } else { shortened(&all) }
}

/// The line as it is printed, without a line feed.
pub fn printed(line: &Line, colours: bool) -> String {
    let width = COLUMN.saturating_sub(line.front.chars().count()).max(1);
    let front = paint(Shade::Dim, &line.front, colours);
    // Colours have no width, so what is padded is painted afterwards.
    let head = paint(line.shade, &format!("{:<width$}", line.head), colours);
    let gap = if line.head.chars().count() >= width { " " } else { "" };
    let shade = if line.shade == Shade::Bold { Shade::Plain } else { line.shade };
    if line.cores.is_empty() {
        let text = paint(shade, &line.text, colours);
        return format!("{front}{head}{gap}{text}").trim_end().to_string();
    }
    let text = paint(shade, &format!("{:<CORES$}", line.text), colours);
    let cores = paint(Shade::Good, &line.cores, colours);
    format!("{front}{head}{gap}{text}  {cores}")
}

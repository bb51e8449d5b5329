//! Member processes, and what each of them printed.
//!
//! ```text
//!   ms join --json --mi ADDRESS GROUP  ──> told/N ──> Reader ──> Members: every rule, at every line
//! ```

use super::campus::Campus;
use super::plan::HOSTS;
use super::told::Reader;
use membership::name::GroupName;
use membership::proto::mi::{Ask, LocalCall, LocalEvent};
use membership::sim::campus::invariants::{
    LastView, MemberLog, Members, Resting, Standing, Wish, check_member_logs, settled,
};
use membership::wire::group::{Entry, MemberId, Mode, Reason, Refusal};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus};
use std::time::Instant;

/// A member process.
pub struct Person {
    /// The group.
    pub group: &'static str,
    /// The host, by its place in the plan.
    pub host: usize,
    /// It is to be a member.
    pub stays: bool,
    number: usize,
    child: Option<Child>,
    output: File,
    /// The beginning of a line.
    begun: Vec<u8>,
    reader: Reader,
    log: MemberLog,
    call: LocalCall,
}

/// How all of them join.
#[derive(Clone, Copy, Default)]
pub struct Manners {
    /// Options besides the usual ones.
    pub options: &'static [&'static str],
    /// Somebody may be refused because no mserver is reached: he is not to be a member then.
    pub refused: bool,
}

/// All of them, also those who are no more.
pub struct People {
    manners: Manners,
    all: Vec<Person>,
    members: Members,
    since: Instant,
}

impl People {
    /// Nobody yet.
    pub fn new(manners: Manners) -> People {
        let (members, since) = (Members::default(), Instant::now());
        People { manners, all: Vec::new(), members, since }
    }

    /// Everybody who ever was.
    pub fn all(&self) -> &[Person] {
        &self.all
    }

    /// Those who are to be members, by their numbers.
    pub fn staying(&self) -> Vec<usize> {
        self.all.iter().filter(|person| person.stays).map(|person| person.number).collect()
    }

    /// Starts a member process on a host. Nothing is waited for.
    pub fn join(&mut self, campus: &Campus, group: &'static str, host: usize) {
        let number = self.all.len();
        let tag = format!("{}:{number}", HOSTS[host].name);
        let path = campus.dir().join("told").join(number.to_string());
        let out = File::create(&path).expect("a file");
        let errors = File::create(path.with_extension("err")).expect("a file");
        let at = campus.address(host).to_string();
        let mut command = campus.command(host);
        command.args(["join", "--json", "--wait", "--run-dir", "run", "--timeout", "120"]);
        command.args(self.manners.options).args(["--mi", &at, "--tag", &tag, group]);
        command.stdout(out).stderr(errors);
        let child = Some(command.spawn().expect("a member process"));
        let output = File::open(&path).expect("a file");
        let ask = Ask::Join {
            mode: Mode::JoinOrCreate,
            tag: Vec::new(),
            qos: Box::default(),
            patience_ms: 0,
        };
        let call = LocalCall { number: 1, group: name(group), ask };
        let (begun, reader, log) = (Vec::new(), Reader::default(), MemberLog::default());
        let stays = true;
        self.all.push(Person {
            group,
            host,
            stays,
            number,
            child,
            output,
            begun,
            reader,
            log,
            call,
        });
    }

    /// Asks one to leave. It prints nothing any more.
    pub fn leave(&mut self, number: usize) {
        let person = &mut self.all[number];
        person.stays = false;
        let child = person.child.as_ref().expect("it runs");
        kill(Pid::from_raw(child.id() as i32), Signal::SIGTERM).expect("a signal");
    }

    /// Ends one without a chance to do anything.
    pub fn kill(&mut self, number: usize) {
        let person = &mut self.all[number];
        person.stays = false;
        let mut child = person.child.take().expect("it runs");
        child.kill().expect("a signal");
        child.wait().expect("its end");
    }

    /// Reads what was printed meanwhile, and judges it.
    ///
    /// # Errors
    /// A rule is broken, or somebody ended who was to stay.
    pub fn listen(&mut self) -> Result<(), String> {
        let at = self.since.elapsed().as_millis() as u64;
        for person in &mut self.all {
            // Asked first: what it printed before its end is read then.
            let status = person.status();
            for event in person.read() {
                self.members.told(person.number as u64, at, &event);
                person.log.told.push((at, event));
            }
            status.map_or(Ok(()), |status| person.ended(status, self.manners))?;
        }
        self.members.violation().map_or(Ok(()), |violation| Err(violation.to_string()))
    }

    /// Whether all who are to be members, on these hosts, have one view a group, with all of them and nobody else.
    ///
    /// # Errors
    /// What is not so yet.
    pub fn settled(&self, hosts: impl Fn(usize) -> bool) -> Result<(), String> {
        let here = |person: &Person| person.stays && hosts(person.host);
        if let Some(person) = self.all.iter().find(|p| here(p) && self.view(p).is_none()) {
            return Err(format!("{} is in no view", person.who()));
        }
        let mut wishes = Vec::new();
        for person in &self.all {
            let calls = std::slice::from_ref(&person.call);
            wishes.push(Wish { log: person.number as u64, alive: here(person), calls });
        }
        let now = self.since.elapsed().as_millis() as u64;
        let resting = Resting { now, members: &self.members, wishes: &wishes };
        settled(&resting).map(drop).map_err(|violation| violation.to_string())
    }

    /// Every log of every member process against all rules, from the beginning.
    pub fn check(&self) {
        let logs: Vec<MemberLog> = self.all.iter().map(|person| person.log.clone()).collect();
        if let Err(violation) = check_member_logs(&logs) {
            panic!("{violation}");
        }
    }

    /// Views that were told.
    pub fn views(&self) -> usize {
        let is_view = |(_, event): &&(u64, LocalEvent)| matches!(event, LocalEvent::View { .. });
        self.all.iter().map(|person| person.log.told.iter().filter(is_view).count()).sum()
    }

    /// Why views differed from those before: what a run must have seen, or it proves nothing.
    pub fn reasons(&self) -> BTreeSet<Reason> {
        let reason = |(_, event): &(u64, LocalEvent)| match event {
            LocalEvent::View { reason, .. } => Some(*reason),
            _ => None,
        };
        self.all.iter().flat_map(|person| person.log.told.iter().filter_map(reason)).collect()
    }

    /// The view that a person is in.
    pub fn view(&self, person: &Person) -> Option<&LastView> {
        match self.members.standing(person.number as u64, person.id()?) {
            Some(Standing::In(view)) => Some(view),
            _ => None,
        }
    }

    /// The names of the groups that somebody is in. One of two that had the same name has another one now.
    pub fn groups(&self) -> BTreeSet<String> {
        let staying = self.all.iter().filter(|person| person.stays);
        staying.filter_map(|person| Some(self.view(person)?.key.to_string())).collect()
    }

    /// Where everybody stands, in a line each.
    pub fn account(&self) -> String {
        let line = |person: &Person| {
            let view = self.view(person).map_or("in no view".to_string(), |view| {
                let tag = |e: &Entry| String::from_utf8_lossy(&e.tag).into_owned();
                let all: Vec<String> = view.roster.iter().map(tag).collect();
                format!("{} {}.{} [{}]", view.key, view.term, view.number, all.join(" "))
            });
            format!("{}: {view}\n", person.who())
        };
        self.all.iter().filter(|person| person.stays).map(line).collect()
    }
}

impl Person {
    /// Number, host and group.
    fn who(&self) -> String {
        format!("{}:{} of {}", HOSTS[self.host].name, self.number, self.group)
    }

    /// The member that it is, or was last.
    fn id(&self) -> Option<MemberId> {
        self.log.told.iter().rev().find_map(|(_, event)| match event {
            LocalEvent::Taken { member, .. } => Some(*member),
            _ => None,
        })
    }

    /// The last it heard is that no mserver is reached.
    fn is_refused(&self) -> bool {
        let last = self.log.told.last();
        last.is_some_and(|(_, event)| {
            matches!(event, LocalEvent::Refused { refusal: Refusal::NoMserver, .. })
        })
    }

    fn read(&mut self) -> Vec<LocalEvent> {
        self.output.read_to_end(&mut self.begun).expect("its output");
        let whole = self.begun.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let rest = self.begun.split_off(whole);
        let lines = std::mem::replace(&mut self.begun, rest);
        let lines = String::from_utf8(lines).expect("text");
        lines.lines().flat_map(|line| self.reader.line(line)).collect()
    }

    /// How it has ended, once.
    fn status(&mut self) -> Option<ExitStatus> {
        let status = self.child.as_mut()?.try_wait().expect("a status")?;
        self.child = None;
        Some(status)
    }

    /// Somebody who was asked to leave ends in good order; nobody else does.
    fn ended(&mut self, status: ExitStatus, manners: Manners) -> Result<(), String> {
        // One that was asked before it was ready to be asked has not asked for anything either.
        let early = status.signal() == Some(libc::SIGTERM) && self.log.told.is_empty();
        if !self.stays && (status.success() || early) {
            return Ok(());
        }
        if manners.refused && self.is_refused() {
            self.stays = false;
            return Ok(());
        }
        Err(format!("{} ended: {status}", self.who()))
    }
}

impl Drop for People {
    fn drop(&mut self) {
        for child in self.all.iter_mut().filter_map(|person| person.child.as_mut()) {
            // It may have ended.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn name(group: &str) -> GroupName {
    group.parse().expect("a name")
}

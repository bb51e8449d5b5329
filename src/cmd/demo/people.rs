//! The members of the groups: applications of the hosts, all of them in this process, each with a line of its own to the
//! member interface of its host.

use super::Trouble;
use super::figure::HOSTS;
use super::views::{Seen, place};
use crate::client::{Event, JoinOptions, Member, MemberId, Place, View};
use crate::rundir;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A member.
pub struct Person {
    /// What the story calls it, and its tag.
    pub name: String,
    /// Its host, by its place in the figure.
    pub host: usize,
    /// The group.
    pub group: &'static str,
    /// It asked to leave, or has left.
    pub leaves: bool,
    /// Everything that it was told, in order.
    pub told: Vec<Seen>,
    member: Option<Member>,
}

/// All of them.
#[derive(Default)]
pub struct People {
    all: Vec<Person>,
}

/// What somebody was told.
pub struct News {
    /// The group.
    pub group: &'static str,
    /// The name of the member.
    pub who: String,
    /// What.
    pub event: Event,
}

impl People {
    /// Everybody, also those who left, in the order of joining.
    pub fn all(&self) -> &[Person] {
        &self.all
    }

    /// Those of a group who are to be in it.
    pub fn of<'a>(&'a self, group: &'a str) -> impl Iterator<Item = &'a Person> {
        self.all.iter().filter(move |person| person.group == group && !person.leaves)
    }

    /// Somebody on a host asks to join a group. Nothing is waited for.
    pub fn join(
        &mut self,
        group: &'static str,
        host: usize,
        (run_dir, net): (&Path, u8),
    ) -> Result<(), Trouble> {
        let site = &HOSTS[host];
        let before = self.all.iter().filter(|p| p.group == group && p.host == host).count();
        let name = match before {
            0 => site.name.to_string(),
            n => format!("{}:{}", site.name, n + 1),
        };
        let socket = rundir::socket(run_dir, site.at(net), "mi");
        let options = JoinOptions::new().tag(name.as_str()).place(Place::at(socket));
        let member = options
            .join(group)
            .map_err(|e| Trouble::Failed(format!("{name} cannot join {group}: {e}")))?;
        let member = Some(member);
        self.all.push(Person { name, host, group, leaves: false, told: Vec::new(), member });
        Ok(())
    }

    /// The member of a group on a host asks to leave.
    pub fn leave(&mut self, group: &str, host: usize) -> Result<(), Trouble> {
        let found = self.all.iter_mut().find(|p| p.group == group && p.host == host && !p.leaves);
        let Some((person, member)) = found.and_then(|p| {
            p.leaves = true;
            let name = p.name.clone();
            Some((name, p.member.as_mut()?))
        }) else {
            return Err(Trouble::Failed(format!("{}: nobody to leave {group}", HOSTS[host].name)));
        };
        member
            .ask_to_leave()
            .map_err(|e| Trouble::Failed(format!("{person} cannot leave {group}: {e}")))
    }

    /// Waits until somebody is told something, but not longer than that.
    pub fn wait(&self, most: Duration) {
        let lines = self.all.iter().filter_map(|person| person.member.as_ref());
        let mut polled: Vec<PollFd<'_>> =
            lines.map(|member| PollFd::new(member.as_fd(), PollFlags::POLLIN)).collect();
        let most = PollTimeout::try_from(most).unwrap_or(PollTimeout::MAX);
        // A signal ends the wait, which is looked at by whoever waits.
        let _ = poll(&mut polled, most);
    }

    /// Everything that they were told meanwhile.
    ///
    /// # Errors
    /// Somebody is out who did not want to.
    pub fn listen(&mut self) -> Result<Vec<News>, Trouble> {
        let mut news = Vec::new();
        for person in &mut self.all {
            person.listen(&mut news)?;
        }
        Ok(news)
    }
}

impl Person {
    /// Who it is now, if it is a member.
    pub fn id(&self) -> Option<MemberId> {
        self.member.as_ref()?.id()
    }

    /// Its view, if it is in one.
    pub fn view(&self) -> Option<&Arc<View>> {
        self.member.as_ref()?.view()
    }

    fn listen(&mut self, news: &mut Vec<News>) -> Result<(), Trouble> {
        while let Some(member) = &mut self.member {
            let event = match member.try_event() {
                Ok(Some(event)) => event,
                Ok(None) => break,
                Err(e) => return Err(Trouble::Failed(format!("{self}: {e}"))),
            };
            if event.is_last() {
                self.member = None;
                if !self.leaves {
                    return Err(Trouble::Failed(format!("{self} is out: {}", why(&event))));
                }
            }
            match &event {
                Event::View(change) => self.told.push(Seen::View(change.clone())),
                Event::Disconnected { .. } | Event::Out { .. } => self.told.push(Seen::Gap),
                _ => {}
            }
            news.push(News { group: self.group, who: self.name.clone(), event });
        }
        Ok(())
    }
}

impl std::fmt::Display for Person {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} in {}", self.name, self.group)
    }
}

/// A last event, in words.
fn why(event: &Event) -> String {
    match event {
        Event::Out { reason, last, .. } => {
            let last = last.as_ref().map_or("none".to_string(), |view| place(view));
            format!("{reason:?}, its last view is {last}")
        }
        Event::Refused(refusal) => refusal.sentence().to_string(),
        Event::Disconnected { why, .. } => why.to_string(),
        other => format!("{other:?}"),
    }
}

//! The kinds of process there are, behind one door.

use super::door::Door;
use super::listing;
use super::mcaster::Mcaster;
use super::mi::{Alone, Mi};
use super::mserver::Mserver;
use super::ring::Ring;
use super::step::{Action, Input};
use serde_json::{Value, json};

/// What a daemon is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Role {
    /// `ms mserver --static`.
    Ring(Ring),
    /// `ms mserver`.
    Mserver(Box<Mserver>),
    /// `ms mi`.
    Mi(Box<Alone>),
    /// `ms mcaster`.
    Mcaster(Mcaster),
}

/// A process: what it is, and its door if it has keys.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Node {
    role: Role,
    door: Option<Door>,
}

impl Node {
    /// A process, and the actions it begins with, which are signed where there are keys.
    pub fn new(role: Role, mut door: Option<Door>, first: &mut [Action]) -> Node {
        if let Some(door) = &mut door {
            door.seal(first);
        }
        Node { role, door }
    }

    /// One input, all its actions. `actions` must be empty.
    pub fn step(&mut self, input: Input<'_>, actions: &mut Vec<Action>) {
        if let Some(door) = &mut self.door {
            if door.admit(&input, actions) {
                self.role.step(input, actions);
            }
            door.seal(actions);
        } else {
            self.role.step(input, actions);
        }
    }

    /// What it is.
    pub fn role(&self) -> &Role {
        &self.role
    }

    /// What it is, and its door, to be given new settings.
    pub fn parts(&mut self) -> (&mut Role, Option<&mut Door>) {
        (&mut self.role, self.door.as_mut())
    }

    /// Ticks until something is due; `u32::MAX` if nothing ever is. The ticks before that may be input as one,
    /// if they come before any other input.
    pub fn due(&self) -> u32 {
        match &self.role {
            Role::Ring(ring) => ring.due(),
            Role::Mserver(mserver) => mserver.due(),
            Role::Mi(mi) => mi.due(),
            Role::Mcaster(mcaster) => mcaster.due(),
        }
    }

    /// The member interface that it is, or that is built into it.
    pub fn member_interface(&self) -> Option<&Mi> {
        match &self.role {
            Role::Mi(alone) => Some(alone.mi()),
            Role::Mserver(mserver) => mserver.groups().lan()?.mi(),
            Role::Ring(_) | Role::Mcaster(_) => None,
        }
    }

    /// What `ms status` shows of it: an object.
    pub fn status(&self) -> Value {
        let mut status = match &self.role {
            Role::Ring(ring) => ring.status(),
            Role::Mserver(mserver) => {
                let mut status = mserver.status();
                status["groups"] = listing::counted(&listing::of_mserver(mserver));
                status
            }
            Role::Mi(mi) => {
                let mut status = mi.status();
                status["groups"] = listing::counted(&listing::of_mi(mi.mi()));
                status
            }
            Role::Mcaster(mcaster) => mcaster.status(),
        };
        if let Some(mi) = self.member_interface() {
            status["departures"] = mi.departures();
        }
        if let Some(door) = &self.door {
            status["authentication"] = door.status();
        }
        status
    }
}

impl Node {
    /// A question on the control socket, word by word.
    ///
    /// # Errors
    /// Why there is no answer, in words.
    pub fn tell(&self, words: &[&str]) -> Result<Value, String> {
        match &self.role {
            Role::Mserver(mserver) if words == ["groups"] => {
                Ok(json!({"groups": listing::of_mserver(mserver)}))
            }
            Role::Mi(alone) if words == ["groups"] => {
                Ok(json!({"groups": listing::of_mi(alone.mi())}))
            }
            // Mservers are asked about by address, members by group.
            Role::Mserver(_) | Role::Mi(_) if words.first() == Some(&"why-member") => {
                self.tell_of_members(&words[1..])
            }
            Role::Mserver(mserver) => mserver.tell(words),
            Role::Ring(_) | Role::Mi(_) | Role::Mcaster(_) => {
                Err(format!("unknown request {:?}", words.join(" ")))
            }
        }
    }
}

impl Node {
    /// `why-member GROUP [WHO]`: who left a group, as the member interface here remembers.
    fn tell_of_members(&self, words: &[&str]) -> Result<Value, String> {
        let mi = self.member_interface().ok_or("no member interface is here")?;
        match words {
            [group] => Ok(mi.why(group, None)),
            [group, who] => Ok(mi.why(group, Some(who))),
            _ => Err("why-member: must be GROUP [GID|TAG|ADDRESS]".to_string()),
        }
    }
}

impl Role {
    fn step(&mut self, input: Input<'_>, actions: &mut Vec<Action>) {
        match self {
            Role::Ring(ring) => ring.step(input, actions),
            Role::Mserver(mserver) => mserver.step(input, actions),
            Role::Mi(mi) => mi.step(input, actions),
            Role::Mcaster(mcaster) => mcaster.step(input, actions),
        }
    }
}

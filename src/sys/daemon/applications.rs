//! The applications of this host at the socket of a daemon that has a member interface.
//!
//! ```text
//!   lap: datagrams ─> calls, in turn ─> ticks ─> what applications are told, each with one system call
//! ```
//!
//! What they are told is kept until the end of the lap: several views for one of them go out together, and after all
//! datagrams. Where there is something to be written to a log, it goes out before that.

use super::Daemon;
use crate::name::GroupName;
use crate::proto::mi::Client;
use crate::proto::step::Input;
use crate::sys::local::{Access, Heard, Local, Setup};
use crate::wire::local::{Ask, LocalCall, LocalEvent};
use log::warn;
use mio::{Registry, Token};
use serde_json::{Value, json};
use std::io;
use std::time::Instant;

/// What a daemon says that nobody can be a member at.
const NO_MI: &str = "there is no member interface here";

/// Opens the socket; an error names it.
pub(super) fn open(setup: Setup, registry: &Registry) -> io::Result<Local> {
    let name = setup.path.display().to_string();
    Local::open(setup, registry)
        .map_err(|e| io::Error::new(e.kind(), format!("socket of applications {name}: {e}")))
}

impl Daemon {
    /// Something can be done at the socket of `token`.
    pub(super) fn ready(&mut self, token: Token) {
        if let Some(local) = &mut self.applications {
            local.ready(token);
        }
    }

    /// Gives the node the calls of those whose turn it is, and tells it who is gone.
    pub(super) fn hear_applications(&mut self) {
        let Some(local) = &mut self.applications else { return };
        for heard in local.hear() {
            match &heard {
                Heard::Call(client, call) => {
                    self.trace_call(*client, call);
                    self.step(Input::Call { client: *client, call });
                }
                Heard::Gone(client) => self.step(Input::Gone { client: *client }),
            }
        }
    }

    /// Keeps what applications are told until the end of the lap, or sends it now.
    pub(super) fn tell_applications(&mut self, told: &[(Client, LocalEvent)], now: bool) {
        told.iter().for_each(|(client, event)| self.trace_told(*client, event));
        let Some(local) = &mut self.applications else { return };
        told.iter().for_each(|(client, event)| local.tell(*client, event));
        if now {
            local.flush();
        }
    }

    /// Sends what is left, and logs what happened to applications.
    pub(super) fn flush_applications(&mut self) {
        let Some(local) = &mut self.applications else { return };
        local.flush();
        local.notes().into_iter().for_each(|note| self.take_note(note));
    }

    pub(super) fn expire_applications(&mut self, now: Instant) {
        if let Some(local) = &mut self.applications {
            local.expire(now);
        }
    }

    /// Lets a member of one of our applications leave, as if that had called for it. Who may use the control socket
    /// could end the application as well.
    pub(super) fn dismiss(&mut self, group: &str, gid: &str) -> Result<Value, String> {
        let name: GroupName = group.parse().map_err(|e| format!("{group}: the name {e}"))?;
        let mi = self.setup.node.member_interface().ok_or(NO_MI)?;
        let roster = mi.known(name).map(|known| known.roster()).unwrap_or_default();
        let entry = roster.iter().find(|entry| entry.gid.to_string() == gid);
        let found = entry.and_then(|entry| Some((mi.owner(&entry.id)?, entry.id)));
        let (client, member) =
            found.ok_or_else(|| format!("{group}: no member here has gid {gid}"))?;
        // Applications count their calls from 1.
        let call = LocalCall { number: 0, group: name, ask: Ask::Leave { member } };
        self.step(Input::Call { client, call: &call });
        Ok(json!({"group": group, "gid": gid, "number": member.number}))
    }

    /// Others may call from now on.
    pub fn change_access(&mut self, access: Access) {
        if let Some(local) = &mut self.applications
            && let Err(e) = local.change(access)
        {
            warn!("the socket of applications stays as it was: {e}");
        }
    }
}

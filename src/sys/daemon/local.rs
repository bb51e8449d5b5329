//! What a daemon tells commands of its own host: answers, and live events for `ms trace`.
//!
//! ```text
//!   status, why ... ──> one JSON value
//!   leave GROUP GID ──> a member here leaves, as if its application had called for it
//!   trace ───────────> a line of JSON for every datagram, call, view and note, for as long as somebody follows
//! ```
//!
//! When nobody follows, a datagram costs one comparison more.

use super::Daemon;
use crate::proto::mi::Client;
use crate::proto::note::Note;
use crate::proto::step::Via;
use crate::sys::event;
use crate::wire::local::{LocalCall, LocalEvent};
use mio::Token;
use serde_json::{Value, json};
use std::net::SocketAddrV4;
use std::time::{SystemTime, UNIX_EPOCH};

impl Daemon {
    pub(super) fn serve_control(&mut self, token: Token) {
        let Some(request) = self.control.serve(token, self.poll.registry()) else { return };
        let words: Vec<&str> = request.split_whitespace().collect();
        let answer = match words.as_slice() {
            ["status"] => self.status(),
            ["leave", group, gid] => match self.dismiss(group, gid) {
                Ok(leaves) => leaves,
                Err(why) => json!({"error": why}),
            },
            ["trace"] => return self.control.follow(token, self.poll.registry()),
            words => match self.setup.node.tell(words) {
                Ok(mut answer) => {
                    // Nodes count ticks and need not say who they are.
                    answer["address"] = self.setup.own.to_string().into();
                    answer["tick_ms"] = (self.setup.tick.as_millis() as u64).into();
                    answer
                }
                Err(why) => json!({"error": why}),
            },
        };
        self.control.answer(token, format!("{answer}\n"), self.poll.registry());
    }

    /// A datagram that arrived.
    pub(super) fn trace_in(&mut self, via: Via, from: SocketAddrV4, bytes: &[u8]) {
        if self.control.is_followed() {
            self.trace(event::received(via, from, bytes));
        }
    }

    /// A datagram that is sent.
    pub(super) fn trace_out(&mut self, to: SocketAddrV4, bytes: &[u8]) {
        if self.control.is_followed() {
            self.trace(event::sent(to, bytes));
        }
    }

    /// News.
    pub(super) fn trace_note(&mut self, note: &Note) {
        if self.control.is_followed() {
            self.trace(json!({"event": "note", "text": note.to_string()}));
        }
    }

    /// What an application calls for.
    pub(super) fn trace_call(&mut self, client: Client, call: &LocalCall) {
        if self.control.is_followed() {
            self.trace(event::called(client, call));
        }
    }

    /// What one is told.
    pub(super) fn trace_told(&mut self, client: Client, told: &LocalEvent) {
        if self.control.is_followed() {
            self.trace(event::told(client, told));
        }
    }

    fn trace(&mut self, mut event: Value) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        event["time"] = (now.as_micros() as u64).into();
        event["own"] = self.setup.own.to_string().into();
        self.control.publish(&format!("{event}\n"), self.poll.registry());
    }
}

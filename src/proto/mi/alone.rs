//! A member interface that is a process of its own: behind the wire.

use super::{Mi, MiAction, MiConfig, MiInput};
use crate::proto::counters::Counters;
use crate::proto::note::Note;
use crate::proto::params::Params;
use crate::proto::parcel::Parcels;
use crate::proto::step::{Action, End, Input, Via};
use crate::wire::group::GroupMessage;
use crate::wire::{Kind, Message, WireError};
use serde_json::{Value, json};
use std::net::SocketAddrV4;

/// A member interface, what it sends and receives in parts, and what was counted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Alone {
    mi: Mi,
    parcels: Parcels,
    counters: Counters,
}

/// What is wrong with a datagram: the word, and the error if it is no message.
type Refused = (&'static str, Option<WireError>);

impl Alone {
    /// A member interface that starts now. The first action is a registration.
    pub fn start(config: MiConfig, actions: &mut Vec<Action>) -> Alone {
        let mut out = Vec::new();
        let parcels = Parcels::new(config.life.inc.0);
        let mi = Mi::start(config, &mut out);
        let mut alone = Alone { mi, parcels, counters: Counters::default() };
        alone.take(out, actions);
        alone
    }

    /// One that goes on in the life of the process that left these bytes, see [`Mi::inherit`].
    ///
    /// # Errors
    /// Why they are not taken.
    pub fn inherit(
        config: MiConfig,
        bytes: &[u8],
        actions: &mut Vec<Action>,
    ) -> Result<Alone, &'static str> {
        let mut out = Vec::new();
        // Parts of messages are counted from the new incarnation on: no number is used twice.
        let parcels = Parcels::new(config.life.inc.0);
        let mi = Mi::inherit(config, bytes, &mut out)?;
        let mut alone = Alone { mi, parcels, counters: Counters::default() };
        alone.take(out, actions);
        Ok(alone)
    }

    /// The machine.
    pub fn mi(&self) -> &Mi {
        &self.mi
    }

    /// Other timings from now on; what is waited for already is waited for as long as before.
    pub fn change(&mut self, params: Params) {
        self.mi.config.params = params;
    }

    /// What was counted.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// What `ms status` shows of it: an object.
    pub fn status(&self) -> Value {
        let config = self.mi.config();
        json!({
            "lan": config.lan.to_string(),
            "incarnation": config.life.inc.0,
            "mserver": self.mi.server().to_string(),
            "registered": self.mi.is_registered(),
            "counters": self.counters.to_json(),
        })
    }

    /// Ticks until something is due; `u32::MAX` if nothing ever is.
    pub fn due(&self) -> u32 {
        self.mi.due().min(self.parcels.due())
    }

    /// One input, all its actions.
    pub fn step(&mut self, input: Input<'_>, actions: &mut Vec<Action>) {
        let mut out = Vec::new();
        let result = match input {
            Input::Datagram { via, from, bytes } => {
                let result = self.receive(via, from, bytes, &mut out, actions);
                if let Err((cause, error)) = result {
                    self.counters.count(cause);
                    actions.push(Action::Note(Note::Dropped { cause, from, error }));
                }
                Ok(())
            }
            Input::Tick { elapsed } => {
                self.parcels.tick(elapsed, |_| None, actions);
                self.mi.step(MiInput::Tick { elapsed }, &mut out)
            }
            Input::Call { client, call } => self.mi.step(MiInput::Call { client, call }, &mut out),
            Input::Gone { client } => self.mi.step(MiInput::Gone { client }, &mut out),
            Input::Stop => {
                let result = self.mi.step(MiInput::Stop, &mut out);
                actions.push(Action::Done(End::Stopped));
                result
            }
        };
        if let Err(cause) = result {
            self.counters.count(cause);
        }
        self.take(out, actions);
    }

    fn receive(
        &mut self,
        via: Via,
        from: SocketAddrV4,
        bytes: &[u8],
        out: &mut Vec<MiAction>,
        actions: &mut Vec<Action>,
    ) -> Result<(), Refused> {
        let wire = |e: WireError| (e.cause(), Some(e));
        if via == Via::Mcaster {
            return Err(("not-our-mcaster", None));
        }
        let message = Message::receive(bytes, false).map_err(wire)?;
        let message = match message.kind() {
            Some(Kind::Fragment) => {
                let (header, data) = (&message.header, message.data);
                let whole = self.parcels.receive(from, header, data, actions);
                let Some(whole) = whole.map_err(|cause| (cause, None))? else { return Ok(()) };
                let message = Message::receive(&whole, false).map_err(wire)?;
                GroupMessage::decode(&message).map_err(wire)?
            }
            _ => GroupMessage::decode(&message).map_err(wire)?,
        };
        if message.from.address != from {
            return Err(("address-mismatch", None));
        }
        let message = Box::new(message);
        let input = match via {
            Via::Group => MiInput::Overheard(message),
            _ => MiInput::Message(message),
        };
        self.mi.step(input, out).map_err(|cause| (cause, None))
    }

    fn take(&mut self, out: Vec<MiAction>, actions: &mut Vec<Action>) {
        for action in out {
            match action {
                MiAction::Send(message) => match message.encode() {
                    Ok(bytes) => {
                        let to = self.mi.server();
                        self.parcels.send(bytes, to, &[to], |_| None, actions);
                    }
                    Err(_) => self.counters.count("not-encoded"),
                },
                MiAction::Tell { client, event } => actions.push(Action::Tell { client, event }),
                MiAction::Ready => actions.push(Action::Ready),
            }
        }
    }
}

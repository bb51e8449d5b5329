//! Who is asked for a tree: from the first daemons on, whoever they name, until nobody new is named.
//!
//! ```text
//!   run directory, or ADDRESS ──> status, groups ── members, parents, member interfaces ──┐
//!        ^ a control socket: everything                                                    │
//!        └ none: M_STATS_L_REQ by UDP: one set and its view <──────────────────────────────┘
//! ```
//!
//! Over the network, only what the thesis's statistics tell is asked for. Groups, LANs and the sets below a mserver are for
//! those who may use its control socket.

use super::model::{Source, Told, array};
use crate::cmd::asker::Asker;
use crate::cmd::local;
use crate::cmd::mgr;
use crate::cmd::serve::{Failure, Plan};
use crate::sorted::Sorted as _;
use crate::sys::control;
use crate::sys::interface;
use crate::sys::process::exit;
use crate::wire::coreset::Body;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;
use std::time::Duration;

/// Daemons of other hosts that are asked: a mserver that lies must not make us ask the whole world.
const ASKED: usize = 4096;

/// What is said of a daemon of another host that is silent.
pub const NO_ANSWER: &str = "no answer in";

/// How daemons are asked.
pub struct Asking<'a> {
    /// The settings, for keys and the own address.
    pub plan: &'a Plan<'a>,
    /// Where control sockets are.
    pub run_dir: PathBuf,
    /// No other host is asked.
    pub local: bool,
    /// How long one round of questions to others may take.
    pub patience: Duration,
    /// Sockets to ask others from, by the own address.
    askers: BTreeMap<Ipv4Addr, Asker>,
    /// The exit code for the first who did not answer.
    code: Option<i32>,
}

impl<'a> Asking<'a> {
    /// Nobody is asked yet.
    pub fn new(
        plan: &'a Plan<'a>,
        run_dir: PathBuf,
        local: bool,
        patience: Duration,
    ) -> Asking<'a> {
        Asking { plan, run_dir, local, patience, askers: BTreeMap::new(), code: None }
    }

    /// The exit code where nobody answered.
    pub fn code(&self) -> i32 {
        self.code.unwrap_or(exit::UNAVAILABLE)
    }

    /// Asks these, and all that they name.
    pub fn all(&mut self, first: &[SocketAddrV4]) -> Result<Vec<Told>, Failure> {
        let (mut told, mut remote) = (Vec::new(), 0);
        let mut known: BTreeSet<SocketAddrV4> = first.iter().copied().sorted_set();
        let mut wave: Vec<SocketAddrV4> = first.to_vec();
        while !wave.is_empty() {
            // Without other hosts to ask, it is here or nowhere.
            let only = self.local && told.is_empty();
            let (here, others): (Vec<_>, Vec<_>) =
                wave.into_iter().partition(|at| only || control::path(&self.run_dir, *at).exists());
            let mut new: Vec<Told> = here.iter().map(|at| self.ask_here(*at)).collect();
            let others: Vec<SocketAddrV4> =
                others.into_iter().take(ASKED.saturating_sub(remote)).collect();
            remote += others.len();
            if !self.local {
                new.extend(self.ask_others(&others)?);
            }
            let named: Vec<SocketAddrV4> =
                new.iter().flat_map(|told| self.named_by(told)).collect();
            wave = named.into_iter().filter(|at| known.insert(*at)).collect();
            told.append(&mut new);
        }
        Ok(told)
    }

    /// Whom a daemon names. Only mservers answer to statistics; a member interface is asked if it has a control socket.
    fn named_by(&self, told: &Told) -> Vec<SocketAddrV4> {
        let status = &told.status;
        let seats = [status, &status["child"]];
        let members = seats.iter().flat_map(|seat| array(&seat["members"])).map(|m| &m["address"]);
        let parents = seats.iter().map(|seat| &seat["parent"]);
        let servers = members.chain(parents).chain([&status["mserver"]]);
        let is_server = |at: &SocketAddrV4| !at.ip().is_multicast() && !at.ip().is_unspecified();
        let address = |value: &Value| value.as_str()?.parse().ok();
        let interfaces = array(&status["interfaces"]).iter().filter_map(address);
        let here = |at: &SocketAddrV4| control::path(&self.run_dir, *at).exists();
        servers.filter_map(address).filter(is_server).chain(interfaces.filter(here)).collect()
    }

    /// By its control socket.
    fn ask_here(&mut self, at: SocketAddrV4) -> Told {
        let socket = control::path(&self.run_dir, at);
        match local::ask(&socket, "status") {
            Ok(status) => {
                // An mcaster knows none.
                let groups =
                    local::ask(&socket, "groups").map(|mut answer| answer["groups"].take());
                let groups = groups.unwrap_or_default();
                Told { address: at.to_string(), source: Source::Local, status, groups }
            }
            Err((code, why)) => {
                // Which socket it is need not be said beside the daemon's name.
                let name = format!("{}: ", socket.display());
                self.silent(at, (code, why.strip_prefix(&name).unwrap_or(&why).to_string()))
            }
        }
    }

    fn silent(&mut self, at: SocketAddrV4, (code, why): Failure) -> Told {
        self.code.get_or_insert(code);
        let source = Source::Silent(why);
        Told { address: at.to_string(), source, status: Value::Null, groups: Value::Null }
    }

    fn ask_others(&mut self, servers: &[SocketAddrV4]) -> Result<Vec<Told>, Failure> {
        let mut by_own: BTreeMap<Ipv4Addr, Vec<SocketAddrV4>> = BTreeMap::new();
        let mut told = Vec::new();
        for server in servers {
            match self.plan.own(|| interface::towards(*server)) {
                Ok(own) => by_own.entry(own).or_default().push(*server),
                Err(failure) => told.push(self.silent(*server, failure)),
            }
        }
        for (own, servers) in by_own {
            let mut asker = match self.askers.remove(&own) {
                Some(asker) => asker,
                None => Asker::open(self.plan, servers[0])?,
            };
            let body = Body::StatsRequest { long: true };
            let answers = asker.ask_each(&servers, &body, self.patience)?;
            self.askers.insert(own, asker);
            let mut missing: BTreeSet<SocketAddrV4> = servers.into_iter().sorted_set();
            for answer in answers {
                let from = answer.from.life.address;
                missing.remove(&from);
                match mgr::statistics(answer) {
                    Some(Ok(status)) => told.push(Told {
                        address: from.to_string(),
                        source: Source::Remote,
                        status,
                        groups: Value::Null,
                    }),
                    Some(Err(why)) => told.push(self.silent(from, (exit::NOPERM, why))),
                    None => {}
                }
            }
            let why = format!("{NO_ANSWER} {} ms", self.patience.as_millis());
            let silent = |at| self.silent(at, (exit::UNAVAILABLE, why.clone()));
            told.extend(missing.into_iter().map(silent));
        }
        Ok(told)
    }
}

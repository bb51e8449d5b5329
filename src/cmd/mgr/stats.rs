//! `ms mgr stats`: what a mserver tells anybody who is allowed to ask.

use super::{Desk, Told};
use crate::cmd::serve::{Failure, Plan};
use crate::wire::coreset::{Member, PHASES, SetName, StatsDetail};
use serde_json::{Value, json};
use std::fmt::Write;

impl Desk {
    pub fn stats(mut self, plan: &Plan<'_>, name: SetName) -> Result<String, Failure> {
        let told = self.told(self.server, name, super::PATIENCE.min(self.timeout))?;
        Ok(match plan.flag("json") {
            true => format!("{}\n", told.to_json()),
            false => told.in_words(plan.flag("long")),
        })
    }
}

impl Told {
    fn phase(&self) -> &'static str {
        PHASES.get(usize::from(self.stats.phase)).copied().unwrap_or("of a later version")
    }

    /// The keys of `ms status`.
    pub(super) fn to_json(&self) -> Value {
        let m = &self.message;
        let mut all = json!({
            "address": m.from.life.address.to_string(),
            "incarnation": m.from.life.inc.0,
            "set": m.name.to_string(),
            "level": m.level,
            "phase": self.phase(),
            "size": self.stats.size,
        });
        let Some(detail) = &self.stats.detail else { return all };
        let isolated = detail.isolated.iter().map(ToString::to_string);
        all["isolated"] = isolated.collect::<Vec<_>>().into();
        // What is no counter has a blank in its word.
        let (facts, counters): (Vec<_>, Vec<_>) =
            detail.counters.iter().partition(|(word, _)| word.contains(' '));
        for (key, words) in [("facts", facts), ("counters", counters)] {
            let words = words.into_iter().map(|(word, n)| (word.clone(), (*n).into()));
            all[key] = Value::Object(words.collect());
        }
        let Some(view) = &detail.view else { return all };
        let text = |who: Option<std::net::SocketAddrV4>| who.map(|a| a.to_string());
        let own = m.from.life.address;
        all["view"] = view.position.num.0.into();
        all["batch"] = view.position.k.into();
        all["digest"] = view.position.digest.to_string().into();
        all["gid"] = m.from.gid.0.into();
        all["rank"] = view.rank(own).map(|rank| rank.0).into();
        all["parent"] = text(view.parent).into();
        all["former_parent"] = text(view.former).into();
        all["cw"] = text(view.cw(own)).into();
        all["ccw"] = text(view.ccw(own)).into();
        let member = |(rank, m): (usize, &Member)| {
            json!({
                "rank": rank,
                "gid": m.gid.0,
                "address": m.life.address.to_string(),
                "incarnation": m.life.inc.0,
            })
        };
        all["members"] = view.members.iter().enumerate().map(member).collect();
        all
    }

    /// A line; `long`: then the members and the counters.
    fn in_words(&self, long: bool) -> String {
        let m = &self.message;
        let life = m.from.life;
        let what = if m.level == 0 { "lan" } else { "set" };
        let mut out = format!("{} incarnation {}: {what} {}", life.address, life.inc, m.name);
        // Writing to a String cannot fail.
        let _ = match self.view() {
            None if m.level == 0 => writeln!(out, ", member interfaces: {}", self.stats.size),
            Some(view) => writeln!(
                out,
                " level {}, view {} of {}, rank {}, {}",
                m.level,
                view.position.num,
                view.members.len(),
                view.rank(life.address).map_or("none".to_string(), |r| r.to_string()),
                self.phase()
            ),
            None => writeln!(out, " level {}, in no view", m.level),
        };
        if let (true, Some(detail)) = (long, &self.stats.detail) {
            self.details(detail, &mut out);
        }
        out
    }

    fn details(&self, detail: &StatsDetail, out: &mut String) {
        if let Some(view) = &detail.view {
            let _ = writeln!(out, "  digest {}, batch {}", view.position.digest, view.position.k);
            let own = self.message.from.life.address;
            for (rank, member) in view.members.iter().enumerate() {
                let who = member.life.address;
                let marks = [
                    (who == own, "self"),
                    (view.parent == Some(who), "parent"),
                    (detail.isolated.contains(&who), "isolated"),
                ];
                let marks: Vec<&str> =
                    marks.into_iter().filter(|(is, _)| *is).map(|(_, word)| word).collect();
                let line = format!(
                    "  rank {rank:<3} gid {:<5} {who:<21} incarnation {:<10} {}",
                    member.gid.to_string(),
                    member.life.inc.to_string(),
                    marks.join(" ")
                );
                let _ = writeln!(out, "{}", line.trim_end());
            }
        }
        for (word, n) in &detail.counters {
            let _ = writeln!(out, "  {word:<28} {n}");
        }
    }
}

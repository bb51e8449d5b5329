//! `ms watch [options] GROUP`: the views of a group, for one who is no member of it.
//!
//! The member interface is asked again and again. A view that came and went between two questions is not seen: who must
//! see each joins.

use super::calls::{is_absent, may_pass};
use super::{fail, group, misused, told, wish};
use crate::client::{Connection, Entry, Error, Place, View};
use crate::cmd::{Command, complain, print};
use crate::sorted::Sorted as _;
use crate::sys::process::exit;
use serde_json::json;
use std::collections::BTreeSet;
use std::time::Duration;

/// Between two questions.
const INTERVAL: Duration = Duration::from_secs(1);

pub fn run(command: &Command, args: &[String]) -> i32 {
    let matches = match command.parse(args) {
        Ok(matches) => matches,
        Err(code) => return code,
    };
    let name = match group(command, &matches) {
        Ok(name) => name,
        Err(code) => return code,
    };
    let said = wish::place(&matches).and_then(|place| {
        let interval = wish::seconds(&matches, "interval")?.unwrap_or(INTERVAL);
        Ok((place, interval, wish::timeout(&matches)?, wish::count(&matches)?))
    });
    let (place, interval, timeout, count) = match said {
        Ok(said) => said,
        Err(why) => return misused(command, &why),
    };
    let json = matches.opt_present("json");
    Watch { place, name, timeout, json, seen: None, away: false }.last(interval, count)
}

struct Watch<'a> {
    place: Place,
    name: &'a str,
    timeout: Duration,
    json: bool,
    /// What was last seen: a view, or that there is none.
    seen: Option<Option<View>>,
    /// It was said already that nobody answers.
    away: bool,
}

impl Watch<'_> {
    fn last(mut self, interval: Duration, mut count: Option<u64>) -> i32 {
        let mut connection = None;
        loop {
            match self.look(&mut connection) {
                Ok(found) if self.is_new(&found) => {
                    match print(&self.show(&found)) {
                        exit::OK => {}
                        code => return code,
                    }
                    self.seen = Some(found);
                    count = count.map(|left| left - 1);
                }
                Ok(_) => {}
                Err(e) if self.seen.is_some() && may_pass(&e) => {
                    if !self.away {
                        complain(&format!("{e}; asking again"));
                    }
                    (self.away, connection) = (true, None);
                }
                Err(e) => return fail(&e),
            }
            if count == Some(0) {
                return exit::OK;
            }
            std::thread::sleep(interval);
        }
    }

    fn look(&mut self, connection: &mut Option<Connection>) -> Result<Option<View>, Error> {
        let line = match connection {
            Some(line) => line,
            None => connection.insert(Connection::open(&self.place)?),
        };
        let found = match line.view(self.name, self.timeout) {
            Ok(view) => Some(view),
            Err(e) if is_absent(&e) => None,
            Err(e) => return Err(e),
        };
        self.away = false;
        Ok(found)
    }

    fn is_new(&self, found: &Option<View>) -> bool {
        let place = |view: &View| (view.token(), view.digest);
        match &self.seen {
            None => true,
            Some(seen) => seen.as_ref().map(place) != found.as_ref().map(place),
        }
    }

    fn show(&self, found: &Option<View>) -> String {
        match found {
            None if self.json => format!("{}\n", json!({"event": "absent", "group": self.name})),
            None => format!("{}: there is no such group\n", self.name),
            Some(view) if self.json => format!("{}\n", told::whole(view)),
            Some(view) => {
                let before = self.seen.as_ref().and_then(Option::as_ref);
                let before = before.map(|view| view.roster.as_slice()).unwrap_or_default();
                let head =
                    format!("{} {}.{}: {}\n", view.key, view.term, view.number, told::size(view));
                head + &told::lines('+', &without(&view.roster, before))
                    + &told::lines('-', &without(before, &view.roster))
            }
        }
    }
}

/// Those of the one roster who are not in the other.
fn without(these: &[Entry], others: &[Entry]) -> Vec<Entry> {
    let others: BTreeSet<_> = others.iter().map(|entry| entry.id).sorted_set();
    these.iter().filter(|entry| !others.contains(&entry.id)).cloned().collect()
}

//! The campus as `ms tree` draws it, with the names of the story for addresses.

use super::figure::HOSTS;
use super::stage::Stage;
use crate::cmd::tree::model::{Source, Told, Tree};
use crate::cmd::tree::text;
use serde_json::Value;

/// The lines of the drawing: all of it is what the daemons say at this moment.
pub fn draw(stage: &Stage) -> Vec<String> {
    let told: Vec<Told> = (0..HOSTS.len()).map(|at| told(stage, at)).collect();
    let name_of = |address: &str| match stage.named(&Value::from(address)) {
        Some(at) => HOSTS[at].name.to_string(),
        None => address.to_string(),
    };
    let lines = text::lines(&Tree::of(&told), &name_of);
    lines.iter().map(|line| stage.voice.drawn(line)).collect()
}

/// What the daemon of a host says.
fn told(stage: &Stage, at: usize) -> Told {
    let address = HOSTS[at].at(stage.campus.net()).to_string();
    let silent = || {
        let source = Source::Silent("killed".to_string());
        Told { address: address.clone(), source, status: Value::Null, groups: Value::Null }
    };
    let Some(status) = stage.campus.status(at) else {
        return silent();
    };
    let groups = stage.campus.ask(at, "groups").map(|mut answer| answer["groups"].take());
    let groups = groups.unwrap_or_default();
    Told { address, source: Source::Local, status, groups }
}

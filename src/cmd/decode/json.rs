//! A message for a program: one JSON object a line, its keys the names of the fields in the C struct.
//!
//! `time`, `src` and `dst` where a capture tells them, `prefix` in an extended message, then the fields, then
//! `notes` and `error` where there is something to say. A field that cannot be trusted is absent. `error`
//! holds `offset`, `field` and `reason` of the first thing that is wrong.

use super::dissect::{Fault, Reading};
use super::layout::Field;
use super::payload;
use crate::wire::checksum::Checksum;
use serde_json::{Map, Value, json};

/// The keys of a message, added to those that say where it is from.
pub fn keys(reading: &Reading<'_>, object: &mut Map<String, Value>) {
    if let Some(prefix) = reading.prefix {
        object.insert("prefix".into(), prefix.sender.to_string().into());
    }
    for field in Field::ALL {
        match field {
            // Their lists and data say it, and differ from it only where there is an error.
            Field::ExclListLen | Field::SubjListLen | Field::DataLen => {}
            Field::GroupName => {
                let name = reading.group_name().map(|name| name.escape_ascii().to_string());
                insert(object, field.name(), name);
            }
            Field::SubjectAddr => {
                insert(object, field.name(), reading.subject_addr().map(|ip| ip.to_string()));
            }
            _ => insert(object, field.name(), reading.number(field)),
        }
        match field {
            Field::Checksum => insert(object, "checksum_status", status(reading)),
            Field::MsgType => insert(object, "type", reading.kind().map(|kind| kind.name())),
            _ => {}
        }
    }
    insert(object, "exclude_gids", reading.exclude.clone());
    insert(object, "subject_gids", reading.subjects.clone());
    payload::keys(reading, object);
    if !reading.notes.is_empty() {
        let notes = reading.notes.iter().map(|(field, note)| format!("{field}: {note}"));
        object.insert("notes".into(), notes.collect());
    }
    if let Some(fault) = reading.faults.first() {
        object.insert("error".into(), error(fault));
    }
}

fn error(fault: &Fault) -> Value {
    json!({ "offset": fault.offset, "field": fault.field, "reason": fault.reason })
}

fn insert<T: Into<Value>>(object: &mut Map<String, Value>, key: &str, value: Option<T>) {
    if let Some(value) = value {
        object.insert(key.into(), value.into());
    }
}

fn status(reading: &Reading<'_>) -> Option<&'static str> {
    reading.checksum.map(|checksum| match checksum {
        Checksum::None => "none",
        Checksum::Good => "good",
        Checksum::Bad { .. } => "bad",
    })
}

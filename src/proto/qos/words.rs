//! The single choices of a quality of service, from words and to words.
//!
//! ```text
//!   order    strong | weak               roster   full | count
//!   batch    off | N or TIME             survive, merge   rule.rs
//!   monitor  adaptive | fixed TIME x N   scopes   top | LEVEL | SET | set:SET
//!   TIME     a number with ms or s behind it
//! ```

use super::grammar::RuleError;
use crate::name::NameError;
use crate::wire::group::{MAX_RULE, Monitor, Order, Scope};
use std::fmt;
use std::str::FromStr;

/// What a choice comes to, or what it should be.
type Choice<T> = Result<T, String>;

pub(super) fn order(said: &str) -> Choice<Order> {
    match said {
        "strong" => Ok(Order::Strong),
        "weak" => Ok(Order::Weak),
        _ => Err("must be strong or weak".to_string()),
    }
}

pub(super) fn of_order(order: Order) -> &'static str {
    match order {
        Order::Strong => "strong",
        Order::Weak => "weak",
    }
}

/// How many changes, and how many milliseconds.
pub(super) fn batch(said: &str) -> Choice<(u16, u32)> {
    if said == "off" {
        return Ok((0, 0));
    }
    let parts = said.split_once(" or ");
    let parts = parts.and_then(|(n, time)| Some((n.trim().parse().ok()?, millis(time.trim())?)));
    parts
        .ok_or_else(|| "must be off, or so many changes or so much time, as 10 or 50ms".to_string())
}

pub(super) fn of_batch(batch: u16, ms: u32) -> String {
    if batch < 2 && ms == 0 { "off".to_string() } else { format!("{batch} or {}", of_millis(ms)) }
}

pub(super) fn monitor(said: &str) -> Choice<Monitor> {
    let fixed = |said: &str| {
        let (every, retries) = said.strip_prefix("fixed ")?.split_once('x')?;
        let (every_ms, retries) = (millis(every.trim())?, retries.trim().parse().ok()?);
        (every_ms > 0).then_some(Monitor::Fixed { every_ms, retries })
    };
    match said {
        "adaptive" => Ok(Monitor::Adaptive),
        _ => fixed(said).ok_or_else(|| {
            "must be adaptive, or fixed and how often and how many retries, as fixed 1s x 3"
                .to_string()
        }),
    }
}

pub(super) fn of_monitor(monitor: Monitor) -> String {
    match monitor {
        Monitor::Adaptive => "adaptive".to_string(),
        Monitor::Fixed { every_ms, retries } => {
            format!("fixed {} x {retries}", of_millis(every_ms))
        }
    }
}

/// Whether only the size is told.
pub(super) fn roster(said: &str) -> Choice<bool> {
    match said {
        "full" => Ok(false),
        "count" => Ok(true),
        _ => Err("must be full or count".to_string()),
    }
}

/// A rule as it is kept: in one way of writing, and nothing at all where it is the usual one.
pub(super) fn rule<T>(said: &str, usual: &T) -> Choice<String>
where
    T: FromStr<Err = RuleError> + fmt::Display + PartialEq,
{
    let rule: T = said.parse().map_err(|why: RuleError| why.to_string())?;
    if rule == *usual {
        return Ok(String::new());
    }
    // Quotes that need not have been may have made it too long.
    Ok(Some(rule.to_string()).filter(|rule| rule.len() <= MAX_RULE).unwrap_or(said.to_string()))
}

/// A rule as it is shown: that of a peer may be anything.
pub(super) fn of_rule<T>(kept: &str, usual: &T) -> String
where
    T: FromStr + fmt::Display,
{
    match kept.parse::<T>() {
        _ if kept.is_empty() => usual.to_string(),
        Ok(rule) => rule.to_string(),
        Err(_) => kept.escape_debug().to_string(),
    }
}

pub(super) fn scope(said: &str) -> Choice<Scope> {
    said.parse().map_err(|e| format!("must be top, a level, or the name of a set, which {e}"))
}

/// A time in milliseconds: `50ms`, `2s`, and no fraction.
fn millis(said: &str) -> Option<u32> {
    let (number, unit) = match said.strip_suffix("ms") {
        Some(number) => (number, 1),
        None => (said.strip_suffix('s')?, 1000),
    };
    let digits = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    number.parse::<u32>().ok().filter(|_| digits)?.checked_mul(unit)
}

fn of_millis(ms: u32) -> String {
    if ms > 0 && ms.is_multiple_of(1000) { format!("{}s", ms / 1000) } else { format!("{ms}ms") }
}

/// As a person says it: `top`, a level number (what is above 255 is as good as 255), or the name of a set, which may be set
/// off with `set:` if it could be something else.
impl FromStr for Scope {
    type Err = NameError;

    fn from_str(word: &str) -> Result<Scope, NameError> {
        if word == "top" {
            return Ok(Scope::Top);
        }
        if is_number(word) {
            return Ok(Scope::Level(word.parse().unwrap_or(u8::MAX)));
        }
        word.strip_prefix("set:").unwrap_or(word).parse().map(Scope::Set)
    }
}

/// As it is read.
impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scope::Top => write!(f, "top"),
            Scope::Level(level) => write!(f, "{level}"),
            Scope::Set(name) => {
                let word = name.to_string();
                let plain = word != "top" && !is_number(&word) && !word.starts_with("set:");
                write!(f, "{}{word}", if plain { "" } else { "set:" })
            }
        }
    }
}

fn is_number(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_top_a_level_or_a_set() {
        assert_eq!("top".parse(), Ok(Scope::Top));
        assert_eq!("2".parse(), Ok(Scope::Level(2)));
        assert_eq!("1000".parse(), Ok(Scope::Level(255)));
        assert_eq!("campus".parse(), Ok(Scope::Set("campus".parse().unwrap())));
        assert_eq!("set:2".parse(), Ok(Scope::Set("2".parse().unwrap())));
        assert_eq!("".parse::<Scope>(), Err(NameError::Empty));
        for word in ["top", "2", "campus", "set:top", "set:2", "set:set:x"] {
            assert_eq!(word.parse::<Scope>().unwrap().to_string(), word);
        }
    }

    #[test]
    fn a_time_has_a_unit() {
        assert_eq!(["50ms", "2s", "0s"].map(millis), [Some(50), Some(2000), Some(0)]);
        for none in ["50", "ms", "-1s", "1.5s", "+1s", "4294968s", "1 s"] {
            assert_eq!(millis(none), None, "{none}");
        }
        assert_eq!([0, 50, 2000, 2001].map(of_millis), ["0ms", "50ms", "2s", "2001ms"]);
    }
}

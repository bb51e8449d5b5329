//! A campus as an ms.campus(5): what is read from it again is the same value.

use super::{Campus, Lan, MI_PORT, PORT, Server, Set};
use crate::name::GroupName;
use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddrV4;

impl fmt::Display for Campus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Those above before those below.
        let mut sets: Vec<_> = self.sets.iter().collect();
        sets.sort_unstable_by_key(|(name, set)| (std::cmp::Reverse(set.level), **name));
        let mut between = "";
        for (name, set) in sets {
            write!(f, "{between}set {} {{\n{set}}}\n", plain(name))?;
            between = "\n";
        }
        for (name, lan) in &self.lans {
            write!(f, "{between}lan {} {{\n{lan}}}\n", plain(name))?;
            between = "\n";
        }
        Ok(())
    }
}

impl fmt::Display for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "    level {}", self.level)?;
        if let Some(address) = self.address {
            writeln!(f, "    address {}", short(address, PORT))?;
        }
        if !self.parents.is_empty() {
            writeln!(f, "    parent {}", list(&self.parents, PORT))?;
        }
        for (who, server) in &self.mservers {
            writeln!(f, "    mserver {}{server}", short(*who, PORT))?;
        }
        Ok(())
    }
}

/// What stands behind the address: nothing, or `lan NAME`, `mi`.
impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(lan) = self.lan {
            write!(f, " lan {}", plain(&lan))?;
        }
        if self.mi { f.write_str(" mi") } else { Ok(()) }
    }
}

impl fmt::Display for Lan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(address) = self.address {
            writeln!(f, "    address {}", short(address, PORT))?;
        }
        if !self.mis.is_empty() {
            writeln!(f, "    mi {}", list(&self.mis, MI_PORT))?;
        }
        Ok(())
    }
}

/// An address, without the port if it is the usual one.
pub fn short(address: SocketAddrV4, usual: u16) -> String {
    if address.port() == usual { address.ip().to_string() } else { address.to_string() }
}

/// A name as it is typed, where [`GroupName`]'s own form shows what is no ASCII by its bytes.
pub fn plain(name: &GroupName) -> Cow<'_, str> {
    String::from_utf8_lossy(name.as_bytes())
}

/// `1 group`, `2 groups`
pub fn counted(n: u64, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

/// Addresses, with blanks between them.
pub fn list<'a>(all: impl IntoIterator<Item = &'a SocketAddrV4>, usual: u16) -> String {
    let all: Vec<String> = all.into_iter().map(|address| short(*address, usual)).collect();
    all.join(" ")
}

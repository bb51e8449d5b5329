//! Changes in words.

use super::{Change, ChangeKind};
use std::fmt;
use std::net::SocketAddrV4;

/// `Fail of 10.0.0.3:2900, coordinated by 10.0.0.1:2900`.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |addresses: &[SocketAddrV4]| {
            addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        };
        match &self.kind {
            ChangeKind::Fail { subjects } => write!(f, "Fail of {}", list(subjects))?,
            ChangeKind::Leave { who } => write!(f, "Leave of {who}")?,
            ChangeKind::DelParent { who } => write!(f, "Del_parent of {who}")?,
            ChangeKind::Split { side, name } => write!(f, "Split of {} as {name}", list(side))?,
            ChangeKind::AddParent { member } => write!(f, "Add_parent of {}", member.life.address)?,
            ChangeKind::Join { member } => write!(f, "Join of {}", member.life.address)?,
            ChangeKind::Application { operations } => {
                write!(f, "Application of {} operations", operations.len())?;
            }
            ChangeKind::Merge { views, .. } => {
                let side = |i: usize| list(&views[i].addresses().collect::<Vec<_>>());
                write!(f, "Merge of {} and {}", side(0), side(1))?;
            }
            ChangeKind::Rename => write!(f, "Rename")?,
        }
        write!(f, ", coordinated by {}", self.id.coord.address)?;
        match self.excl.as_slice() {
            [] => Ok(()),
            excl => write!(f, ", without {}", list(excl)),
        }
    }
}

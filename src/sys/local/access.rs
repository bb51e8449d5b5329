//! Who may call the member interface: by the mode of the socket, and by who the kernel says is calling.

use nix::sys::socket::{getsockopt, sockopt};
use nix::unistd::{Group, User};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::str::FromStr;

/// Who may.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Access {
    /// Mode of the socket's file: who may write to it may open it.
    pub mode: u32,
    /// Its group, where it is to have another than the daemon's.
    pub group: Option<u32>,
    /// Of those who opened it, who may call: one of these, or root; nobody named: everybody.
    pub allow: Vec<Who>,
}

impl Default for Access {
    fn default() -> Access {
        Access { mode: 0o666, group: None, allow: Vec::new() }
    }
}

/// A user, or all users of a group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Who {
    /// Number of a user.
    User(u32),
    /// Number of a group: somebody's own, or one of those that it is in besides.
    Group(u32),
}

/// The number of a group of this host by its name.
///
/// # Errors
/// There is none, in words.
pub fn group_named(name: &str) -> Result<u32, String> {
    match Group::from_name(name) {
        Ok(Some(group)) => Ok(group.gid.as_raw()),
        Ok(None) => Err("must be a group of this host".to_string()),
        Err(e) => Err(format!("cannot be looked up: {e}")),
    }
}

fn user_named(name: &str) -> Result<u32, String> {
    match User::from_name(name) {
        Ok(Some(user)) => Ok(user.uid.as_raw()),
        Ok(None) => Err("must be a user of this host".to_string()),
        Err(e) => Err(format!("cannot be looked up: {e}")),
    }
}

/// `user:NAME`, `group:NAME`, `uid:N` or `gid:N`; names are those of this host.
impl FromStr for Who {
    type Err = String;

    fn from_str(text: &str) -> Result<Who, String> {
        let number = |n: &str| n.parse().map_err(|_| "must have a number behind it".to_string());
        match text.split_once(':') {
            Some(("user", name)) => user_named(name).map(Who::User),
            Some(("group", name)) => group_named(name).map(Who::Group),
            Some(("uid", n)) => number(n).map(Who::User),
            Some(("gid", n)) => number(n).map(Who::Group),
            _ => Err("must be user:NAME, group:NAME, uid:N or gid:N".to_string()),
        }
    }
}

/// Who is at the other end of a socket: of the process that connected it, when it did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Caller {
    /// Its user.
    pub user: u32,
    /// Its own group.
    group: u32,
    /// Its process.
    pub process: i32,
}

impl Caller {
    /// What the kernel says.
    ///
    /// # Errors
    /// What getsockopt(2) says.
    pub fn of(socket: BorrowedFd<'_>) -> io::Result<Caller> {
        let found = getsockopt(&socket, sockopt::PeerCredentials)?;
        Ok(Caller { user: found.uid(), group: found.gid(), process: found.pid() })
    }
}

impl Access {
    /// Whether the caller at the other end of the socket may call.
    pub fn admits(&self, caller: &Caller, socket: BorrowedFd<'_>) -> bool {
        let is_group = |who: &Who| matches!(who, Who::Group(_));
        let others = match self.allow.iter().any(is_group) {
            // Who cannot be looked at is in no group but its own.
            true => other_groups(socket).unwrap_or_default(),
            false => Vec::new(),
        };
        let is_meant = |who: &Who| match *who {
            Who::User(user) => caller.user == user,
            Who::Group(group) => caller.group == group || others.contains(&group),
        };
        self.allow.is_empty() || caller.user == 0 || self.allow.iter().any(is_meant)
    }
}

/// The groups that the other end is in besides its own.
fn other_groups(socket: BorrowedFd<'_>) -> io::Result<Vec<u32>> {
    let mut groups: Vec<libc::gid_t> = vec![0; 64];
    loop {
        let mut len = (groups.len() * size_of::<libc::gid_t>()) as libc::socklen_t;
        // SAFETY: the kernel writes at most `len` bytes to the vector, which has as many, and the length
        // that it wrote or would need to `len`; both outlive the call.
        let done = unsafe {
            libc::getsockopt(
                socket.as_fd().as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_PEERGROUPS,
                groups.as_mut_ptr().cast(),
                &raw mut len,
            )
        };
        let found = len as usize / size_of::<libc::gid_t>();
        if done == 0 {
            groups.truncate(found);
            return Ok(groups);
        }
        let error = io::Error::last_os_error();
        if error.raw_os_error() != Some(libc::ERANGE) || found <= groups.len() {
            return Err(error);
        }
        groups.resize(found, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::unistd::{getegid, geteuid, getgroups};
    use std::os::unix::net::UnixStream;

    #[test]
    fn the_kernel_says_who_calls() {
        let (here, _there) = UnixStream::pair().unwrap();
        let caller = Caller::of(here.as_fd()).unwrap();
        assert_eq!(caller.user, geteuid().as_raw());
        assert_eq!(caller.group, getegid().as_raw());
        assert_eq!(caller.process, std::process::id() as i32);
        let mut ours: Vec<u32> = getgroups().unwrap().iter().map(|gid| gid.as_raw()).collect();
        let mut found = other_groups(here.as_fd()).unwrap();
        ours.sort_unstable();
        found.sort_unstable();
        assert_eq!(found, ours);
    }

    #[test]
    fn who_is_named_may_and_root_may_and_others_may_not() {
        let (here, _there) = UnixStream::pair().unwrap();
        let may = |user: u32, group: u32, allow: &[&str]| {
            let allow = allow.iter().map(|who| who.parse().unwrap()).collect();
            let caller = Caller { user, group, process: 1 };
            Access { allow, ..Access::default() }.admits(&caller, here.as_fd())
        };
        assert!(may(1000, 1000, &[]));
        assert!(may(1000, 1000, &["uid:1", "uid:1000"]));
        assert!(may(1000, 54_321, &["gid:54321"]));
        assert!(!may(1000, 1000, &["uid:1001", "gid:54321"]));
        assert!(may(0, 0, &["uid:1001"]));
        assert!(may(0, 0, &["user:root"]) && !may(1, 1, &["user:root"]));
    }

    #[test]
    fn who_cannot_be_meant_is_told_with_what_could() {
        for (text, words) in [
            ("root", "must be user:NAME, group:NAME, uid:N or gid:N"),
            ("user:no-such-user", "must be a user of this host"),
            ("group:no-such-group", "must be a group of this host"),
            ("uid:x", "must have a number"),
            ("gid:-1", "must have a number"),
        ] {
            let said = text.parse::<Who>().unwrap_err();
            assert!(said.contains(words), "{text}: {said}");
        }
    }
}

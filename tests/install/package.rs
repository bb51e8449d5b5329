//! The Debian package: what is in it, and its life on a host, from installation to purge (package.sh).

use super::{Place, expected, repository, script_of, succeed, text};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

/// Makes the package, and says where it is.
fn package() -> PathBuf {
    let out = succeed(script_of("deb").arg("--fast"));
    PathBuf::from(text(&out.stdout).lines().last().expect("a path"))
}

/// What scripts/install puts below /usr, by the customs of Debian.
fn packaged() -> BTreeSet<String> {
    let renamed = |file: String| {
        let file = file.replace("usr/share/doc/ms/", "usr/share/doc/membership/");
        if file.starts_with("usr/share/man/") { file + ".gz" } else { file }
    };
    let mut all: BTreeSet<String> = expected().into_iter().map(renamed).collect();
    // dpkg(1) keeps the account.
    all.remove("usr/share/ms/installed");
    all.insert("usr/share/doc/membership/copyright".to_string());
    all
}

#[test]
#[ignore = "needs root, cargo-deb, start-stop-daemon"]
fn a_debian_package_starts_nothing_is_kept_by_init_scripts_and_is_purged_to_the_last_file() {
    let package = package();
    let place = Place::new("deb");
    succeed(Command::new("dpkg-deb").arg("-x").arg(&package).arg(&place.0));
    assert_eq!(place.files(), packaged());

    let script = repository().join("tests/install/package.sh");
    let mut command = Command::new("unshare");
    command.args(["--mount", "--net", "--pid", "--fork", "--kill-child"]).arg(script).arg(package);
    let out = command.output().expect("unshare");
    assert!(out.status.success(), "{}{}", text(&out.stdout), text(&out.stderr));
}

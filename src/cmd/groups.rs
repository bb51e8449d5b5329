//! ms.groups: the addresses of sets and groups, `name address[:port]` a line, as /etc/hosts has hosts.

use super::conf;
use crate::name::GroupName;
use std::collections::BTreeMap;
use std::net::SocketAddrV4;

/// Addresses by name.
pub type Groups = BTreeMap<GroupName, SocketAddrV4>;

/// Reads an ms.groups called `file`.
///
/// # Errors
/// Everything that is wrong in it, a line each.
pub fn read(file: &str, text: &str) -> Result<Groups, Vec<String>> {
    let (mut groups, mut errors) = (Groups::new(), Vec::new());
    for (number, line) in text.lines().enumerate() {
        let place = format!("{file}:{}", number + 1);
        let words: Vec<&str> = line.split('#').next().unwrap_or("").split_whitespace().collect();
        match words.as_slice() {
            [] => {}
            [name, address] => match entry(name, address) {
                Ok((name, address)) => {
                    if groups.insert(name, address).is_some() {
                        errors.push(format!("{place}: {name}: stands here twice, must stand once"));
                    }
                }
                Err(why) => errors.push(format!("{place}: {why}")),
            },
            _ => errors.push(format!("{place}: {}: must be: name address[:port]", line.trim())),
        }
    }
    if errors.is_empty() { Ok(groups) } else { Err(errors) }
}

fn entry(name: &str, address: &str) -> Result<(GroupName, SocketAddrV4), String> {
    let parsed: GroupName = name.parse().map_err(|e| format!("name {name:?}: {e}"))?;
    if name.contains('.') {
        return Err(format!("name {name}: must have no dot: it sets off the suffix of a part"));
    }
    let address = conf::group_address(address, conf::PORT)
        .map_err(|allowance| format!("{name} {address}: {allowance}"))?;
    Ok((parsed, address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_addresses() {
        let groups = read("g", "# sets\nnps 239.192.0.1\nspanagel 10.0.0.1:2901\n\n").unwrap();
        assert_eq!(groups[&"nps".parse().unwrap()], "239.192.0.1:2900".parse().unwrap());
        assert_eq!(groups[&"spanagel".parse().unwrap()], "10.0.0.1:2901".parse().unwrap());
    }

    #[test]
    fn every_error_is_told() {
        let errors =
            read("g", "a.b 239.1.1.1\nx 224.0.0.1\ny\ny 1.2.3.4\ny 1.2.3.4\nz ::1").unwrap_err();
        assert_eq!(errors.len(), 5, "{errors:#?}");
        assert!(errors[0].starts_with("g:1: name a.b: "));
        assert!(errors[1].starts_with("g:2: x 224.0.0.1: must be a multicast address"));
        assert!(errors[2].starts_with("g:3: y: must be"));
        assert!(errors[3].starts_with("g:5: y: stands here twice"));
        assert!(errors[4].contains("IPv4"));
    }
}

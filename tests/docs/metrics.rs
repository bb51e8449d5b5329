//! Metrics, their page, and the samples that use them name the same things.

use super::{page, read, section};
use serde_json::Value;
use std::collections::BTreeSet;
use std::process::Command;

/// Every metric that the program has.
fn metrics() -> BTreeSet<String> {
    let table = read("src/cmd/status/families.rs");
    let names = named_in(&table);
    assert!(names.len() > 40, "{names:?}");
    names
}

/// Words of a text that are names of metrics.
fn named_in(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("membership_")).map(str::to_string).collect()
}

#[test]
fn the_manual_has_every_metric_and_no_other() {
    let text = section(&page("ms.1"), ".Ss Metrics");
    let items = text.lines().filter_map(|line| line.strip_prefix(".It Ic "));
    let documented: BTreeSet<String> = items.map(str::to_string).collect();
    assert_eq!(documented, metrics());
}

#[test]
fn alerts_and_dashboard_name_metrics_that_exist() {
    let known = metrics();
    for file in ["etc/examples/alerts.yml", "etc/examples/dashboard.json"] {
        let named = named_in(&read(file));
        assert!(named.len() >= 10, "{file}: {named:?}");
        let wrong: Vec<&String> = named.difference(&known).collect();
        assert!(wrong.is_empty(), "{file}: {wrong:?}");
    }
    let dashboard: Value = serde_json::from_str(&read("etc/examples/dashboard.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    for (n, panel) in panels.iter().enumerate() {
        let place = |panel: &Value| (panel["gridPos"]["x"].clone(), panel["gridPos"]["y"].clone());
        assert!(panels[n + 1..].iter().all(|other| place(other) != place(panel)), "{panel}");
    }
}

#[test]
fn the_alerts_are_rules_of_prometheus() {
    let checked = Command::new("promtool")
        .args(["check", "rules", "etc/examples/alerts.yml"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output();
    match checked {
        Ok(out) => assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr)),
        Err(_) => eprintln!("promtool is not installed: only the names of the metrics are checked"),
    }
}

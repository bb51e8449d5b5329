//! Every scenario, to the letter: its whole transcript stands in `tests/stories/NAME.txt`.
//!
//! `REWRITE=1` takes the transcripts as they are now; the difference is for review.

use membership::sim::scenario::{ALL, Scenario, find};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stories").join(format!("{name}.txt"))
}

/// Lines that only one of two texts has, in their order, with a few of the common ones around.
fn difference(old: &str, new: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    // Length of the longest common rest, for every pair of places.
    let mut common = vec![vec![0usize; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i][j] = match old[i] == new[j] {
                true => common[i + 1][j + 1] + 1,
                false => common[i + 1][j].max(common[i][j + 1]),
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut lines = Vec::new();
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            lines.push((' ', old[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == new.len() || i < old.len() && common[i + 1][j] >= common[i][j + 1] {
            lines.push(('-', old[i]));
            i += 1;
        } else {
            lines.push(('+', new[j]));
            j += 1;
        }
    }
    let near = |at: usize| {
        let around = at.saturating_sub(2)..(at + 3).min(lines.len());
        lines[around].iter().any(|(sign, _)| *sign != ' ')
    };
    let shown = lines.iter().enumerate().filter(|(at, _)| near(*at));
    shown.map(|(_, (sign, line))| format!("{sign} {line}\n")).collect()
}

/// What is wrong with a scenario: nothing, if it ends as it should and as it is written down.
fn judge(scenario: &Scenario) -> Vec<String> {
    let play = (scenario.run)();
    let mut wrong: Vec<String> = play.failed().to_vec();
    let found = format!("{}\n{}", scenario.heading(), play.transcript());
    let path = file(scenario.name);
    if env::var_os("REWRITE").is_some() {
        fs::write(&path, &found).unwrap();
    }
    let known = fs::read_to_string(&path).unwrap_or_default();
    if known != found {
        let what = "is another story now; REWRITE=1 accepts it";
        wrong.push(format!("{} {what}:\n{}", path.display(), difference(&known, &found)));
    }
    wrong
}

#[test]
fn every_scenario_ends_as_it_should_and_as_it_is_written_down() {
    let only = env::var("STORY").ok();
    let mut failed = 0;
    for scenario in ALL.iter().filter(|s| only.as_ref().is_none_or(|name| s.name == name)) {
        for wrong in judge(scenario) {
            println!("{}: {wrong}", scenario.name);
            failed += 1;
        }
    }
    assert_eq!(failed, 0);
}

#[test]
fn there_is_a_file_for_every_scenario_and_no_other() {
    let names: BTreeSet<String> = ALL.iter().map(|s| format!("{}.txt", s.name)).collect();
    assert_eq!(names.len(), ALL.len(), "no name stands twice");
    let files = fs::read_dir(file("").parent().unwrap()).unwrap();
    let files: BTreeSet<String> =
        files.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(files, names);
}

#[test]
fn a_scenario_is_found_by_its_name_and_a_figure_by_its_number() {
    for scenario in ALL {
        assert_eq!(find(scenario.name).unwrap().name, scenario.name);
    }
    assert_eq!(find("16").unwrap().name, "figure-16");
    assert!(find("17").is_none(), "Figure 17 is an algorithm");
}

#[test]
fn a_difference_is_told_line_by_line() {
    let text = difference("a\nb\nc\nd\ne\nf\n", "a\nb\nc\nd\nx\nf\n");
    assert_eq!(text, "  c\n  d\n- e\n+ x\n  f\n");
}

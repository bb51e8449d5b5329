//! Every scenario, to the letter: its whole transcript stands in `tests/stories/NAME.txt`.
//!
//! `REWRITE=1` takes the transcripts as they are now; the difference is for review.

use membership::sim::campus;
use membership::sim::scenario::{ALL, find};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
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

/// A scenario of either world, and how it is played: what it expected in vain, and its transcript.
struct Story {
    name: &'static str,
    heading: String,
    play: Box<dyn Fn() -> (Vec<String>, String)>,
}

fn all() -> Vec<Story> {
    let sets = ALL.iter().map(|s| Story {
        name: s.name,
        heading: s.heading(),
        play: Box::new(|| {
            let play = (s.run)();
            (play.failed().to_vec(), play.transcript())
        }),
    });
    let groups = campus::scenario::ALL.iter().map(|s| Story {
        name: s.name,
        heading: s.heading(),
        play: Box::new(|| {
            let play = (s.run)();
            (play.failed().to_vec(), play.transcript())
        }),
    });
    sets.chain(groups).collect()
}

/// What is wrong with a scenario: nothing, if it ends as it should and as it is written down.
fn judge(story: &Story) -> Vec<String> {
    let (mut wrong, transcript) = (story.play)();
    let found = format!("{}\n{transcript}", story.heading);
    let path = file(story.name);
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
    for story in all().iter().filter(|s| only.as_ref().is_none_or(|name| s.name == name)) {
        for wrong in judge(story) {
            println!("{}: {wrong}", story.name);
            failed += 1;
        }
    }
    assert_eq!(failed, 0);
}

#[test]
fn there_is_a_file_for_every_scenario_and_no_other() {
    let names: BTreeSet<String> = all().iter().map(|s| format!("{}.txt", s.name)).collect();
    assert_eq!(names.len(), all().len(), "no name stands twice");
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
    assert_eq!(campus::scenario::find("43").unwrap().name, "figure-43");
    assert_eq!(find("16").unwrap().name, "figure-16");
    assert!(find("17").is_none(), "Figure 17 is an algorithm");
}

#[test]
fn a_difference_is_told_line_by_line() {
    let text = difference("a\nb\nc\nd\ne\nf\n", "a\nb\nc\nd\nx\nf\n");
    assert_eq!(text, "  c\n  d\n- e\n+ x\n  f\n");
}

/// What `ms sim` prints, and how it ends.
fn ms_sim(args: &[&str]) -> (i32, String, String) {
    let out = Command::new(env!("CARGO_BIN_EXE_ms")).arg("sim").args(args).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (out.status.code().unwrap(), text(out.stdout), text(out.stderr))
}

#[test]
fn ms_sim_lists_the_scenarios_and_plays_them() {
    let (code, list, _) = ms_sim(&[]);
    assert_eq!((code, list.lines().count()), (0, all().len()));
    for (line, story) in list.lines().zip(all()) {
        assert_eq!(line.split_once("  ").map(|(name, _)| name), Some(story.name));
    }
    let picture = Path::new(env!("CARGO_TARGET_TMPDIR")).join("figure-22.svg");
    let (code, text, _) = ms_sim(&["22", "--svg", picture.to_str().unwrap()]);
    assert_eq!(code, 0);
    assert!(text.starts_with(&fs::read_to_string(file("figure-22")).unwrap()), "{text}");
    assert!(text.contains("o-Commit Fail{5}------->|----------------------x|"), "{text}");
    assert!(fs::read_to_string(picture).unwrap().ends_with("</svg>\n"));
}

#[test]
fn ms_sim_walks_and_says_what_happened() {
    let (code, text, err) = ms_sim(&["--walks", "3", "--seed", "7", "--hosts", "4"]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(text.starts_with("3 walks, ") && text.contains("installs: views installed"), "{text}");
    let (code, text, _) = ms_sim(&["--walk", "7", "--hosts", "4"]);
    assert_eq!(code, 0);
    assert!(text.contains("-- seed 7, ") && text.contains("\n tick   0"), "{text}");
}

#[test]
fn ms_sim_refuses_what_it_cannot_do_in_words() {
    for (args, words) in [
        (&["17"][..], "17: no such scenario"),
        (&["16", "22"], "there must be one SCENARIO"),
        (&["16", "--walk", "3"], "there must be one SCENARIO"),
        (&["--walks", "0"], "--walks 0: must be a number from 1"),
        (&["--walk", "1", "--hosts", "2"], "--hosts 2: must be a number from 3 to 64"),
        (&["16", "--seed", "1"], "--seed goes with --walks and --minutes only"),
        (
            &["--svg", "x"],
            "--svg goes with what can be drawn: a SCENARIO, a FILE, --walk of core-sets",
        ),
        (
            &["--campus", "--walk", "1", "--svg", "x"],
            "--svg goes with what can be drawn: a SCENARIO, a FILE, --walk of core-sets",
        ),
        (&["--campus"], "--campus goes with a FILE, or with --walk, --walks or --minutes"),
        (
            &["--campus", "--walk", "1", "--hosts", "4"],
            "--hosts goes with --walk and --walks of core-sets only",
        ),
    ] {
        let (code, out, err) = ms_sim(args);
        assert!(code == 64 && out.is_empty() && err.contains(words), "{args:?}: {code} {err}");
    }
    let (code, _, err) = ms_sim(&["16", "--svg", "/nonexistent/picture"]);
    assert!(code == 73 && err.contains("/nonexistent/picture: "), "{code} {err}");
}

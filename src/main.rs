//! `ms`: the mode is the link's name or the first argument.

fn main() {
    let args: Vec<String> = std::env::args_os().map(|a| a.to_string_lossy().into_owned()).collect();
    std::process::exit(membership::cmd::main(&args));
}

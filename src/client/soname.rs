//! Build script: the name under which programs ask for the shared library, which is its version of the C ABI, and what
//! the small program does without.
//!
//! A change of `etc/membership.h` that programs would have to be compiled again for makes it the next number.

use std::{env, fs, path::PathBuf};

/// The tables by which a debugger or a panic walks a stack: an eighth of the program. It aborts when it panics, and has
/// no symbols to name a frame by.
const WITHOUT_FRAMES: &str = "SECTIONS { /DISCARD/ : { *(.eh_frame) } } INSERT AFTER .text;\n";

fn main() {
    println!("cargo:rerun-if-changed=src/client/soname.rs");
    println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libmembership.so.0");
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|is| is == value);
    let small = is("OPT_LEVEL", "z") && is("CARGO_CFG_TARGET_OS", "linux");
    let Some(dir) = env::var_os("OUT_DIR").filter(|_| small) else { return };
    let script = PathBuf::from(dir).join("frames.ld");
    if fs::write(&script, WITHOUT_FRAMES).is_ok() {
        println!("cargo:rustc-link-arg-bin=ms=-Wl,--no-eh-frame-hdr,-T,{}", script.display());
    }
}

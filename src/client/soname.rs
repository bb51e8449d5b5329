//! Build script: the name under which programs ask for the shared library, which is its version of the C ABI.
//!
//! A change of `etc/membership.h` that programs would have to be compiled again for makes it the next number.

fn main() {
    println!("cargo:rerun-if-changed=src/client/soname.rs");
    println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libmembership.so.0");
    // A program without symbols that aborts when it panics has no use for the index of its frames.
    println!("cargo:rustc-link-arg-bin=ms=-Wl,--no-eh-frame-hdr");
}

//! Has the linker keep one of functions that are the same byte for byte.

#[allow(clippy::disallowed_methods, reason = "Cargo speaks to build scripts by the environment")]
fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is = |name, value| std::env::var(name).as_deref() == Ok(value);
    // Where rustc links with lld by itself, which can; and only for what is shipped, for it takes time.
    if is("TARGET", "x86_64-unknown-linux-gnu") && is("PROFILE", "release") {
        println!("cargo::rustc-link-arg-bins=-Wl,--icf=all");
    }
}

//! Tells the linker of the shipped program what to leave out and where to put what.

#[allow(clippy::disallowed_methods, reason = "Cargo speaks to build scripts by the environment")]
fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=layout.ld");
    let is = |name, value| std::env::var(name).as_deref() == Ok(value);
    // Where rustc links with lld by itself, which can; and only for what is shipped, for it takes time.
    if is("TARGET", "x86_64-unknown-linux-gnu") && is("PROFILE", "release") {
        // Of functions that are the same byte for byte it keeps one.
        println!("cargo::rustc-link-arg-bins=-Wl,--icf=all");
        println!("cargo::rustc-link-arg-bins=-Wl,-T,{}/layout.ld", env!("CARGO_MANIFEST_DIR"));
    }
}

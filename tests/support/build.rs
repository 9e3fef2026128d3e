//! Tells the code which target it is built for: at run time, when it looks for a C compiler, nothing else does.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let target = std::env::var("TARGET").expect("cargo sets TARGET");
    println!("cargo::rustc-env=TARGET={target}");
}

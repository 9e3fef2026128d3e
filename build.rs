//! Gives the shared library the name that its users link against and look it up by.
//!
//! Which symbols it exports needs nothing here: rustc exports the ABI's functions only, and a test keeps it so.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    match std::env::var("CARGO_CFG_TARGET_OS").as_deref() {
        // Without a soname a program records the path that it was linked with, and finds the library only there.
        Ok("linux" | "android" | "freebsd") => {
            println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libapim_backend_connection.so");
        }
        // The default install name is a path inside the build directory.
        Ok("macos") => {
            println!("cargo::rustc-cdylib-link-arg=-Wl,-install_name,@rpath/libapim_backend_connection.dylib");
        }
        // A DLL carries its file name by itself.
        _ => {}
    }
}

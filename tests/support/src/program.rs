//! Compilers and other programs that tests start.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::library::library_path;

/// The root of the repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("this crate is in tests/support")
}

/// What a program is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// C11.
    C,
    /// C++17.
    Cpp,
}

/// The system's compiler, set to refuse whatever it warns about, as a command that still lacks its input.
///
/// # Panics
///
/// There is none.
pub fn c_compiler(language: Language, scratch: &Path) -> cc::Tool {
    let mut build = cc::Build::new();
    build
        .cargo_metadata(false)
        .target(env!("TARGET"))
        .host(env!("TARGET"))
        .opt_level(0)
        .debug(true)
        .out_dir(scratch)
        .cpp(language == Language::Cpp)
        .std(if language == Language::Cpp { "c++17" } else { "c11" })
        .warnings(true)
        .extra_warnings(true)
        .warnings_into_errors(true)
        .flag_if_supported("-pedantic")
        .include(root().join("include"));
    build.try_get_compiler().unwrap_or_else(|error| {
        panic!(
            "{error}. A C compiler is needed: gcc and g++ (Debian and Ubuntu: apt install build-essential), clang, or Visual Studio's build tools; or name one in CC and CXX"
        )
    })
}

/// A C program that was compiled against the library.
pub struct Program {
    file: PathBuf,
    _folder: tempfile::TempDir,
}

impl Program {
    /// Compiles a source file, named by its path from the repository's root.
    ///
    /// # Panics
    ///
    /// It does not compile, or there is no compiler.
    pub fn compile(source: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let source = root().join(source);
        let compiler = c_compiler(Language::C, folder.path());
        let file = folder
            .path()
            .join(if cfg!(windows) { "program.exe" } else { "program" });
        let mut command = compiler.to_command();
        command.current_dir(folder.path()).arg(&source);
        let library = library_path();
        if compiler.is_like_msvc() {
            command
                .arg(format!("/Fe:{}", file.display()))
                .arg(library.with_extension("dll.lib"));
        } else {
            command.arg("-o").arg(&file).arg(&library);
        }
        let output = output_of(&mut command);
        assert!(
            output.status.success(),
            "{} does not compile:\n{}",
            source.display(),
            text(&output)
        );
        Self { file, _folder: folder }
    }

    /// A command that runs it, with only the given environment beside what the system needs.
    pub fn command(&self) -> Command {
        with_library(Command::new(&self.file))
    }

    /// A command that runs it in valgrind's memcheck: an access that is wrong, and memory that is lost for sure, make
    /// exit code 99.
    ///
    /// # Panics
    ///
    /// There is no valgrind.
    pub fn command_in_valgrind(&self) -> Command {
        let valgrind = tool("valgrind", "apt install valgrind, or dnf install valgrind");
        let mut command = with_library(Command::new(valgrind));
        command
            .args([
                "--tool=memcheck",
                "--error-exitcode=99",
                "--leak-check=full",
                "--errors-for-leak-kinds=definite",
            ])
            .args(["--show-leak-kinds=definite", "--quiet"])
            .arg(&self.file);
        command
    }
}

/// Lets a program find the library when it starts.
fn with_library(mut command: Command) -> Command {
    let variable = if cfg!(windows) {
        "PATH"
    } else if cfg!(target_os = "macos") {
        "DYLD_LIBRARY_PATH"
    } else {
        "LD_LIBRARY_PATH"
    };
    let folder = library_path().parent().expect("the library is in a folder").to_owned();
    let before = std::env::var_os(variable).unwrap_or_default();
    let paths = std::iter::once(folder).chain(std::env::split_paths(&before));
    command.env(variable, std::env::join_paths(paths).expect("paths can be joined"));
    command
}

/// The file of a program on PATH.
///
/// # Panics
///
/// It is not there; `how` says how to get it.
pub fn tool(name: &str, how: &str) -> PathBuf {
    let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|folder| folder.join(&file))
        .find(|file| file.is_file())
        .unwrap_or_else(|| panic!("{name} is not on PATH. To get it: {how}"))
}

/// Runs a command to its end, with nothing on its standard input.
///
/// # Panics
///
/// It cannot be started.
pub fn output_of(command: &mut Command) -> Output {
    command
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{} cannot be started: {error}", command.get_program().display()))
}

/// What a program said, on both streams.
fn text(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

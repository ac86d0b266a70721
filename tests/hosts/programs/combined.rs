//! C programs in one executable for each way to build them: linking with the static library takes longer than most of them run.

use std::fmt;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use super::{ROOT, SANITIZERS, SYSTEM_LIBRARIES, libraries, link_with_name, succeed};

const WARNINGS: &[&str] = &["-std=c99", "-g", "-Wall", "-Wextra", "-Wpedantic", "-Werror"];

/// A compiler, and whether with its sanitizers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compiler {
    pub name: &'static str,
    pub sanitizers: bool,
}

const GCC: Compiler = Compiler { name: "gcc", sanitizers: false };
const CLANG: Compiler = Compiler { name: "clang", sanitizers: false };
const COMPILERS: [Compiler; 4] =
    [GCC, CLANG, Compiler { sanitizers: true, ..GCC }, Compiler { sanitizers: true, ..CLANG }];

impl Compiler {
    fn command(self) -> Command {
        let mut command = Command::new(self.name);
        command.args(if self.sanitizers { SANITIZERS } else { &[] });
        command
    }

    fn compile(self, source: &Path, object: &Path) -> Command {
        let mut command = self.command();
        command.args(WARNINGS).arg("-I").arg(Path::new(ROOT).join("include")).arg("-c").arg(source);
        command.arg("-o").arg(object);
        command
    }
}

/// A way to build a program: the library that the sanitizers meet is the shared one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way {
    pub compiler: Compiler,
    pub fixed: bool,
}

pub const WAYS: [Way; 6] = [
    Way { compiler: COMPILERS[0], fixed: false },
    Way { compiler: COMPILERS[1], fixed: false },
    Way { compiler: COMPILERS[0], fixed: true },
    Way { compiler: COMPILERS[1], fixed: true },
    Way { compiler: COMPILERS[2], fixed: false },
    Way { compiler: COMPILERS[3], fixed: false },
];

/// Those in which every program is built: with each compiler, as it comes and with its sanitizers, and with each library. What goes together
/// is no matter to a program; one is built in all ways, which shows that all of them work.
pub const USUAL: [Way; 4] = [WAYS[0], WAYS[3], WAYS[4], WAYS[5]];

impl fmt::Display for Way {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let linking = if self.fixed { "static" } else { "shared" };
        let sanitizers = if self.compiler.sanitizers { ", sanitizers" } else { "" };
        write!(out, "{}, {linking}{sanitizers}", self.compiler.name)
    }
}

impl Way {
    fn link(self, objects: &[PathBuf], program: &Path) {
        let mut command = self.compiler.command();
        command.args(objects).arg("-o").arg(program);
        if self.fixed {
            command.arg(libraries().join("libexpmig.a"));
        } else {
            command.args(link_with_name(&libraries(), program.parent().unwrap()));
        }
        succeed(command.args(SYSTEM_LIBRARIES), &self.to_string());
    }

    /// Builds one program alone.
    pub fn build(self, source: &Path, folder: &Path) -> PathBuf {
        let (object, program) = (folder.join("program.o"), folder.join("program"));
        succeed(&mut self.compiler.compile(source, &object), &self.to_string());
        self.link(&[object], &program);
        program
    }
}

/// A program: the name by which the executable knows it, and where its source is.
pub struct Source {
    pub name: String,
    pub path: PathBuf,
    /// Whether its main takes arguments, which follow the name then.
    pub takes_arguments: bool,
}

/// The executables of a set of programs, each made when it is first asked for.
pub struct Combined {
    /// What the next run replaces.
    folder: PathBuf,
    sources: Vec<Source>,
    objects: [OnceLock<Vec<PathBuf>>; COMPILERS.len()],
    executables: [OnceLock<PathBuf>; WAYS.len()],
}

impl Combined {
    pub fn new(sources: Vec<Source>) -> Combined {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("c-programs");
        if folder.exists() {
            fs::remove_dir_all(&folder).unwrap();
        }
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("main.c"), chooser(&sources)).unwrap();
        Combined { folder, sources, objects: Default::default(), executables: Default::default() }
    }

    /// The executable; its first argument is the name of a program.
    pub fn executable(&self, way: Way) -> &Path {
        let at = WAYS.iter().position(|one| *one == way).unwrap();
        self.executables[at].get_or_init(|| {
            let folder = self.folder.join(format!("way-{at}"));
            fs::create_dir_all(&folder).unwrap();
            let program = folder.join("programs");
            way.link(self.objects(way.compiler), &program);
            program
        })
    }

    fn objects(&self, compiler: Compiler) -> &[PathBuf] {
        let at = COMPILERS.iter().position(|one| *one == compiler).unwrap();
        self.objects[at].get_or_init(|| {
            let folder = self.folder.join(format!("objects-{at}"));
            fs::create_dir_all(&folder).unwrap();
            let main = folder.join("main.o");
            succeed(&mut compiler.compile(&self.folder.join("main.c"), &main), "main.c");
            let running: Vec<(PathBuf, Child)> =
                self.sources.iter().map(|source| start(compiler, source, &folder)).collect();
            let finished = running.into_iter().map(|(object, child)| {
                let output = child.wait_with_output().unwrap();
                let said = String::from_utf8_lossy(&output.stderr);
                assert!(output.status.success(), "{compiler:?}: {}\n{said}", object.display());
                object
            });
            finished.chain([main]).collect()
        })
    }
}

/// Begins to compile a program whose main has another name.
fn start(compiler: Compiler, source: &Source, folder: &Path) -> (PathBuf, Child) {
    let object = folder.join(format!("{}.o", source.name));
    let mut command = compiler.compile(&source.path, &object);
    command.arg(format!("-Dmain=main_{}", source.name)).stdout(Stdio::null()).stderr(Stdio::piped());
    let child = command.spawn().unwrap_or_else(|error| {
        panic!("{}: {error}; run make test, which installs it", compiler.name);
    });
    (object, child)
}

/// A main that runs the program of the name that it is given.
fn chooser(sources: &[Source]) -> String {
    let (mut declared, mut chosen) = (String::new(), String::new());
    for Source { name, takes_arguments, .. } in sources {
        let (parameters, arguments) =
            if *takes_arguments { ("int, char **", "argc - 1, argv + 1") } else { ("void", "") };
        writeln!(declared, "int main_{name}({parameters});").unwrap();
        writeln!(
            chosen,
            "    if (argc > 1 && strcmp(argv[1], \"{name}\") == 0)\n        return main_{name}({arguments});"
        )
        .unwrap();
    }
    format!(
        "#include <stdio.h>\n#include <string.h>\n{declared}int main(int argc, char **argv)\n{{\n{chosen}    \
         fprintf(stderr, \"there is no program of that name\\n\");\n    return 2;\n}}\n"
    )
}

//! The order in which toolchains are taken, on machines made up for it.

use std::{collections::HashMap, ffi::OsString};

use super::*;

/// A machine on which just what a test says exists.
#[derive(Default)]
struct Fake {
    vars: HashMap<&'static str, &'static str>,
    files: HashMap<String, Vec<u8>>,
    outputs: HashMap<String, String>,
}

impl Fake {
    fn new() -> Self {
        let mut fake = Self::default();
        fake.vars.insert("PATH", "/usr/bin:/home/u/bin");
        fake.vars.insert("HOME", "/home/u");
        fake
    }

    fn file(mut self, path: &str, contents: &[u8]) -> Self {
        self.files.insert(path.to_owned(), contents.to_vec());
        self
    }

    fn rustc(mut self, sysroot: &str, version: &str, llvm: u32) -> Self {
        let path = format!("{sysroot}/bin/rustc");
        let text = format!("rustc {version}\nLLVM version: {llvm}.1.2\n");
        self.outputs
            .insert(format!("{path} --print sysroot"), format!("{sysroot}\n"));
        self.outputs.insert(format!("{path} -vV"), text);
        self.file(&path, b"")
            .file(&format!("{sysroot}/bin/cargo"), b"")
    }

    fn system_rustc(self) -> Self {
        let core = format!("/usr/lib/rustlib/{}/lib/libcore-1.rlib", bpf_target());
        self.rustc("/usr", "1.96.0", 22).file(&core, b"")
    }

    fn nightly(mut self, llvm: u32) -> Self {
        let list = "stable-x (active, default)\nnightly-2026-01-01-x\nnightly-x\n";
        self.outputs
            .insert("rustup toolchain list".to_owned(), list.to_owned());
        self.outputs.insert(
            "rustup which --toolchain nightly-x rustc".to_owned(),
            "/n/bin/rustc\n".to_owned(),
        );
        self.rustc("/n", "1.97.0-nightly", llvm)
    }

    fn rust_src(self) -> Self {
        self.file("/n/lib/rustlib/src/rust/library/core/Cargo.toml", b"")
    }

    fn linker(mut self, path: &str, contents: &[u8]) -> Self {
        self.outputs.insert(
            format!("{path} --version"),
            "bpf-linker 0.13.0\n".to_owned(),
        );
        self.file(path, contents)
    }

    fn choose(&self) -> Result<(String, String), Missing> {
        let toolchain = Survey::of(self)?.choose()?;
        Ok((
            toolchain.rustc.path.display().to_string(),
            toolchain.linker.path.display().to_string(),
        ))
    }
}

impl Machine for Fake {
    fn var(&self, name: &str) -> Option<OsString> {
        self.vars.get(name).map(OsString::from)
    }

    fn is_file(&self, path: &Path) -> bool {
        self.files.contains_key(&path.display().to_string())
    }

    fn entries(&self, dir: &Path) -> Vec<OsString> {
        let files = self.files.keys().map(Path::new);
        files
            .filter(|file| file.parent() == Some(dir))
            .filter_map(|file| Some(file.file_name()?.to_owned()))
            .collect()
    }

    fn head(&self, path: &Path, _limit: u64) -> Vec<u8> {
        self.files[&path.display().to_string()].clone()
    }

    fn output(&self, program: &Path, args: &[&str]) -> Option<String> {
        let command = format!("{} {}", program.display(), args.join(" "));
        self.outputs.get(&command).cloned()
    }
}

const PRIVATE: &str = "/home/u/.cargo/netbridge-tools/bin/bpf-linker";

fn pair(rustc: &str, linker: &str) -> (String, String) {
    (rustc.to_owned(), linker.to_owned())
}

#[test]
fn a_bare_machine_lacks_a_rustc() {
    assert_eq!(Fake::new().choose(), Err(Missing::Rustc));
    assert_eq!(Fake::new().nightly(22).choose(), Err(Missing::Rustc));
    let text = Missing::Rustc.to_string();
    assert!(text.ends_with("or run `cargo xtask setup`"), "{text}");
    assert!(!text.contains('\n'), "{text}");
}

#[test]
fn a_nightly_with_source_goes_before_the_system_rustc() {
    let fake = Fake::new().system_rustc().linker(PRIVATE, b"");
    assert_eq!(fake.choose(), Ok(pair("/usr/bin/rustc", PRIVATE)));
    let fake = fake.nightly(22);
    assert_eq!(fake.choose(), Ok(pair("/usr/bin/rustc", PRIVATE)));
    let fake = fake.rust_src();
    assert_eq!(fake.choose(), Ok(pair("/n/bin/rustc", PRIVATE)));
}

#[test]
fn a_variable_goes_before_all_and_must_do() {
    let mut fake = Fake::new().nightly(22).rust_src().system_rustc();
    fake = fake.linker("/home/u/bin/bpf-linker", b"").linker("/l", b"");
    fake.vars.insert(RUSTC_VAR, "/usr/bin/rustc");
    fake.vars.insert(LINKER_VAR, "/l");
    assert_eq!(fake.choose(), Ok(pair("/usr/bin/rustc", "/l")));
    fake.vars.insert(RUSTC_VAR, "/none");
    let chosen = fake.choose();
    assert!(
        matches!(chosen, Err(Missing::Override { var: RUSTC_VAR, .. })),
        "{chosen:?}"
    );
}

#[test]
fn an_old_linker_is_passed_over_with_its_rustc() {
    let path = "/home/u/bin/bpf-linker";
    let fake = Fake::new().nightly(23).rust_src();
    let fake = fake.linker(path, b"\0libLLVM.so.22.1\0");
    assert!(matches!(fake.choose(), Err(Missing::OldLinker { .. })));
    let fake = fake.system_rustc();
    assert_eq!(fake.choose(), Ok(pair("/usr/bin/rustc", path)));
    let fake = fake.linker(PRIVATE, b"\0libLLVM-23.so\0");
    assert_eq!(fake.choose(), Ok(pair("/n/bin/rustc", PRIVATE)));
}

#[test]
fn llvm_versions_are_read_from_text_and_names() {
    assert_eq!(llvm_in_text("host: x\nLLVM version: 22.1.8\n"), Some(22));
    assert_eq!(llvm_in_text("bpf-linker 0.13.0"), None);
    assert_eq!(llvm_in_library_names(b"\0libLLVM.so.22.1\0"), Some(22));
    assert_eq!(llvm_in_library_names(b"\0libLLVM-19.so\0"), Some(19));
    assert_eq!(llvm_in_library_names(b"libLLVM"), None);
}

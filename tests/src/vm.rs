//! A virtual machine with another kernel, in software: no KVM is needed.

use std::{
    env, fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

/// Names the folder that `cargo xtask setup --vm` has unpacked a kernel's package into.
pub const KERNEL_DIR: &str = "NETBRIDGE_VM_KERNEL";

/// The kernel's modules that the oracle needs, in the order in which they are loaded.
pub const MODULES: [&str; 4] = ["llc", "stp", "bridge", "veth"];

/// What stands before the results of a trial, before its number.
pub const BEGIN: &str = "oracle-begin-";
/// What stands behind them.
pub const END: &str = "oracle-end-";

/// The folder with the kernel; `None`, with the reason printed, where there is none.
pub fn kernel_dir() -> Option<PathBuf> {
    let Some(dir) = env::var_os(KERNEL_DIR) else {
        let reason = "needs qemu and another kernel: `cargo xtask setup --vm` gets them";
        return crate::require::skip(reason).then(PathBuf::new);
    };
    Some(dir.into())
}

/// A folder with what the machine starts from; removed when dropped.
struct Initramfs(PathBuf);

impl Drop for Initramfs {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("remove {}: {error}", self.0.display());
        }
    }
}

/// Starts `init` as the only process of a machine with the kernel in `kernel`, and returns the lines that it
/// printed until the machine ended; panics where it has not by then.
pub fn run(kernel: &Path, init: &Path, within: Duration) -> Vec<String> {
    let root = env::temp_dir().join(format!("netbridge-vm-{}", std::process::id()));
    let work = Initramfs(root);
    let image = initramfs(&work.0, kernel, init);
    let mut qemu = Command::new("qemu-system-x86_64");
    qemu.args(["-accel", "tcg,thread=single", "-cpu", "max", "-smp", "1"])
        .args(["-m", "512", "-nographic", "-no-reboot", "-nic", "none"])
        .arg("-kernel")
        .arg(find(&kernel.join("boot"), |name| {
            name.starts_with("vmlinuz-")
        }))
        .arg("-initrd")
        .arg(image)
        .args(["-append", "console=ttyS0 quiet panic=-1"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit());
    let child = qemu.spawn().expect("start qemu-system-x86_64");
    lines(child, within)
}

/// What a machine prints until it ends.
fn lines(mut child: Child, within: Duration) -> Vec<String> {
    let deadline = Instant::now() + within;
    let stdout = child.stdout.take().expect("its output");
    let (send, received) = mpsc::channel();
    let reader = thread::spawn(move || {
        let lines = BufReader::new(stdout).split(b'\n').map_while(Result::ok);
        for line in lines {
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            if send.send(line).is_err() {
                return;
            }
        }
    });
    let mut lines = Vec::new();
    let outcome = loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match received.recv_timeout(left) {
            Ok(line) => lines.push(line),
            Err(error) => break error,
        }
    };
    if outcome == RecvTimeoutError::Timeout {
        child.kill().expect("end the machine");
    }
    child.wait().expect("reap the machine");
    reader.join().expect("read what it printed");
    let last = lines.iter().rev().take(20).rev().cloned();
    let last: Vec<String> = last.collect();
    assert_eq!(
        outcome,
        RecvTimeoutError::Disconnected,
        "still running after {within:?}; at last it said {last:#?}"
    );
    lines
}

/// Makes the machine's first file system: `init`, the libraries that it is linked with, and modules.
fn initramfs(root: &Path, kernel: &Path, init: &Path) -> PathBuf {
    let tree = root.join("root");
    for dir in ["proc", "sys", "dev", "tmp"] {
        fs::create_dir_all(tree.join(dir)).expect("make a folder");
    }
    fs::copy(init, tree.join("init")).expect("copy the program");
    for library in libraries(init) {
        let to = tree.join(library.strip_prefix("/").unwrap_or(&library));
        fs::create_dir_all(to.parent().expect("a folder")).expect("make a folder");
        fs::copy(&library, to).expect("copy a library");
    }
    for module in MODULES {
        let plain = format!("{module}.ko");
        let packed = find(&kernel.join("lib/modules"), |name| {
            name == plain || name == format!("{plain}.xz")
        });
        let to = tree.join(&plain);
        if packed.extension().is_some_and(|end| end == "xz") {
            let unpacked = output(Command::new("xz").arg("-dc").arg(&packed));
            fs::write(to, unpacked).expect("write a module");
        } else {
            fs::copy(packed, to).expect("copy a module");
        }
    }
    let image = root.join("initramfs");
    let mut cpio = Command::new("sh");
    cpio.args(["-c", "find . | cpio --quiet -o -H newc"])
        .current_dir(&tree);
    fs::write(&image, output(&mut cpio)).expect("write the file system");
    image
}

/// The files that a program is linked with, its loader among them.
pub(crate) fn libraries(program: &Path) -> Vec<PathBuf> {
    let text = output(Command::new("ldd").arg(program));
    let text = String::from_utf8_lossy(&text);
    let words = text.split_whitespace().filter(|word| word.starts_with('/'));
    words.map(PathBuf::from).collect()
}

fn output(command: &mut Command) -> Vec<u8> {
    let output = command.stderr(Stdio::inherit()).output();
    let output = output.unwrap_or_else(|error| panic!("run {command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", output.status);
    output.stdout
}

/// The one file below a folder whose name is `wanted`.
fn find(dir: &Path, wanted: impl Fn(&str) -> bool) -> PathBuf {
    let mut dirs = vec![dir.to_owned()];
    while let Some(dir) = dirs.pop() {
        let entries = fs::read_dir(&dir);
        let entries = entries.unwrap_or_else(|error| panic!("read {}: {error}", dir.display()));
        for entry in entries {
            let path = entry.expect("read a folder").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if wanted(&name) {
                return path;
            }
            if path.is_dir() {
                dirs.push(path);
            }
        }
    }
    panic!("{} has no such file", dir.display())
}

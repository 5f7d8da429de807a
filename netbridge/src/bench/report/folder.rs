//! The folder that `--out` names.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

use super::Report;

/// More than the files of a session take.
const ROOM: usize = 2 << 20;

/// A folder for results. It is made when there is something to write into it.
#[derive(Clone, Debug)]
pub struct Folder(PathBuf);

/// What has been made in a folder, to be taken back where not all of it can be.
#[derive(Default)]
struct Made {
    folders: Vec<PathBuf>,
    files: Vec<PathBuf>,
}

impl Folder {
    /// A folder that can be made and written; fails where not, or where there is no room in it, and
    /// leaves nothing either way: sessions take minutes, and may be killed.
    pub fn new(dir: &Path) -> Result<Self> {
        probe(dir).with_context(|| format!("write to {}", dir.display()))?;
        Ok(Self(dir.to_owned()))
    }

    /// Writes `results.json`, `report.md` and its pictures; all of them or none.
    pub fn write(&self, report: &Report) -> Result<()> {
        let mut files = vec![(
            "results.json".to_owned(),
            serde_json::to_string_pretty(report)?.into_bytes(),
        )];
        let pictures = report.pictures()?;
        let markdown = report.markdown(&pictures);
        files.push(("report.md".to_owned(), markdown.into_bytes()));
        files.extend(
            pictures
                .into_iter()
                .map(|(name, svg)| (name, svg.into_bytes())),
        );
        let mut made = Made::default();
        let outcome = made.write(&self.0, &files);
        if outcome.is_err() {
            made.undo();
        }
        outcome
    }
}

/// Tries what will be written where `dir` is to be, in a file that has no name: it is gone even
/// where this process is killed.
fn probe(dir: &Path) -> io::Result<()> {
    let place = dir.ancestors().find(|path| path.exists());
    let place = place.unwrap_or_else(|| Path::new("."));
    let nameless = OpenOptions::new()
        .write(true)
        .custom_flags(libc::O_TMPFILE)
        .open(place);
    match nameless {
        Ok(mut file) => file.write_all(&vec![0; ROOM]),
        // Not every file system can.
        Err(error) if error.raw_os_error() == Some(libc::EOPNOTSUPP) => {
            let path = place.join(format!(".netbridge-{}", std::process::id()));
            let outcome = fs::write(&path, vec![0; ROOM]);
            if path.exists() {
                fs::remove_file(&path)?;
            }
            outcome
        }
        Err(error) => Err(error),
    }
}

impl Made {
    fn write(&mut self, dir: &Path, files: &[(String, Vec<u8>)]) -> Result<()> {
        let missing = dir.ancestors().take_while(|path| !path.exists());
        self.folders = missing.map(Path::to_owned).collect();
        fs::create_dir_all(dir).with_context(|| format!("create {}", dir.display()))?;
        for (name, content) in files {
            // The earlier file stays until all of the new ones are complete.
            let path = dir.join(format!("{name}.new"));
            let write = || -> io::Result<()> {
                let mut file = fs::File::create(&path)?;
                file.write_all(content)
            };
            let outcome = write().with_context(|| format!("write {}", path.display()));
            self.files.push(path);
            outcome?;
        }
        for (path, (name, _)) in self.files.iter_mut().zip(files) {
            let complete = dir.join(name);
            fs::rename(&*path, &complete)
                .with_context(|| format!("write {}", complete.display()))?;
            *path = complete;
        }
        Ok(())
    }

    /// Takes all of it back; what was never made, or is in use by now, stays as it is.
    fn undo(self) {
        for path in &self.files {
            if let Err(error) = fs::remove_file(path) {
                tracing::debug!("remove {}: {error}", path.display());
            }
        }
        // The innermost comes first.
        for path in &self.folders {
            if let Err(error) = fs::remove_dir(path) {
                tracing::debug!("remove {}: {error}", path.display());
            }
        }
    }
}

//! A file for the length of a call, for readers that want a path.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Tells files of one process apart.
static COUNT: AtomicU64 = AtomicU64::new(0);

/// A file that is taken away again.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    /// A file that holds `bytes`, whose name ends in `suffix`.
    pub(super) fn new(suffix: &str, bytes: &[u8]) -> Self {
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("userpurge-fuzz-{}-{count}{suffix}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let mut file = File::create(&path).unwrap();
        file.write_all(bytes).unwrap();
        Self(path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What stays is in the system's folder for such files.
        let _ = fs::remove_file(&self.0);
    }
}

//! The corpora of the fuzz targets, replayed: what fuzzing once found stays found, on any tool chain.

#[allow(unreachable_pub, reason = "a crate of its own names it too")]
#[path = "../fuzz/src/lib.rs"]
mod targets;

use std::fs;
use std::path::{Path, PathBuf};

use targets::TARGETS;

/// The most that all corpora may hold, in bytes: they are read by people who clone.
const CORPORA_BYTES_MAX: u64 = 300_000;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn names(folder: &Path) -> Vec<PathBuf> {
    let mut names: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    names.sort();
    names
}

#[test]
fn every_target_holds_over_its_corpus() {
    for (name, target) in TARGETS {
        let files = names(&root().join("fixtures/fuzz").join(name));
        assert!(!files.is_empty(), "{name} has a corpus");
        for file in files {
            let data = fs::read(&file).unwrap();
            let held = std::panic::catch_unwind(|| target(&data));
            assert!(held.is_ok(), "{} breaks a rule", file.display());
        }
    }
}

#[test]
fn every_target_is_built_and_the_corpora_are_small() {
    let mut expected: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    expected.sort_unstable();
    let stems = |folder: &str| -> Vec<String> {
        let stem = |path: &PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
        names(&root().join(folder)).iter().map(stem).collect()
    };
    assert_eq!(stems("fixtures/fuzz"), expected);
    assert_eq!(stems("tests/fuzz/fuzz_targets"), expected);
    let manifest = fs::read_to_string(root().join("tests/fuzz/Cargo.toml")).unwrap();
    let mut bytes = 0;
    for name in expected {
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")));
        let files = names(&root().join("fixtures/fuzz").join(name));
        bytes += files
            .iter()
            .map(|file| fs::metadata(file).unwrap().len())
            .sum::<u64>();
    }
    assert!(bytes < CORPORA_BYTES_MAX, "{bytes} bytes");
}

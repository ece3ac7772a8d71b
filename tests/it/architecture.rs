//! The module map of `src/lib.rs`, held against the sources: who may import whom.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// The module that every other one may import.
const FOR_ALL: &str = "words";

/// A module of the map, and what it may import; `None`: all.
type Allowed = (String, Option<Vec<String>>);

/// The table of `src/lib.rs`.
fn map() -> Vec<Allowed> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs");
    let text = fs::read_to_string(file).unwrap();
    let rows = text
        .lines()
        .skip_while(|line| !line.starts_with("//! | module |"))
        .skip(2)
        .take_while(|line| line.starts_with("//! |"));
    let row = |line: &str| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, module, _, allowed, _] = cells[..] else {
            panic!("{line}");
        };
        let allowed = match allowed {
            "all" => None,
            "nothing" => Some(Vec::new()),
            names => Some(names.split(", ").map(str::to_owned).collect()),
        };
        (module.trim_matches(['[', ']', '`']).to_owned(), allowed)
    };
    rows.map(row).collect()
}

#[test]
fn the_map_has_every_module() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders: Vec<String> = fs::read_dir(root)
        .unwrap()
        .map(Result::unwrap)
        .map(|entry| {
            entry
                .path()
                .file_stem()
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned()
        })
        .filter(|name| !["lib", "main"].contains(&name.as_str()))
        .collect();
    folders.sort();
    let mut mapped: Vec<String> = map().into_iter().map(|(module, _)| module).collect();
    mapped.sort();
    assert_eq!(mapped, folders);
}

/// Crates that only some modules may know.
const CRATES: [(&str, &[&str]); 5] = [
    ("reqwest::", &["transport"]),
    ("axum::", &["sandbox"]),
    ("clap::", &["cli"]),
    ("governor::", &["lane"]),
    ("indicatif::", &["progress"]),
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The code of a file, comments and its unit tests left out.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let is_tests = |(at, mark): &(usize, &str)| {
        let line = text[at + mark.len()..].lines().next();
        line.is_some_and(|line| line.contains("mod ") && line.ends_with('{'))
    };
    let end = text.match_indices("#[cfg(test)]\n").find(is_tests);
    let text = &text[..end.map_or(text.len(), |(at, _)| at)];
    let lines = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    lines.fold(String::new(), |mut code, line| {
        writeln!(code, "{line}").unwrap();
        code
    })
}

/// The modules that `code` imports from this crate, `use crate::{a, b}` taken apart.
fn imported(code: &str) -> Vec<String> {
    let mut modules = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        let names = match rest.strip_prefix('{') {
            Some(list) => {
                let mut depth = 1;
                let mut top = String::new();
                for c in list.chars() {
                    match c {
                        '{' => depth += 1,
                        '}' => depth -= 1,
                        _ if depth == 1 => top.push(c),
                        _ => {}
                    }
                    if depth == 0 {
                        break;
                    }
                }
                top
            }
            None => rest.to_owned(),
        };
        let many = rest.starts_with('{');
        for name in names.split(',').take(if many { usize::MAX } else { 1 }) {
            let name: String = name
                .trim()
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            modules.push(name);
        }
    }
    modules
}

#[test]
fn every_module_imports_only_what_the_map_allows() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = String::new();
    let mut seen = 0;
    let map = map();
    for (module, allowed) in &map {
        let Some(allowed) = allowed else {
            continue;
        };
        let mut files = Vec::new();
        if root.join(module).is_dir() {
            sources(&root.join(module), &mut files);
        } else {
            files.push(root.join(module).with_extension("rs"));
        }
        assert!(!files.is_empty(), "{module} has sources");
        let is_test = |file: &&PathBuf| {
            file.components()
                .any(|it| it.as_os_str() == "tests" || it.as_os_str() == "tests.rs")
        };
        for file in files.iter().filter(|file| !is_test(file)) {
            seen += 1;
            let code = code(file);
            for other in imported(&code) {
                let known = map.iter().any(|(name, _)| *name == other);
                let is_own = other == *module || other == FOR_ALL;
                if known && !is_own && !allowed.contains(&other) {
                    writeln!(wrong, "{}: {module} imports {other}", file.display()).unwrap();
                }
            }
            for (name, modules) in CRATES {
                let uses = code.lines().any(|line| {
                    line.trim_start().starts_with(&format!("use {name}"))
                        || line.contains(&format!(" {name}"))
                });
                if uses && !modules.contains(&module.as_str()) {
                    writeln!(wrong, "{}: {module} knows {name}", file.display()).unwrap();
                }
            }
        }
    }
    assert!(seen > 40, "only {seen} files were read");
    assert!(wrong.is_empty(), "forbidden imports:\n{wrong}");
}

#[test]
fn every_module_says_what_it_is_for() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        assert!(
            text.starts_with("//! "),
            "{} has no module docs",
            file.display()
        );
    }
}

#[test]
fn the_top_level_is_as_the_user_fixed_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut names: Vec<String> = fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with('.'))
        // What builds and failing property tests leave behind, and git ignores.
        .filter(|name| name != "target" && name != "proptest-regressions")
        .collect();
    names.sort();
    let fixed = [
        "Cargo.lock",
        "Cargo.toml",
        "Makefile",
        "README.md",
        "fixtures",
        "src",
        "tests",
    ];
    assert_eq!(names, fixed);
}

#[test]
fn an_import_list_is_taken_apart() {
    let code = "use crate::{domain::{Action, Step}, ledger};\nuse crate::plan::Plan;";
    assert_eq!(imported(code), ["domain", "ledger", "plan"]);
}

//! The module map of `src/lib.rs`, held against the sources: who may import whom. And the budgets.

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

// === Budgets: what a reader has to keep in mind ===

/// Lines of `src`, tests within it too.
const SOURCE_LINES_MAX: usize = 45_000;
/// Lines of a module.
const MODULE_LINES_MAX: usize = 7_000;
/// Lines of a file; `mod.rs`, `lib.rs` and `main.rs` may be shorter.
const FILE_LINES: std::ops::RangeInclusive<usize> = 60..=600;
/// Lines of a function, from its `fn` to its closing brace.
const FUNCTION_LINES_MAX: usize = 60;
/// Types (struct, enum, trait), tests apart.
const TYPES_MAX: usize = 380;
/// The files that may name a lock, each for a thread or a task beside the lane: what writes, what draws,
/// what reads standard input or a body, what hands entries on, and the table of names from files.
const LOCKED: [&str; 14] = [
    "cli/feed.rs",
    "cli/recorder.rs",
    "cli/terminal.rs",
    "cli/work.rs",
    "domain/names.rs",
    "input/open.rs",
    "input/object.rs",
    "ledger/writer_thread.rs",
    "ledger/writer.rs",
    "progress/bar.rs",
    "run/client.rs",
    "run/signals.rs",
    "sandbox/server.rs",
    "transport/reqwest.rs",
];
/// What counts as a lock.
const LOCKS: [&str; 8] = [
    "Mutex<",
    "RwLock<",
    "Notify",
    "Semaphore",
    "AtomicBool",
    "AtomicU",
    "OnceLock<",
    "RefCell<",
];

/// Every source by its path below `src`.
fn all_sources() -> Vec<(String, PathBuf)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let below = |path: PathBuf| {
        let name = path.strip_prefix(&root).unwrap().to_str().unwrap();
        (name.to_owned(), path)
    };
    files.into_iter().map(below).collect()
}

/// Whether a file holds nothing but tests.
fn is_tests(name: &str) -> bool {
    name.split('/')
        .any(|part| part == "tests" || part == "tests.rs" || part == "testing.rs")
}

/// Fails with the list of what is over a budget.
fn within(budget: &str, over: &[String]) {
    assert!(over.is_empty(), "{budget}:\n{}", over.join("\n"));
}

fn lines_of(path: &Path) -> usize {
    fs::read_to_string(path).unwrap().lines().count()
}

#[test]
fn the_sources_are_within_their_lines() {
    let mut modules = std::collections::BTreeMap::<String, usize>::new();
    for (name, path) in all_sources() {
        let module = name.split('/').next().unwrap().to_owned();
        *modules.entry(module).or_default() += lines_of(&path);
    }
    let all: usize = modules.values().sum();
    let mut over: Vec<String> = modules
        .iter()
        .filter(|(_, lines)| **lines > MODULE_LINES_MAX)
        .map(|(module, lines)| format!("{module}: {lines} lines"))
        .collect();
    if all > SOURCE_LINES_MAX {
        over.push(format!("src: {all} lines"));
    }
    within("lines of src and of its modules", &over);
}

#[test]
fn files_are_neither_short_nor_long() {
    let exempt = |name: &str| {
        ["mod.rs", "lib.rs", "main.rs"]
            .iter()
            .any(|it| name.ends_with(it))
    };
    let over: Vec<String> = all_sources()
        .iter()
        .map(|(name, path)| (name, lines_of(path)))
        .filter(|(name, lines)| {
            *lines > *FILE_LINES.end() || (*lines < *FILE_LINES.start() && !exempt(name))
        })
        .map(|(name, lines)| format!("{name}: {lines} lines"))
        .collect();
    within("lines of a file", &over);
}

#[test]
fn a_module_is_a_file_or_a_folder() {
    let sources = all_sources();
    let over: Vec<String> = sources
        .iter()
        .filter_map(|(name, path)| {
            let folder = path.with_extension("");
            folder
                .is_dir()
                .then(|| format!("{name} beside a folder of that name"))
        })
        .collect();
    within("one file convention, `x/mod.rs`", &over);
}

#[test]
fn functions_are_short() {
    let mut over = Vec::new();
    for (name, path) in all_sources() {
        let text = fs::read_to_string(path).unwrap();
        let mut open: Option<(usize, String, String)> = None;
        for (number, line) in text.lines().enumerate() {
            let indent = line.len() - line.trim_start().len();
            let is_fn = line
                .trim_start()
                .split(' ')
                .take(6)
                .any(|word| word == "fn");
            match &open {
                None if is_fn && !line.trim_start().starts_with("//") && !line.ends_with(';') => {
                    let end = format!("{}}}", " ".repeat(indent));
                    if !line.ends_with('}') {
                        open = Some((number, end, line.trim().to_owned()));
                    }
                }
                Some((from, end, head))
                    if line == end || (line.len() == indent + 1 && line.ends_with(';')) =>
                {
                    let lines = number + 1 - from;
                    if lines > FUNCTION_LINES_MAX {
                        over.push(format!("{name}:{}: {lines} lines: {head}", from + 1));
                    }
                    open = None;
                }
                Some((_, end, _)) if line.ends_with(';') && indent + 1 == end.len() => open = None,
                None | Some(_) => {}
            }
        }
    }
    within("lines of a function", &over);
}

/// The types that a file defines, its tests apart.
fn types(path: &Path) -> Vec<String> {
    let named = |line: &str| {
        let mut words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
        let word = words.find(|word| ["struct", "enum", "trait"].contains(word));
        word.and_then(|_| words.next()).map(str::to_owned)
    };
    let code = code(path);
    let heads = code.lines().filter(|line| {
        let head = line.trim_start().split('{').next().unwrap_or_default();
        let head = head.strip_prefix("pub").map_or(head, |rest| {
            rest.strip_prefix('(')
                .map_or(rest, |rest| rest.split_once(") ").map_or("", |it| it.1))
        });
        ["struct ", "enum ", "trait "]
            .iter()
            .any(|it| head.trim_start().starts_with(it))
    });
    // A macro's has no name yet.
    heads
        .filter_map(named)
        .filter(|name| !name.is_empty())
        .collect()
}

#[test]
fn types_are_few_and_each_name_is_used_once() {
    let mut places = std::collections::BTreeMap::<String, Vec<String>>::new();
    let mut count = 0;
    for (name, path) in all_sources()
        .into_iter()
        .filter(|(name, _)| !is_tests(name))
    {
        for it in types(&path) {
            count += 1;
            places.entry(it).or_default().push(name.clone());
        }
    }
    let mut over: Vec<String> = places
        .iter()
        .filter(|(_, places)| places.len() > 1)
        .map(|(it, places)| format!("{it}: {}", places.join(", ")))
        .collect();
    if count > TYPES_MAX {
        over.push(format!("{count} types"));
    }
    within("types, and the names of types", &over);
}

#[test]
fn locks_are_where_they_may_be() {
    let over: Vec<String> = all_sources()
        .into_iter()
        .filter(|(name, _)| !is_tests(name) && !LOCKED.contains(&name.as_str()))
        .filter(|(_, path)| LOCKS.iter().any(|lock| code(path).contains(lock)))
        .map(|(name, _)| name)
        .collect();
    within("files that name a lock", &over);
}

/// Names that say little of what they name: no item is called so again.
const ODD_NAMES: &str = " told Told shown learn looks looked stands Standing scribe acquaint untold \
                         orders condemned one_by_one ";

#[test]
fn no_item_has_an_odd_name_again() {
    let mut odd = Vec::new();
    for (name, path) in all_sources() {
        for line in fs::read_to_string(path).unwrap().lines() {
            let words: Vec<&str> = line
                .split(|it: char| !it.is_alphanumeric() && it != '_')
                .collect();
            let is_odd = |it: &[&str]| {
                ["fn", "struct", "enum", "mod", "type", "trait"].contains(&it[0])
                    && ODD_NAMES.contains(&format!(" {} ", it[1]))
            };
            if !line.trim_start().starts_with("//") && words.windows(2).any(is_odd) {
                odd.push(format!("{name}: {}", line.trim()));
            }
        }
    }
    within("name", &odd);
}

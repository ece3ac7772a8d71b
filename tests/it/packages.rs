//! The packages that the program is built from: their licences, their registry, one version of each.
//! `NOTICES=FILE` writes what an archive has to carry of their licence texts.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Licences that let anyone build, use and pass on a program. `.dist/deny.toml` has the same list.
const ALLOWED: [&str; 14] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
    "bzip2-1.0.6",
];

/// Packages of which the program holds two versions, as ring, governor, tracing and blake3 ask for an older one.
const TWICE: [&str; 4] = ["constant_time_eq", "getrandom", "hashbrown", "syn"];

/// The host's target, as `rustc` names it.
fn host() -> String {
    let told = Command::new("rustc").arg("-vV").output().unwrap();
    let told = String::from_utf8(told.stdout).unwrap();
    let host = told.lines().find_map(|line| line.strip_prefix("host: "));
    host.unwrap().to_owned()
}

/// The packages that the program itself is built from, tests and other systems apart, by name.
fn packages() -> Vec<Value> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let told = Command::new(cargo)
        .args(["metadata", "--locked", "--offline", "--format-version", "1"])
        .args(["--filter-platform", &host()])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let wrong = String::from_utf8_lossy(&told.stderr).into_owned();
    let told: Value = serde_json::from_slice(&told.stdout).unwrap_or_else(|_| panic!("{wrong}"));
    let nodes: BTreeMap<&str, &Value> = told["resolve"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| (node["id"].as_str().unwrap(), node))
        .collect();
    let root = told["resolve"]["root"].as_str().unwrap();
    let mut reached = BTreeSet::from([root]);
    let mut next = vec![root];
    while let Some(id) = next.pop() {
        for needed in nodes[id]["deps"].as_array().unwrap() {
            let kinds = needed["dep_kinds"].as_array().unwrap();
            let id = needed["pkg"].as_str().unwrap();
            if kinds.iter().any(|it| it["kind"] != "dev") && reached.insert(id) {
                next.push(id);
            }
        }
    }
    let of = |it: &&Value| it["id"] != root && reached.contains(it["id"].as_str().unwrap());
    let all = told["packages"].as_array().unwrap();
    all.iter().filter(of).cloned().collect()
}

/// Whether one side of every choice is allowed. An expression is a choice of lists: `(A OR B) AND C`.
fn is_allowed(expression: &str) -> bool {
    let choice = |text: &str| {
        let text = text.trim().trim_matches(['(', ')']).replace('/', " OR ");
        text.split(" OR ").any(|it| ALLOWED.contains(&it.trim()))
    };
    expression.split(" AND ").all(choice)
}

#[test]
fn every_licence_is_allowed_and_every_package_is_the_registry_s() {
    let packages = packages();
    assert!(packages.len() > 100, "{} packages", packages.len());
    for it in &packages {
        let licence = it["license"].as_str().unwrap_or("none");
        assert!(is_allowed(licence), "{}: {licence}", it["name"]);
        let source = it["source"].as_str().unwrap_or("none");
        let registry = "registry+https://github.com/rust-lang/crates.io-index";
        assert_eq!(source, registry, "{}", it["name"]);
    }
}

#[test]
fn an_expression_is_allowed_where_each_part_leaves_a_choice() {
    for (expression, expected) in [
        ("MIT", true),
        ("MIT/Apache-2.0", true),
        ("GPL-3.0 OR MIT", true),
        ("(MIT OR Apache-2.0) AND Unicode-3.0", true),
        ("MIT AND GPL-3.0", false),
        ("GPL-3.0", false),
    ] {
        assert_eq!(is_allowed(expression), expected, "{expression}");
    }
}

#[test]
fn the_program_holds_one_version_of_each_package() {
    let mut versions = BTreeMap::<String, u32>::new();
    for it in packages() {
        *versions.entry(it["name"].to_string()).or_default() += 1;
    }
    let twice: Vec<String> = versions
        .into_iter()
        .filter(|(_, count)| *count > 1)
        .map(|(name, _)| name.trim_matches('"').to_owned())
        .collect();
    assert_eq!(twice, TWICE);
}

#[test]
fn the_list_of_licences_is_that_of_the_other_check() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(".dist/deny.toml");
    let told: toml::Table = fs::read_to_string(file).unwrap().parse().unwrap();
    let listed = told["licenses"]["allow"].as_array().unwrap();
    let listed: Vec<&str> = listed.iter().map(|it| it.as_str().unwrap()).collect();
    assert_eq!(listed, ALLOWED);
}

/// The licence texts that lie in a package's folder, by the name of their file.
fn texts(package: &Value) -> Vec<String> {
    let manifest = Path::new(package["manifest_path"].as_str().unwrap());
    let mut files: Vec<_> = fs::read_dir(manifest.parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .filter(|path| {
            let name = path.file_name().unwrap().to_string_lossy().to_uppercase();
            ["LICEN", "COPYING", "NOTICE", "UNLICENSE"]
                .iter()
                .any(|it| name.starts_with(it))
        })
        .collect();
    files.sort();
    let text = |path| String::from_utf8_lossy(&fs::read(path).unwrap()).replace('\r', "");
    files.into_iter().map(text).collect()
}

/// Every package with its licence, then each text once, with the packages that it is of.
fn notices() -> String {
    let mut text = String::from("# Software that userpurge is built from\n\n");
    let mut of = BTreeMap::<String, Vec<String>>::new();
    for it in packages() {
        let name = format!(
            "{} {}",
            it["name"].as_str().unwrap(),
            it["version"].as_str().unwrap()
        );
        let home = it["repository"].as_str().unwrap_or("https://crates.io");
        writeln!(
            text,
            "- {name}: {}, {home}",
            it["license"].as_str().unwrap()
        )
        .unwrap();
        for licence in texts(&it) {
            of.entry(licence.trim().to_owned())
                .or_default()
                .push(name.clone());
        }
    }
    for (licence, names) in of {
        write!(
            text,
            "\n## {}\n\n```text\n{licence}\n```\n",
            names.join(", ")
        )
        .unwrap();
    }
    text
}

#[test]
fn the_notices_name_every_package() {
    let text = notices();
    for it in packages() {
        let line = format!(
            "- {} {}: ",
            it["name"].as_str().unwrap(),
            it["version"].as_str().unwrap()
        );
        assert!(text.contains(&line), "{line}");
    }
    if let Some(file) = std::env::var_os("NOTICES") {
        fs::File::create(file)
            .and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()))
            .unwrap();
    }
}

//! The other commands: plan, status, demo, completions, man, sandbox.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _};

use serde_json::{Value, json};

use crate::signals::send;
use crate::support::World;
use crate::support::usual::{LEDGER, RUN, run};

#[test]
fn plan_reads_the_whole_file_without_credentials_or_network() {
    let world = World::new();
    let config = "[accounts.acme]\nprovider = \"zendesk\"\nsubdomain = \"acme\"\n\
                  email = \"ops@acme.example\"\napi_token = { env = \"UNSET\" }\n\
                  [accounts.acme.limits]\npermanently-delete = \"70/6s\"\n";
    world.configure(config);
    let mut text = "id,account,action\n".to_owned();
    for id in 1..=350 {
        writeln!(text, "{id},acme,permanently-delete").unwrap();
    }
    text.push_str("1,acme,permanently-delete\nx1,acme,delete\n5,nowhere,delete\n");
    world.write("users.csv", text);
    let done = world.call(&["plan", "users.csv", "--json"]).code(0);
    let plan: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!(plan["rows"], 353);
    assert_eq!(plan["to_delete"], 350);
    assert_eq!(plan["invalid"], 2);
    assert_eq!(plan["duplicate"], 1);
    assert_eq!(plan["protected"], 0);
    let group = &plan["accounts"]["acme"]["permanently-delete"];
    assert_eq!(group["rows"], 350);
    assert!(
        group["seconds_at_limit"].as_f64().unwrap() >= 24.0,
        "{group}"
    );
    let lines: Vec<u64> = plan["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["line"].as_u64().unwrap())
        .collect();
    assert_eq!(lines, [352, 353, 354]);
    let told = world.call(&["plan", "users.csv"]).code(0);
    told.says("350").says("354").says("userpurge run");
    assert!(world.sandbox().log(None).is_empty());
}

#[test]
fn a_configuration_with_one_account_needs_no_option_that_names_it() {
    let world = World::new();
    world.configure(
        "[accounts.acme]\nprovider = \"zendesk\"\nsubdomain = \"acme\"\n\
         email = \"ops@acme.example\"\napi_token = { env = \"UNSET\" }\n",
    );
    world.write("users.csv", "id,action\n1,delete\n");
    world.call(&["plan", "users.csv"]).code(0).says("acme");
    world.write("users.csv", "id\n1\n");
    let done = world.call(&["plan", "users.csv"]).code(1);
    done.says("names no action").says("purge: soft delete");
}

#[test]
fn demo_purges_a_sample_against_a_sandbox_of_its_own() {
    let world = World::new();
    let done = world.call(&["demo"]).code(0);
    let done = done.says("The sandbox agrees: 253 users were deleted there");
    // It takes two seconds, of which none is a limit's.
    let done = done.says("No limit makes this wait.");
    // Its sandbox is gone: nothing is named that would ask it.
    assert!(!done.out.contains("\nnext  ") && !done.out.contains("retry"));
    let next = done.out.split_once("next:\n").unwrap().1;
    let sandbox = next.lines().nth(2).unwrap();
    let users = sandbox.split_whitespace().nth(3).unwrap();
    assert!(
        sandbox.starts_with("  userpurge sandbox --users ")
            && std::path::Path::new(users).is_file()
    );
    for line in next.lines().take(1) {
        let words: Vec<_> = line.split_whitespace().skip(1).collect();
        world.call(&words).code(0);
    }
    // README shows the counts; they are these.
    let readme = include_str!("../../README.md");
    for label in ["done  ", "not done  ", "pending  "] {
        let line = readme.lines().find(|line| line.starts_with(label)).unwrap();
        assert!(done.out.contains(line), "{line}\n{}", done.out);
    }
}

#[test]
fn status_follows_a_run_to_its_end() {
    let world = World::of_users(200);
    world.settings(json!({"latency": "20ms"}));
    let run = world.start(&RUN);
    world.until("there is a ledger", || world.path(LEDGER).exists());
    let follow = world.call(&["status", LEDGER, "--follow"]);
    world.finish(run).code(0);
    follow.code(0).says("finished");
}

#[test]
fn sandbox_serves_and_says_where() {
    let world = World::new();
    let mut child = world.start(&["sandbox", "--listen", "127.0.0.1:0"]);
    let mut said = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut said).unwrap();
    assert!(said.contains("http://127.0.0.1:"), "{said}");
    let mut told = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("Ctrl-C ends it") {
        line.clear();
        assert!(told.read_line(&mut line).unwrap() > 0);
    }
    world.until("it is listened to", || {
        send("-INT", &child);
        child.try_wait().unwrap().is_some()
    });
    line.clear();
    told.read_to_string(&mut line).unwrap();
    assert!(!line.contains("recorded"), "{line}");
    world
        .call(&["sandbox", "--listen", "0.0.0.0:0"])
        .code(2)
        .says("loopback");
}

#[test]
fn a_sandbox_has_the_users_of_a_file_and_a_configuration_that_fits_it() {
    let world = World::new();
    world.write(
        "users.csv",
        "id,account,action\n11,acme,purge\n12,acme,permanently-delete\n\
         5fe0a0f0b5e2a4001c8d0001,chat,delete\nshop/7,chat,delete\n5725767000000411003,crm,delete\n",
    );
    let stocked = ["--users", "users.csv", "--write-config", "its.toml"];
    let sandbox = [
        "sandbox",
        "--listen",
        "127.0.0.1:0",
        "--scale-limits",
        "100",
    ];
    let args = [&sandbox[..], &stocked[..]].concat();
    let mut child = world.start(&args);
    let mut said = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut said).unwrap();
    // A newcomer's first look at it warns of nothing.
    let checked = world.call(&["check", "--config", "its.toml"]).code(0);
    let told = checked.says("user 361808000001, role admin");
    let all = format!("{}{}", told.out, told.err);
    assert!(!all.contains("warning"), "{all}");
    // Its users have addresses, as the topic says.
    for (by, id, account) in [
        ("customer", "11", "acme"),
        ("guest", "5fe0a0f0b5e2a4001c8d0001", "chat"),
    ] {
        let address = format!("{by}.{id}@customers.example");
        world.write(
            "people.csv",
            format!("email,account\n{address},{account}\n"),
        );
        let found = format!("{account}.csv");
        let lookup = ["lookup", "people.csv", "-o", &found, "--config", "its.toml"];
        world.call(&lookup).code(0).says("one user for 1 row");
        assert!(world.read(&found).contains(id), "{id}");
    }
    world
        .call(&["run", "users.csv", "--config", "its.toml", "--yes"])
        .code(0);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(world.status(LEDGER)["outcomes"]["deleted"], 5);
    let config = world.read("its.toml");
    assert!(
        config.contains("permanently-delete = \"700/6s\""),
        "{config}"
    );
    // A file that is there is not written over.
    world.call(&args).code(2).says("leave `--write-config` out");
    assert_eq!(world.read("its.toml"), config);
}

#[test]
fn the_quickest_sandbox_writes_a_configuration_that_is_read() {
    let world = World::new();
    let sandbox = ["sandbox", "--listen", "127.0.0.1:0", "--scale-limits"];
    let args = [&sandbox[..], &["1000000", "--write-config", "its.toml"]].concat();
    let mut child = world.start(&args);
    let mut said = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut said).unwrap();
    world.write("users.csv", "id\n11\n");
    for (account, action) in [("support", "purge"), ("chat", "delete"), ("crm", "delete")] {
        let plan = ["plan", "users.csv", "--config", "its.toml"];
        let of = [
            "--account",
            account,
            "--action",
            action,
            "--force-foreign-ids",
        ];
        let done = world.call(&[&plan[..], &of].concat());
        assert!([0, 1].contains(&done.code), "{done:?}");
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn completions_and_man_pages_are_written() {
    let world = World::new();
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let done = world.call(&["completions", shell]).code(0);
        assert!(done.out.contains("userpurge"), "{shell}");
    }
    let bash = world.call(&["completions", "bash"]).code(0).out;
    for (topic, ..) in userpurge::help::TOPICS {
        let is_word = [' ', '"'].map(|end| bash.contains(&format!(" {topic}{end}")));
        assert!(is_word.contains(&true), "{topic}");
    }
    let manual = world.call(&["man"]).code(0).out;
    let heads = manual.lines().filter(|line| line.starts_with(".TH"));
    let version = concat!("\"userpurge ", env!("CARGO_PKG_VERSION"));
    let heads: Vec<_> = heads.collect();
    assert!(heads.len() > 20, "{heads:?}");
    for head in heads {
        assert!(head.contains(version), "{head}");
    }
}

#[test]
fn an_input_in_the_place_of_a_ledger_is_no_damage() {
    let world = World::of_users(2);
    world.call(&RUN).code(0);
    for command in ["report", "status", "resume", "retry", "verify", "audit"] {
        let done = world.call(&[command, "users.csv"]).code(2);
        let done = done.says("`users.csv` is no ledger");
        let done = done.says(&format!("help: name `{LEDGER}`"));
        assert!(!done.err.contains("damage"), "{}", done.err);
    }
    for (name, code, says) in [
        (
            "others.txt",
            2,
            "help: name a file that ends in `.ledger.jsonl`",
        ),
        ("others.jsonl", 4, "this may be no ledger at all"),
    ] {
        world.write(name, "{\"id\":1}\n");
        world.call(&["report", name]).code(code).says(says);
    }
    let head = format!("--head={}", "ab".repeat(32));
    let done = world.call(&["audit", LEDGER, &head]).code(4);
    let done = done.says("and no line has the fingerprint abab");
    assert!(!done.err.contains("damage"), "{}", done.err);
}

#[test]
fn every_format_is_read_through_the_program() {
    let world = World::new();
    world.wide();
    world.zendesk_users(1..=12);
    let utf16: Vec<u8> = "\u{feff}id\r\n11\r\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    for (name, content) in [
        ("a.csv", b"name;User ID\n\"Kim\nLee\";1\n".to_vec()),
        ("b.tsv", b"id\tname\n2\tKim\n".to_vec()),
        (
            "c.jsonl",
            b"{\"user\":{\"id\":3}}\n{\"user\":{\"id\":\"4\"}}\n".to_vec(),
        ),
        ("d.json", b"[{\"id\":5},{\"id\":\"6\"}]".to_vec()),
        ("e.json", b"[7, \"8\"]".to_vec()),
        ("f.txt", b"9\n# a comment\n10\n".to_vec()),
        ("g.csv", utf16),
        ("h.csv", b"\xef\xbb\xbfid\n12\n".to_vec()),
    ] {
        world.write(name, content);
        let mut args = run(name, "acme", "delete").to_vec();
        if name == "c.jsonl" {
            args.extend(["--id-column", "user.id"]);
        }
        world.call(&args).code(0);
    }
    assert_eq!(world.deletions().len(), 12);
}

/// What people typed in the place of a command is answered with the command that they mean, below a label.
#[test]
fn a_word_that_is_no_command_is_answered_with_the_one_it_means() {
    let world = World::of_users(1);
    for (typed, says) in [
        (&["users.csv"][..], "help: `userpurge plan users.csv`"),
        (&["version"], "help: `userpurge --version`"),
        (&["help", "quotas"], "did you mean `limits`?"),
        (&["plam"], "help: a similar subcommand exists: 'plan'"),
    ] {
        let done = world.call(typed).code(2).says(says);
        assert!(!done.err.contains("tip:"), "{}", done.err);
    }
}

/// A dry run ends with the command that does it.
#[test]
fn a_dry_run_names_the_run() {
    let world = World::of_users(1);
    let dry = [&RUN[..], &["--dry-run"]].concat();
    let next = format!("next: userpurge {}", RUN.join(" "));
    let done = world.call(&dry).code(0).says(&next);
    assert!(!done.out.contains("--dry-run"), "{}", done.out);
}

/// Of two columns that may hold the ids, the command names the one whose cells are some.
#[test]
fn the_help_of_an_export_without_a_known_column_is_the_command_with_the_likely_one() {
    let world = World::new();
    world.write(
        "zoho.csv",
        "Record Id,Owner Id,Email\n554000000012345,554000000000001,a@shop.example\n554000000012346,554000000000001,b@shop.example\n",
    );
    let plan = ["plan", "zoho.csv", "--account", "crm", "--action", "delete"];
    let help = format!(
        "help: `userpurge {} --id-column 'Record Id'`",
        plan.join(" ")
    );
    world.call(&plan).code(2).says(&help);
}

//! `verify`: asked in the largest reads there are, under the same quotas, and every row accounted
//! for, as the sandbox's log and the ledger show.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use rstest::rstest;
use serde_json::{Value, json};
use userpurge::sandbox::{Call, LogEntry};

use crate::signals::send;
use crate::support::usual::{LEDGER, RUN, id, run};
use crate::support::{World, ids};

const VERIFY: [&str; 2] = ["verify", LEDGER];

/// Users 1 to `n` of Zendesk, deleted by a run.
fn deleted(world: &World, n: u64) {
    world.wide();
    world.zendesk_users(1..=n);
    world.write("users.csv", ids(1..=n));
    world.call(&RUN).code(0);
}

/// What arrived since `before` requests had.
fn since(world: &World, before: usize) -> Vec<LogEntry> {
    world.sandbox().log(None).split_off(before)
}

fn arrived(world: &World) -> usize {
    world.sandbox().log(None).len()
}

/// The rows that the last verification told of, by number.
fn verified(world: &World) -> BTreeMap<u64, Value> {
    let mut rows = BTreeMap::new();
    for entry in world.ledger(LEDGER) {
        if entry["kind"] == "verification" {
            rows.clear();
        } else if entry["kind"] == "verify" {
            let row = entry["row"].as_u64().unwrap();
            assert!(
                rows.insert(row, entry).is_none(),
                "row {row} is told of twice"
            );
        }
    }
    rows
}

/// What was found of each row, in their order.
fn findings(world: &World) -> Vec<String> {
    verified(world)
        .values()
        .map(|row| {
            let seen = row["seen"].as_str().unwrap_or("-");
            format!("{} {seen}", row["finding"].as_str().unwrap())
        })
        .collect()
}

fn report(world: &World, args: &[&str], code: i32) -> Value {
    let done = world.call(&[&VERIFY[..], &["--json"], args].concat());
    let done = done.code(code);
    serde_json::from_str(&done.out).unwrap_or_else(|error| panic!("{error}: {done:?}"))
}

#[test]
fn one_row_is_told_of_as_one() {
    let world = World::new();
    deleted(&world, 1);
    let done = world.call(&VERIFY).code(0);
    assert!(
        done.err.contains("asking about 1 row that is done\n"),
        "{done:?}"
    );
    let first = "verified     asked about 1 of 1 row that is done\n";
    assert!(done.out.starts_with(first), "{done:?}");
}

#[test]
fn a_thousand_deletions_are_verified_in_ten_reads_without_their_input() {
    let world = World::new();
    deleted(&world, 1_000);
    fs::remove_file(world.path("users.csv")).unwrap();
    let before = arrived(&world);
    let status = world.status(LEDGER);
    let report = report(&world, &[], 0);

    let reads = since(&world, before);
    let asked: Vec<usize> = reads
        .iter()
        .filter(|call| call.step == Call::Read)
        .map(|call| call.users.len())
        .collect();
    assert_eq!(asked, [100; 10]);
    assert_eq!(reads.len(), 11, "who we are, and nothing but reads");
    assert!(
        reads
            .iter()
            .all(|call| call.method == "GET" && !call.effect)
    );

    let rows = verified(&world);
    assert_eq!(
        rows.keys().copied().collect::<Vec<_>>(),
        (1..=1_000).collect::<Vec<_>>()
    );
    for (row, entry) in &rows {
        assert_eq!(entry["id"], row.to_string());
        assert_eq!(entry["line"], row + 1);
        assert_eq!(entry["account"], "acme");
        assert_eq!(entry["action"], "delete");
        assert_eq!(entry["finding"], "as_asked");
    }
    for (field, value) in [
        ("ok", json!(true)),
        ("complete", json!(true)),
        ("asked", json!(1_000)),
        ("as_asked", json!(1_000)),
        ("standing", json!(0)),
        ("standing_rows", json!([])),
    ] {
        assert_eq!(report[field], value, "{field}");
    }
    let begun = world.ledger(LEDGER);
    let begun = begun
        .iter()
        .find(|it| it["kind"] == "verification")
        .unwrap();
    assert_eq!(begun["command"], "verify");
    assert_eq!(begun["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(begun["good_rows"], 1_000);

    let after = world.status(LEDGER);
    assert_eq!(after["state"], "finished");
    assert_eq!(after["outcomes"], status["outcomes"]);
    assert_eq!(after["ended_at"], status["ended_at"]);
    assert_eq!(after["verification"]["as_asked"], 1_000);
    let requests = |status: &Value| status["requests"].as_u64().unwrap();
    assert_eq!(
        requests(&after) - requests(&status),
        11,
        "reads are counted"
    );
}

#[test]
fn who_still_stands_is_named_and_can_be_sent_again() {
    let world = World::new();
    deleted(&world, 40);
    world.zendesk_users([4, 30]);
    world
        .call(&VERIFY)
        .code(1)
        .says("line 5 acme 4, delete: present")
        .says("line 31 acme 30, delete: present")
        .says("userpurge retry --only standing users.csv.ledger.jsonl");
    let told = report(&world, &[], 1);
    let lines: Vec<&Value> = told["standing_rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row["line"])
        .collect();
    assert_eq!(lines, [5, 31]);
    assert_eq!(told["ok"], false);
    assert_eq!(
        world.status(LEDGER)["outcomes"]["deleted"],
        40,
        "evidence is no outcome"
    );
    world
        .call(&["status", LEDGER])
        .code(0)
        .says("asked about 40 of 40 rows: 38 gone, 0 being erased, 2 still there");

    let before = world.deletions().len();
    for plain in [&["retry", LEDGER, "--yes"][..], &["resume", LEDGER]] {
        world.call(plain).code(0);
    }
    assert_eq!(world.deletions().len(), before, "only when told");
    world
        .call(&["retry", LEDGER, "--only", "standing", "--yes"])
        .code(0);
    let sent = world.deletions().split_off(before);
    let mut users: Vec<String> = sent.into_iter().filter_map(|call| call.user).collect();
    users.sort();
    assert_eq!(users, ["30", "4"]);
    let status = world.status(LEDGER);
    assert_eq!(
        (&status["outcomes"]["deleted"], &status["rows"]),
        (&json!(40), &json!(40))
    );
    world.call(&VERIFY).code(0);
    world
        .call(&["retry", LEDGER, "--only", "standing", "--yes"])
        .code(0)
        .says("no user of a row that is done was still there");
    assert_eq!(world.deletions().len(), before + 2);
}

#[test]
fn a_sample_adds_to_what_is_known_and_takes_nothing_back() {
    let world = World::new();
    deleted(&world, 40);
    world.zendesk_users([4, 30]);
    world.call(&VERIFY).code(1);
    let told = report(&world, &["--sample", "3"], 1);
    let of = |told: &Value, key: &str| told[key].as_u64().unwrap();
    let all = ["good_rows", "rows", "asked", "as_asked", "standing"];
    assert_eq!(all.map(|key| of(&told, key)), [40, 3, 40, 38, 2]);
    assert_eq!(told["standing_rows"].as_array().unwrap().len(), 2);
    let known = "asked about 40 of 40 rows: 38 gone, 0 being erased, 2 still there";
    world.call(&["status", LEDGER]).code(0).says(known);
    world
        .call(&["report", LEDGER, "--format", "md"])
        .code(0)
        .says("2 users still there");

    // Whoever is asked about again is known anew.
    world
        .call(&["retry", LEDGER, "--only", "standing", "--yes"])
        .code(0);
    world
        .call(&["status", LEDGER])
        .code(0)
        .says("asked about 38 of 40 rows");
    let told = report(&world, &[], 0);
    assert_eq!(all.map(|key| of(&told, key)), [40, 40, 40, 40, 0]);
    let told = report(&world, &["--sample", "1"], 0);
    assert_eq!(all.map(|key| of(&told, key)), [40, 1, 40, 40, 0]);
}

#[test]
fn a_list_for_people_is_bounded_and_one_for_scripts_is_not() {
    let world = World::new();
    deleted(&world, 60);
    world.zendesk_users(1..=60);
    let done = world.call(&VERIFY).code(1).says("and 40 more rows");
    let listed = done.out.lines().filter(|line| line.starts_with("line "));
    assert_eq!(listed.count(), 20);
    let told = report(&world, &[], 1);
    assert_eq!(told["standing_rows"].as_array().unwrap().len(), 60);
}

#[test]
fn a_permanent_deletion_must_be_seen_through_and_one_under_way_is_no_trouble() {
    let world = World::new();
    world.wide();
    world.seed(json!({"zendesk": [
        {"id": "1"}, {"id": "2"}, {"id": "3"}, {"id": "4", "state": "soft-deleted"}, {"id": "5"},
    ]}));
    let rows = "1,purge\n2,purge\n3,purge\n4,permanently-delete\n5,delete\n";
    world.write("users.csv", format!("id,action\n{rows}"));
    let run = ["run", "users.csv", "--account", "acme", "--yes"];
    world.call(&run).code(0);
    // Zendesk erases in the background.
    world.call(&VERIFY).code(0).says("which can take days");
    let erasing = "under_way erasing";
    assert_eq!(
        findings(&world),
        [erasing, erasing, erasing, erasing, "as_asked not_listed"]
    );

    // One is back, and one was only ever softly deleted.
    world.seed(json!({"zendesk": [{"id": "2"}, {"id": "3", "state": "soft-deleted"}]}));
    world.settings(json!({"scale_limits": 10_000.0}));
    let before = arrived(&world);
    world.call(&VERIFY).code(1);
    let found = findings(&world);
    assert_eq!(found[0], "as_asked gone");
    assert_eq!(found[1..3], ["standing present", "standing soft_deleted"]);
    assert_eq!(found[3..], ["as_asked gone", "as_asked not_listed"]);
    let reads = since(&world, before);
    let closer = reads
        .iter()
        .filter(|call| call.path.ends_with("/compliance_deletion_statuses"));
    // Who is active needs no closer look, and for a soft deletion all is said.
    let mut closer: Vec<&str> = closer.filter_map(|call| call.user.as_deref()).collect();
    closer.sort_unstable();
    assert_eq!(closer, ["1", "3", "4"]);
}

/// Three users of Sunshine Conversations and two of Zoho; two rows for the first.
fn mixed(world: &World) {
    world.wide();
    world.seed(json!({
        "sunco": [
            {"id": "5fe0a0f0b5e2a4001c8d0001"}, {"id": "5fe0a0f0b5e2a4001c8d0002"},
            {"id": "5fe0a0f0b5e2a4001c8d0003", "external_id": "shop/3"},
        ],
        "zoho": [{"id": "5725767000000412001"}, {"id": "5725767000000412002"}],
    }));
    world.write(
        "users.csv",
        "id,account,action\n\
         5fe0a0f0b5e2a4001c8d0001,chat,delete-personal-information\n\
         5fe0a0f0b5e2a4001c8d0001,chat,delete\n\
         5fe0a0f0b5e2a4001c8d0002,chat,delete-personal-information\n\
         shop/3,chat,delete\n\
         5725767000000412001,crm,delete\n\
         5725767000000412002,crm,delete\n",
    );
    world.call(&["run", "users.csv", "--yes"]).code(0);
}

#[rstest]
#[case::shown_as_deleted(true)]
#[case::not_shown(false)]
fn each_row_is_judged_by_its_own_actions_promise(#[case] deleted_readable: bool) {
    let world = World::new();
    mixed(&world);
    world.settings(json!({"zoho": {"deleted_readable": deleted_readable}}));
    let before = arrived(&world);
    world.call(&VERIFY).code(0);
    assert_eq!(
        findings(&world),
        [
            "as_asked gone",
            "as_asked gone",
            "as_asked cleared",
            "as_asked gone",
            "as_asked gone",
            "as_asked gone",
        ]
    );
    let reads = since(&world, before);
    let zoho = reads.iter().filter(|call| call.users.len() == 2);
    assert_eq!(zoho.count(), 1, "both in one read");
}

#[test]
fn who_is_back_stands_at_every_provider_and_no_person_gets_into_the_ledger() {
    let world = World::new();
    mixed(&world);
    world.seed(json!({
        "sunco": [
            {"id": "5fe0a0f0b5e2a4001c8d0002"},
            {"id": "5fe0a0f0b5e2a4001c8d0003", "external_id": "shop/3"},
        ],
        "zoho": [{"id": "5725767000000412002", "state": "inactive"}],
    }));
    let done = world
        .call(&VERIFY)
        .code(1)
        .says("deletes in the background; verify again in a few minutes");
    assert_eq!(
        findings(&world),
        [
            "as_asked gone",
            "as_asked gone",
            "standing present",
            "standing present",
            "as_asked gone",
            "standing present",
        ]
    );
    let ledger = world.read(LEDGER);
    for person in ["customers.example", "Guest", "Seller", "gold"] {
        for text in [&ledger, &done.out, &done.err] {
            assert!(!text.contains(person), "{person}");
        }
    }
}

/// So many users of Sunshine Conversations, and a file of them.
fn chat_users(count: u64) -> World {
    World::of_ids("sunco", (1..=count).map(|n| id("chat", n)))
}

/// What the run sent a moment ago counts, and so does every read.
#[test]
fn the_quota_is_kept_over_the_run_and_its_verification() {
    let world = chat_users(25);
    world.call(&run("users.csv", "chat", "delete")).code(0);
    world.settings(json!({"sunco": {"quota": "10/2s"}, "latency": "1ms..20ms"}));
    let (head, chat) = world.config().split_once("[accounts.chat]").map_or_else(
        || unreachable!(),
        |(head, chat)| (head.to_owned(), chat.to_owned()),
    );
    let chat = chat.replacen("100000/1s", "10/2s", 1);
    world.configure(&format!("{head}[accounts.chat]{chat}"));
    let before = arrived(&world);
    world.call(&VERIFY).code(0);
    let reads = since(&world, before);
    assert_eq!(reads.len(), 26);
    assert!(
        reads
            .iter()
            .all(|call| call.status == Some(404) || call.step == Call::Identity)
    );
    assert_eq!(verified(&world).len(), 25);
    assert_eq!(world.status(LEDGER)["throttled"], 0);
}

#[test]
fn a_row_without_a_clear_answer_is_unknown_and_says_why() {
    let world = chat_users(40);
    let run = run("users.csv", "chat", "delete");
    world
        .call(&[&run[..], &["--attempts", "1"]].concat())
        .code(0);
    world.settings(json!({"faults": "error500=20%,html=20%,seed=6,reads=on"}));
    let before = arrived(&world);
    let told = report(&world, &[], 1);
    let (mut hit, mut fine) = (BTreeSet::new(), 0);
    for call in since(&world, before) {
        match (call.fault, call.user) {
            (Some(_), Some(user)) => drop(hit.insert(user)),
            (None, Some(_)) => fine += 1,
            (fault, None) => assert_eq!(fault, None, "the seed lets us say who we are"),
        }
    }
    assert!(hit.len() > 5 && hit.len() + fine == 40, "{hit:?}");
    let unknown = told["unknown_rows"].as_array().unwrap();
    let rows: BTreeSet<String> = unknown
        .iter()
        .map(|row| row["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(rows, hit);
    assert_eq!(told["as_asked"], fine);
    for row in unknown {
        let code = row["code"].as_str().unwrap();
        assert!(["internal_error", "html"].contains(&code), "{row}");
        assert!(row["seen"].is_null() && row["message"].is_string(), "{row}");
    }
    world.settings(json!({"faults": "seed=6"}));
    world.call(&VERIFY).code(0);
}

#[test]
fn a_right_that_is_taken_away_stops_that_account_and_no_other() {
    let world = World::new();
    world.wide();
    let acme = (1..=1_500).map(|n| (id("acme", n), "acme", "delete"));
    world.file_of(acme.chain([(id("chat", 1), "chat", "delete")]));
    world.call(&["run", "users.csv", "--yes"]).code(0);
    world.settings(json!({"latency": "40ms"}));
    let before = arrived(&world);
    let child = world.start(&[&VERIFY[..], &["--concurrency", "1"]].concat());
    let reads = || {
        since(&world, before)
            .iter()
            .filter(|call| call.users.len() == 100)
            .count()
    };
    world.until("three reads came", || reads() >= 3);
    world.settings(json!({"zendesk": {"caller_role": "end-user"}}));
    world
        .finish(child)
        .code(3)
        .says("the next `verify` starts anew")
        .says("acme: the caller may not delete users");
    let told = verified(&world);
    let of = |name: &str| told.values().filter(|row| row["account"] == name).count();
    assert!((300..1_500).contains(&of("acme")), "{}", of("acme"));
    assert_eq!(of("chat"), 1, "other accounts go on");
    let status = world.status(LEDGER);
    assert_eq!(status["state"], "finished", "the run is what it was");
    assert_eq!(status["verification"]["complete"], false);

    world.settings(json!({"zendesk": {"caller_role": "admin"}, "latency": "0ms"}));
    world.call(&VERIFY).code(0);
    assert_eq!(verified(&world).len(), 1_501, "anew");
}

#[test]
fn ctrl_c_keeps_what_was_seen_and_the_next_verification_starts_anew() {
    let world = World::new();
    deleted(&world, 1_500);
    world.settings(json!({"latency": "40ms"}));
    let before = arrived(&world);
    let child = world.start(&[&VERIFY[..], &["--concurrency", "1"]].concat());
    world.until("three reads came", || arrived(&world) >= before + 4);
    send("-INT", &child);
    world
        .finish(child)
        .code(130)
        .says("what was seen so far is recorded");
    let seen = verified(&world).len();
    assert!(
        seen > 0 && seen < 1_500 && seen.is_multiple_of(100),
        "{seen}"
    );
    let verification = &world.status(LEDGER)["verification"];
    assert_eq!(verification["asked"], seen);
    assert_eq!(verification["complete"], false);
    world.settings(json!({"latency": "0ms"}));
    world.call(&VERIFY).code(0);
    assert_eq!(verified(&world).len(), 1_500);
}

#[test]
fn a_sample_is_spread_over_the_accounts_and_can_be_drawn_again() {
    let world = World::new();
    world.wide();
    let acme = (1..=90).map(|n| (id("acme", n), "acme", "delete"));
    let crm = (1..=10).map(|n| (id("crm", n), "crm", "delete"));
    world.file_of(acme.chain(crm));
    world.call(&["run", "users.csv", "--yes"]).code(0);
    let first = report(&world, &["--sample", "20"], 0);
    let seed = first["sample"]["seed"].as_u64().unwrap();
    assert_eq!(
        (&first["asked"], &first["good_rows"]),
        (&json!(20), &json!(100))
    );
    let drawn = verified(&world);
    let of = |name: &str| drawn.values().filter(|row| row["account"] == name).count();
    assert_eq!((of("acme"), of("crm")), (18, 2));
    let rows: Vec<u64> = drawn.keys().copied().collect();

    let again = ["--sample", "20", "--seed", &seed.to_string()];
    world
        .call(&[&VERIFY[..], &again].concat())
        .code(0)
        .says(&format!("--seed {seed}"))
        .says("20 of 100 rows");
    assert_eq!(verified(&world).keys().copied().collect::<Vec<_>>(), rows);
    let begun = world.ledger(LEDGER);
    let begun = begun
        .iter()
        .rfind(|it| it["kind"] == "verification")
        .unwrap();
    assert_eq!(begun["sample"], json!({"rows": 20, "seed": seed}));
}

#[test]
fn rejected_credentials_are_told_before_anything_is_asked_or_written() {
    let world = World::new();
    deleted(&world, 3);
    let ledger = world.read(LEDGER);
    world.configure(&world.config().replace("sandbox-token", "wrong"));
    world.call(&VERIFY).code(2).says("acme");
    assert_eq!(world.read(LEDGER), ledger);
}

#[test]
fn an_account_that_is_gone_from_the_configuration_is_told() {
    let world = World::new();
    deleted(&world, 3);
    world.configure(&world.config().replace("accounts.acme", "accounts.other"));
    let before = arrived(&world);
    world.call(&VERIFY).code(2).says("`acme`").says("--config");
    assert_eq!(arrived(&world), before);
}

#[test]
fn another_tenant_is_not_asked() {
    let world = World::new();
    deleted(&world, 3);
    let base = format!("base_url = \"{}", world.base());
    let config = world
        .config()
        .replacen(&base, &format!("{base}/t/other"), 1);
    let elsewhere = world.write("other.toml", config);
    let elsewhere = elsewhere.display().to_string();
    let ledger = world.read(LEDGER);
    world
        .call(&[&VERIFY[..], &["--config", &elsewhere]].concat())
        .code(4)
        .says("tenant");
    assert_eq!(world.read(LEDGER), ledger);
}

#[test]
fn a_ledger_that_is_locked_or_damaged_is_left_alone() {
    let world = World::new();
    deleted(&world, 3);
    let before = arrived(&world);
    let held = fs::OpenOptions::new()
        .append(true)
        .open(world.path(LEDGER))
        .unwrap();
    held.lock().unwrap();
    world
        .call(&VERIFY)
        .code(4)
        .says("in use by another process");
    held.unlock().unwrap();
    let damaged = world.read(LEDGER).replacen("\"deleted\"", "\"refused\"", 1);
    world.write(LEDGER, &damaged);
    world.call(&VERIFY).code(4).says("damaged at line");
    assert_eq!(world.read(LEDGER), damaged);
    assert_eq!(arrived(&world), before, "nobody was asked");
}

#[test]
fn only_rows_that_ended_well_are_asked_about() {
    let world = World::new();
    world.wide();
    world.seed(json!({"zendesk": [
        {"id": "1"}, {"id": "2", "open_tickets": 1}, {"id": "3", "state": "soft-deleted"},
    ]}));
    world.write("users.csv", ids([2, 99]));
    world.call(&RUN).code(1);
    let before = arrived(&world);
    world.call(&VERIFY).code(0).says("nothing was asked");
    assert_eq!(arrived(&world), before);

    world.write("more.csv", ids([1, 2, 3, 99]));
    world.call(&run("more.csv", "acme", "delete")).code(1);
    let before = arrived(&world);
    world.call(&["verify", "more.csv.ledger.jsonl"]).code(0);
    let reads = since(&world, before);
    let asked: Vec<&[String]> = reads
        .iter()
        .filter(|call| call.step == Call::Read)
        .map(|call| call.users.as_slice())
        .collect();
    assert_eq!(asked.len(), 1);
    let asked: BTreeSet<&str> = asked[0].iter().map(String::as_str).collect();
    assert_eq!(asked, ["1", "3"].into());
}

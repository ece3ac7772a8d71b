//! Protected roles: Zoho's administrators among them; and a role is asked again of who waits for longer
//! than a minute, so that nobody is deleted who was promoted meanwhile.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use rstest::rstest;
use serde_json::{Value, json};

use crate::support::World;
use crate::support::raw::{After, Raw, answer};
use crate::support::usual::{LEDGER, id, run};

/// How many rows ended how at each account.
fn ends(world: &World) -> BTreeMap<String, usize> {
    let mut ends = BTreeMap::new();
    for entry in world.outcomes(LEDGER).values() {
        let text = |field: &str| entry[field].as_str().unwrap_or("-").to_owned();
        *ends
            .entry(format!("{} {}", text("account"), text("outcome")))
            .or_default() += 1;
    }
    ends
}

#[test]
fn zohos_administrators_are_protected_unless_their_role_is_included() {
    let world = World::new();
    world.wide();
    let user = |n, kind: &str| json!({"id": id("crm", n), "kind": kind});
    let users = [
        user(1, "regular"),
        user(2, "administrator"),
        user(3, "regular"),
    ];
    world.seed(json!({ "zoho": users }));
    world.write(
        "users.csv",
        format!("id\n{}\n{}\n{}\n", id("crm", 1), id("crm", 2), id("crm", 3)),
    );
    let run = run("users.csv", "crm", "delete");
    world.call(&run).code(1);
    let outcomes = world.outcomes(LEDGER);
    assert_eq!(outcomes[&2]["outcome"], "protected");
    assert_eq!(outcomes[&2]["message"], "this user's role is administrator");
    let sent: Vec<_> = world
        .deletions()
        .into_iter()
        .filter_map(|it| it.user)
        .collect();
    assert!(!sent.contains(&id("crm", 2)), "{sent:?}");

    let again = ["--include-role", "Administrator", "--ledger", "again.jsonl"];
    world.call(&[&run[..], &again].concat()).code(0);
    assert_eq!(world.outcomes("again.jsonl")[&2]["outcome"], "deleted");
}

/// Each account's first deletion is put off for more than a minute, and meanwhile some users are
/// promoted: single rows and a job's at Zendesk, and Zoho's.
#[test]
fn who_is_promoted_while_a_deletion_waits_is_protected() {
    const SINGLE: u64 = 6;
    const JOB: u64 = 30;
    let world = World::new();
    world.wide();
    let base = world.base();
    let beta = format!(
        "\n[accounts.beta]\nprovider = \"zendesk\"\nbase_url = \"{base}/t/beta\"\n\
         email = \"ops@acme.example\"\napi_token = \"sandbox-token\"\n\
         [accounts.beta.limits]\nrequests = \"100000/1s\"\n"
    );
    let zendesk = |from: u64, to: u64, role: &str| -> Vec<Value> {
        (from..=to)
            .map(|n| json!({"id": n.to_string(), "role": role}))
            .collect()
    };
    let zoho = |from: u64, to: u64, kind: &str| -> Vec<Value> {
        (from..=to)
            .map(|n| json!({"id": id("crm", n), "kind": kind}))
            .collect()
    };
    world.seed(json!({"zendesk": zendesk(1, SINGLE, ""), "zoho": zoho(1, SINGLE, "regular")}));
    world.seed(json!({"tenant": "beta", "zendesk": zendesk(1, JOB, "")}));
    let mut rows = "id,account,action\n".to_owned();
    for n in 1..=JOB {
        writeln!(rows, "{n},beta,delete").unwrap();
        if n <= SINGLE {
            writeln!(rows, "{n},acme,delete\n{},crm,delete", id("crm", n)).unwrap();
        }
    }
    world.write("users.csv", rows);

    let sandbox = world.sandbox().addr();
    let put_off: Mutex<HashSet<&str>> = Mutex::default();
    let front = Raw::start(move |heard, wire| {
        let account = match heard.target.as_str() {
            target if target.starts_with("/t/beta") => "beta",
            target if target.starts_with("/crm") => "crm",
            _ => "acme",
        };
        let is_first = heard.is_deletion() && put_off.lock().unwrap().insert(account);
        if is_first {
            wire.send(answer(
                "429 Too Many Requests",
                &["retry-after: 62"],
                "slow down",
            ));
        } else {
            wire.send(heard.carry(sandbox));
        }
        After::Keep
    });
    world.configure(&(world.config() + &beta).replace(&base, &front.base()));
    let child = world.start(&["run", "users.csv", "--yes", "--concurrency", "2"]);
    world.until("each account is put off", || {
        let pauses = world.path(LEDGER).exists().then(|| world.ledger(LEDGER));
        let pauses = pauses
            .into_iter()
            .flatten()
            .filter(|it| it["kind"] == "pause");
        pauses.count() >= 3
    });
    world.seed(json!({"zendesk": zendesk(5, 6, "admin"), "zoho": zoho(4, 4, "administrator")}));
    world.seed(json!({"tenant": "beta", "zendesk": zendesk(28, 30, "agent")}));
    world.finish(child).code(1);

    let expected = [
        ("acme deleted", 4),
        ("acme protected", 2),
        ("beta deleted", 27),
        ("beta protected", 3),
        ("crm deleted", 5),
        ("crm protected", 1),
    ];
    let expected: BTreeMap<String, usize> =
        expected.map(|(end, rows)| (end.to_owned(), rows)).into();
    assert_eq!(ends(&world), expected);
    let privileged = ["admin", "agent", "administrator"];
    for user in world.users() {
        if privileged.contains(&user.role.as_str()) {
            assert_eq!(
                (user.state.as_str(), user.changes),
                ("active", 0),
                "{user:?}"
            );
        }
    }
}

/// A list that leaves users out says nothing of their roles: each of them is asked about alone.
#[rstest]
#[case::delete("acme", "delete", "{\"users\":[]}")]
#[case::purge("acme", "purge", "{\"users\":[]}")]
#[case::zoho("crm", "delete", "")]
fn who_is_left_out_of_a_list_is_asked_about_alone(
    #[case] account: &str,
    #[case] action: &str,
    #[case] list: &'static str,
) {
    let world = World::new();
    world.wide();
    let provider = if account == "crm" { "zoho" } else { "zendesk" };
    let users = [("", "regular"), ("agent", "administrator")];
    let users = users.into_iter().zip(1..).map(|((role, kind), n)| {
        let role = if account == "crm" {
            ("kind", kind)
        } else {
            ("role", role)
        };
        json!({"id": id(account, n), role.0: role.1})
    });
    world.seed(json!({provider: users.collect::<Vec<_>>()}));
    world.write(
        "users.csv",
        format!("id\n{}\n{}\n", id(account, 1), id(account, 2)),
    );
    let sandbox = world.sandbox().addr();
    let front = Raw::start(move |heard, wire| {
        let status = if list.is_empty() {
            "204 No Content"
        } else {
            "200 OK"
        };
        if heard.is_roles() {
            wire.send(answer(status, &["content-type: application/json"], list));
        } else {
            wire.send(heard.carry(sandbox));
        }
        After::Keep
    });
    world.ask_at(&front.base());
    world.call(&run("users.csv", account, action)).code(1);
    let outcomes = world.outcomes(LEDGER);
    assert_eq!(outcomes[&1]["outcome"], "deleted");
    assert_eq!(outcomes[&2]["code"], "protected_role");
    let sent: Vec<_> = world
        .deletions()
        .into_iter()
        .filter_map(|it| it.user)
        .collect();
    assert!(!sent.contains(&id(account, 2)), "{sent:?}");
}

/// Between the steps of a purge the process ends, and the user turns out to be an agent: what is done is
/// said, and no more is.
#[test]
fn who_is_promoted_between_the_steps_of_a_purge_is_not_permanently_deleted() {
    let world = World::of_ids("zendesk", (1..=4).map(|n| n.to_string()));
    let sandbox = world.sandbox().addr();
    let is_well = Arc::new(AtomicBool::new(false));
    let well = Arc::clone(&is_well);
    let front = Raw::start(move |heard, wire| {
        let is_permanent = heard.is_deletion() && heard.target.contains("/deleted_users/");
        if is_permanent && !well.load(Ordering::SeqCst) {
            wire.send(answer("500 Internal Server Error", &[], "{}"));
        } else {
            wire.send(heard.carry(sandbox));
        }
        After::Keep
    });
    world.ask_acme_at(&front.base());
    let purge = run("users.csv", "acme", "purge");
    world
        .call(&[&purge[..], &["--attempts", "1"]].concat())
        .code(1);
    is_well.store(true, Ordering::SeqCst);
    world.seed(json!({"zendesk": [{"id": "3", "state": "soft-deleted", "role": "agent"}]}));
    world.call(&["retry", LEDGER, "--yes"]).code(1);
    let outcomes = world.outcomes(LEDGER);
    assert_eq!(outcomes[&1]["outcome"], "deleted");
    assert_eq!(outcomes[&3]["outcome"], "protected");
    assert_eq!(outcomes[&3]["code"], "protected_soft_deleted");
    let report = world.call(&["report", LEDGER, "--format", "md"]).code(0);
    assert!(!report.out.contains("not sent"), "{report:?}");
    let users = world.users();
    let state = |id: &str| {
        users
            .iter()
            .find(|user| user.id == id)
            .map(|user| user.state.as_str())
    };
    assert_eq!(state("3"), Some("soft-deleted"));
    assert_eq!(state("1"), Some("permanently-deleted"));
}

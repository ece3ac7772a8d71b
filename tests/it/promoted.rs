//! Protected roles: Zoho's administrators among them; and a role is asked again of who waits for longer
//! than a minute, so that nobody is deleted who was promoted meanwhile.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::sync::Mutex;

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

//! A deletion whose answer does not say what it did: whoever is gone afterwards is gone by it, if
//! they were seen standing before; whoever was not there before was never deleted by it.

use std::collections::HashMap;
use std::sync::Mutex;

use rstest::rstest;
use serde_json::{Value, json};

use crate::support::World;
use crate::support::raw::{After, Heard, Raw, Wire, answer};
use crate::support::usual::{LEDGER, id, run};

/// How each row ended, in the order of the file: the outcome, its code, and a `+` if it was settled.
fn ends(world: &World) -> Vec<String> {
    let told = |entry: &Value| {
        let settled = if entry["settled"] == true { "+" } else { "" };
        let outcome = entry["outcome"].as_str().unwrap();
        format!(
            "{outcome}{settled} {}",
            entry["code"].as_str().unwrap_or("-")
        )
    };
    world.outcomes(LEDGER).values().map(told).collect()
}

/// A server before the sandbox that meddles with the first deletion of each user as `first` says; all
/// else it carries there and back.
fn front(
    world: &World,
    first: impl Fn(&Heard, &mut Wire, std::net::SocketAddr) -> After + Send + Sync + 'static,
) -> Raw {
    let sandbox = world.sandbox().addr();
    let times: Mutex<HashMap<String, u32>> = Mutex::default();
    Raw::start(move |heard, wire| {
        let is_first = heard.is_deletion() && {
            let mut times = times.lock().unwrap();
            let times = times.entry(heard.target.clone()).or_default();
            *times += 1;
            *times == 1
        };
        if is_first {
            return first(heard, wire, sandbox);
        }
        wire.send(heard.carry(sandbox));
        After::Keep
    })
}

#[rstest]
fn a_503_leaves_open_whether_the_user_was_deleted(
    #[values(("zendesk", "acme", "delete"), ("sunco", "chat", "delete"), ("zoho", "crm", "delete"))]
    whose: (&'static str, &'static str, &'static str),
    #[values(&["retry-after: 1"][..], &[])] headers: &'static [&'static str],
) {
    let (provider, account, action) = whose;
    let world = World::of_ids(provider, (1..=3).map(|n| id(account, n)));
    // It carries the deletion out, and then says that it is busy.
    let front = front(&world, move |heard, wire, sandbox| {
        heard.carry(sandbox);
        wire.send(answer("503 Service Unavailable", headers, ""));
        After::Keep
    });
    world.ask_at(&front.base());
    world.call(&run("users.csv", account, action)).code(0);
    for end in ends(&world) {
        assert!(end.starts_with("deleted+ "), "{end}");
    }
    assert!(
        world
            .users()
            .iter()
            .all(|user| user.state != "active" || user.changes == 0)
    );
}

/// Before the deletion the provider had said that there is nobody whom it could delete: the lost answer
/// changes nothing about that.
#[rstest]
#[case::zendesk_unknown("acme", "permanently-delete", json!([]), "not_found no_such_user")]
#[case::zendesk_deleted_before(
    "acme",
    "delete",
    json!([{"id": "1", "state": "soft-deleted"}, {"id": "2", "state": "soft-deleted"}]),
    "already_gone already_deleted"
)]
#[case::zendesk_erased_before(
    "acme",
    "permanently-delete",
    json!([{"id": "1", "state": "permanently-deleted"}, {"id": "2", "state": "permanently-deleted"}]),
    "already_gone already_deleted"
)]
#[case::zoho_deleted_before(
    "crm",
    "delete",
    json!([{"id": "5725767000000000001", "state": "deleted"}, {"id": "5725767000000000002", "state": "deleted"}]),
    "already_gone ID_ALREADY_DELETED"
)]
fn who_was_not_there_was_not_deleted_by_a_lost_answer(
    #[case] account: &str,
    #[case] action: &str,
    #[case] users: Value,
    #[case] end: &str,
) {
    let world = World::new();
    world.wide();
    let provider = if account == "crm" { "zoho" } else { "zendesk" };
    world.seed(json!({provider: users}));
    world.write(
        "users.csv",
        format!("id\n{}\n{}\n", id(account, 1), id(account, 2)),
    );
    let front = front(&world, |_, _, _| After::Reset);
    world.ask_at(&front.base());
    world.call(&run("users.csv", account, action));
    assert_eq!(ends(&world), [end; 2]);
    assert!(
        front
            .heard()
            .iter()
            .filter(|heard| heard.is_deletion())
            .count()
            >= 4
    );
}

/// Sunshine Conversations answers about who was never there as about who is deleted, and nobody looked
/// before: these rows are good, and told apart.
#[test]
fn who_is_not_there_after_a_lost_answer_and_was_never_seen_is_told_apart() {
    let world = World::of_ids("sunco", [id("chat", 1)]);
    world.write(
        "users.csv",
        format!("id\n{}\n{}\n", id("chat", 1), id("chat", 999)),
    );
    let front = front(&world, |heard, _, sandbox| {
        heard.carry(sandbox);
        After::Reset
    });
    world.ask_at(&front.base());
    let done = world.call(&run("users.csv", "chat", "delete")).code(0);
    assert_eq!(ends(&world), ["deleted+ settled_unseen"; 2]);
    let told = "of them 2 without a clear answer, not there afterwards";
    done.says(told);
    world.call(&["status", LEDGER]).code(0).says(told);
    assert_eq!(world.status(LEDGER)["settled_unseen"], 2);
    for format in ["md", "html"] {
        let out = format!("report.{format}");
        world
            .call(&["report", LEDGER, "--format", format, "-o", &out])
            .code(0);
        let text = world.read(&out);
        assert!(
            text.contains("without a clear answer, not there afterwards"),
            "{text}"
        );
    }
    world
        .call(&["report", LEDGER, "--format", "json", "-o", "report.json"])
        .code(0);
    let json: Value = serde_json::from_str(&world.read("report.json")).unwrap();
    assert_eq!(json["settled_unseen"], 2);
}

/// The process is killed while the deletion is under way. The provider had said before that there is
/// nobody to delete, and the ledger kept that.
#[test]
fn who_was_not_there_was_not_deleted_by_a_process_that_was_killed() {
    let world = World::new();
    world.wide();
    world.write("users.csv", "id\n999000000001\n");
    let front = front(&world, |_, wire, _| {
        // Until the client is gone.
        while wire.read(1).is_some() {}
        After::Close
    });
    world.ask_at(&front.base());
    let mut child = world.start(&run("users.csv", "acme", "permanently-delete"));
    world.until("the deletion is under way", || {
        front.heard().iter().any(Heard::is_deletion)
    });
    child.kill().unwrap();
    world.finish(child);
    world
        .call(&["status", LEDGER])
        .code(0)
        .says("1 sent, answer missing");
    world.call(&["resume", LEDGER]).code(1);
    assert_eq!(ends(&world), ["not_found no_such_user"]);
}

/// A 404 that no provider's words are in may be a gateway's: it settles no doubt.
#[test]
fn an_empty_404_behind_a_lost_answer_leaves_the_row_in_doubt() {
    let world = World::of_ids("sunco", (1..=3).map(|n| id("chat", n)));
    let sandbox = world.sandbox().addr();
    let times: Mutex<HashMap<String, u32>> = Mutex::default();
    let front = Raw::start(move |heard, wire| {
        if !heard.is_deletion() {
            wire.send(heard.carry(sandbox));
            return After::Keep;
        }
        let mut times = times.lock().unwrap();
        let times = times.entry(heard.target.clone()).or_default();
        *times += 1;
        if *times == 1 {
            heard.carry(sandbox);
            return After::Reset;
        }
        wire.send(answer("404 Not Found", &[], ""));
        After::Keep
    });
    world.ask_at(&front.base());
    world.call(&run("users.csv", "chat", "delete")).code(1);
    assert_eq!(ends(&world), ["in_doubt -"; 3]);
}

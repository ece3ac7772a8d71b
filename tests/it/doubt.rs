//! A deletion whose answer does not say what it did: whoever is gone afterwards is gone by it, if
//! they were seen standing before; whoever was not there before was never deleted by it.

use std::collections::HashMap;
use std::sync::Mutex;

use rstest::rstest;
use serde_json::Value;

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

//! Where a token leads: a run stays where it was agreed to, whatever later tokens say.

use std::sync::Mutex;

use crate::support::World;
use crate::support::raw::{After, Raw};
use crate::support::usual::{LEDGER, id, run};

const ROWS: u64 = 40;

/// Users of the same ids stand at two organisations. The first token leads to one of them, and every
/// other to the second.
#[test]
fn a_later_token_that_leads_elsewhere_stops_the_account() {
    let world = World::of_ids("zoho", (1..=ROWS).map(|n| id("crm", n)));
    world.settings(serde_json::json!({"token_lifetime": "500ms", "latency": "60ms"}));
    let sandbox = world.sandbox().addr();
    let carry = move |heard: &crate::support::raw::Heard, wire: &mut crate::support::raw::Wire| {
        wire.send(heard.carry(sandbox));
        After::Keep
    };
    let other = Raw::start(carry);
    let elsewhere = other.base();
    let tokens = Mutex::new(0);
    let front = Raw::start(move |heard, wire| {
        if !heard.is_token() {
            return carry(heard, wire);
        }
        let mut tokens = tokens.lock().unwrap();
        *tokens += 1;
        let reply = String::from_utf8(heard.carry(sandbox)).unwrap();
        // Of the same length, so that what is said of it stays true.
        let here = format!("http://{}", heard.header("host").unwrap());
        assert!(
            reply.contains(&here) && here.len() == elsewhere.len(),
            "{reply}"
        );
        let reply = if *tokens == 1 {
            reply
        } else {
            reply.replace(&here, &elsewhere)
        };
        wire.send(reply);
        After::Keep
    });
    world.ask_at(&front.base());

    let done = world.call(&run("users.csv", "crm", "delete")).code(3);
    done.says("this is the wrong app, organisation or address");
    assert!(other.heard().is_empty(), "nothing goes there");
    let status = world.status(LEDGER);
    assert_eq!(status["stops"][0]["reason"], "wrong_tenant");
    let deleted = status["outcomes"]["deleted"].as_u64().unwrap();
    // None, where a slow machine takes half a second for what is asked before the first row.
    assert!((0..ROWS).contains(&deleted), "{deleted}");
    assert_eq!(status["outcomes"]["pending"], ROWS - deleted);

    // The next process has no token left and is led there by its first: that is not where the run
    // began.
    std::fs::remove_dir_all(world.path("cache")).unwrap();
    world.call(&["resume", LEDGER]).code(4).says("tenant");
    assert!(other.heard().iter().all(|heard| !heard.is_deletion()));
    assert_eq!(world.status(LEDGER)["outcomes"]["pending"], ROWS - deleted);
}

/// Behind a gateway two organisations may differ in the path alone.
#[test]
fn another_path_behind_the_same_gateway_is_another_tenant() {
    for (provider, account) in [("sunco", "chat"), ("zoho", "crm"), ("zendesk", "acme")] {
        let world = World::of_ids(provider, (1..=3).map(|n| id(account, n)));
        let sandbox = world.sandbox().addr();
        // Both paths lead to the same server, so that nothing else differs.
        let front = Raw::start(move |heard, wire| {
            let mut heard = heard.clone();
            for place in ["/gw-a", "/gw-b"] {
                heard.target = heard.target.replacen(place, "", 1);
            }
            wire.send(heard.carry(sandbox));
            After::Keep
        });
        let config = |place: &str| {
            let mut config = world.config();
            let base = format!("{}/{place}", front.base());
            config = config.replace(&world.base(), &base);
            // Zoho's base is the token's word otherwise.
            config = config.replace(
                "[accounts.crm]\n",
                &format!("[accounts.crm]\nbase_url = \"{base}\"\n"),
            );
            world.configure(&config);
        };
        config("gw-a");
        let run = run("users.csv", account, "delete");
        world.call(&run).code(0);
        config("gw-b");
        world.call(&["verify", LEDGER]).code(4).says("tenant");
    }
}

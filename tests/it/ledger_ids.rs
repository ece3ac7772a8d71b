//! Ids that come from a ledger: as strange as those of a file, and whoever can write it can seal it.

use rstest::rstest;
use serde_json::json;
use std::fmt::Write as _;

use crate::support::World;
use crate::support::usual::{LEDGER, run};

/// A ledger of one deletion at `account`, in which the user is called `id` since, sealed anew.
fn forged(account: &str, id: &str) -> World {
    let (provider, own) = match account {
        "chat" => ("sunco", "5fe0a0f0b5e2a4001c8d0001"),
        "crm" => ("zoho", "5725767000000412001"),
        _ => ("zendesk", "361808351050"),
    };
    let world = World::of_ids(provider, [own.to_owned()]);
    world.call(&run("users.csv", account, "delete")).code(0);
    let mut text = String::new();
    let mut head = [0; 32];
    for line in world.read(LEDGER).lines() {
        let (open, _) = line.rsplit_once(",\"chain\":\"").unwrap();
        let open = open.replace(&json!(own).to_string(), &json!(id).to_string());
        let sealed = [&head[..], open.as_bytes(), b"}"].concat();
        let hash = blake3::hash(&sealed);
        head = *hash.as_bytes();
        writeln!(text, "{open},\"chain\":\"{}\"}}", hash.to_hex()).unwrap();
    }
    world.write(LEDGER, text);
    world.call(&["audit", LEDGER]).code(0);
    world
}

#[rstest]
#[case("acme", "..")]
#[case("acme", ".")]
#[case("acme", "")]
#[case("acme", "1,2,3")]
#[case("acme", "361808351050,361808351061")]
#[case("chat", "..")]
#[case("chat", ".")]
#[case("chat", "")]
#[case("chat", "x/../y")]
#[case("chat", "x/")]
#[case("crm", "..")]
#[case("crm", "")]
#[case("crm", "zcrm_5725767000000412001")]
fn an_id_that_the_provider_cannot_have_is_asked_about_by_nobody(
    #[case] account: &str,
    #[case] id: &str,
) {
    let world = forged(account, id);
    let before = world.sandbox().log(None).len();
    let ledger = world.read(LEDGER);
    let named = format!("\"id\":{}", json!(id));
    let line = ledger.lines().position(|line| line.contains(&named));
    let line = format!("line {}", line.unwrap() + 1);
    for command in [
        &["verify", LEDGER][..],
        &["resume", LEDGER],
        &["retry", LEDGER, "--yes", "--only", "deleted"],
    ] {
        world.call(command).code(4).says(&line).says(LEDGER);
    }
    assert_eq!(world.sandbox().log(None).len(), before, "nobody was asked");
    assert_eq!(world.read(LEDGER), ledger);
}

//! What the providers' own documents say and the common case does not show, each through the program.

use rstest::rstest;
use serde_json::{Value, json};

use crate::support::World;
use crate::support::raw::{After, Heard, Raw, answer};
use crate::support::usual::{LEDGER, id, run};

/// Zoho users 1 to `count`, all in `users.csv`, at an account with this line.
fn crm(count: u64, line: &str) -> World {
    let world = World::of_ids("zoho", (1..=count).map(|n| id("crm", n)));
    let at = "[accounts.crm]\n";
    world.configure(&world.config().replace(at, &format!("{at}{line}\n")));
    world
}

/// The paths of the reads of users, but for the caller and the organisation.
fn reads(heard: &[Heard]) -> Vec<String> {
    let reads = heard.iter().filter(|heard| heard.method == "GET");
    let reads = reads.filter(|heard| heard.target.contains("/users"));
    let reads = reads.filter(|heard| !heard.target.contains("type=CurrentUser"));
    reads.map(|heard| heard.target.clone()).collect()
}

/// The sandbox, and what was heard on the way there.
fn front(world: &World) -> Raw {
    let sandbox = world.sandbox().addr();
    Raw::start(move |heard, wire| {
        wire.send(heard.carry(sandbox));
        After::Keep
    })
}

/// The sandbox lists everybody, whatever `ids` says, where no document says that it is heeded.
#[rstest]
#[case("v2", true)]
#[case("v2.1", true)]
#[case("v3", true)]
#[case("v4", false)]
fn old_versions_of_zoho_read_users_one_at_a_time(#[case] version: &str, #[case] alone: bool) {
    let world = crm(3, &format!("version = \"{version}\""));
    world.seed(json!({"zoho": [{"id": id("crm", 2), "kind": "administrator"}]}));
    let front = front(&world);
    let config = world.read("userpurge.toml");
    world.configure(&config.replace(&world.base(), &front.base()));
    world.call(&run("users.csv", "crm", "delete")).code(1);
    let outcomes = world.outcomes(LEDGER);
    let ends = |row| outcomes[&row]["outcome"].as_str().unwrap();
    assert_eq!([1, 2, 3].map(ends), ["deleted", "protected", "deleted"]);
    let deleted = world.deletions();
    assert!(!deleted.iter().any(|call| call.concerns(&id("crm", 2))));
    world.call(&["verify", LEDGER]).code(0);
    let lists = reads(&front.heard())
        .iter()
        .filter(|it| it.contains("ids="))
        .count();
    assert_eq!(lists, if alone { 0 } else { 2 }, "before, and to verify");
}

/// A plan counts the reads one by one: twice as many requests.
#[test]
fn a_plan_for_an_old_version_of_zoho_takes_twice_as_long() {
    let takes = |version: &str| {
        let world = crm(1_000, &format!("version = \"{version}\""));
        let wide = "requests = \"100000/1s\"";
        let config = world.read("userpurge.toml");
        world.configure(&config.replace(wide, "requests = \"100/1s\""));
        let plan = "plan users.csv --account crm --action delete --json";
        let plan: Vec<_> = plan.split(' ').collect();
        let plan: Value = serde_json::from_str(&world.call(&plan).code(0).out).unwrap();
        plan["accounts"]["crm"]["delete"]["seconds_at_limit"].as_f64()
    };
    assert_eq!((takes("v8"), takes("v3")), (Some(9.0), Some(19.0)));
}

/// An answer about the address would be the same for every row.
#[rstest]
#[case(404, "SOMETHING_NEW")]
#[case(405, "METHOD_NOT_ALLOWED")]
#[case(406, "SOMETHING_NEW")]
#[case(410, "SOMETHING_NEW")]
#[case(413, "SOMETHING_NEW")]
#[case(415, "SOMETHING_NEW")]
fn an_answer_of_zoho_about_the_address_stops_the_account(#[case] status: u16, #[case] code: &str) {
    let world = crm(60, "");
    let body = json!({"code": code, "details": {}, "message": "no", "status": "error"});
    let sandbox = world.sandbox().addr();
    let front = Raw::start(move |heard, wire| {
        if heard.is_deletion() {
            wire.send(answer(
                &format!("{status} No"),
                &["content-type: application/json"],
                body.to_string(),
            ));
        } else {
            wire.send(heard.carry(sandbox));
        }
        After::Keep
    });
    world.ask_at(&front.base());
    let done = world.call(&run("users.csv", "crm", "delete")).code(3);
    done.says(code);
    let told = world.status(LEDGER);
    assert_eq!(told["outcomes"]["pending"], 60);
    assert_eq!(told["stops"][0]["reason"], "wrong_tenant");
}

#[test]
fn a_missing_scope_of_zoho_is_told_by_name() {
    let world = crm(3, "");
    world.settings(json!({"zoho": {"scopes": ["ZohoCRM.users.READ", "ZohoCRM.org.READ"]}}));
    let done = world.call(&run("users.csv", "crm", "delete")).code(3);
    done.says("the refresh token needs ZohoCRM.users.DELETE and ZohoCRM.users.READ")
        .says("ZohoCRM.org.READ");
    assert_eq!(world.status(LEDGER)["outcomes"]["pending"], 3);
    // Those suffice, and no more is asked for.
    let least = [
        "ZohoCRM.users.READ",
        "ZohoCRM.users.DELETE",
        "ZohoCRM.org.READ",
    ];
    world.settings(json!({"zoho": {"scopes": least}}));
    world.call(&["resume", LEDGER]).code(0);
    assert_eq!(world.status(LEDGER)["outcomes"]["deleted"], 3);
}

#[test]
fn every_data_centre_of_zoho_is_known_and_a_version_that_it_does_not_have_is_refused() {
    let world = World::new();
    world.write("users.csv", "id\n5725767000000000001\n");
    let plan = ["plan", "users.csv", "--action", "delete"];
    let planned = |center: &str, version: &str| {
        world.configure(&format!(
            "[accounts.crm]\nprovider = \"zoho\"\ndata_center = \"{center}\"\nversion = \"{version}\"\n\
             client_id = \"1000.X\"\nclient_secret = \"s\"\nrefresh_token = \"1000.r\"\n\
             action = \"delete\"\n"
        ));
        world.call(&[&plan[..], &["--account", "crm"]].concat())
    };
    for center in "us eu in au jp cn ca sa uk ae sg".split(' ') {
        planned(center, "v8").code(0);
    }
    planned("ae", "v9").code(2).says("`v9` is not one of `v2`");
}

/// Each kind of key, used in both ways; an integration's may not read the app.
#[rstest]
#[case("app_sandbox", "basic", "key of this app")]
#[case("act_sandbox", "basic", "key of the whole account")]
#[case("act_sandbox", "jwt", "key of the whole account")]
#[case("int_sandbox", "basic", "key of an integration")]
#[case("int_sandbox", "jwt", "key of an integration")]
fn every_kind_of_key_deletes(#[case] key: &str, #[case] auth: &str, #[case] told: &str) {
    let world = World::of_ids("sunco", (1..=3).map(|n| id("chat", n)));
    let line = format!("key_id = \"{key}\"\nauth = \"{auth}\"");
    world.configure(&world.config().replace("key_id = \"app_sandbox\"", &line));
    world.call(&["check"]).code(0).says(told);
    world.call(&run("users.csv", "chat", "delete")).code(0);
    assert_eq!(world.deletions().len(), 3);
    world.call(&["verify", LEDGER]).code(0);
}

/// Three users of one external id, of two brands and of none; and the states of theirs that changed.
fn brands() -> World {
    let world = World::new();
    world.wide();
    let user =
        |n, brand: &str| json!({"id": id("chat", n), "external_id": "shop/4 2", "brand": brand});
    world.seed(json!({"sunco": [user(1, ""), user(2, "9477922990333"), user(3, "94779229B")]}));
    world
}

fn gone(world: &World) -> Vec<String> {
    let users = world.users().into_iter();
    let gone = users.filter(|user| user.state == "deleted" || user.state == "cleared");
    gone.map(|user| user.id).collect()
}

#[rstest]
#[case("delete")]
#[case("delete-personal-information")]
fn a_brand_of_the_row_decides_which_user_is_meant(#[case] action: &str) {
    let world = brands();
    world.write("users.csv", "user_id,Brand\nshop/4 2,9477922990333\n");
    world.call(&run("users.csv", "chat", action)).code(0);
    assert_eq!(gone(&world), [id("chat", 2)]);
    world.call(&["verify", LEDGER]).code(0);
    // Of the same external id, but another user: neither a duplicate nor done before.
    let rows = "user_id,brand_id\nshop/4 2,94779229B\nshop/4 2,94779229B\nshop/4 2,9477922990333\n";
    world.write("more.csv", rows);
    let run = run("more.csv", "chat", action);
    world
        .call(&[&run[..], &["--done-in", LEDGER]].concat())
        .code(0);
    assert_eq!(gone(&world), [id("chat", 2), id("chat", 3)]);
    let outcomes = world.outcomes("more.csv.ledger.jsonl");
    let ends = |row| outcomes[&row]["outcome"].as_str().unwrap();
    assert_eq!([1, 2, 3].map(ends), ["deleted", "duplicate", "done_before"]);
}

#[test]
fn the_accounts_brand_is_for_rows_that_name_none() {
    let world = brands();
    let app = "app_id = \"5963c0d619a30a2e00de36b8\"\n";
    let config = world.config();
    world.configure(&config.replace(app, &format!("{app}brand_id = \"94779229B\"\n")));
    let rows =
        "{\"user_id\": \"shop/4 2\"}\n{\"user_id\": \"shop/4 2\", \"brand\": \"9477922990333\"}\n";
    world.write("users.jsonl", rows);
    world.call(&run("users.jsonl", "chat", "delete")).code(0);
    assert_eq!(gone(&world), [id("chat", 2), id("chat", 3)]);
    // A run that was interrupted finds them again by the ledger alone.
    world.call(&["verify", "latest"]).code(0);
    world.configure(&config.replace(app, &format!("{app}brand_id = \"no brand\"\n")));
    world
        .call(&["check"])
        .code(2)
        .says("`accounts.chat.brand_id`");
}

#[test]
fn what_is_no_brand_is_no_row_and_elsewhere_the_column_means_nothing() {
    let world = brands();
    // A cell too few may have put another into the column.
    world.write(
        "users.csv",
        "user_id,x,brand\nshop/4 2,,Our Shop\nshop/4 2,94779229B\n",
    );
    world
        .call(&run("users.csv", "chat", "delete"))
        .code(1)
        .says("rename it");
    assert!(world.deletions().is_empty());
    assert_eq!(world.outcomes(LEDGER).len(), 2);
    world.zendesk_users(1..=2);
    world.write("zendesk.csv", "id,brand,x\n1,Our Shop\n2\n");
    world.call(&run("zendesk.csv", "acme", "delete")).code(0);
    assert_eq!(world.deletions().len(), 2);
}

//! Protect lists as people have them. Whoever stands in one is never sent, or the list is refused;
//! and an account at which any text may be an id makes no difference.

use rstest::rstest;
use serde_json::json;

use crate::lists::{plan, touched};
use crate::support::World;
use crate::support::usual::run;

/// Two of them are on each list.
const USERS: [u64; 3] = [361_808_351_050, 361_808_351_061, 361_808_351_072];

/// With an account at Sunshine Conversations, or without one.
fn world(with_chat: bool) -> World {
    let world = World::new();
    world.wide();
    world.zendesk_users(USERS);
    world.write("users.txt", "361808351050\n361808351061\n361808351072\n");
    if !with_chat {
        let config = world.config();
        let (acme, rest) = config.split_once("[accounts.chat]").unwrap();
        let crm = rest.find("[accounts.crm]").unwrap();
        world.configure(&format!("{acme}{}", &rest[crm..]));
    }
    world
}

#[rstest]
#[case("list.txt", "361808351050,361808351061\n")]
#[case("list.txt", "361808351050 361808351061\n")]
#[case("list.txt", "\"361808351050\"\n\"361808351061\"\n")]
#[case("list.txt", "# the board\n361808351050\n# and\n361808351061\n")]
#[case("list.csv", "name;id\nAda;361808351050\n;\nBo;361808351061\n")]
#[case("list.json", "[361808351050,\"361808351061\"]")]
fn whoever_is_on_the_list_is_spared(
    #[case] name: &str,
    #[case] text: &str,
    #[values(true, false)] with_chat: bool,
) {
    let world = world(with_chat);
    world.write(name, text);
    let planned = plan(&world, "users.txt", &["--protect", name]);
    assert_eq!(planned["protect_list"], 2, "{planned}");
    assert_eq!(
        (&planned["to_delete"], &planned["protected"]),
        (&json!(1), &json!(2))
    );
    let args = [
        &run("users.txt", "acme", "delete")[..],
        &["--protect", name],
    ]
    .concat();
    world
        .call(&args)
        .code(0)
        .says(&format!("protect list {name}: 2 ids"))
        .says("2 on the protect list");
    assert_eq!(
        touched(&world).into_iter().collect::<Vec<_>>(),
        ["361808351072"]
    );
}

#[rstest]
// Cut within its last id: another user's.
#[case(
    "list.csv",
    "name,id\nAda,361808351050\nBo,36180835106",
    "line 3 of the protect list"
)]
#[case("list.txt", "361808351050\n36180835106", "line 2 of the protect list")]
// Numbered, with and without a blank.
#[case("list.txt", "1\t361808351050\n2\t361808351061\n", "running number")]
#[case("list.txt", "1\t361808351050\n", "line 1 of the protect list")]
#[case("list.txt", "1:361808351050\n2:361808351061\n", "running number")]
// Behind a comment's sign.
#[case(
    "list.txt",
    "361808351050\n#361808351061\n",
    "line 2 of the protect list"
)]
// With something else.
#[case(
    "list.ids",
    "361808351050 Ada\n361808351061\n",
    "line 1 of the protect list"
)]
#[case(
    "list.txt",
    "361808351050, Ada\n361808351061\n",
    "line 1 of the protect list"
)]
#[case(
    "list.ids",
    "361808351050 and 361808351061\n",
    "line 1 of the protect list"
)]
#[case(
    "list.txt",
    "“361808351050”\n“361808351061”\n",
    "line 1 of the protect list"
)]
#[case(
    "list.csv",
    "id\n\"361808351050,361808351061\"\n",
    "line 2 of the protect list"
)]
#[case("list.csv", "id\nID: 361808351050\n", "line 2 of the protect list")]
#[case(
    "list.csv",
    "id\nhttps://acme.example/users/361808351050\n",
    "line 2 of the protect list"
)]
#[case(
    "list.csv",
    "name,id\nAda,361808351050\n361808351061\n",
    "line 3 of the protect list"
)]
// From another column.
#[case(
    "list.csv",
    "id,user_id\n1,361808351050\n2,361808351061\n",
    "`id`, `user_id`"
)]
#[case("list.csv", "external_id,name\n361808351050,Ada\n", "external ids")]
// Gone through a spreadsheet.
#[case(
    "list.csv",
    "id\n3.61808E+11\n361808351061\n",
    "line 2 of the protect list"
)]
// What an account at which any text may be an id would take.
#[case("list.txt", "a1@acme.example\nb2@acme.example\n", "line 1 of the")]
#[case("list.txt", "auth0|361808351050\nauth0|361808351061\n", "protect list")]
#[case("list.csv", "auth0|5fe0a0f0b5\nauth0|5fe0a0f0b6\n", "protect list")]
#[case("list.txt", "user_361808351050\n", "line 1 of the protect list")]
#[case("list.txt", "u361808351050\n", "line 1 of the protect list")]
#[case("list.txt", "361808351050.json\n", "line 1 of the protect list")]
#[case("list.txt", "2026-01-05T00:00:00\n", "line 1 of the protect list")]
#[case("list.csv", "id\n361\u{a0}808\u{a0}351\u{a0}050\n", "thousands")]
#[case("list.csv", "id\n361808351050\n#N/A\n", "line 3 of the protect list")]
// Other lists below, beside and behind.
#[case(
    "list.csv",
    "id,name\n361808351050,x\nname,id\ny,361808351061\n",
    "(line 3)"
)]
#[case(
    "list.json",
    "{\"users\":[{\"id\":361808351050}],\"deleted_users\":[{\"id\":361808351061}]}",
    "beside `deleted_users`"
)]
#[case(
    "list.json",
    "{\"users\":[{\"id\":361808351050}],\"next_page\":\"https://acme.example/2\"}",
    "ids are missing; fetch all pages"
)]
#[case(
    "list.json",
    "[{\"id\":77,\"user\":{\"id\":361808351050}}]",
    "`id`, `user.id`"
)]
#[case(
    "list.json",
    "{\"id\":77,\"users\":[{\"id\":361808351050}]}",
    "`id`, `users.id`"
)]
#[case(
    "list.csv",
    "id,user\n771,361808351050\n772,361808351061\n",
    "`id`, `user`"
)]
#[case(
    "list.csv",
    "ID,Kundennummer\n1,361808351050\n",
    "`ID`, `Kundennummer`"
)]
#[case(
    "list.txt",
    "361808351050\n361808351061 DO NOT DELETE\n",
    "line 2 of the protect list"
)]
// Torn.
#[case("list.csv", "id,name\n3,61808E+11\n", "line 2 of the protect list")]
#[case("list.txt", "361808351050\n3618083510", "line 2 of the protect list")]
fn a_list_of_which_anything_would_be_left_out_is_refused(
    #[case] name: &str,
    #[case] text: &str,
    #[case] says: &str,
    #[values(true, false)] with_chat: bool,
) {
    let world = world(with_chat);
    world.write(name, text);
    let args = [
        &run("users.txt", "acme", "delete")[..],
        &["--protect", name],
    ]
    .concat();
    world.call(&args).code(2).says(says);
    assert!(world.sandbox().log(None).is_empty(), "nobody was asked");
}

#[test]
fn a_list_of_texts_counts_where_any_text_is_an_id() {
    let world = world(true);
    world.write("chat.csv", "id\njane\njoe\n");
    world.write("list.csv", "id\njane\n");
    let options = [
        "--account",
        "chat",
        "--action",
        "delete",
        "--protect",
        "list.csv",
    ];
    let args = |file| [&["plan", file, "--json"][..], &options].concat();
    world
        .call(&args("chat.csv"))
        .code(0)
        .says("\"protected\":1");
    // What looks as an id of another account does protects somebody there.
    world.write("ids.txt", "361808351050\n5fe0a0f0b5e2a4001c8d0001\n");
    let planned = plan(&world, "users.txt", &["--protect", "ids.txt"]);
    assert_eq!(planned["protected"], 1, "{planned}");
    // Rows that name their accounts may be of any: whom the list names may be at one where a text is an id.
    world.write("mixed.csv", "id,account\njane,chat\n361808351050,acme\n");
    world
        .call(&args("mixed.csv"))
        .code(0)
        .says("\"protected\":1");
    // But a number that something was done to is nobody's id, whatever other account takes any text.
    for id in [
        "361\u{a0}808\u{a0}351\u{a0}050",
        "0361808351050",
        "3.61E+11",
        "2026-11-29",
    ] {
        world.write("list.csv", format!("id\n{id}\n"));
        let done = world.call(&args("mixed.csv")).code(2);
        done.says("line 2 of the protect list");
    }
}

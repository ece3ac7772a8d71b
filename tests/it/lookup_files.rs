//! `lookup` at providers from files: users are found by the searches of the file, believed by their own words
//! alone, and a search that proves too little is refused.

use std::fs;

use rstest::rstest;
use serde_json::{Value, json};
use userpurge::provider::ProviderFile;
use userpurge::sandbox::{Call, Sandbox, SandboxOptions};
use wiremock::matchers::{any, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::provider_files::{account, configure};
use crate::signals::send;
use crate::support::World;

/// Each shipped file that finds users by address: its action, and its ids without their last sign.
const FINDING: [(&str, &str, &str); 5] = [
    ("intercom", "delete", "64f0a1b2c3d4e5f6a7b8c9d"),
    ("freshdesk", "hard-delete", "4300000004"),
    ("gorgias", "delete", "8123456"),
    ("okta", "deactivate-and-delete", "00ubbbbbbbbbbbbbbbb"),
    ("hubspot", "gdpr-delete", "15100000"),
];

fn lookup<'w>(file: &'w str, account: &'w str, by: &'w str) -> Vec<&'w str> {
    let args = ["lookup", file, "--account", account, "--by", by];
    [&args[..], &["-o", "found.csv"]].concat()
}

/// A world with one account, at the shipped file `name`, and these users.
fn world(name: &str, users: &[Value]) -> World {
    let world = World::new();
    world.seed(json!({name: users}));
    world.settings(json!({"scale_limits": 1_000_000.0}));
    configure(&world, name, name, Sandbox::SECRET);
    world
}

/// Rows of the output, without its header.
fn written(world: &World) -> Vec<String> {
    let text = fs::read_to_string(world.path("found.csv")).unwrap_or_default();
    text.lines().skip(1).map(str::to_owned).collect()
}

/// The keys that were searched for, in their order.
fn searched(world: &World) -> Vec<String> {
    let reads = world.calls(Call::Read).into_iter();
    reads.filter_map(|read| read.user).collect()
}

#[test]
fn one_none_and_several_are_told_apart_and_who_is_like_is_nobody() {
    for (name, action, stem) in FINDING {
        let id = |n: u64| format!("{stem}{n}");
        let user = |n, email: &str| json!({"id": id(n), "email": email});
        let gone = json!({"id": id(5), "email": "gone@shop.example", "state": "deleted"});
        let users = [
            user(1, "ada@shop.example"),
            user(2, "two@shop.example"),
            user(3, "two@shop.example"),
            user(4, "nevada@shop.example"),
            gone,
        ];
        let world = world(name, &users);
        let rows = ["ADA", "two", "va", "gone", "no address"];
        let rows = rows.map(|row| match row {
            "no address" => row.to_owned(),
            _ => format!("{row}@shop.example"),
        });
        world.write("people.csv", format!("email\n{}\n", rows.join("\n")));
        world
            .call(&lookup("people.csv", name, "email"))
            .code(1)
            .says("one user for 1 row, none for 3, several for 1");
        let found = written(&world);
        assert_eq!(
            found[..2],
            [
                format!("{},{name},one,{}", id(1), rows[0]),
                format!(",{name},several,{}", rows[1])
            ]
        );
        let is_none = |row: &String| row.starts_with(&format!(",{name},none,"));
        assert!(found[2..].iter().all(is_none), "{found:?}");
        // Each once, and nobody for what is no address.
        assert_eq!(searched(&world).len(), 4, "{name}");
        assert!(world.deletions().is_empty(), "{name}");
        let run = ["run", "found.csv", "--action", action, "--yes"];
        world.call(&run).code(1);
        let users = world.users().into_iter();
        let gone = users.filter(|user| user.changes > 0).map(|user| user.id);
        assert_eq!(gone.collect::<Vec<_>>(), [id(1)], "{name}");
    }
}

#[rstest]
#[case::query("gorgias", "", "")]
#[case::json("intercom", "", "")]
#[case::segment(
    "gorgias",
    "GET /api/customers?external_id={key}",
    "GET /api/customers/of/{key}"
)]
fn a_key_arrives_whole_in_its_one_place_whatever_stands_in_it(
    #[case] name: &str,
    #[case] from: &str,
    #[case] to: &str,
) {
    let text = ProviderFile::shipped_text(name).unwrap();
    let text = text.replace(&format!("\"{name}\""), "\"ours\"");
    let text = if from.is_empty() {
        text
    } else {
        text.replace(from, to)
    };
    let file = ProviderFile::parse(&text).unwrap();
    let world = World::with(SandboxOptions {
        files: vec![file.into()],
        ..SandboxOptions::default()
    });
    world.write("ours.toml", &text);
    let keys = [
        "a/b?c=d&external_id=e#f",
        "\"or\" 'x' \\",
        "ü 名 %2F+;",
        "{id}{key}",
        "../../users",
        "Shop-7",
        "shop-7",
        ".",
        "$(x)`y`|*",
    ];
    let stem = if name == "gorgias" {
        "812345"
    } else {
        "64f0a1b2c3d4e5f6a7b8c9d"
    };
    let user = |(n, key): (usize, &&str)| json!({"id": format!("{stem}{n}"), "external_id": key});
    let users: Vec<Value> = keys.iter().enumerate().map(user).collect();
    world.seed(json!({"ours": users}));
    world.settings(json!({"scale_limits": 1_000_000.0}));
    configure(&world, "ours", "./ours.toml", Sandbox::SECRET);
    let rows = keys.map(|key| json!({"externalId": key}).to_string());
    world.write("people.jsonl", rows.join("\n"));
    // A dot alone is no segment, and is asked for nowhere.
    world
        .call(&lookup("people.jsonl", "ours", "external-id"))
        .code(1)
        .says("one user for 8 rows, none for 1");
    let mut asked = searched(&world);
    asked.sort();
    let mut whole: Vec<&str> = keys.into_iter().filter(|key| *key != ".").collect();
    whole.sort_unstable();
    assert_eq!(asked, whole);
    for (n, row) in written(&world)
        .iter()
        .enumerate()
        .filter(|it| keys[it.0] != ".")
    {
        assert!(row.starts_with(&format!("{stem}{n},ours,one,")), "{row}");
    }
}

#[rstest]
#[case("auth0", "email", "email\nada@shop.example\n")]
#[case("freshdesk", "external-id", "external_id\nshop-7\n")]
fn an_account_without_such_a_search_is_refused_with_what_to_do(
    #[case] name: &str,
    #[case] by: &str,
    #[case] text: &str,
) {
    let world = world(name, &[]);
    world.write("people.csv", text);
    let done = world.call(&lookup("people.csv", name, by)).code(2);
    let says = format!("finds nobody by {by}");
    done.says(&says)
        .says("`[find]`")
        .says("nobody was asked for");
    assert!(world.sandbox().log(None).is_empty());
    world.call(&["help", "providers"]).code(0);
}

#[test]
fn a_lookup_that_was_killed_goes_on_behind_the_rows_that_it_wrote() {
    let user =
        |n: u64| json!({"id": (8000 + n).to_string(), "email": format!("p{n}@shop.example")});
    let world = world("gorgias", &(0..150).map(user).collect::<Vec<_>>());
    world.settings(json!({"latency": "15ms"}));
    let rows = (0..150).map(|n| format!("p{n}@shop.example\n"));
    world.write("people.csv", format!("email\n{}", rows.collect::<String>()));
    let args = lookup("people.csv", "gorgias", "email");
    let child = world.start(&args);
    world.until("rows are written", || !written(&world).is_empty());
    send("-KILL", &child);
    world.finish(child);
    let before = written(&world).len();
    assert!(before < 150, "{before}");
    world.settings(json!({"latency": "0ms"}));
    world
        .call(&args)
        .code(0)
        .says("one user for 150 rows, none for 0");
    for (n, row) in written(&world).iter().enumerate() {
        assert_eq!(*row, format!("{},gorgias,one,p{n}@shop.example", 8000 + n));
    }
    let asked = searched(&world);
    // The last may be torn.
    for n in 0..before - 1 {
        let key = format!("p{n}@shop.example");
        // Who was written is not asked for again.
        assert_eq!(asked.iter().filter(|it| **it == key).count(), 1, "{key}");
    }
}

/// What `gorgias` finds for one address where a server answers so, with the end of `lookup`.
fn found_in(answer: ResponseTemplate) -> (i32, Vec<String>) {
    let world = World::new();
    let server = world.block_on(MockServer::start());
    let who = ResponseTemplate::new(200).set_body_json(json!({"domain": "acme"}));
    let account_read = Mock::given(path("/api/account")).respond_with(who);
    world.block_on(account_read.with_priority(1).mount(&server));
    world.block_on(Mock::given(any()).respond_with(answer).mount(&server));
    let text = ProviderFile::shipped_text("gorgias").unwrap();
    let file = ProviderFile::parse(text).unwrap();
    world.configure(&account(&file, "gorgias", &server.uri(), "secret"));
    world.write("people.csv", "email\nada@shop.example\n");
    let args = lookup("people.csv", "gorgias", "email");
    let done = world.call(&[&args[..], &["--attempts", "1"]].concat());
    assert!(!done.err.contains("shop.example"), "{done:?}");
    (done.code, written(&world))
}

#[rstest]
#[case::no_list(json!({"data": {"id": 1, "email": "ada@shop.example"}}), None)]
#[case::not_there(json!({"customers": []}), None)]
#[case::no_id(json!({"data": [{"email": "ada@shop.example"}]}), None)]
#[case::other_id(json!({"data": [{"id": "x y", "email": "ada@shop.example"}]}), None)]
#[case::no_key(json!({"data": [{"id": 1}]}), None)]
#[case::none_of_more(json!({"data": [], "meta": {"next_cursor": "abc"}}), None)]
#[case::one_of_more(
    json!({"data": [{"id": 1, "email": "ada@shop.example"}], "meta": {"next_cursor": "abc"}}),
    None
)]
#[case::several_of_more(
    json!({"data": [
        {"id": 1, "email": "ada@shop.example"},
        {"id": 2, "email": "ADA@shop.example"},
    ], "meta": {"next_cursor": "abc"}}),
    Some(",gorgias,several,ada@shop.example")
)]
#[case::twice(
    json!({"data": [
        {"id": 1, "email": "ada@shop.example"},
        {"id": 1, "email": "ada@shop.example"},
    ]}),
    Some("1,gorgias,one,ada@shop.example")
)]
#[case::without_an_address(
    json!({"data": [{"id": 1, "email": null}, {"id": 2, "email": "xada@shop.example"}]}),
    Some(",gorgias,none,ada@shop.example")
)]
fn an_answer_that_is_no_whole_list_of_users_is_never_none(
    #[case] answer: Value,
    #[case] row: Option<&str>,
) {
    let (code, rows) = found_in(ResponseTemplate::new(200).set_body_json(&answer));
    assert_eq!(rows, row.into_iter().collect::<Vec<_>>(), "{answer}");
    assert_eq!(code == 3, row.is_none(), "{answer}: {code}");
}

#[test]
fn a_header_that_leads_on_and_an_answer_that_is_no_200_are_no_answer() {
    let none = || ResponseTemplate::new(200).set_body_json(json!({"data": []}));
    assert_eq!(found_in(none()).1.len(), 1);
    let link = "<https://acme.example/api/customers?page=2>; rel=\"next\"";
    for answer in [
        none().insert_header("link", link),
        ResponseTemplate::new(202).set_body_json(json!({"data": []})),
        ResponseTemplate::new(404).set_body_json(json!({"error": {"msg": "none"}})),
        ResponseTemplate::new(200).set_body_string("<html>Sign in</html>"),
    ] {
        assert_eq!(found_in(answer), (3, Vec::new()));
    }
}

/// The file of Gorgias under a name of its own.
fn ours() -> String {
    let text = ProviderFile::shipped_text("gorgias").unwrap();
    text.replacen("\"gorgias\"", "\"ours\"", 1)
}

#[rstest]
#[case("items   = \"/data\"\n", "", "`items` is where")]
#[case("items   = \"/data\"", "items = \"data\"", "`items` is where")]
#[case("id      = \"/id\"\n", "", "a search lacks it")]
#[case("equals  = \"/email\"\n", "", "a search lacks it")]
#[case("more    = \"/meta", "more = \"meta", "a pointer begins")]
#[case("?email={key}", "?email=x", "`{key}` stands 0 times")]
#[case("?email={key}", "?email={key}&name={key}", "`{key}` stands 2 times")]
#[case("?email={key}", "?email={id}", "in a search `{key}`")]
#[case("?external_id={key}", "?external_id=x {key}", "in a search `{key}`")]
#[case("?email={key}", "?email='{key}'", "in a search `{key}`")]
#[case(
    "GET /api/customers?email=",
    "DELETE /api/customers?email=",
    "changes nothing"
)]
#[case(
    "GET /api/customers?email=",
    "POST /api/customers?email=",
    "changes nothing"
)]
#[case("GET /api/customers/{id}", "GET /api/customers/{key}", "`{id}`")]
#[case("[find.email]", "[find.phone]", "external-id")]
#[case(
    "[find.email]",
    "[find.email]\nstanding = { status = 200 }",
    "unknown key `standing`"
)]
#[case("means = \"one\"", "means = \"none\"", "means `one`")]
#[case("to = \"find.email\"", "to = \"find.external-id\"", "means `none`")]
#[case("key = \"ada@shop.example\"\n", "", "has the `key`")]
#[case(
    "id = \"8123456\"\nbody = '{\"data\"",
    "id = \"8\"\nbody = '{\"data\"",
    "this finds `8123456`"
)]
#[case("to = \"identify\"", "to = \"identify\"\nkey = \"x\"", "has the `key`")]
fn a_search_that_proves_too_little_is_refused_with_its_line(
    #[case] from: &str,
    #[case] to: &str,
    #[case] reason: &str,
) {
    let text = ours();
    assert!(text.contains(from), "{from}");
    let text = text.replacen(from, to, 1);
    let problem = ProviderFile::parse(&text).unwrap_err();
    assert!(problem.why.contains(reason), "{problem}");
    assert!(
        (2..=text.lines().count()).contains(&problem.line),
        "{problem}"
    );
}

#[rstest]
#[case("find.email", "one")]
#[case("find.email", "none")]
#[case("find.external-id", "one")]
#[case("find.external-id", "none")]
fn a_search_without_its_examples_is_refused(#[case] to: &str, #[case] means: &str) {
    let text = ours();
    let examples = text.split("[[replies]]");
    let is_it = |part: &&str| {
        part.contains(&format!("to = \"{to}\"")) && part.contains(&format!("means = \"{means}\""))
    };
    let kept: Vec<&str> = examples.filter(|part| !is_it(part)).collect();
    let text = kept.join("[[replies]]");
    let problem = ProviderFile::parse(&text).unwrap_err();
    let says =
        format!("there is no example of `{means}`; add it: `[[replies]]` with to = \"{to}\"");
    assert!(problem.why.contains(&says), "{problem}");
    let line = text.lines().nth(problem.line - 1).unwrap();
    assert!(line.starts_with(&format!("[{to}]")), "{line}");
}

/// An id with a comma, unquoted, would put its beginning in the column of ids: another user's.
#[test]
fn an_id_with_a_comma_stays_one_id() {
    let text = ProviderFile::shipped_text("okta").unwrap();
    let pattern = "pattern = '^00u[A-Za-z0-9,\"]+$'";
    let pattern_line = |line: &str| line.starts_with("pattern = ").then(|| pattern.to_owned());
    let lines = text.replace("\"okta\"", "\"ours\"");
    let lines = lines
        .lines()
        .map(|it| pattern_line(it).unwrap_or(it.to_owned()));
    let text = lines.collect::<Vec<_>>().join("\n");
    let file = ProviderFile::parse(&text).unwrap();
    let world = World::with(SandboxOptions {
        files: vec![file.into()],
        ..SandboxOptions::default()
    });
    world.write("ours.toml", &text);
    let id = "00ub,\"c";
    world.seed(json!({"ours": [
        {"id": id, "email": "ada@shop.example"},
        {"id": "00ub", "email": "bystander@shop.example"},
    ]}));
    configure(&world, "ours", "./ours.toml", Sandbox::SECRET);
    world.write("people.csv", "email\nada@shop.example\n");
    let found = lookup("people.csv", "ours", "email");
    world.call(&found).code(0);
    let row = "\"00ub,\"\"c\",ours,one,ada@shop.example";
    assert_eq!(written(&world), [row]);
    // What an earlier call wrote is read again.
    let asked = searched(&world).len();
    world.write(
        "people.csv",
        "email\nada@shop.example\nnobody@shop.example\n",
    );
    world.call(&found).code(1);
    assert_eq!(searched(&world).len(), asked + 1);
    assert_eq!(written(&world)[0], row);
    let run = [
        "run",
        "found.csv",
        "--action",
        "deactivate-and-delete",
        "--yes",
    ];
    world.call(&run).code(1);
    let gone = world.users().into_iter().filter(|user| user.changes > 0);
    assert_eq!(gone.map(|user| user.id).collect::<Vec<_>>(), [id]);
}

//! Files that people have, a kind a line: whoever a file means is deleted, nobody else is, and nobody is dropped
//! without a word. What is not sure is refused with a way that leads on.

#![expect(clippy::too_many_lines, reason = "a table has a line for each kind")]

use std::collections::BTreeSet;

use serde_json::{Value, json};
use userpurge::input::Compression;

use crate::input::compress;
use crate::kinds::page;
use crate::lists::touched;
use crate::packed::{Row, xlsx, zip};
use crate::support::World;

/// The users whom the files mean, at Zendesk.
const USERS: [&str; 6] = [
    "361808354107",
    "361808354118",
    "361808354129",
    "361808354130",
    "361808354141",
    "361808354152",
];

/// The same at Sunshine Conversations.
const CHATS: [&str; 5] = [
    "5fe0a0f0b5e2a4001c8d0a01",
    "5fe0a0f0b5e2a4001c8d0a02",
    "5fe0a0f0b5e2a4001c8d0a03",
    "5fe0a0f0b5e2a4001c8d0a04",
    "5fe0a0f0b5e2a4001c8d0a05",
];

/// Users whom a careless reader would take for them: numbers of rows, totals, organizations, days.
const OTHERS: [&str; 15] = [
    "1", "2", "3", "4", "5", "6", "7", "8", "9", "777", "114200", "35431", "20260105", "5012026",
    "31122025",
];

/// What must become of a file.
enum Must {
    /// The first so many users are deleted, and so many rows are invalid. The words stand in the plan.
    Delete(usize, usize, &'static str),
    /// All of it is refused, with these words.
    Refuse(&'static str),
}
use Must::{Delete, Refuse};

/// A file's name and content, options, and what must become of it.
type Case<'a> = (&'a str, Vec<u8>, &'a [&'a str], Must);

const PURGE: &[&str] = &["--account", "acme", "--action", "purge"];
const CHAT: &[&str] = &["--account", "chat", "--action", "delete"];

/// `header`, and a line for each user, with the id in place of `@` and a number in place of `#`.
fn lines_of(users: &[&str], header: &str, line: &str) -> Vec<u8> {
    let line = |(number, id): (usize, &&str)| {
        let number = (number + 1).to_string();
        line.replace('@', id).replace('#', &number)
    };
    let lines: String = users.iter().enumerate().map(line).collect();
    format!("{header}{lines}").into_bytes()
}

fn lines(header: &str, line: &str) -> Vec<u8> {
    lines_of(&USERS, header, line)
}

/// The same with an end.
fn closed(header: &str, line: &str, end: &str) -> Vec<u8> {
    let mut text = lines(header, line);
    let parted = [",", ",\n"]
        .into_iter()
        .find(|it| text.ends_with(it.as_bytes()));
    text.truncate(text.len() - parted.map_or(0, str::len));
    text.extend(end.bytes());
    text
}

fn text(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

/// Where all of them stand, as a file of `options` means them.
fn world(options: &[&str]) -> World {
    let world = World::new();
    world.wide();
    let is_soft = options.contains(&"permanently-delete");
    let state = if is_soft { "soft-deleted" } else { "active" };
    let zendesk = USERS.iter().chain(&OTHERS);
    let zendesk: Vec<_> = zendesk
        .map(|id| json!({"id": id, "state": state}))
        .collect();
    let sunco: Vec<_> = CHATS.iter().map(|id| json!({"id": id})).collect();
    world.seed(json!({"zendesk": zendesk, "sunco": sunco}));
    world
}

/// What is not as it must be with one file; `None`: nothing.
fn wrong((name, content, options, must): &Case<'_>) -> Option<String> {
    let world = world(options);
    world.write(name, content);
    // What else the options name.
    world.write("users.txt", lines_of(&USERS[..3], "", "@\n"));
    let usual = if options.contains(&"--account") {
        &[]
    } else {
        PURGE
    };
    let of = |command: &[&str], more: &[&str]| {
        // A protect list is held against the users beside it.
        let input = if options.contains(&"--protect") {
            "users.txt"
        } else {
            name
        };
        let args = [&[command[0], input], usual, options, &command[1..], more].concat();
        world.call(&args)
    };
    let told = of(&["plan"], &["--json"]);
    let page = of(&["plan"], &[]);
    let ran = of(&["run", "--yes", "--progress", "none"], &[]);
    let sent = touched(&world);
    let flat = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let all = flat(&format!("{}{}{}", told.out, page.out, page.err));
    let found = match must {
        Delete(count, invalid, words) => {
            let planned: Value = serde_json::from_str(&told.out).unwrap_or_default();
            let users = if options.contains(&"chat") {
                &CHATS[..]
            } else {
                &USERS
            };
            // The first two are on the protect list.
            let from = if options.contains(&"--protect") { 2 } else { 0 };
            let meant = users.iter().skip(from).take(*count);
            let meant: BTreeSet<String> = meant.map(|id| (*id).to_owned()).collect();
            let misleads = *count == 0
                && ["--id-column", "--format ids", "next: userpurge run"]
                    .iter()
                    .any(|it| all.contains(it));
            let codes = (told.code, ran.code);
            // A run refuses an input without rows.
            let run_code = if planned["rows"] == 0 {
                2
            } else {
                i32::from(*invalid > 0)
            };
            let codes_meant = (i32::from(*count == 0), run_code);
            let is_right = planned["to_delete"] == *count && planned["invalid"] == *invalid;
            is_right && sent == meant && all.contains(words) && !misleads && codes == codes_meant
        }
        Refuse(words) => {
            let codes = [told.code, page.code, ran.code];
            let is_silent = world.sandbox().log(None).is_empty();
            codes == [2; 3] && is_silent && flat(&ran.err).contains(words)
        }
    };
    let says = if told.out.is_empty() {
        &told.err
    } else {
        &told.out
    };
    (!found).then(|| {
        format!(
            "{name} {options:?}: {} {} {sent:?} {}",
            told.code,
            ran.code,
            flat(says)
        )
    })
}

#[track_caller]
fn hold(cases: &[Case<'_>]) {
    let wrong: Vec<String> = cases.iter().filter_map(wrong).collect();
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}

#[test]
fn lists_of_ids() {
    let one_line = USERS.join(",") + ",\n";
    let utf_16: Vec<u8> = format!("\u{feff}{}\r\n", USERS.join("\r\n"))
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    hold(&[
        ("a.txt", text(&one_line), &[], Delete(6, 0, "")),
        (
            "a.txt",
            text("361808354107,361808354118\n361808354129,361808354130\n"),
            &[],
            Delete(4, 0, ""),
        ),
        ("a.txt", lines("", "\"@\"\n"), &[], Delete(6, 0, "")),
        (
            "a.txt",
            lines("", "{'id': @}\n"),
            &[],
            Refuse("as a script prints them"),
        ),
        (
            "a.txt",
            lines("", "     #\t@\n"),
            &[],
            Refuse("`cut -f2-` takes them off"),
        ),
        (
            "a.txt",
            lines("", "     #\t@\n"),
            &["--format", "ids"],
            Refuse("running number"),
        ),
        (
            "a.txt",
            lines("", "#:@\n"),
            &[],
            Refuse("`cut -d':' -f2-` takes them off"),
        ),
        (
            "a.txt",
            lines("", "#:@\n"),
            &["--format", "ids"],
            Refuse("running number"),
        ),
        (
            "a.txt",
            text(&USERS.map(|id| format!("#{id}")).join("\n")),
            &[],
            Delete(0, 0, "6 lines begin with #"),
        ),
        (
            "a.txt",
            lines("", "https://acme.example/agent/users/@/tickets\n"),
            &[],
            Delete(0, 6, "a web address"),
        ),
        // More of our own.
        ("a.txt", lines("", "@\r\n"), &[], Delete(6, 0, "")),
        ("a.txt", lines("", "@\r"), &[], Delete(6, 0, "")),
        ("a.txt", lines("\u{feff}", "@\n"), &[], Delete(6, 0, "")),
        ("a.txt", utf_16, &[], Delete(6, 0, "")),
        ("a.txt", lines("", "\u{a0}@\u{a0}\n"), &[], Delete(6, 0, "")),
        ("a.txt", lines("", "@.0\n"), &[], Delete(0, 6, "")),
        (
            "a.txt",
            lines("", "- @\n"),
            &[],
            Refuse("known to hold user ids"),
        ),
        ("a.txt", lines("", "\"@\",\n"), &[], Refuse("no header")),
        (
            "a.txt",
            closed("[\n", "@,\n", "\n]\n"),
            &[],
            Delete(6, 0, ""),
        ),
        (
            "a.txt",
            closed("DELETE FROM users WHERE id IN (", "@,", ");\n"),
            &[],
            Refuse("no header"),
        ),
        (
            "a.txt",
            lines(
                "",
                "curl -X DELETE https://acme.example/api/v2/users/@.json\n",
            ),
            &[],
            Refuse("known to hold user ids"),
        ),
        (
            "a.txt",
            lines("      id      \n--------------\n", " @\n"),
            &[],
            Delete(6, 1, "digits only"),
        ),
        ("a.txt", lines("", "@ \t \n\n"), &[], Delete(6, 0, "")),
        ("a.txt", lines("id: ", "@, "), &[], Refuse("no header")),
        // The day on which the list was made, and a ticket's number.
        (
            "a.txt",
            lines("20260105\n", "@\n"),
            &[],
            Delete(6, 1, "the id looks like a date"),
        ),
        (
            "a.csv",
            closed("id,name\n", "@,x\n", "05012026,x\n31122025,x\n"),
            &[],
            Delete(6, 2, "the id looks like a date"),
        ),
        (
            "a.csv",
            closed("id,name\n", "@,x\n", "114200,x\n"),
            &[],
            Delete(6, 1, "at most half the digits"),
        ),
    ]);
}

#[test]
fn json() {
    let ids = USERS.map(|id| id.parse().unwrap());
    let pages = page("users", &ids[..3], true) + "\n" + &page("users", &ids[3..], true);
    let page_a_line =
        page("users", &ids[..3], false) + "\n" + &page("users", &ids[3..], false) + "\n";
    let whole = page("users", &ids, true);
    let job = closed(
        "{\"jobId\": \"41\", \"userAttributes\": [",
        "{\"userId\": \"@\", \"phone\": \"000\"},",
        "]}\n",
    );
    let packed = compress(text(&whole), Some(Compression::Gzip));
    let sunco = lines_of(&CHATS, "", "{\"user\": {\"id\": \"@\", \"profile\": {}}}\n");
    let sunco_page =
        json!({"users": CHATS.map(|id| json!({"id": id, "externalId": null, "profile": {}}))});
    let nodes = json!({"data": {"users": {"nodes": USERS.map(|id| json!({"id": id}))}}});
    let edges = USERS.map(|id| json!({"cursor": "x", "node": {"id": id}}));
    let edges =
        json!({"data": {"all-users": {"edges": edges, "pageInfo": {"hasNextPage": false}}}});
    let tickets = json!({"tickets": (1..=6).map(|n| json!({"id": 35430 + n, "requester_id": ids[n - 1]})).collect::<Vec<_>>()});
    hold(&[
        (
            "a.json",
            lines("", "{\n  \"id\": @,\n  \"role\": \"end-user\"\n}\n"),
            &[],
            Delete(6, 0, ""),
        ),
        (
            "a.jsonl",
            lines("", "{\n  \"id\": @,\n  \"role\": \"end-user\"\n}\n"),
            &[],
            Delete(6, 0, ""),
        ),
        (
            "a.json",
            text(&format!("{:?}\n{:?}\n", &ids[..3], &ids[3..])),
            &[],
            Delete(6, 0, ""),
        ),
        (
            "a.json",
            job.clone(),
            &["--id-column", "userAttributes.userId"],
            Delete(6, 0, ""),
        ),
        (
            "a.json",
            job,
            &[],
            Refuse("`--id-column userAttributes.userId`"),
        ),
        ("a.json", text(&whole), &[], Delete(6, 0, "")),
        ("a.json", text(&pages), &[], Delete(6, 0, "")),
        ("a.jsonl", text(&page_a_line), &[], Delete(6, 0, "")),
        (
            "a.json",
            text(&page("deleted_users", &ids, true)),
            &["--account", "acme", "--action", "permanently-delete"],
            Delete(6, 0, ""),
        ),
        ("a.json.gz", packed, &[], Delete(6, 0, "")),
        (
            "a.json",
            text(&sunco_page.to_string()),
            CHAT,
            Delete(5, 0, ""),
        ),
        (
            "a.jsonl",
            sunco.clone(),
            &[CHAT, &["--id-column", "user.id"]].concat(),
            Delete(5, 0, ""),
        ),
        ("a.jsonl", sunco, CHAT, Refuse("`--id-column user.id`")),
        (
            "a.jsonl",
            text(
                "{\"user_id\": 361808354107}\n{\"id\": 777, \"user_id\": 361808354118}\n{\"id\": 361808354129}\n",
            ),
            &[],
            Refuse("`id`, `user_id`"),
        ),
        (
            "a.jsonl",
            lines("", "2026-01-05T09:00:0#Z INFO {\"id\": @}\n"),
            &[],
            Delete(0, 6, "text stands before the JSON object"),
        ),
        // More of our own.
        (
            "a.json",
            text(&nodes.to_string()),
            &[],
            Refuse("`jq -c '.data.users.nodes[]'` puts each on a line"),
        ),
        (
            "a.jsonl",
            text(&edges.to_string()),
            &[],
            Refuse("`jq -c '.data.\"all-users\".edges[].node'`"),
        ),
        (
            "a.json",
            text(&json!([nodes, nodes]).to_string()),
            &[],
            Refuse("`jq -c '.[].data.users.nodes[]'`"),
        ),
        (
            "a.json",
            text(&nodes.to_string()),
            &["--id-column", "data.users.nodes.id"],
            Refuse("no column `data.users.nodes.id`"),
        ),
        (
            "a.json",
            text(&tickets.to_string()),
            &[],
            Refuse("name one with `--id-column` (columns seen"),
        ),
        (
            "a.json",
            lines("", "{\"id\": @},\n"),
            &[],
            Delete(0, 6, "a comma stands behind the JSON object"),
        ),
        (
            "a.jsonl",
            closed("", "{\"id\": @} ,\r\n", "\n{\"id\": 777\n"),
            &[],
            Delete(0, 7, "`sed 's/,[[:space:]]*$//'` takes it off"),
        ),
        (
            "a.json",
            closed("[", "{\"id\": @.0},", "]"),
            &[],
            Delete(0, 6, ""),
        ),
        (
            "a.json",
            closed("[", "{\"id\": 3.618e11},", "]"),
            &[],
            Delete(0, 6, ""),
        ),
        ("a.json", closed("{\"ids\": [", "@,", "]}"), &[], Refuse("")),
        (
            "a.json",
            closed("{", "\"@\": {\"name\": \"x\"},", "}"),
            &[],
            Refuse(""),
        ),
        (
            "a.json",
            closed("[", "{'id': @, 'name': None},", "]"),
            &[],
            Refuse("as a script prints them"),
        ),
        (
            "a.json",
            closed("\u{feff}[", "\"@\",", "]"),
            &[],
            Delete(6, 0, ""),
        ),
        (
            "a.json",
            closed("// users\n[", "{\"id\": @},", "]"),
            &[],
            Refuse(""),
        ),
        (
            "a.json",
            text("{\"users\": [], \"next_page\": null, \"count\": 0}"),
            &[],
            Delete(0, 0, ""),
        ),
    ]);
}

#[test]
fn tables() {
    hold(&[
        (
            "a.csv",
            lines(
                "id,user_id,type,value\n",
                "36161200010#,@,email,u#.example\n",
            ),
            &[],
            Refuse("`--id-column`"),
        ),
        (
            "a.csv",
            lines("id,user_id,type\n", "36161200010#,@,email\n"),
            &["--id-column", "user_id"],
            Delete(6, 0, ""),
        ),
        (
            "a.csv",
            lines("id,user_id,organization_id\n", "36161200020#,@,114200\n"),
            &[],
            Refuse("`--id-column`"),
        ),
        (
            "a.csv",
            lines("ID,Name,Zendesk User ID\n", "#,x,@\n"),
            &[],
            Refuse("`ID`, `Zendesk User ID`"),
        ),
        (
            "a.csv",
            lines("ID,Name,Zendesk User ID\n", "#,x,@\n"),
            &["--id-column", "Zendesk User ID"],
            Delete(6, 0, ""),
        ),
        (
            "a.csv",
            lines("external_id,name\n", "@,x\n"),
            &[],
            Refuse("lookup"),
        ),
        (
            "a.csv",
            lines_of(&CHATS, "external_id,name\n", "@,x\n"),
            CHAT,
            Delete(5, 0, ""),
        ),
        (
            "a.csv",
            closed("id;name;;;;\r\n", "@;x;;;;\r\n", ";;;;;\r\n;;;;;\r\n"),
            &[],
            Delete(6, 0, ""),
        ),
        (
            "a.csv",
            closed("Full name,Email,ID\n", "x,u,@\n", "Total,,6\n"),
            &[],
            Delete(6, 1, "the row sums others up"),
        ),
        (
            "a.csv",
            text("id,ref\n361808354107,R-1\n\"361808354118,361808354129\",R-2\n"),
            &[],
            Delete(1, 1, "several ids"),
        ),
        (
            "a.csv",
            lines(
                "id,name\n",
                "\"=HYPERLINK(\"\"https://acme.example/users/@\"\",\"\"@\"\")\",x\n",
            ),
            &[],
            Delete(0, 6, "formula"),
        ),
        (
            "a.csv",
            lines("id,name\n", "\u{200e}@\u{200f},x\n"),
            &[],
            Delete(6, 0, ""),
        ),
        (
            "a.csv",
            lines("id,name\n", "\u{201c}@\u{201d},x\n"),
            &[],
            Delete(0, 6, "quotation marks"),
        ),
        (
            "a.csv",
            lines("id,name\n", "https://acme.example/agent/users/@,x\n"),
            &[],
            Delete(0, 6, "a web address"),
        ),
        (
            "a.csv",
            lines("id\n", "ID: @\n"),
            &[],
            Delete(0, 6, "other text stands beside the id"),
        ),
        (
            "a.csv",
            lines(
                "Explore: users,,\nMade 2026-01-05,,\n,,\nUser ID,Name,Mail\n",
                "@,x,y\n",
            ),
            &[],
            Refuse("`--header-line 4`"),
        ),
        (
            "a.csv",
            lines(
                "Explore: users,,\nMade 2026-01-05,,\n,,\nUser ID,Name,Mail\n",
                "@,x,y\n",
            ),
            &["--header-line", "4"],
            Delete(6, 0, ""),
        ),
        (
            "a.csv",
            lines("# exported 2026-01-05 by report 12\nid,name\n", "@,x\n"),
            &[],
            Refuse("`--header-line 2`"),
        ),
        (
            "a.csv",
            lines("# exported 2026-01-05 by report 12\nid,name\n", "@,x\n"),
            &["--header-line", "2"],
            Delete(6, 0, ""),
        ),
        (
            "a.csv",
            lines(
                "User,,Activity,\nID,Name,Last login,Tickets\n",
                "@,x,2026-01-05,#\n",
            ),
            &[],
            Refuse("`--header-line 2`"),
        ),
        (
            "a.csv",
            lines(
                "User,,Activity,\nID,Name,Last login,Tickets\n",
                "@,x,2026-01-05,#\n",
            ),
            &["--header-line", "2"],
            Delete(6, 0, ""),
        ),
        (
            "a.csv",
            lines(
                "id,action,actor_id,source_id,source_type\n",
                "57979#,update,37253,@,user\n",
            ),
            &["--id-column", "source_id"],
            Delete(6, 0, "column `action` was passed over"),
        ),
        (
            "a.csv",
            lines("id,email,provider\n", "@,u,google-oauth2\n"),
            &[],
            Delete(6, 0, "column `provider` was passed over"),
        ),
        (
            "a.csv",
            lines("id,email,provider\n", "@,u,google-oauth2\n"),
            &["--account-column", "none"],
            Delete(6, 0, ""),
        ),
        (
            "a.csv",
            lines("\"id,name,email\"\n", "\"@,x,\"\"u\"\"\"\n"),
            &[],
            Refuse("quoted as a whole"),
        ),
        (
            "a.csv",
            lines("\"id;name\"\n", "\"@;x\"\n"),
            &[],
            Refuse("quoted as a whole"),
        ),
        // More of our own.
        (
            "a.csv",
            lines(",id,name\n", "#,@,x\n"),
            &[],
            Delete(6, 0, ""),
        ),
        (
            "a.csv",
            lines(
                "#TYPE System.Object\r\n\"id\",\"name\"\r\n",
                "\"@\",\"x\"\r\n",
            ),
            &[],
            Refuse("`--header-line 2`"),
        ),
        (
            "a.csv",
            lines("id\tname\n", "@\tx\n"),
            &[],
            Delete(6, 0, ""),
        ),
        (
            "a.csv",
            lines("sep=;\nid;name\n", "@;x\n"),
            &[],
            Delete(6, 0, ""),
        ),
        ("a.csv", lines("", "@,x\n"), &[], Refuse("no header")),
        ("a.csv", lines("id,name\n", "'@,x\n"), &[], Delete(0, 6, "")),
        (
            "a.csv",
            lines("id,name\n", "\"@\n\",x\n"),
            &[],
            Delete(6, 0, ""),
        ),
        (
            "a.csv",
            lines("id,name\n", "@|777,x\n"),
            &[],
            Delete(0, 6, ""),
        ),
        (
            "a.csv",
            lines("Ticket ID,Assignee ID\n", "3543#,@\n"),
            &[],
            Refuse("--id-column"),
        ),
        (
            "a.csv",
            lines("id,name\n", "@,x,,\n"),
            &[],
            Delete(6, 0, ""),
        ),
        (
            "a.csv",
            lines("id,deleted\n", "@,yes\n"),
            &[],
            Delete(6, 0, ""),
        ),
        (
            "a.csv",
            lines("id,name\n", "3,61808E+11,x\n"),
            &[],
            Delete(0, 6, ""),
        ),
        (
            "a.md",
            lines("| ID | Name |\n|---|---|\n", "| @ | x |\n"),
            &[],
            Delete(6, 1, "digits only"),
        ),
    ]);
}

#[test]
fn archives_spreadsheets_and_what_is_no_list() {
    let table = lines("id,name\n", "@,x\n");
    let objects = lines("", "{\"id\": @}\n");
    let mut tar = [&b"users.csv"[..], &[0; 248], b"ustar\x0000"].concat();
    tar.resize(512, 0);
    tar.extend(&table);
    tar.resize(2048, 0);
    let names = [
        "#361808354107",
        "#361808354118",
        "#361808354129",
        "#361808354130",
        "#361808354141",
        "#361808354152",
    ];
    let cells: Vec<[&str; 2]> = names.iter().map(|id| [*id, "x"]).collect();
    let mut rows: Vec<Row<'_>> = vec![(1, &["ID", "Name"])];
    rows.extend((2..).zip(&cells).map(|(row, cells)| (row, &cells[..])));
    let sheet = xlsx(&[("Users", &rows)]);
    let word = zip(&[
        ("[Content_Types].xml", "<Types/>"),
        ("word/document.xml", "<w/>"),
    ]);
    let packed = |compression| compress(table.clone(), Some(compression));
    hold(&[
        (
            "a.xml",
            lines(
                "<?xml version=\"1.0\"?>\n<users>\n",
                "<user><id>@</id></user>\n",
            ),
            &[],
            Refuse("XML"),
        ),
        (
            "a.zip",
            zip(&[("users.csv", &table)]),
            &[],
            Delete(6, 0, ""),
        ),
        (
            "a.json.zip",
            zip(&[("users.json", &objects)]),
            &[],
            Delete(6, 0, ""),
        ),
        (
            "a.tar.gz",
            compress(tar.clone(), Some(Compression::Gzip)),
            &[],
            Refuse("`tar -xf`"),
        ),
        (
            "a.csv.bz2",
            packed(Compression::Bzip2),
            &[],
            Delete(6, 0, ""),
        ),
        (
            "a.csv",
            text("<!DOCTYPE html>\n<html><body>Sign in</body></html>\n"),
            &[],
            Refuse("an HTML page"),
        ),
        (
            "a.json",
            text(
                "{\"error\": {\"title\": \"Forbidden\", \"message\": \"You do not have access\"}}",
            ),
            &[],
            Refuse("an API's error answer"),
        ),
        (
            "a.parquet",
            text("PAR1\x15\x04\x00\x00PAR1"),
            &[],
            Refuse("Parquet"),
        ),
        (
            "a.pdf",
            text("%PDF-1.7\n1 0 obj\n"),
            &[],
            Refuse("a PDF document"),
        ),
        (
            "a.xls",
            [&b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1"[..], &[0; 504]].concat(),
            &[],
            Refuse("an old spreadsheet"),
        ),
        ("a.xlsx", sheet.clone(), &[], Delete(6, 0, "")),
        // More of our own.
        ("a.csv.xz", packed(Compression::Xz), &[], Delete(6, 0, "")),
        (
            "a.csv.zst",
            packed(Compression::Zstd),
            &[],
            Delete(6, 0, ""),
        ),
        ("a.csv", packed(Compression::Gzip), &[], Delete(6, 0, "")),
        ("a.csv", sheet.clone(), &[], Delete(6, 0, "")),
        (
            "a.zip",
            zip(&[("users.xlsx", &sheet)]),
            &[],
            Delete(6, 0, ""),
        ),
        (
            "a.zip",
            zip(&[("a.csv", &table), ("b.csv", &table)]),
            &[],
            Refuse(""),
        ),
        ("a.docx", word, &[], Refuse("")),
        (
            "a.7z",
            b"7z\xbc\xaf\x27\x1c\x00\x04".to_vec(),
            &[],
            Refuse(""),
        ),
        ("a.tar", tar, &[], Refuse("`tar -xf`")),
        (
            "a.xls",
            lines(
                "<html><table><tr><th>id</th></tr>\n",
                "<tr><td>@</td></tr>\n",
            ),
            &[],
            Refuse("an HTML page"),
        ),
        (
            "a.csv.gz",
            compress(packed(Compression::Gzip), Some(Compression::Gzip)),
            &[],
            Refuse(""),
        ),
        ("a.csv", Vec::new(), &[], Refuse("is empty")),
        (
            "a.png",
            b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR".to_vec(),
            &[],
            Refuse("an image"),
        ),
    ]);
}

/// The list is held against the first three users, of whom the first two are on it.
#[test]
fn protect_lists() {
    let of = |header: &str, line: &str| lines_of(&USERS[..2], header, line);
    let list: &[&str] = &["--protect", "list"];
    let csv: &[&str] = &["--protect", "list.csv"];
    hold(&[
        (
            "list",
            lines_of(&USERS[..3], "", "@\n"),
            list,
            Delete(0, 0, "protect list list: 3 ids"),
        ),
        (
            "list",
            text("361808354107,361808354118\n"),
            list,
            Delete(1, 0, "protect list list: 2 ids"),
        ),
        ("list", of("", "#\t@\n"), list, Refuse("running number")),
        (
            "list.csv",
            of("id,user_id\n", "77777777#,@\n"),
            csv,
            Refuse("`id`, `user_id`"),
        ),
        (
            "list",
            of("", "\"@\"\n"),
            list,
            Delete(1, 0, "protect list list: 2 ids"),
        ),
        (
            "list",
            of("", "\u{201c}@\u{201d}\n"),
            list,
            Refuse("line 1 of the protect list"),
        ),
        // More of our own.
        (
            "list.csv",
            of("name;id\r\n", "x;@\r\n"),
            csv,
            Delete(1, 0, ""),
        ),
        ("list", of("\u{feff}", "@\r\n"), list, Delete(1, 0, "")),
        (
            "list",
            compress(of("id\n", "@\n"), Some(Compression::Gzip)),
            list,
            Delete(1, 0, ""),
        ),
        (
            "list",
            zip(&[("staff.csv", of("id,name\n", "@,x\n"))]),
            list,
            Delete(1, 0, ""),
        ),
        ("list", of("", "{\"id\": @}\n"), list, Delete(1, 0, "")),
        (
            "list",
            of("", "- @\n"),
            list,
            Refuse("known to hold user ids"),
        ),
        (
            "list",
            of("", "@.0\n"),
            list,
            Refuse("line 1 of the protect list"),
        ),
        (
            "list",
            of("", "https://acme.example/agent/users/@\n"),
            list,
            Refuse("line 1 of the protect list"),
        ),
        (
            "list.csv",
            of("Staff\nid,name\n", "@,x\n"),
            csv,
            Refuse("no header"),
        ),
        ("list.csv", of("email,name\n", "u#,x\n"), csv, Refuse("")),
        // Which may be a user's, though it is a day too.
        (
            "list.csv",
            text("id\nAda 20150612\n"),
            &[csv, CHAT].concat(),
            Refuse("other text stands beside the id"),
        ),
        ("list.csv", of("id,id\n", "@,#\n"), csv, Refuse("")),
        (
            "list",
            text("<html><body>Sign in</body></html>"),
            list,
            Refuse("an HTML page"),
        ),
        ("list", text(""), list, Refuse("is empty")),
        ("list.csv", text("id,name\n"), csv, Refuse("")),
    ]);
}

//! What the first lines of an input decide: its format, its delimiter, and which column holds what.

use std::path::Path;

use super::id_column;
use userpurge::input::{Columns, Format, InputError, InputSource, ReadOptions};

fn open(name: &str, text: &str, options: &ReadOptions) -> Result<InputSource, InputError> {
    InputSource::of_bytes(Path::new(name), text.as_bytes().to_vec(), 4_096, options)
}

/// The format of a file, with its delimiter; of one that is refused the columns it was seen to have.
fn detected(name: &str, text: &str, options: &ReadOptions) -> String {
    match open(name, text, options) {
        Ok(source) => {
            let resolved = source.resolved();
            format!("{} {}", resolved.format, resolved.delimiter.unwrap_or('-'))
        }
        Err(error) => {
            let error = error.to_string();
            let seen = error.split_once("(columns seen: ");
            seen.map_or_else(String::new, |(_, seen)| seen.to_owned())
        }
    }
}

#[test]
fn a_format_goes_by_the_extension_then_by_content() {
    for (name, text, expected) in [
        ("a.csv", "id,name\n1,x\n", "csv ,"),
        ("a.csv", "name;id\nx;1\n", "csv ;"),
        ("a.csv", "name\tid\nx\t1\n", "csv \t"),
        ("a.csv", "name|id\nx|1\n", "csv |"),
        ("a.csv", "\"a, b, c\";id\nx;1\n", "csv ;"),
        ("a.csv", "x;y;z\n1;2;3\n", "`x`, `y`, `z`)"),
        ("a.csv", "123\n456\n", "ids -"),
        ("a.csv", "id\n456\n", "csv ,"),
        ("a.csv", "sep=|\nid|name\n", "csv |"),
        ("a.csv", "sep=;\nid\n", "csv ;"),
        ("a.csv", "sep=\t\r\nid\n", "csv \t"),
        ("a.csv", "sep=;x\n", "`sep=`, `x`)"),
        ("a.csv", "id;sep=;\n", "csv ;"),
        ("a.TSV", "id\tname\n", "tsv \t"),
        ("a.jsonl", "{\"id\":1}\n", "jsonl -"),
        ("a.ndjson", "{\"id\":1}\n", "jsonl -"),
        ("a.jsonl", "[\n{\"id\":1}\n]\n", "json -"),
        ("a.json", " \n[1]", "json -"),
        ("a.json", "{\"id\":1}\n{\"id\":2}\n", "jsonl -"),
        ("a.json", "{\n  \"users\": []\n}\n", "json -"),
        ("a.ids", "id\n", "ids -"),
        ("a.txt", "[{\"id\":1}]", "json -"),
        ("a", "{\"id\":1}\n", "jsonl -"),
        ("a", "{\n", "json -"),
        ("a.txt", "id,name\n", "csv ,"),
        ("a.txt", "User ID\n1\n", "csv ,"),
        ("a.txt", "name\tid\n", "tsv \t"),
        ("a.txt", "123\n456\n", "ids -"),
        ("a.txt", "# exported, today\n\n123\n", "ids -"),
        ("a.txt", "5963c0d619a30a2e00de36b8\n", "ids -"),
        ("a.txt", "123, 2026-01-31\n", "ids -"),
        ("a.txt", "361808351050 361808351051\n", "ids -"),
        ("a.txt", "   3 361808351050\n", "ids -"),
        ("a.txt", "\"361808351050\"\n", "ids -"),
        (
            "a.txt",
            "361808351050 Ada Test\n",
            "`361808351050 Ada Test`)",
        ),
        ("a.txt", "5963c0d619a30a2e00de36b8;x\n", "ids -"),
        (
            "a.txt",
            "Address 1,Name\n12 High Street,Bob\n",
            "`Address 1`, `Name`)",
        ),
        ("a.txt", "col1,col2\n12,Bob\n", "`col1`, `col2`)"),
        ("a.txt", "# nothing\n", "ids -"),
        ("a.txt", "person\n12\n", "`person`)"),
    ] {
        let found = detected(name, text, &ReadOptions::default());
        assert_eq!(found, expected, "{name} {text:?}");
    }
}

#[test]
fn what_is_given_is_not_guessed() {
    let options = |format, delimiter| ReadOptions {
        format,
        delimiter,
        ..ReadOptions::default()
    };
    let ids = options(Some(Format::Ids), None);
    assert_eq!(detected("a.csv", "id,name\n", &ids), "ids -");
    let hash = options(None, Some('#'));
    assert_eq!(detected("a.txt", "id#name\n", &hash), "csv #");
    let person = id_column("person");
    assert_eq!(detected("a.txt", "name,y;person\n", &person), "csv ;");
}

#[test]
fn running_numbers_before_ids_are_seen() {
    for (text, is_seen) in [
        ("1\t36181\n2\t36182\n", true),
        ("     1\tjane\n     2\tjoe\n", true),
        ("1:36181\n2:36182\n", true),
        ("# more\n\n57. 36181\r\n58. 36182\r\n", true),
        ("0,36181\n1,36182\n", true),
        ("35436, 2026-01-31\n35437, 2026-01-31\n", false),
        ("36181 36182\n36183 36184\n", false),
        ("1\n2\n", false),
        ("1\t36181\n", false),
        ("3 36181\n1 36182\n", false),
    ] {
        let refused = open("a.ids", text, &ReadOptions::default()).err();
        let refused = refused.is_some_and(|it| it.to_string().contains("running number"));
        assert_eq!(refused, is_seen, "{text:?}");
    }
}

/// The columns of id and account in a table with this header, or the error.
fn resolved(header: &str, id: &str, account: &str) -> Result<(String, Option<String>), String> {
    let given = |name: &str| (!name.is_empty()).then(|| name.to_owned());
    let columns = Columns {
        id: given(id),
        account: given(account),
        ..Columns::default()
    };
    let options = ReadOptions {
        format: Some(Format::Csv),
        columns,
        ..ReadOptions::default()
    };
    let source = open("a", &format!("{header}\n1,2\n"), &options);
    let source = source.map_err(|error| error.to_string())?;
    let mapping = source.resolved().mapping.clone();
    Ok((mapping.id.unwrap(), mapping.account))
}

#[test]
fn a_named_column_goes_before_the_known_ones() {
    let names = "id,User ID,uid,user_id,name";
    for (names, id, account, expected, its_account) in [
        ("id,account,action,ref", "", "", "id", Some("account")),
        ("Name,User ID,System", "", "", "User ID", Some("System")),
        ("external_id,record_id,x", "", "", "record_id", None),
        ("external_id,email", "", "", "external_id", None),
        ("External ID,external user id", "", "", "External ID", None),
        ("USER-\u{a0}id,Request-Id", "", "", "USER-\u{a0}id", None),
        ("id,provider,Account", "", "", "id", Some("Account")),
        (
            "id,organization_id,User external ID,valid",
            "",
            "",
            "id",
            None,
        ),
        (names, "uid", "", "uid", None),
        (names, "UID", "", "uid", None),
        (names, "User ID", "", "User ID", None),
        (names, "id", "Name", "id", Some("name")),
    ] {
        let expected = (expected.to_owned(), its_account.map(str::to_owned));
        assert_eq!(resolved(names, id, account), Ok(expected), "{names}");
    }
}

#[test]
fn an_error_names_the_columns_and_the_option() {
    let told = |names, id| resolved(names, id, "").unwrap_err();
    insta::assert_snapshot!([
        told("name,mail", ""),
        told("1,361808351050", ""),
        told("external_id,Requester ID", ""),
        told("user_id,name,id", ""),
        told("ID,Name,Zendesk User ID", ""),
        told("id,requester_id,subject", ""),
        told("user_id,User ID", ""),
        told("id,id", "id"),
        told("user,mail", "usre"),
        told("user,mail", "quite else"),
    ].join("\n"), @r"
    no column of `a` is known to hold user ids; name one with `--id-column`, or give `--format ids` if each line begins with an id (columns seen: `name`, `mail`)
    `a` has no header, as its first row holds an id; put a row above it that names the columns, the one of the ids `id`
    no column of `a` is known to hold user ids; name one with `--id-column`, or give `--format ids` if each line begins with an id (columns seen: `external_id`, `Requester ID`)
    `a` has several columns that may hold the user ids: `user_id`, `id`; name the right one with `--id-column`
    `a` has several columns that may hold the user ids: `ID`, `Zendesk User ID`; name the right one with `--id-column`
    `a` has several columns that may hold the user ids: `id`, `requester_id`; name the right one with `--id-column`
    `a` has several columns that may hold the user ids: `user_id`, `User ID`; name the right one with `--id-column`
    `a` has several columns that may hold the user ids: `id`, `id`; rename the others
    `a` has no column `usre`, which `--id-column` names; did you mean `user`? (columns seen: `user`, `mail`)
    `a` has no column `quite else`, which `--id-column` names (columns seen: `user`, `mail`)
    ");
    let names: Vec<_> = (0..23).map(|n| format!("{n}{}", "x".repeat(60))).collect();
    let long = told(&names.join(","), "");
    assert!(
        long.ends_with("…` and 3 more)") && long.len() < 1_200,
        "{long}"
    );
}

/// The id, or the problem's code, of the JSON line `json` by the key `named`; of a file that is refused
/// for it the beginning of the reason.
fn of_json(json: &str, named: &str) -> String {
    let options = ReadOptions {
        format: Some(Format::Jsonl),
        ..id_column(named)
    };
    let mut told = String::new();
    let opened = open("a", &format!("{json}\n"), &options);
    let read = opened.and_then(|mut source| {
        source.each_row(|_, row| match row {
            Ok(record) => told = record.id.to_string(),
            Err(problem) => {
                assert!(!problem.reason.contains("Bob"), "{}", problem.reason);
                let number = json.contains("5.54E+17");
                assert_eq!(problem.reason.contains("`5.54E+17`"), number, "{json}");
                problem.code.clone_into(&mut told);
            }
        })
    });
    match read {
        Ok(()) => told,
        Err(error) => error.to_string().chars().take(27).collect(),
    }
}

#[test]
fn an_id_is_the_text_of_a_string_or_of_a_whole_number() {
    let long = "554023000000235011554023000000235011554023";
    let (none, several) = ("no column of `a` is known t", "`a` has several columns tha");
    for (json, expected) in [
        ("123", "123"),
        ("\"123\"", "123"),
        ("\" 123\\u00a0\"", "123"),
        (long, long),
        ("0", "0"),
        ("007", "not_json"),
        ("\"a-b\"", "a-b"),
        ("5.54E+17", "scientific_notation"),
        ("Bob", "not_json"),
        ("{\"id\":{\"Bob\":1}}", "not_an_id"),
        ("{\"id\":[\"Bob\"]}", "not_an_id"),
        ("{\"name\":\"Bob\"}", none),
        ("{\"id\":\"\\ud800\"}", "not_text"),
        ("{\"id\":1,\"id\":2}", "ambiguous"),
        ("{\"User ID\":1,\"user_id\":2}", "ambiguous"),
        // Of two keys one is another object's id, whatever the first is called.
        ("{\"user_id\":2,\"id\":1}", several),
        ("{\"id\":1,\"requester_id\":2}", several),
        ("{\"requester_id\":2}", none),
        ("{\"external_id\":2,\"id\":1,\"organization_id\":3}", "1"),
        ("{\"id\":\"a\",\"zendeskId\":\"1\"}", several),
        ("{\"external_id\":2}", "2"),
        ("{\"id\":1,\"action\":[\"purge\"]}", "not_text"),
        ("{\"id\":1,\"action\":null,\"ticket\":4711}", "1"),
        ("2026-01-05 INFO {\"id\":1}", "not_json"),
        ("{\"User-Id\":3}", "3"),
        ("{\"\\u0069d\":4}", "4"),
    ] {
        assert_eq!(of_json(json, ""), expected, "{json}");
    }
}

#[test]
fn a_dotted_key_leads_inwards_unless_a_key_has_the_dot_itself() {
    for (json, named, expected) in [
        (r#"{"user":{"id":1}}"#, "user.id", "1"),
        (r#"{"user":{"id":1},"user.id":2}"#, "user.id", "2"),
        (r#"{"a":{"b":{"c":3}}}"#, "a.b.c", "3"),
        (r#"{"a":{"b.c":4}}"#, "a.b.c", "4"),
        (r#"{"a.b":{"c":5}}"#, "a.b.c", "5"),
        (r#"{"a":7}"#, "a.b", "`a` has no column `a.b`, wh"),
    ] {
        assert_eq!(of_json(json, named), expected, "{json}");
    }
}

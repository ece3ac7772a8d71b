//! JSON values and what is read from them.

use proptest::prelude::*;
use rstest::rstest;

use super::super::keys::Keys;
use super::super::mapping::Columns;
use super::{Object, field_of, keys_of, record_of, record_with};

fn columns(id: &str) -> Columns {
    Columns {
        id: Some(id.to_owned()),
        ..Columns::default()
    }
}

#[rstest]
#[case("123", "123")]
#[case("\"123\"", "123")]
#[case("\" 123\\u00a0\"", "123")]
#[case(
    "554023000000235011554023000000235011554023",
    "554023000000235011554023000000235011554023"
)]
#[case("0", "0")]
#[case("007", "not_json")]
#[case("\"a-b\"", "a-b")]
#[case("1e5", "scientific_notation")]
#[case("5.54E+17", "scientific_notation")]
#[case("1.0", "decimal_point")]
#[case("-1", "negative")]
#[case("true", "not_an_id")]
#[case("null", "no_id")]
#[case("[1]", "not_an_id")]
#[case("{\"id\":{\"a\":1}}", "not_an_id")]
#[case("{\"id\":1e5}", "scientific_notation")]
#[case("{\"name\":\"x\"}", "no_id")]
#[case("{\"id\":\"\\ud800\"}", "not_text")]
#[case("{\"id\":1", "not_json")]
#[case("{\"id\":1,\"id\":2}", "ambiguous")]
#[case("{\"User ID\":1,\"user_id\":2}", "ambiguous")]
// Of two keys one is another object's id, whatever the first is called.
#[case("{\"user_id\":2,\"id\":1}", "ambiguous")]
#[case("{\"id\":1,\"requester_id\":2}", "ambiguous")]
#[case("{\"requester_id\":2}", "no_id")]
#[case("{\"external_id\":2,\"id\":1,\"organization_id\":3}", "1")]
#[case("{\"id\":\"a\",\"zendeskId\":\"1\"}", "a")]
#[case("{\"external_id\":2}", "2")]
#[case("2026-01-05 INFO {\"id\":1}", "not_json")]
#[case("{\"User-Id\":3}", "3")]
#[case("{\"\\u0069d\":4}", "4")]
fn an_id_is_the_text_of_a_string_or_of_a_whole_number(#[case] json: &str, #[case] expected: &str) {
    let told = match record_of(json, &Keys::default()) {
        Ok(record) => record.id.into_owned(),
        Err(problem) => problem.code.to_owned(),
    };
    assert_eq!(told, expected);
}

#[rstest]
#[case("user.id", r#"{"user":{"id":1}}"#, "1")]
#[case("user.id", r#"{"user":{"id":1},"user.id":2}"#, "2")]
#[case("a.b.c", r#"{"a":{"b":{"c":3}}}"#, "3")]
#[case("a.b.c", r#"{"a":{"b.c":4}}"#, "4")]
#[case("a.b.c", r#"{"a.b":{"c":5}}"#, "5")]
#[case("a.b", r#"{"a":7}"#, "no_id")]
#[case("uid", r#"{"id":1}"#, "no_id")]
fn a_dotted_key_leads_inwards_unless_a_key_has_the_dot_itself(
    #[case] key: &str,
    #[case] json: &str,
    #[case] expected: &str,
) {
    let told = match record_of(json, &Keys::new(&columns(key), None)) {
        Ok(record) => record.id.into_owned(),
        Err(problem) => problem.code.to_owned(),
    };
    assert_eq!(told, expected);
}

#[test]
fn the_other_fields_may_be_texts_or_numbers() {
    let json = r#"{"id":"1","account":" acme ","action":null,"ticket":4711,"name":[]}"#;
    let record = record_of(json, &Keys::default()).unwrap();
    assert_eq!(record.account.as_deref(), Some("acme"));
    assert_eq!(record.action, None);
    assert_eq!(record.reference.as_deref(), Some("4711"));
    let json = r#"{"id":"1","action":["purge"]}"#;
    let problem = record_of(json, &Keys::default()).unwrap_err();
    assert_eq!(problem.code, "not_text");
}

proptest! {
    #[test]
    fn a_row_means_the_same_on_the_short_way_and_on_the_long(
        pairs in prop::collection::vec((
            prop::sample::select(vec!["id", "ID", "user_id", "account", "System", "ref", "ticket", "action", "x", "\\u0069d", "\\ud800"]),
            prop::sample::select(vec!["1", "\" 2\"", "\"a\\u00e9\"", "\"\\ud800\"", "1e5", "null", "true", "{\"id\":1}", "[", "\"\""]),
        ), 0..6),
    ) {
        let pairs: Vec<_> = pairs.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
        let json = format!("{{{}}}", pairs.join(","));
        let short = record_of(&json, &Keys::default());
        if let Some(object) = serde_json::from_str(&json).ok().and_then(Object::parse) {
            let long = record_with(|field| field_of(&object, field, &Keys::default()));
            prop_assert_eq!(short, long);
        } else {
            prop_assert_eq!(short.unwrap_err().code, "not_json");
        }
    }
}

#[test]
fn no_reason_repeats_a_text_that_may_be_a_name() {
    for json in ["true", "{\"id\":[\"Bob\"]}", "Bob", "{\"id\":{\"Bob\":1}}"] {
        let problem = record_of(json, &Keys::default()).unwrap_err();
        assert!(!problem.reason.contains("Bob"), "{}", problem.reason);
    }
    let problem = record_of("5.54E+17", &Keys::default()).unwrap_err();
    assert!(problem.reason.contains("`5.54E+17`"));
}

#[test]
fn keys_are_listed_with_those_of_objects_within() {
    let keys = keys_of(r#"{"a":1,"b":{"c":2,"d":{"e":3}}}"#).unwrap();
    assert_eq!(keys.own, ["a", "b"]);
    assert_eq!(keys.within, ["b.c", "b.d"]);
    assert!(keys_of("[1]").is_none());
}

#[test]
fn all_rows_have_their_id_under_the_same_name() {
    let text =
        |json: &str, id: &str| match record_of(json, &Keys::new(&Columns::default(), Some(id))) {
            Ok(record) => record.id.into_owned(),
            Err(problem) => problem.code.to_owned(),
        };
    assert_eq!(text("{\"User ID\":1}", "user_id"), "1");
    assert_eq!(text("{\"id\":1}", "user_id"), "no_id");
    assert_eq!(text("{\"external_id\":1}", "id"), "no_id");
    assert_eq!(text("{\"external_id\":1}", "external_id"), "1");
    assert_eq!(text("5", "id"), "5");
}

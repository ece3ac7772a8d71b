//! Ids of digits, and what is kept of a provider's words.

use proptest::prelude::*;
use rstest::rstest;

use userpurge::domain::ProviderKind::Zendesk;
use userpurge::domain::Said;
use userpurge::provider::check_id;

const MASK: &str = "***@***";

#[rstest]
#[case("", "empty")]
#[case("0", "zero")]
#[case("0123", "leading_zero")]
#[case("-123", "minus")]
#[case("+123", "plus")]
#[case("6.16E+12", "scientific_notation")]
#[case("6,16407E+12", "scientific_notation")]
#[case("6e12", "scientific_notation")]
#[case("6164068886042.0", "decimal_point")]
#[case("6164068886042,00", "decimal_point")]
#[case("123.", "decimal_point")]
#[case("1.234", "decimal_point")]
#[case("6,164,068,886,042", "thousands_separators")]
#[case("6.164.068", "thousands_separators")]
#[case("6 164", "thousands_separators")]
#[case("6\u{a0}164\u{a0}068", "thousands_separators")]
#[case("6\u{202f}164\u{202f}068", "thousands_separators")]
#[case("6'164'068", "thousands_separators")]
#[case("=\"123\"", "formula")]
#[case("'123", "formula")]
#[case("=HYPERLINK(\"https://acme.example/users/361808351050\")", "formula")]
#[case("https://acme.example/users/361808351050/tickets", "web_address")]
#[case("“361808351050”", "quotes")]
#[case("ID: 361808351050", "text_around_id")]
#[case("1:361808351050", "text_around_id")]
#[case("#361808351050", "text_around_id")]
#[case("INV-20260131", "not_digits")]
#[case("123\u{200b}", "invisible_character")]
#[case("12\n3", "invisible_character")]
#[case("jane@example.com", "email")]
#[case("１２３", "foreign_digits")]
#[case("١٢٣", "foreign_digits")]
#[case("Jane Doe", "not_digits")]
#[case("12-34", "not_digits")]
#[case("12 34", "not_digits")]
#[case("null", "not_digits")]
fn each_mistake_has_its_own_code(#[case] text: &str, #[case] code: &str) {
    assert_eq!(check_id(Zendesk)(text).unwrap_err().code, code);
}

#[test]
fn a_reason_never_repeats_the_cell() {
    for text in ["jane@example.com", "Jane Doe", "6.16E+12", "-98765"] {
        let reason = check_id(Zendesk)(text).unwrap_err().reason;
        assert!(!reason.contains(text), "{reason}");
    }
}

proptest! {
    #[test]
    fn only_plain_whole_numbers_pass(text in "\\PC{0,24}|[0-9eE.,+' -]{0,24}") {
        let whole = !text.is_empty()
            && text.bytes().all(|byte| byte.is_ascii_digit())
            && !text.starts_with('0');
        // A longer one may be rounded, or be no number of Zendesk's.
        let taken = check_id(Zendesk)(&text).is_ok();
        prop_assert!(whole || !taken);
        prop_assert!(taken || !whole || text.len() > 15);
    }
}

fn message(text: &str) -> String {
    Said::of(None, Some(text)).message.unwrap_or_default()
}

#[rstest]
#[case("mail to jane.doe@example.com failed", "mail to ***@*** failed")]
#[case("<o'brien+x@example.com>: no", "<***@***>: no")]
#[case("\"jane doe\"@example.com is taken", "***@*** is taken")]
#[case("login=jane%40example.com", "***@***")]
#[case("jane＠example.com", "***@***")]
#[case("mailto:a@b,c@d;e@f", "mailto:***@***,***@***;***@***")]
#[case("a\u{0}b\tc\r\n  d\u{1b}[31m", "a b c d [31m")]
#[case("left\u{202e}right\u{200b}", "leftright")]
#[case("   ", "")]
fn what_must_not_be_kept_is_taken_out(#[case] text: &str, #[case] kept: &str) {
    assert_eq!(message(text), kept);
}

#[test]
fn a_long_text_is_cut_and_leaves_no_half_of_an_address() {
    let kept = message(&"ä".repeat(500));
    assert_eq!(kept.chars().count(), Said::MESSAGE_CHARS_MAX);
    assert!(kept.ends_with('…'));
    assert_eq!(message(&"b".repeat(200)).chars().count(), 200);
    let (start, across) = ("x".repeat(194), "a@b".repeat(600));
    let kept = message(&format!("{start} jane@example.com and more"));
    assert_eq!(kept, format!("{start} …"));
    let kept = message(&format!("{across} {start}jane.doe@example.com"));
    assert!(!kept.contains("jane"), "{kept}");
}

#[rstest]
#[case("RecordNotFound", true)]
#[case("user_not_found", true)]
#[case("invalid_code.v2-x", true)]
#[case("Couldn't authenticate you", false)]
#[case("jane@example.com", false)]
#[case("", false)]
fn a_code_is_one_plain_word_and_anything_else_is_text(#[case] text: &str, #[case] code: bool) {
    let detail = Said::of(Some(text), None);
    assert_eq!(detail.code.is_some(), code);
    assert_eq!(detail.message.is_some(), !code && !text.is_empty());
}

proptest! {
    #[test]
    fn no_detail_holds_an_address_or_exceeds_its_length(
        code in "\\PC{0,80}",
        text in "([a-z@\"' <>\\\\:,%40＠.\\x00-\\x1f]|\\PC){0,400}",
    ) {
        let detail = Said::of(Some(&code), Some(&text));
        let message = detail.message.unwrap_or_default();
        prop_assert!(message.chars().count() <= Said::MESSAGE_CHARS_MAX);
        prop_assert!(!message.replace(MASK, "").contains(['@', '＠']), "{message}");
        prop_assert!(!message.chars().any(char::is_control));
        let code = detail.code.unwrap_or_default();
        prop_assert!(code.len() <= Said::CODE_CHARS_MAX && !code.contains('@'));
    }
}

//! Numbers, times and texts as people read them, and words that nobody has to look up: private phrases are
//! in no help and in no message.

use std::fs;
use std::path::Path;
use std::time::Duration;

use jiff::tz::TimeZone;
use rstest::rstest;
use userpurge::words::{
    clock, count, cut, cut_middle, duration, grouped, shell_path, short_duration,
};

use crate::support::shifted::written_time;

#[rstest]
#[case(0, "0", "0 rows")]
#[case(1, "1", "1 row")]
#[case(999, "999", "999 rows")]
#[case(1000, "1,000", "1,000 rows")]
#[case(1_234_567, "1,234,567", "1,234,567 rows")]
fn numbers_have_groups(#[case] n: u64, #[case] number: &str, #[case] rows: &str) {
    assert_eq!(
        (grouped(n).as_str(), count(n, "row").as_str()),
        (number, rows)
    );
}

#[rstest]
#[case(0, "0 s", "0s")]
#[case(42_000, "42 s", "42s")]
#[case(59_001, "59 s", "1m 00s")]
#[case(59_500, "1 min 0 s", "1m 00s")]
#[case(185_000, "3 min 5 s", "3m 05s")]
#[case(4_320_000, "1 h 12 min", "1h 12m")]
#[case(273_600_000, "3 d 4 h", "3d 04h")]
fn durations_have_two_units(#[case] millis: u64, #[case] long: &str, #[case] short: &str) {
    let given = Duration::from_millis(millis);
    assert_eq!(
        (duration(given).as_str(), short_duration(given).as_str()),
        (long, short)
    );
}

#[rstest]
#[case("2026-11-22T23:59:59Z", "16:59")]
#[case("2026-11-23T07:00:00Z", "Mon 00:00")]
#[case("2026-11-28T20:30:00Z", "Sat 13:30")]
#[case("2026-11-29T20:30:00Z", "2026-11-29 13:30")]
fn a_time_of_day_names_the_day_unless_it_is_today(#[case] at: &str, #[case] text: &str) {
    let zone = TimeZone::posix("ODD7").unwrap();
    let [at, now] = [at, "2026-11-22T09:30:00Z"].map(|text| written_time(text).unwrap());
    assert_eq!(clock(at, now, &zone), text);
}

#[rstest]
#[case("users.csv", "users.csv")]
#[case("my users.csv", "'my users.csv'")]
#[case("it's.csv", r"'it'\''s.csv'")]
#[case("~root", "'~root'")]
#[case("-rf", "./-rf")]
#[case("", "''")]
fn a_word_can_be_typed_again(#[case] word: &str, #[case] typed: &str) {
    assert_eq!(shell_path(word), typed);
}

#[rstest]
#[case("abc", 3, "abc", "abc")]
#[case("abcd", 3, "ab…", "a…d")]
#[case("äöüß", 3, "äö…", "ä…ß")]
#[case("abc", 0, "…", "…")]
fn a_text_is_cut(
    #[case] text: &str,
    #[case] columns: usize,
    #[case] end: &str,
    #[case] middle: &str,
) {
    assert_eq!(
        (
            cut(text, columns).as_str(),
            cut_middle(text, columns).as_str()
        ),
        (end, middle)
    );
}

/// Phrases that are banned, each with what to say instead.
const BANNED: [(&str, &str); 23] = [
    ("at the quota", "at least"),
    ("ended well", "done"),
    ("ended otherwise", "not done"),
    ("to look at", "not done"),
    ("head of the ledger", "fingerprint of the ledger"),
    ("end well", "done"),
    (" as asked", "gone"),
    ("mend the", "fix the"),
    ("mended", "fixed"),
    ("and mend", "and fix"),
    ("say more still", "more detail"),
    ("good rows", "rows that are done"),
    ("besides 1", "skipped 1"),
    ("about to be sent", "delete N users?"),
    ("not answered: in doubt", "answer missing"),
    (" at once", "together, or immediately"),
    ("under way", "in flight"),
    ("in doubt", "answer missing"),
    (" mend ", "fix"),
    ("the head ", "the fingerprint"),
    ("goes on at", "continues at"),
    ("ended badly", "not done"),
    ("for your eyes", "which only you can read"),
];

/// The string literals of the code, its comments and tests left out, and the texts of help.
fn texts(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.display().to_string();
        if path.is_dir() {
            texts(&path, found);
            continue;
        }
        let text = fs::read_to_string(&path).unwrap_or_default();
        let text = match path.extension().and_then(|it| it.to_str()) {
            Some("md" | "txt" | "html") => text,
            Some("rs") => {
                let code = text.split("#[cfg(test)]\nmod ").next().unwrap();
                let is_code = |line: &&str| !line.trim_start().starts_with("//");
                let quoted = code.lines().filter(is_code).collect::<Vec<_>>().join("\n");
                quoted
                    .split('"')
                    .skip(1)
                    .step_by(2)
                    .collect::<Vec<_>>()
                    .join("\n")
            }
            _ => continue,
        };
        found.push((name, text));
    }
}

#[test]
fn no_message_and_no_help_has_a_banned_phrase() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let mut all = vec![("README.md".to_owned(), readme)];
    texts(&root.join("src"), &mut all);
    let mut found = Vec::new();
    for (name, text) in &all {
        let text = text.to_lowercase().replace('\n', " ");
        for (phrase, instead) in BANNED {
            if text.contains(phrase) {
                found.push(format!("{name}: `{phrase}`; say `{instead}`"));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

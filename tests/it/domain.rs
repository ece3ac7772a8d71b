//! The vocabulary: what is read, written and told of quotas, times, names and users' states.

use std::time::Duration;

use jiff::tz::TimeZone;
use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};
use userpurge::domain::{
    AccountName, Action, Counts, Finding, Name, Outcome, ProviderKind, Quota, Step, TaskKey, Time,
    TimeOfDay, UserState, escape_controls, looks_rounded,
};

use crate::support::shifted::written_time;

// ---- Quotas -------------------------------------------------------------------------------------

fn quota(text: &str) -> Quota {
    text.parse().unwrap()
}

#[test]
fn a_quota_is_read_and_written_and_anything_else_is_refused() {
    for (text, requests, secs, written) in [
        ("400/1m", 400, 60, "400/1m"),
        ("700/10min", 700, 600, "700/10m"),
        ("70/6s", 70, 6, "70/6s"),
        ("5_000 / 24h", 5000, 86_400, "5000/1d"),
        ("10/s", 10, 1, "10/1s"),
    ] {
        let quota = quota(text);
        assert_eq!(quota.requests().get(), requests);
        assert_eq!(quota.span(), Duration::from_secs(secs));
        assert_eq!(quota.to_string(), written);
    }
    for text in [
        "400", "400/", "/1m", "0/1m", "400/0m", "400/1y", "-4/1m", "4.5/1m", "400/99d",
    ] {
        assert!(text.parse::<Quota>().is_err(), "{text}");
    }
}

#[test]
fn the_time_for_n_requests_is_the_whole_spans_before_the_last() {
    for (n, secs) in [(0, 0), (70, 0), (71, 6), (140, 6), (141, 12), (350, 24)] {
        let time = quota("70/6s").time_for(n);
        assert_eq!(time, Duration::from_secs(secs), "{n} requests");
    }
}

#[test]
fn the_spread_is_a_small_part_of_what_the_quota_takes() {
    for (text, expected, millis) in [
        // Within one quota, one span of a minute, four of six seconds.
        ("400/1m", 400, 0),
        ("400/1m", 401, 300),
        ("70/6s", 350, 120),
        // The last that is not even, the first that is, and no more than even.
        ("400/1m", 199 * 400 + 1, 59_700),
        ("400/1m", 200 * 400 + 1, 60_000),
        ("400/1m", u64::MAX, 60_000),
        // Too long to be paced.
        ("5000/1d", 1_000_000, 0),
    ] {
        let quota = quota(text);
        let spread = quota.spread(expected);
        assert_eq!(
            spread,
            Duration::from_millis(millis),
            "{expected} of {text}"
        );
        let least = quota.time_for(expected).max(quota.span());
        assert!(spread <= least / 200 || spread == quota.span());
    }
}

#[test]
fn of_two_quotas_the_one_that_lets_more_through_is_above() {
    for (one, other, above) in [
        ("700/1m", "400/1m", true),
        ("400/1m", "400/1m", false),
        ("700/1m", "700/10m", true),
        ("700/1m", "100/1s", false),
        ("4294967295/31d", "4294967295/1ms", false),
    ] {
        assert_eq!(quota(one).is_above(quota(other)), above, "{one} {other}");
    }
}

#[test]
fn a_share_rounds_down_and_leaves_at_least_one() {
    for (share, left) in [(0.7, 7), (0.75, 7), (0.001, 1), (1.0, 10)] {
        assert_eq!(quota("10/1s").share(share).requests().get(), left);
    }
}

// ---- Names, outcomes, states --------------------------------------------------------------------

#[test]
fn names_are_those_in_json_too() {
    macro_rules! check {
        ($($Enum:ty),+) => {$(
            for it in <$Enum>::ALL {
                let json = serde_json::to_string(&it).unwrap();
                assert_eq!(json, format!("\"{it}\""));
                assert_eq!(serde_json::from_str::<$Enum>(&json).unwrap(), it);
            }
        )+};
    }
    check!(ProviderKind, Action, Step, Outcome);
}

#[test]
fn every_outcome_has_its_own_counter() {
    let mut counts = Counts::default();
    for (n, outcome) in Outcome::ALL.into_iter().enumerate() {
        *counts.slot(outcome) += n as u64 + 1;
    }
    for (n, outcome) in Outcome::ALL.into_iter().enumerate() {
        assert_eq!(counts.of(outcome), n as u64 + 1);
    }
    assert_eq!(counts.total(), 78);
}

/// Each action's promise held against every state, in the order of [`UserState::ALL`]:
/// `s`tanding, `a`s asked, `u`nder way, `?` look closer.
#[test]
fn each_action_is_judged_by_its_own_promise() {
    for (action, findings) in [
        (Action::Delete, "ssaaaaa"),
        (Action::PermanentlyDelete, "sss?uaa"),
        (Action::Purge, "sss?uaa"),
        (Action::DeletePersonalInformation, "saaaaaa"),
    ] {
        let found = UserState::ALL.map(|state| match state.finding(action) {
            Some(Finding::Standing) => 's',
            Some(Finding::AsAsked) => 'a',
            Some(Finding::UnderWay) => 'u',
            Some(Finding::Unknown) => 'x',
            None => '?',
        });
        assert_eq!(found.iter().collect::<String>(), findings, "{action}");
    }
}

#[test]
fn a_ledger_holds_the_name_and_no_role() {
    for state in UserState::ALL {
        let json = serde_json::to_string(&state).unwrap();
        assert_eq!(json, format!("\"{}\"", state.name()));
        assert_eq!(serde_json::from_str::<UserState>(&json).unwrap(), state);
    }
    let admin = UserState::Active {
        role: Some("admin".to_owned()),
    };
    assert_eq!(admin.role(), Some("admin"));
    assert_eq!(serde_json::to_string(&admin).unwrap(), "\"present\"");
    assert!(serde_json::from_str::<UserState>("\"standing\"").is_err());
}

#[test]
fn a_key_is_the_beginning_of_the_blake3_of_the_parts_with_their_lengths_however_long() {
    // Short ones are hashed at once, in 256 bytes.
    for length in [0, 1, 24, 216, 228, 256, 1_000] {
        let id = "x".repeat(length);
        let mut bytes = Vec::new();
        for part in ["chat", "delete", &id] {
            bytes.extend((part.len() as u64).to_le_bytes());
            bytes.extend(part.as_bytes());
        }
        let digest = blake3::hash(&bytes);
        let key = TaskKey::new(&AccountName::new("chat"), Action::Delete, &id);
        assert_eq!(key.bytes(), digest.as_bytes()[..16], "{length}");
    }
}

// ---- Times and texts ----------------------------------------------------------------------------

#[test]
fn a_time_is_written_in_utc_with_three_decimals_and_reads_back() {
    for (millis, text) in [
        (0, "1970-01-01T00:00:00.000Z"),
        (1_795_340_600_125, "2026-11-22T09:43:20.125Z"),
        (1_795_340_600_000, "2026-11-22T09:43:20.000Z"),
    ] {
        let time = Time::from_millis(millis);
        assert_eq!(time.to_string(), text);
        assert_eq!(written_time(text), Some(time));
    }
}

#[test]
fn it_is_the_next_time_a_clock_shows_it() {
    // Clocks are put forward at 2:00 on 8 March 2026 and back at 2:00 on 1 November.
    let new_york = "EST5EDT,M3.2.0,M11.1.0";
    // A zone that is off by seconds, as local mean times were.
    let odd = "ODD-01:23:45";
    for (zone, time, now, at) in [
        ("UTC0", "06:00", "11-22T05:00:00", "11-22T06:00:00"),
        ("UTC0", "06:00", "11-22T06:00:20", "11-23T06:00:00"),
        ("UTC0", "06:00", "11-22T06:00:00", "11-23T06:00:00"),
        ("UTC0", "00:00", "11-22T23:59:59", "11-23T00:00:00"),
        (new_york, "06:00", "11-22T05:00:00", "11-22T11:00:00"),
        (odd, "12:00", "11-22T10:36:12", "11-22T10:36:15"),
        (new_york, "02:30", "03-08T06:00:00", "03-08T06:30:00"),
        (new_york, "03:30", "03-08T06:00:00", "03-08T07:30:00"),
        (new_york, "01:30", "11-01T05:00:00", "11-01T05:30:00"),
        (new_york, "01:30", "11-01T05:45:00", "11-01T06:30:00"),
        (new_york, "01:30", "11-01T06:45:00", "11-02T06:30:00"),
    ] {
        let zone = TimeZone::posix(zone).unwrap();
        let instant = |text: &str| written_time(&format!("2026-{text}Z")).unwrap();
        let next = time
            .parse::<TimeOfDay>()
            .unwrap()
            .next_in(instant(now), &zone);
        assert_eq!(next, instant(at), "{time} after {now}");
    }
}

#[rstest]
#[case("plain, ünd\n\ttwo lines\n", "plain, ünd\n\ttwo lines\n")]
#[case("\u{1b}[2Jgone", "\\u001b[2Jgone")]
#[case("\u{9b}31m", "\\u009b31m")]
#[case("over\rwritten", "over\\u000dwritten")]
#[case("bell\u{7}\u{8}\u{7f}\0", "bell\\u0007\\u0008\\u007f\\u0000")]
#[case("\u{202e}fdp.exe", "\\u202efdp.exe")]
#[case("1\u{200b}2\u{feff}", "1\\u200b2\\ufeff")]
#[case("\u{e0041}", "\\udb40\\udc41")]
fn what_acts_on_a_terminal_is_written_out(#[case] text: &str, #[case] expected: &str) {
    assert_eq!(escape_controls(text), expected);
}

proptest! {
    #[test]
    fn json_stays_the_same_json(text in ".{0,20}[\u{0}-\u{9f}\u{200b}-\u{202e}\\\\\"]{0,20}") {
        let value = json!({ text.as_str(): [text.as_str()] });
        let read: Value = serde_json::from_str(&escape_controls(&value.to_string())).unwrap();
        prop_assert_eq!(read, value);
    }
}

#[test]
fn a_name_of_a_provider_file_is_one_byte_and_always_the_same() {
    let erase = Action::named("erase-all").unwrap();
    assert_eq!(Action::named("erase-all"), Some(erase));
    assert_eq!(serde_json::to_string(&erase).unwrap(), "\"erase-all\"");
    assert_eq!(Action::named("delete"), Some(Action::Delete));
    assert_eq!((size_of::<Name>(), size_of::<Option<Step>>()), (1, 2));
    let (name, steps) = (Name::new("erase-all").unwrap(), [Step::Delete]);
    assert!(name.set_steps(&steps) && name.set_steps(&steps) && !name.set_steps(&[]));
    assert_eq!(erase.steps(), steps);
    for text in ["", "Erase", "a b", "-a", "a-", "a@b", &"a".repeat(65)] {
        assert_eq!(Name::new(text), None, "{text}");
    }
}

// ---- Ids ----------------------------------------------------------------------------------------

#[test]
fn zeros_are_suspicious_only_beyond_what_a_float_keeps() {
    for (text, rounded) in [
        ("6164068886000", false),
        ("616406888604000", false),
        ("6164068886040000", true),
        ("6164068886040010", false),
    ] {
        assert_eq!(looks_rounded(text), rounded, "{text}");
    }
}

//! An entry as the body of a line, and back. The chain around it is `chain`'s.

use std::ops::RangeInclusive;

use serde_json::{Result, from_slice};

use super::chain::{self, LINE_OVERHEAD};
use crate::domain::Entry;

/// The longest line there may be, its line feed counted, in bytes: 4 MiB. A header holds which rows were
/// agreed to: two bits a row at most.
pub const LINE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The longest body a line can hold, in bytes.
pub(super) const BODY_BYTES_MAX: usize = LINE_BYTES_MAX - LINE_OVERHEAD;

/// Appends the body of an entry's line to `body`.
pub(super) fn encode_to(entry: &Entry, body: &mut Vec<u8>) -> Result<()> {
    serde_json::to_writer(body, entry)
}

/// The entry that a line holds; its chain is passed over. The line is used up by it.
///
/// Serde reads a tagged enum by way of a tree of the whole object, and what a flattened struct does
/// not know by way of another. We write `kind` first and the chain last: for the kinds there are
/// many of, only what stands between the two is read, as the struct it is.
pub(super) fn decode(line: &mut [u8]) -> Result<Entry> {
    let Some((kind, place)) = many(line) else {
        return from_slice(line);
    };
    let fields = object_at(line, place);
    match kind {
        Many::Plan => from_slice(fields).map(Entry::Plan),
        Many::Unsent => from_slice(fields).map(Entry::Unsent),
        Many::Intent => from_slice(fields).map(Entry::Intent),
        Many::Bulk => from_slice(fields).map(Entry::Bulk),
        Many::Attempt => from_slice(fields).map(Entry::Attempt),
        Many::Step => from_slice(fields).map(Entry::Step),
        Many::Outcome => from_slice(fields).map(Entry::Outcome),
        Many::Request => from_slice(fields).map(Entry::Request),
        Many::Verify => from_slice(fields).map(Entry::Verify),
    }
}

/// The kinds there are many of.
#[derive(Debug, Clone, Copy)]
enum Many {
    Plan,
    Unsent,
    Intent,
    Bulk,
    Attempt,
    Step,
    Outcome,
    Request,
    Verify,
}

/// The kind of `line`, and the places of the commas on either side of what follows it up to the
/// chain.
fn many(line: &[u8]) -> Option<(Many, RangeInclusive<usize>)> {
    const OPEN: &[u8] = b"{\"kind\":\"";
    let name = line
        .strip_prefix(OPEN)?
        .split(|byte| *byte == b'"')
        .next()?;
    let kind = match name {
        b"plan" => Many::Plan,
        b"unsent" => Many::Unsent,
        b"intent" => Many::Intent,
        b"bulk" => Many::Bulk,
        b"attempt" => Many::Attempt,
        b"step" => Many::Step,
        b"outcome" => Many::Outcome,
        b"request" => Many::Request,
        b"verify" => Many::Verify,
        _ => return None,
    };
    let from = OPEN.len() + name.len() + 1;
    let to = chain::body_len(line)? - 1;
    (from < to && line[from] == b',').then_some((kind, from..=to))
}

/// The object that a brace in the place of the comma on either side makes.
fn object_at(line: &mut [u8], place: RangeInclusive<usize>) -> &[u8] {
    line[*place.start()] = b'{';
    line[*place.end()] = b'}';
    &line[place]
}

#[cfg(test)]
mod tests {
    use super::decode;
    use crate::domain::Entry;
    use crate::ledger::chain::{Head, seal};
    use crate::ledger::samples;

    #[test]
    fn every_kind_reads_back_on_the_short_way_and_on_the_long() {
        let plan = samples::one_of_each_of_a_plan();
        for entry in samples::one_of_each().into_iter().chain(plan) {
            let body = serde_json::to_vec(&entry).unwrap();
            assert!(body.starts_with(b"{\"kind\":\""));
            assert_eq!(decode(&mut body.clone()).unwrap(), entry);
            assert_eq!(serde_json::from_slice::<Entry>(&body).unwrap(), entry);
            // With the chain behind it, and with a blank in front, which is the long way.
            let mut line = Vec::new();
            seal(Head::GENESIS, &body, &mut line);
            line.pop();
            assert_eq!(decode(&mut line.clone()).unwrap(), entry);
            line.insert(0, b' ');
            assert_eq!(decode(&mut line).unwrap(), entry);
        }
    }

    #[test]
    fn a_line_that_has_the_right_ends_only_is_no_entry() {
        for kind in [
            "intent", "bulk", "attempt", "step", "outcome", "request", "verify", "end",
        ] {
            for body in [
                format!(r#"{{"kind":"{kind}"}}"#),
                format!(r#"{{"kind":"{kind}",}}"#),
                format!(r#"{{"kind":"{kind}" ,"row":1}}"#),
                format!(r#"{{"kind":"{kind}","row":1,"line":2}}}}"#),
            ] {
                let mut line = Vec::new();
                seal(Head::GENESIS, body.as_bytes(), &mut line);
                line.pop();
                assert!(decode(&mut line).is_err(), "{body}");
            }
        }
    }

    #[test]
    fn the_entries_of_a_plan_stand_in_a_ledger_as_documented() {
        let lines = samples::one_of_each_of_a_plan();
        let texts = lines
            .iter()
            .map(|it| String::from_utf8(serde_json::to_vec(it).unwrap()).unwrap());
        let lines: Vec<String> = texts.collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        {"kind":"plan","account":"acme","action":"purge","rows":[{"row":1,"line":2,"id":"901"},{"row":3,"line":4,"id":"903","again":true},{"row":6,"line":7,"id":"906","ref":"REQ-6","again":true}]}
        {"kind":"unsent","outcome":"protected","code":"id_not_digits","message":"the id is not a number","account":"acme","action":"purge","rows":[{"row":2,"line":3},{"row":4,"line":5}]}
        {"kind":"unsent","outcome":"invalid","code":"id_not_digits","message":"the id is not a number","rows":[{"row":5,"line":6}]}
        {"kind":"planned","rows":6,"outcomes":{"deleted":0,"already_gone":0,"not_found":0,"refused":0,"failed":0,"in_doubt":0,"invalid":1,"protected":0,"done_before":0,"duplicate":0,"pending":5},"input":{"path":"/data/users.csv","size":312,"sha256":"abababababababababababababababababababababababababababababababab","format":"csv","delimiter":",","columns":{"id":"user_id"}}}
        {"kind":"agreed","user":"ada","host":"desk","how":"typed","at":"2026-11-22T09:30:01.000Z","accounts":{"acme":{"tenant":"acme.example","caller":"4711"}},"protect":{"path":"/data/keep.txt","sha256":"cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd","ids":2},"done_in":[{"path":"/data/old.ledger.jsonl","sha256":"efefefefefefefefefefefefefefefefefefefefefefefefefefefefefefefef"}]}
        "#);
    }

    #[test]
    fn an_unknown_kind_is_no_entry() {
        assert!(decode(&mut br#"{"kind":"intentional","row":1}"#.to_vec()).is_err());
        assert!(decode(&mut br#"{"kind":"#.to_vec()).is_err());
    }
}

//! The chain over a ledger's lines.

use userpurge::ledger::{LedgerDamage, LedgerHead, check, seal};

fn sealed(previous: LedgerHead, body: &str) -> (Vec<u8>, LedgerHead) {
    let mut line = Vec::new();
    let head = seal(previous, body.as_bytes(), &mut line);
    assert_eq!(line.pop(), Some(b'\n'));
    (line, head)
}

#[test]
fn the_chain_is_blake3_of_the_chain_before_and_the_line_without_it() {
    let body = r#"{"kind":"x","n":1}"#;
    let (line, head) = sealed(LedgerHead::GENESIS, body);
    let by_hand = blake3::hash(&[&[0; 32], body.as_bytes()].concat()).to_hex();
    let text = String::from_utf8(line).unwrap();
    assert_eq!(text, format!(r#"{{"kind":"x","n":1,"chain":"{by_hand}"}}"#));
    assert_eq!(by_hand.as_str().parse(), Ok(head));
}

#[test]
fn a_line_fits_whole_and_only_after_the_one_it_was_written_after() {
    let (first, head) = sealed(LedgerHead::GENESIS, r#"{"a":1}"#);
    let (second, last) = sealed(head, r#"{"b":2}"#);
    for (before, line, expected) in [
        (LedgerHead::GENESIS, &first[..], Ok(head)),
        (head, &second, Ok(last)),
        (LedgerHead::GENESIS, &second, Err(LedgerDamage::Mismatch)),
        (head, &first, Err(LedgerDamage::Mismatch)),
        (head, b"", Err(LedgerDamage::NoChain)),
        (head, br#"{"kind":"x"}"#, Err(LedgerDamage::NoChain)),
    ] {
        assert_eq!(check(before, line), expected);
    }
    for at in 0..first.len() * 8 {
        let mut other = first.clone();
        other[at / 8] ^= 1 << (at % 8);
        assert!(check(LedgerHead::GENESIS, &other).is_err(), "bit {at}");
    }
}

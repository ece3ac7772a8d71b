//! Why a line does not follow the one before it: what the bytes tell, and what they cannot.
//!
//! Every line states a chain, and was written after the line whose chain went into its own. So one
//! can ask of any two lines whether the second was written after the first, wherever they stand.
//! That is done here for the first line that does not fit, against every other line of the file,
//! and [`Evidence::judge`] draws the conclusion.
//!
//! # What can be known, for one thing done to a ledger in one place
//!
//! The suspect is line k. *Follows* means: was written right after.
//!
//! | what the bytes say | the reason is |
//! | --- | --- |
//! | another line that fits where it stands is the same, byte for byte | duplicated |
//! | k follows a line further down | moved, it or the lines around it |
//! | a line further down follows k-1; k follows nothing, or a line before k-1 | added |
//! | k follows a line before k-1, or nothing at all, as a header does; nothing follows k-1 | added: another end of the same ledger, or another ledger |
//! | k fits once one byte is changed, put in or taken out | changed, in that byte |
//! | k+1 follows k, after k-1, but for the chain that k states | changed, in its chain |
//! | k+1 follows the chain that k states; k is not what this program writes | changed |
//! | k+1 follows the chain that k states; k may have been written so | changed, or lines before it dropped |
//! | k+1 does not follow k | changed, or added at the end |
//! | nothing stands after k | the same; also dropped, if it may have been written so |
//!
//! # What cannot
//!
//! - **Changed or dropped.** A line holds the hash of the line before it, not that line. If k is
//!   whole, the chain that it followed is that of a line that is gone, which nobody can compute;
//!   if k was changed, what it said is gone, likewise. Only a small change can be found by trying.
//! - **Lines made with a chain of their own** and put at the end look like lines whose
//!   predecessors were dropped. Who makes every chain anew from some line on leaves no trace in the
//!   file; a head that was noted elsewhere finds both.
//! - **Lines cut off at the end** leave no trace in the file either.
//! - More than one thing done: the first place is named, and its reason may be another.

use std::io::{self, BufRead, Seek, SeekFrom};

use serde::de::IgnoredAny;

use super::chain::{self, Head, Unfit};
use super::error::Damage;
use super::format::LINE_BYTES_MAX;
use super::reader::read_on;

/// How many bytes are hashed at most to find the line that the suspect follows: some ten seconds.
/// Only a suspect of very many bytes in a ledger of very many lines takes more.
const HASHED_BYTES_MAX: u64 = 16 * 1024 * 1024 * 1024;

/// The first line that does not fit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Suspect {
    /// Its number, from 1.
    pub(super) line: u64,
    /// Where it begins, in bytes from the start of the file.
    pub(super) byte: u64,
    /// The chain of the line before it.
    pub(super) previous: Head,
}

/// What the bytes of a ledger tell about a suspect. Lines are numbered from 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Evidence {
    /// Its number.
    line: u64,
    /// Whether this program may have written it: an object that ends in a chain.
    may_be_ours: bool,
    /// What stands after it.
    next: Next,
    /// A line of the same bytes that fits where it stands.
    copy_of: Option<u64>,
    /// The line, not the one before it, that it was written after; 0: the top of a ledger.
    after: Option<u64>,
    /// The line further down that was written after the one before it.
    successor: Option<u64>,
    /// The one byte of it that is wrong, in bytes from the start of the file.
    wrong_byte: Option<u64>,
    /// Whether there was more to hash than is allowed.
    gave_up: bool,
}

/// How the next line stands to the suspect.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Next {
    /// There is none.
    #[default]
    Nothing,
    /// It was written after the chain that the suspect states.
    FollowsStated,
    /// It was written after the chain that the suspect's content has where it stands.
    FollowsContent,
    /// Neither.
    Unrelated,
}

/// Says why the suspect does not fit; `file` is the ledger, wherever it was read to.
///
/// It reads the file once more and keeps two of its lines.
pub(super) fn reason(mut file: impl BufRead + Seek, suspect: Suspect) -> io::Result<Damage> {
    file.seek(SeekFrom::Start(suspect.byte))?;
    let mut line = Vec::new();
    read_line(&mut file, &mut line)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(Evidence::gather(file, suspect, &line)?.judge())
}

// === impl Evidence ===

impl Evidence {
    fn gather(mut file: impl BufRead, suspect: Suspect, line: &[u8]) -> io::Result<Self> {
        let mut found = Self {
            line: suspect.line,
            may_be_ours: may_be_ours(line),
            ..Self::default()
        };
        let follows = |previous: Head, line: &[u8]| chain::check(previous, line).is_ok();
        let mut hashed = 0;
        let mut other = Vec::new();
        let mut number = 0;
        let mut before = Some(Head::GENESIS);
        loop {
            // `before` is the chain of line `number`: may the suspect have been written after it?
            if found.after.is_none()
                && number + 1 != suspect.line
                && number != suspect.line
                && let Some(before) = before
            {
                hashed += line.len() as u64;
                found.gave_up |= hashed > HASHED_BYTES_MAX;
                if !found.gave_up && follows(before, line) {
                    found.after = Some(number);
                }
            }
            if !read_line(&mut file, &mut other)? {
                break;
            }
            number += 1;
            if number == suspect.line + 1 {
                found.next = next(suspect.previous, line, &other);
            }
            if number != suspect.line {
                let fits = || number < suspect.line || before.is_some_and(|it| follows(it, &other));
                if found.copy_of.is_none() && other == line && fits() {
                    found.copy_of = Some(number);
                }
                if found.successor.is_none()
                    && number > suspect.line
                    && follows(suspect.previous, &other)
                {
                    found.successor = Some(number);
                }
            }
            before = chain::stated(&other);
        }
        if found.proof().is_none() {
            let at = chain::one_byte_off(suspect.previous, line);
            found.wrong_byte = at.map(|at| suspect.byte + at as u64);
        }
        Ok(found)
    }

    fn judge(self) -> Damage {
        if let Some(proof) = self.proof() {
            return proof;
        }
        if let Some(byte) = self.wrong_byte {
            return Damage::Changed { byte: Some(byte) };
        }
        match (self.next, self.may_be_ours) {
            // Its place in the chain was untried.
            (_, true) if self.gave_up => Damage::Chain(Unfit::Mismatch),
            (Next::FollowsContent, _) | (Next::FollowsStated, false) => {
                Damage::Changed { byte: None }
            }
            (Next::FollowsStated, true) => Damage::ChangedOrDropped,
            (Next::Unrelated, _) | (Next::Nothing, false) => Damage::ChangedOrAdded,
            (Next::Nothing, true) => Damage::ChangedDroppedOrAdded,
        }
    }

    /// What its place in the chain proves.
    fn proof(self) -> Option<Damage> {
        if let Some(of) = self.copy_of {
            return Some(Damage::Duplicated { of });
        }
        match (self.after, self.successor) {
            // The line that was written there, or one that stands there, is no less of the ledger.
            (Some(after), None) if after < self.line => Some(Damage::Forked { after }),
            (Some(after), Some(goes_on)) if after < self.line => Some(Damage::Added { goes_on }),
            (Some(after), _) => Some(Damage::Moved { after }),
            (None, Some(goes_on)) => Some(Damage::Added { goes_on }),
            (None, None) => None,
        }
    }
}

/// Reads the next line, without its line feed; whether there was one. Of a line that is too long
/// only the beginning is kept.
fn read_line(file: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    read_on(file, line)?;
    if line.len() > LINE_BYTES_MAX {
        file.skip_until(b'\n')?;
        return Ok(true);
    }
    Ok(line.pop_if(|last| *last == b'\n').is_some())
}

fn next(previous: Head, line: &[u8], next: &[u8]) -> Next {
    let follows = |head: Option<Head>| head.is_some_and(|it| chain::check(it, next).is_ok());
    if follows(chain::stated(line)) {
        Next::FollowsStated
    } else if follows(chain::computed(previous, line)) {
        Next::FollowsContent
    } else {
        Next::Unrelated
    }
}

fn may_be_ours(line: &[u8]) -> bool {
    chain::stated(line).is_some()
        && line.first() == Some(&b'{')
        && serde_json::from_slice::<IgnoredAny>(line).is_ok()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::{Evidence, Next};
    use crate::ledger::{Damage, Unfit};

    const CHANGED: Damage = Damage::Changed { byte: None };

    /// About line 5.
    fn judged(evidence: Evidence) -> Damage {
        Evidence {
            line: 5,
            ..evidence
        }
        .judge()
    }

    #[rstest]
    #[case::written_after_a_later_line(Some(9), None, Damage::Moved { after: 9 })]
    #[case::and_what_belongs_here_too(Some(9), Some(7), Damage::Moved { after: 9 })]
    #[case::another_end(Some(2), None, Damage::Forked { after: 2 })]
    #[case::another_ledger(Some(0), None, Damage::Forked { after: 0 })]
    #[case::another_end_in_the_middle(Some(2), Some(6), Damage::Added { goes_on: 6 })]
    #[case::written_after_none(None, Some(6), Damage::Added { goes_on: 6 })]
    fn a_line_that_has_another_place_or_stands_in_anothers_is_told_by_it(
        #[case] after: Option<u64>,
        #[case] successor: Option<u64>,
        #[case] reason: Damage,
    ) {
        // Whatever else may be true.
        for next in [
            Next::Nothing,
            Next::FollowsStated,
            Next::FollowsContent,
            Next::Unrelated,
        ] {
            for may_be_ours in [false, true] {
                let evidence = Evidence {
                    may_be_ours,
                    next,
                    after,
                    successor,
                    wrong_byte: Some(1),
                    ..Evidence::default()
                };
                assert_eq!(judged(evidence), reason);
                let copy = Evidence {
                    copy_of: Some(3),
                    ..evidence
                };
                assert_eq!(judged(copy), Damage::Duplicated { of: 3 });
            }
        }
    }

    #[rstest]
    #[case(Next::FollowsStated, true, Damage::ChangedOrDropped)]
    #[case(Next::FollowsStated, false, CHANGED)]
    #[case(Next::FollowsContent, true, CHANGED)]
    #[case(Next::FollowsContent, false, CHANGED)]
    #[case(Next::Unrelated, true, Damage::ChangedOrAdded)]
    #[case(Next::Unrelated, false, Damage::ChangedOrAdded)]
    #[case(Next::Nothing, true, Damage::ChangedDroppedOrAdded)]
    #[case(Next::Nothing, false, Damage::ChangedOrAdded)]
    fn a_line_without_a_place_is_told_by_the_next_as_far_as_that_goes(
        #[case] next: Next,
        #[case] may_be_ours: bool,
        #[case] reason: Damage,
    ) {
        let evidence = Evidence {
            may_be_ours,
            next,
            ..Evidence::default()
        };
        assert_eq!(judged(evidence), reason);
        let tried = Evidence {
            wrong_byte: Some(77),
            ..evidence
        };
        assert_eq!(judged(tried), Damage::Changed { byte: Some(77) });
        let untried = Evidence {
            gave_up: true,
            ..evidence
        };
        let expected = if may_be_ours {
            Damage::Chain(Unfit::Mismatch)
        } else {
            reason
        };
        assert_eq!(judged(untried), expected);
    }
}

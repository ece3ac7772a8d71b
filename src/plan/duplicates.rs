//! The rows seen so far.

use std::collections::{HashMap, HashSet};

use roaring::RoaringTreemap;

use crate::domain::{AccountName, Action, TaskKey, UserId};

/// Remembers account, action and id of every row it is shown.
///
/// Ids are numbers nearly always, and a bitmap holds ten million of them in some tens of megabytes;
/// of the others sixteen bytes each are kept.
#[derive(Debug, Default)]
pub(super) struct Seen {
    numbers: HashMap<(AccountName, Action), RoaringTreemap>,
    others: HashSet<TaskKey>,
}

impl Seen {
    /// Remembers a row; `false`: it was there before.
    pub(super) fn insert(&mut self, account: &AccountName, action: Action, id: &UserId) -> bool {
        match number(id.as_str()) {
            Some(number) => self
                .numbers
                .entry((account.clone(), action))
                .or_default()
                .insert(number),
            None => self.others.insert(TaskKey::new(account, action, id)),
        }
    }
}

/// The number that stands for `text` and for no other text; `None`: there is none. `007` and `7`
/// are two ids, so leading zeros are no number's.
fn number(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if plain { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;
    use rstest::rstest;

    use super::{Seen, number};
    use crate::domain::{AccountName, Action, UserId};

    #[rstest]
    #[case("0", Some(0))]
    #[case("7", Some(7))]
    #[case("18446744073709551615", Some(u64::MAX))]
    #[case("18446744073709551616", None)]
    #[case("007", None)]
    #[case("00", None)]
    #[case("+7", None)]
    #[case("", None)]
    #[case("5963c0d619a3", None)]
    fn only_a_plain_number_stands_for_its_text(#[case] text: &str, #[case] expected: Option<u64>) {
        assert_eq!(number(text), expected);
    }

    proptest! {
        #[test]
        fn a_row_is_new_exactly_once(
            rows in prop::collection::vec(("[ab]", 0..4_usize, "[0-2]{1,3}|1844674407370955161[56]|[xy]"), 0..60)
        ) {
            let mut seen = Seen::default();
            let mut model = HashSet::new();
            for (account, action, id) in rows {
                let new = seen.insert(
                    &AccountName::new(account.as_str()),
                    Action::ALL[action],
                    &UserId::new(id.as_str()),
                );
                prop_assert_eq!(new, model.insert((account, action, id)));
            }
        }
    }
}

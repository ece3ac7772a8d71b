//! By which keys JSON rows are read, and which of a row's keys holds its id.

use serde_json::value::RawValue;

use super::mapping::{Columns, EXTERNAL_ID, ID_NAMES, Known, known_as, known_id};
use super::row::{Field, RowProblem};

/// The key of a Sunshine Conversations user that holds the id of the same user at Zendesk.
pub(super) const ZENDESK_LINK: &str = "zendeskId";

/// By which keys the rows of an input are read: as a table by its header, all by the same.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Keys {
    /// Those that the options name.
    pub(super) columns: Columns,
    /// Which of its known names the id has, from 0, where none is named; `None`: no row was seen yet.
    pub(super) id: Option<usize>,
}

impl Keys {
    /// Those of `columns`, and `id`, the key that the first rows have their ids in.
    pub(super) fn new(columns: &Columns, id: Option<&str>) -> Self {
        Self {
            columns: columns.clone(),
            id: id.and_then(known_id),
        }
    }

    /// Whether no option names a key.
    pub(super) fn are_known(&self) -> bool {
        self.columns == Columns::default()
    }
}

/// The keys of a row that may hold its id, with their values.
#[derive(Default)]
pub(super) struct IdKeys<'a> {
    /// By the known names.
    named: [Option<&'a RawValue>; ID_NAMES],
    twice: [bool; ID_NAMES],
    /// Whether there is another key that may hold it.
    likely: bool,
}

impl<'a> IdKeys<'a> {
    /// Takes in the key of a row, if it may hold the id.
    pub(super) fn add(&mut self, key: &str, known: Known, value: &'a RawValue) {
        match known {
            Known::Name(Field::Id, name) => {
                self.twice[name] |= self.named[name].is_some();
                self.named[name] = Some(value);
            }
            Known::Likely => self.likely |= key != ZENDESK_LINK,
            Known::Name(..) => {}
        }
    }

    /// The value of the only key that may hold the id, which is the known name `wanted` where the
    /// other rows have theirs in that; `None`: there is none. Two that may are a problem: one of
    /// them is another object's.
    pub(super) fn value(&self, wanted: Option<usize>) -> Result<Option<&'a RawValue>, RowProblem> {
        let external = known_id(EXTERNAL_ID).unwrap_or_default();
        let own = (0..ID_NAMES).filter(|name| *name != external && self.named[*name].is_some());
        let mut own = own.collect::<Vec<_>>().into_iter();
        let found = match (own.next(), own.next(), self.likely) {
            (Some(_), Some(_), _) | (Some(_), None, true) => return Err(ambiguous(Field::Id)),
            (Some(name), None, false) => name,
            (None, _, false) => external,
            (None, _, true) => return Ok(None),
        };
        if self.twice[found] {
            return Err(ambiguous(Field::Id));
        }
        let is_wanted = wanted.is_none_or(|wanted| wanted == found);
        Ok(self.named[found].filter(|_| is_wanted))
    }

    /// Of the keys and values of a whole row.
    pub(super) fn of<'k>(pairs: impl Iterator<Item = (&'k str, &'a RawValue)>) -> Self {
        let mut keys = Self::default();
        for (key, value) in pairs {
            if let Some(known) = known_as(key) {
                keys.add(key, known, value);
            }
        }
        keys
    }
}

/// Two keys hold `field`.
pub(super) fn ambiguous(field: Field) -> RowProblem {
    RowProblem::new(
        field,
        "ambiguous",
        format!(
            "two keys of the row match the {field}; name the right one with `{}`, or take the other out",
            field.option()
        ),
    )
}

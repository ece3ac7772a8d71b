//! Accounts and rows that the tests of this module share.

use std::borrow::Cow;
use std::io::Write as _;

use tempfile::NamedTempFile;

use crate::domain::{
    AccountName, AccountPolicy, Action, IdProblem, Position, ProviderKind, Record,
};
use crate::input::Row;

/// Takes digits, with or without the prefix of an export.
fn check_id(text: &str) -> Result<&str, IdProblem> {
    let id = text.strip_prefix("zcrm_").unwrap_or(text);
    if id.bytes().all(|b| b.is_ascii_digit()) {
        Ok(id)
    } else {
        Err(IdProblem {
            code: "not_digits",
            reason: format!("`{text}` has other characters than digits"),
        })
    }
}

/// `acme` and `beta` at Zendesk, of which `acme` deletes by default, and `crm` at Zoho.
pub(super) fn policies() -> Vec<AccountPolicy> {
    let policy = |name: &str, provider, action| AccountPolicy {
        name: AccountName::new(name),
        provider,
        tenant: None,
        action,
        check_id,
        blanks_count: |id| id.starts_with('7'),
        ids_alike: provider == ProviderKind::Zoho,
    };
    vec![
        policy("acme", ProviderKind::Zendesk, Some(Action::Delete)),
        policy("beta", ProviderKind::Zendesk, None),
        policy("crm", ProviderKind::Zoho, None),
    ]
}

/// A file that holds `text`.
pub(super) fn file(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

/// The record of `id,account,action`, where a blank cell is none.
pub(super) fn record(cells: &str) -> Record<'static> {
    let owned = |cell: &str| -> Cow<'static, str> { Cow::Owned(cell.to_owned()) };
    let mut cells = cells.split(',').map(owned);
    let id = cells.next().unwrap_or_default();
    let mut cell = || cells.next().filter(|cell| !cell.is_empty());
    Record {
        id,
        account: cell(),
        action: cell(),
        ..Record::default()
    }
}

/// The row of `id,account,action` at number `row`, below a header.
pub(super) fn row(row: u64, cells: &str) -> Row<'static> {
    Row {
        position: Position { row, line: row + 1 },
        content: Ok(record(cells)),
    }
}

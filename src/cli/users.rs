//! The ids of a ledger, held against their providers' rules as those of a file are: an id that leads
//! elsewhere must not come into an address, whoever wrote the ledger.

use std::path::Path;

use super::Failure;
use crate::ledger::{LedgerState, each_user};
use crate::provider;

/// Refuses the ledger of `state` if it names a user whom the account's provider cannot have.
pub(super) fn check(ledger: &Path, state: &LedgerState) -> Result<(), Failure> {
    let accounts = state.accounts();
    each_user(ledger, |line, account, id| {
        let Some(header) = accounts.get(account) else {
            return Ok(());
        };
        let problem = match provider::check_id(header.provider)(id.as_str()) {
            Ok(checked) if checked == id.as_str() => return Ok(()),
            Ok(_) => "it is not written as it would be sent".to_owned(),
            Err(problem) => problem.reason,
        };
        let what = format!(
            "line {line} names a user whom account `{account}` ({}) cannot have: {problem}; nothing was sent",
            header.provider.title()
        );
        let help = "this program writes no such line: find out who changed the ledger";
        Err(Failure::foreign(ledger, &what, Some(help)))
    })
}

//! The advice about rows that ended otherwise than well, and about accounts that stopped.

use crate::domain::{Outcome, OutcomeEntry, StopKind};
use crate::words::shell_word;

/// The advice about rows that ended as `outcome`, with `code` and `message`: in words, and as a command if
/// one goes on from there. `ledger`: as a shell takes it; `again`: with the configuration if one is to be named.
pub(super) fn about(
    outcome: Outcome,
    (code, message): (Option<&str>, Option<&str>),
    ledger: &str,
    again: &str,
) -> (&'static str, Option<String>) {
    let report = format!("userpurge report {ledger} --format csv --out report");
    let rows = || Some(report.clone());
    let retry = |more: &str| Some(format!("userpurge retry {again}{more}"));
    let include = || retry(&include_role(message.unwrap_or_default()));
    match (outcome, code) {
        (Outcome::NotFound, _) => (
            "The provider knows no such user. Compare the id and the account with where the list \
             came from, fix the row and run the fixed rows; as it stands, trying it again changes \
             nothing.",
            rows(),
        ),
        (Outcome::Refused, _) => (
            "The provider will not delete this user until somebody acts on what it says. Once that \
             is done, try these rows again.",
            retry(" --only refused"),
        ),
        (Outcome::Failed, _) => (
            "Every attempt met an error that passes. Try these rows again later.",
            retry(""),
        ),
        (Outcome::InDoubt, _) => (
            "A request left and its answer never came, so the user may be deleted or not. Trying \
             again finds out; nobody is deleted twice.",
            retry(""),
        ),
        (Outcome::Invalid, _) => (
            "Nothing was sent. Fix the row as the reason says, and run the fixed rows.",
            rows(),
        ),
        (Outcome::Protected, Some("caller")) => (
            "Nothing was sent: nobody deletes the user whose credentials are used. If this user is \
             to go, use another's.",
            None,
        ),
        (Outcome::Protected, Some("protected_role")) => (
            "Nothing was deleted, to keep the team safe. If this user is to go, let users of \
             that role be deleted.",
            include(),
        ),
        (Outcome::Protected, Some(OutcomeEntry::PROTECTED_HALF)) => (
            "The user was soft-deleted before the role was known, and no more. If this user is to go, \
             let users of that role be deleted.",
            include(),
        ),
        (Outcome::Protected, _) => (
            "Nothing was sent, because the protect list says so. If this user is to go, take them \
             off the list and run the row in a new file.",
            rows(),
        ),
        (Outcome::Ordered, _) => ("Verify later: the provider deletes on its own time.", None),
        _ => ("Nothing.", None),
    }
}

/// The options that let the role be deleted which `message` names.
fn include_role(message: &str) -> String {
    let mut words = message.split([' ', ';']).skip_while(|it| *it != "role");
    let role = words.nth(2).map_or("ROLE".to_owned(), shell_word);
    format!(" --only protected --include-role {role}")
}

/// The advice to a person about a stop.
pub const fn mend(reason: StopKind) -> &'static str {
    match reason {
        StopKind::CredentialsRejected => "check this account's credentials in the configuration",
        StopKind::NotPermitted => "give the caller the right to delete users, or use another",
        StopKind::WrongTenant => "check this account's address and ids in the configuration",
        StopKind::OrgCap => "ask the provider's support to lift the cap, then try again",
        StopKind::QuotaGone => {
            "try again once the provider grants requests again; before a time it named, nothing is sent"
        }
        StopKind::FailureLimit => {
            "look at the failed rows first; resume counts anew, and `--max-failures` sets the limit"
        }
        StopKind::RolesUnknown => "check the network and the right to read users, then try again",
        StopKind::OutOfReach => "check the network and the provider's address, then try again",
        StopKind::TokensExhausted => {
            "wait ten minutes, then try again; look whether something else asks for tokens"
        }
        StopKind::PaymentRequired => "see your plan and invoices at the provider, then try again",
        StopKind::NotFoundRun => {
            "compare the rows that ended `not_found` with this account, its tenant and the age of the file; if all are right, resume goes on and counts anew"
        }
        StopKind::CanaryFailed => "look at that row first; resume begins with a canary again",
        StopKind::UntilReached => "resume goes on where it stopped",
    }
}

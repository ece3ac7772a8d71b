//! What the provider says of the caller decides about ids: the caller is spared, and so are ids of
//! another organisation.

use crate::domain::{AccountName, Outcome, UserId};

use super::damage::fewer_digits;

/// Judges ids of one account by its caller. It is known only when the provider was asked, so rows
/// that it spares stand in the plan and end when they are carried out.
#[derive(Debug, Clone)]
pub struct CallerRule {
    /// The account.
    pub account: AccountName,
    /// The user whose credentials are used; `None`: the credentials belong to no user.
    pub caller: Option<UserId>,
    /// Leading digits that every id of this org has; `None`: any id may pass.
    pub id_prefix: Option<String>,
    /// Whether all ids of one org have as many digits.
    pub ids_alike: bool,
    /// Whether ids of another org are let through: `--force-foreign-ids`.
    pub takes_foreign: bool,
}

impl CallerRule {
    /// How a row of `id` ends, with a stable word and the reason; `None`: it may be sent.
    pub fn end(&self, id: &UserId) -> Option<(Outcome, &'static str, String)> {
        let id = id.as_str();
        if !self.takes_foreign {
            let caller = self.caller.as_ref().filter(|_| self.ids_alike);
            let usual = caller.map(|caller| caller.as_str().len());
            if let Some(usual) = usual.filter(|usual| id.len() < *usual) {
                let reason = fewer_digits(usual, self.account.as_str());
                return Some((Outcome::Invalid, "lost_leading_digits", reason));
            }
            let prefix = self.id_prefix.as_deref();
            if let Some(prefix) = prefix.filter(|prefix| !id.starts_with(prefix)) {
                let reason = format!(
                    "the id is another org's: the ids of `{}` begin with {prefix}; if you are sure, \
                     give `--force-foreign-ids`",
                    self.account
                );
                return Some((Outcome::Invalid, "foreign_id", reason));
            }
        }
        let is_caller = self.caller.as_ref().is_some_and(|it| it.as_str() == id);
        let reason = "this is the user whose credentials are used";
        is_caller.then(|| (Outcome::Protected, "caller", reason.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::CallerRule;
    use crate::domain::{AccountName, UserId};

    #[test]
    fn the_caller_and_ids_of_another_org_are_spared() {
        for (id, takes_foreign, code) in [
            ("5542", false, None),
            ("5541", false, Some("caller")),
            ("5541", true, Some("caller")),
            ("6642", false, Some("foreign_id")),
            ("6642", true, None),
            ("542", false, Some("lost_leading_digits")),
            ("542", true, None),
        ] {
            let rule = CallerRule {
                account: AccountName::new("crm"),
                caller: Some(UserId::new("5541")),
                id_prefix: Some("554".to_owned()),
                ids_alike: true,
                takes_foreign,
            };
            assert_eq!(rule.end(&UserId::new(id)).map(|(_, code, _)| code), code);
        }
    }
}

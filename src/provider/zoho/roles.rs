//! Who of many is a user that Zoho made for itself: support users, system users and digital
//! employees, told by their type in the read of many users (`users?ids=`, 100 at a time); who is an
//! administrator, told by the name of their profile in the same answer; and who is the primary
//! contact.
//!
//! Administrators are whose profile says so in its name, such as `Administrator` or `Sales Admin`:
//! profiles can be made and named anew, and nothing else of a user tells what theirs allows.
//!
//! No field of a user tells the primary contact, only the organisation does (`org`), by the number of
//! their Zoho account (ZUID), which the read of many users has of each. It needs a scope of its own,
//! `ZohoCRM.org.READ`. Without it nobody is known to be the primary contact, and nobody is deleted
//! for that: Zoho refuses to delete them.

use serde_json::Value;

use crate::domain::{Step, UserId};
use crate::provider::body::{Body, Object, child, id_text, text};
use crate::provider::{Access, Listed, Principal, Reply, Request, Roles, Verdict, status};

use super::provider::Zoho;
use super::{reads, requests};

/// The types of users that are protected, and what `--include-role` calls them,
/// <https://www.zoho.com/crm/developer/docs/api/v8/get-users.html>.
const PROTECTED: [(&str, &str); 3] = [
    ("Support User", "support-user"),
    ("System User", "system-user"),
    ("Digital Employee", "digital-employee"),
];

/// What `--include-role` calls administrators.
const ADMINISTRATOR: &str = "administrator";

/// What the name of an administrators' profile holds, in lower case: Zoho's own, in the languages in
/// which it is told apart from others by that.
const ADMIN_WORDS: [&str; 3] = ["admin", "amministra", "管理"];

/// What `--include-role` calls the primary contact.
const PRIMARY_CONTACT: &str = "primary-contact";

impl Roles for Zoho {
    /// Zoho has one step.
    fn asked_before(&self, _step: Step) -> bool {
        true
    }

    fn users_max(&self) -> usize {
        requests::IDS_MAX
    }

    fn request(&self, access: &Access, ids: &[UserId]) -> Request {
        requests::many(access, self.version(), ids)
    }

    fn principal(&self) -> Option<&dyn Principal> {
        Some(self)
    }

    fn listed(
        &self,
        ids: &[UserId],
        primary_zuid: Option<&str>,
        reply: &Reply,
    ) -> Result<Vec<Listed>, Verdict> {
        // No content: nobody of them is there.
        if reply.status == 204 {
            return Ok(Vec::new());
        }
        let body = Body::of(reply);
        let users = reads::users(reply, &body)?;
        let mut listed = Vec::with_capacity(users.len());
        for user in users {
            let user = user.as_object();
            let known =
                user.and_then(|user| Some((user, id_text(user.get("id"))?, text(user, "status")?)));
            let (user, id, state) = known.ok_or_else(reads::unknown_state)?;
            let id = UserId::new(id);
            if !ids.contains(&id) {
                return Err(status::other_user());
            }
            if !reads::is_deleted(state) {
                let protected = protected(user, primary_zuid);
                listed.push(Listed { id, protected });
            }
        }
        Ok(listed)
    }
}

impl Principal for Zoho {
    fn role(&self) -> &'static str {
        PRIMARY_CONTACT
    }

    fn request(&self, access: &Access) -> Request {
        requests::org(access, self.version())
    }

    fn told(&self, reply: &Reply) -> Result<Option<String>, Verdict> {
        reads::primary_zuid(reply)
    }

    fn untold(&self) -> &'static str {
        "Zoho CRM does not say who the primary contact is, which takes the scope \
         ZohoCRM.org.READ; they are not protected here, but Zoho itself refuses to delete them"
    }
}

/// The role of `user` if it is protected; versions of the API before the eighth tell no type.
fn protected(user: &Object, primary_zuid: Option<&str>) -> Option<String> {
    let kind = user.get("type__s").and_then(Value::as_str);
    let named =
        |(name, _): &&(&str, &str)| kind.is_some_and(|kind| name.eq_ignore_ascii_case(kind.trim()));
    let of_type = PROTECTED.iter().find(named).map(|(_, role)| *role);
    let is_primary =
        || primary_zuid.is_some() && id_text(user.get("zuid")).as_deref() == primary_zuid;
    let role = of_type
        .or_else(|| is_primary().then_some(PRIMARY_CONTACT))
        .or_else(|| is_administrator(user).then_some(ADMINISTRATOR))?;
    Some(role.to_owned())
}

/// Whether the user's profile is an administrators'.
fn is_administrator(user: &Object) -> bool {
    let profile = child(user, "profile").and_then(|profile| text(profile, "name"));
    profile.is_some_and(|name| {
        let name = name.to_lowercase();
        ADMIN_WORDS.into_iter().any(|word| name.contains(word))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use crate::domain::UserId;
    use crate::provider::Provider;
    use crate::provider::testing::{any_reply, assert_fit_to_keep, reply, told};
    use crate::provider::zoho::provider::tests::zoho;

    fn listed(primary_zuid: Option<&str>, status: u16, body: &str) -> Result<String, String> {
        let ids = ["5725767000000412001", "5725767000000412002"].map(UserId::new);
        let provider = zoho(None);
        let roles = provider.roles().unwrap();
        let listed = roles
            .listed(&ids, primary_zuid, &reply(status, "", body))
            .map_err(|verdict| told(&verdict))?;
        let user = |user: &crate::provider::Listed| {
            let role = user.protected.as_deref().unwrap_or("-");
            format!("{} {role}", &user.id.as_str()[16..])
        };
        Ok(listed.iter().map(user).collect::<Vec<_>>().join(", "))
    }

    #[rstest]
    #[case(204, "", "")]
    #[case(
        200,
        r#"{"users":[{"id":"5725767000000412001","status":"active","type__s":"Regular User"},{"id":"5725767000000412002","status":"active","type__s":"System User"}]}"#,
        "001 -, 002 system-user"
    )]
    #[case(
        200,
        r#"{"users":[{"id":"5725767000000412001","status":"inactive","type__s":"Support User"},{"id":"5725767000000412002","status":"deleted","type__s":"Digital Employee"}]}"#,
        "001 support-user"
    )]
    #[case(
        200,
        r#"{"users":[{"id":"5725767000000412001","status":"active"}]}"#,
        "001 -"
    )]
    fn who_stands_is_listed_with_the_type_that_is_protected(
        #[case] status: u16,
        #[case] body: &str,
        #[case] expected: &str,
    ) {
        assert_eq!(listed(None, status, body).unwrap(), expected);
    }

    #[rstest]
    #[case(Some("60411002"), r#""zuid":"60411002""#, "001 -, 002 primary-contact")]
    // As a number; and the type goes before.
    #[case(Some("60411002"), r#""zuid":60411002"#, "001 -, 002 primary-contact")]
    #[case(
        Some("60411002"),
        r#""zuid":"60411002","type__s":"Support User""#,
        "001 -, 002 support-user"
    )]
    #[case(Some("60411003"), r#""zuid":"60411002""#, "001 -, 002 -")]
    // Where nobody is known, who has no number is not taken for them.
    #[case(None, r#""zuid":"60411002""#, "001 -, 002 -")]
    #[case(None, r#""zuid":null"#, "001 -, 002 -")]
    #[case(Some("60411002"), r#""zuid":null"#, "001 -, 002 -")]
    fn the_primary_contact_is_known_by_their_number_at_zoho(
        #[case] primary_zuid: Option<&str>,
        #[case] fields: &str,
        #[case] expected: &str,
    ) {
        let one = r#"{"id":"5725767000000412001","status":"active","zuid":"60411001"}"#;
        let other = format!(r#"{{"id":"5725767000000412002","status":"active",{fields}}}"#);
        let body = format!(r#"{{"users":[{one},{other}]}}"#);
        assert_eq!(listed(primary_zuid, 200, &body).unwrap(), expected);
    }

    #[rstest]
    #[case(r#""profile":{"name":"Administrator"}"#, "administrator")]
    #[case(r#""profile":{"name":"Sales ADMIN","id":"1"}"#, "administrator")]
    #[case(
        r#""profile":{"name":"Administrator"},"type__s":"System User""#,
        "system-user"
    )]
    #[case(r#""profile":{"name":"Standard"}"#, "-")]
    #[case(r#""profile":{"name":null}"#, "-")]
    #[case(r#""profile":"Administrator""#, "-")]
    fn administrators_are_known_by_their_profile(#[case] fields: &str, #[case] role: &str) {
        let user = format!(r#"{{"id":"5725767000000412001","status":"active",{fields}}}"#);
        let told = listed(None, 200, &format!(r#"{{"users":[{user}]}}"#));
        assert_eq!(told.unwrap(), format!("001 {role}"));
    }

    #[rstest]
    #[case(200, "<html>", "moment unrecognised")]
    #[case(
        200,
        r#"{"users":[{"id":"5725767000000419999","status":"active"}]}"#,
        "moment unrecognised"
    )]
    #[case(
        200,
        r#"{"users":[],"info":{"more_records":true}}"#,
        "moment unrecognised"
    )]
    #[case(
        401,
        r#"{"code":"OAUTH_SCOPE_MISMATCH","status":"error","message":"x"}"#,
        "account not_permitted"
    )]
    fn nobody_is_taken_for_ordinary_by_what_is_no_answer(
        #[case] status: u16,
        #[case] body: &str,
        #[case] verdict: &str,
    ) {
        assert_eq!(listed(None, status, body).unwrap_err(), verdict);
    }

    proptest! {
        #[test]
        fn no_reply_breaks_it(reply in any_reply()) {
            let ids = [UserId::new("5725767000000412001")];
            if let Err(verdict) = zoho(None).roles().unwrap().listed(&ids, None, &reply) {
                assert_fit_to_keep(&verdict);
            }
        }
    }
}

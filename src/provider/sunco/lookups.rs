//! How users stand.
//!
//! | read | users | proves | how certain |
//! | --- | --- | --- | --- |
//! | `users/{id}` | 1 | 404 `user_not_found`: the user is gone | documented |
//! | | | any other 404: nothing; a gateway that has lost its route answers so | seen |
//! | | | 200 with an empty profile, no metadata and no identities: the user is cleared | documented |
//! | | | 200 otherwise: the user stands | a deletion is carried out in the background, and how long a user can be read meanwhile is not documented: ask again before acting on it |
//!
//! There is no read for many. Of the answer only this is kept: whether there is anything personal
//! in it.

use serde_json::Value;

use crate::domain::{UserId, UserState};
use crate::provider::body::{Body, Object, child};
use crate::provider::{LookupFor, Reply, RowEnd, Verdict, verdict};

use super::answers::{is_named, refusal, user};

/// What a profile holds of a person, and a cleared one does not.
const PERSONAL: [&str; 4] = ["givenName", "surname", "email", "avatarUrl"];

/// Reads the answer to a lookup of the user `id`. Only the API's own words say that nobody is there: a
/// lookup settles doubts, and a gateway that has lost its route answers with an empty 404 as well.
///
/// # Errors
///
/// The verdict.
pub(super) fn looked_up(
    purpose: LookupFor,
    id: &UserId,
    reply: &Reply,
) -> Result<UserState, Verdict> {
    let body = Body::of(reply);
    match body.object().filter(|_| reply.status == 200).and_then(user) {
        Some(user) if !is_named(user, id) => Err(verdict::other_user()),
        Some(user) if is_cleared(user) => Ok(UserState::Cleared),
        Some(_) => Ok(UserState::Active { role: None }),
        None => match refusal(reply, &body) {
            Verdict::Row(RowEnd::NotFound, said) if said.code.is_some() => Ok(match purpose {
                LookupFor::UnclearAnswer => UserState::Unknown,
                _ => UserState::Gone,
            }),
            Verdict::Row(RowEnd::NotFound, said) => Err(verdict::unrecognised(reply, &body, said)),
            verdict => Err(verdict::of_read(verdict)),
        },
    }
}

/// Whether nothing personal is left. An answer without a profile at all shows nothing.
fn is_cleared(user: &Object) -> bool {
    let Some(profile) = child(user, "profile") else {
        return false;
    };
    PERSONAL.into_iter().all(|name| is_empty(profile.get(name)))
        && is_empty(user.get("metadata"))
        && is_empty(user.get("identities"))
}

fn is_empty(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.is_empty(),
        Some(Value::Array(values)) => values.is_empty(),
        Some(Value::Object(fields)) => fields.is_empty(),
        Some(Value::Bool(_) | Value::Number(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;
    use serde_json::{Value, json};

    use crate::domain::{UserId, UserState};
    use crate::provider::sunco::tests::sunco;
    use crate::provider::testing::{any_reply, assert_fit_to_keep, describe, reply};
    use crate::provider::{LookupFor, Provider, SuncoAuth};

    use UserState::{Cleared, Gone};

    const ACTIVE: UserState = UserState::Active { role: None };

    fn looked_up(purpose: LookupFor, code: u16, body: &str) -> Result<Vec<UserState>, String> {
        let ids = [UserId::new("shop/42")];
        let reply = reply(code, "", body);
        let states = sunco(SuncoAuth::Basic).looked_up(purpose, &ids, None, &reply);
        states.map_err(|verdict| describe(&verdict))
    }

    fn one(code: u16, body: &Value) -> Result<Vec<UserState>, String> {
        looked_up(LookupFor::Verification, code, &body.to_string())
    }

    #[rstest]
    #[case(json!({"profile": {}, "metadata": {}, "identities": []}), Cleared)]
    #[case(json!({"profile": {"locale": "en-US", "email": null}}), Cleared)]
    #[case(json!({"profile": {"givenName": "Kim"}}), ACTIVE)]
    #[case(json!({"profile": {"email": "kim@acme.example"}}), ACTIVE)]
    #[case(json!({"profile": {}, "metadata": {"plan": "gold"}}), ACTIVE)]
    #[case(json!({"profile": {}, "identities": [{"type": "email"}]}), ACTIVE)]
    #[case(json!({}), ACTIVE)]
    fn who_is_there_is_cleared_only_if_nothing_personal_is_left(
        #[case] mut user: Value,
        #[case] state: UserState,
    ) {
        user["externalId"] = json!("shop/42");
        assert_eq!(one(200, &json!({"user": user})), Ok(vec![state]));
    }

    #[rstest]
    #[case(404, json!({"errors": [{"code": "user_not_found", "title": "x"}]}), Ok(vec![Gone]))]
    #[case(404, json!({"errors": [{"code": "app_not_found", "title": "x"}]}), Err("account wrong_tenant"))]
    #[case(200, json!({"user": {"id": "another", "profile": {}}}), Err("moment unrecognised"))]
    #[case(200, json!({}), Err("moment unrecognised"))]
    #[case(500, json!({}), Err("moment server_error"))]
    fn only_the_providers_word_makes_a_user_gone(
        #[case] code: u16,
        #[case] body: Value,
        #[case] states: Result<Vec<UserState>, &str>,
    ) {
        assert_eq!(one(code, &body), states.map_err(str::to_owned));
    }

    #[rstest]
    #[case("")]
    #[case("not found")]
    fn a_404_in_other_words_tells_of_nobody(#[case] body: &str) {
        let states = looked_up(LookupFor::Verification, 404, body);
        assert_eq!(states.unwrap_err(), "moment unrecognised");
    }

    proptest! {
        #[test]
        fn every_reply_tells_of_each_user_or_of_none(reply in any_reply()) {
            let provider = sunco(SuncoAuth::Basic);
            match provider.looked_up(LookupFor::Verification, &[UserId::new("shop/42")], None, &reply) {
                Ok(states) => {
                    prop_assert_eq!(states.len(), 1);
                    prop_assert!([200, 404].contains(&reply.status));
                }
                Err(verdict) => assert_fit_to_keep(&verdict),
            }
        }
    }
}

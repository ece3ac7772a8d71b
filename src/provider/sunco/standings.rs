//! How users stand after the fact.
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

use crate::domain::{Stand, UserId};
use crate::provider::body::{Body, Object, child};
use crate::provider::{Access, Reply, Request, Standings, Verdict, status};

use super::judge::{is_named, user};
use super::provider::Sunco;
use super::{reads, requests};

/// What a profile holds of a person, and a cleared one does not.
const PERSONAL: [&str; 4] = ["givenName", "surname", "email", "avatarUrl"];

impl Standings for Sunco {
    fn users_max(&self) -> usize {
        1
    }

    /// # Panics
    ///
    /// Without a user: there is no read of none.
    fn request(&self, access: &Access, ids: &[UserId]) -> Request {
        requests::look(access, self.app_id(), &ids[0])
    }

    fn stands(&self, ids: &[UserId], reply: &Reply) -> Result<Vec<Stand>, Verdict> {
        let stand = |id| stand(id, reply);
        ids.iter().map(stand).collect()
    }
}

fn stand(id: &UserId, reply: &Reply) -> Result<Stand, Verdict> {
    let body = Body::of(reply);
    match body.object().filter(|_| reply.status == 200).and_then(user) {
        Some(user) if is_named(user, id) => Ok(if is_cleared(user) {
            Stand::Cleared
        } else {
            Stand::Present
        }),
        Some(_) => Err(status::other_user()),
        None => reads::not_there(reply, &body).map(|()| Stand::Gone),
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

    use crate::domain::{Stand, UserId};
    use crate::provider::sunco::provider::tests::sunco;
    use crate::provider::testing::{any_reply, assert_fit_to_keep, reply, told};
    use crate::provider::{Provider, SuncoAuth};

    use Stand::{Cleared, Gone, Present};

    fn one(status: u16, body: &Value) -> Result<Vec<Stand>, String> {
        let sunco = sunco(SuncoAuth::Basic);
        let reply = reply(status, "", body.to_string());
        let stands = sunco.standings().stands(&[UserId::new("shop/42")], &reply);
        stands.map_err(|verdict| told(&verdict))
    }

    #[rstest]
    #[case(json!({"profile": {}, "metadata": {}, "identities": []}), Cleared)]
    #[case(json!({"profile": {"locale": "en-US", "email": null}}), Cleared)]
    #[case(json!({"profile": {"givenName": "Kim"}}), Present)]
    #[case(json!({"profile": {"email": "kim@acme.example"}}), Present)]
    #[case(json!({"profile": {}, "metadata": {"plan": "gold"}}), Present)]
    #[case(json!({"profile": {}, "identities": [{"type": "email"}]}), Present)]
    #[case(json!({}), Present)]
    fn who_is_there_is_cleared_only_if_nothing_personal_is_left(
        #[case] mut user: Value,
        #[case] stand: Stand,
    ) {
        user["externalId"] = json!("shop/42");
        assert_eq!(one(200, &json!({"user": user})), Ok(vec![stand]));
    }

    #[rstest]
    #[case(404, json!({"errors": [{"code": "user_not_found", "title": "x"}]}), Ok(vec![Gone]))]
    #[case(404, json!({"errors": [{"code": "app_not_found", "title": "x"}]}), Err("account wrong_tenant"))]
    #[case(200, json!({"user": {"id": "another", "profile": {}}}), Err("moment unrecognised"))]
    #[case(200, json!({}), Err("moment unrecognised"))]
    #[case(500, json!({}), Err("moment server_error"))]
    fn only_the_providers_word_makes_a_user_gone(
        #[case] status: u16,
        #[case] body: Value,
        #[case] stands: Result<Vec<Stand>, &str>,
    ) {
        assert_eq!(one(status, &body), stands.map_err(str::to_owned));
    }

    #[rstest]
    #[case("")]
    #[case("not found")]
    fn a_404_in_other_words_tells_of_nobody(#[case] body: &str) {
        let sunco = sunco(SuncoAuth::Basic);
        let reply = reply(404, "", body);
        let stands = sunco.standings().stands(&[UserId::new("shop/42")], &reply);
        assert_eq!(told(&stands.unwrap_err()), "moment unrecognised");
    }

    proptest! {
        #[test]
        fn every_reply_tells_of_each_user_or_of_none(reply in any_reply()) {
            let provider = sunco(SuncoAuth::Basic);
            match provider.standings().stands(&[UserId::new("shop/42")], &reply) {
                Ok(stands) => {
                    prop_assert_eq!(stands.len(), 1);
                    prop_assert!([200, 404].contains(&reply.status));
                }
                Err(verdict) => assert_fit_to_keep(&verdict),
            }
        }
    }
}

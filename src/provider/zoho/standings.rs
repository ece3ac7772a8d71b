//! How users stand after the fact.
//!
//! | read | users | proves | how certain |
//! | --- | --- | --- | --- |
//! | `users?ids=` | 100 | who is listed with a status other than `deleted` and `closed`: they stand | documented |
//! | | | who is listed as `deleted` or `closed`, or not listed at all (204: nobody is): deleted | which of the two Zoho does is not documented, so both are taken |
//!
//! It needs the scope `ZohoCRM.users.READ`. An answer that lists anybody who was not asked for is
//! not believed: a version of the API that passes over `ids` would list a page of all users, on
//! which those who stand may well be missing.

use std::collections::HashMap;

use crate::domain::{Stand, UserId};
use crate::provider::body::{Body, id_text, text};
use crate::provider::{Access, Reply, Request, Standings, Verdict, status};

use super::provider::Zoho;
use super::{reads, requests};

impl Standings for Zoho {
    fn users_max(&self) -> usize {
        requests::IDS_MAX
    }

    fn request(&self, access: &Access, ids: &[UserId]) -> Request {
        requests::many(access, self.version(), ids)
    }

    fn stands(&self, ids: &[UserId], reply: &Reply) -> Result<Vec<Stand>, Verdict> {
        if reply.status == 204 {
            return Ok(vec![Stand::Gone; ids.len()]);
        }
        let body = Body::of(reply);
        let users = reads::users(reply, &body)?;
        let mut stands: HashMap<&str, Stand> =
            ids.iter().map(|id| (id.as_str(), Stand::Gone)).collect();
        for user in users {
            let known = user
                .as_object()
                .and_then(|user| Some((id_text(user.get("id"))?, text(user, "status")?)));
            let (id, state) = known.ok_or_else(reads::unknown_state)?;
            let stand = stands.get_mut(id.as_str()).ok_or_else(status::other_user)?;
            if !reads::is_deleted(state) {
                *stand = Stand::Present;
            }
        }
        Ok(ids.iter().map(|id| stands[id.as_str()]).collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;
    use serde_json::{Value, json};

    use crate::domain::{Stand, UserId};
    use crate::provider::Provider;
    use crate::provider::testing::{access, any_reply, assert_fit_to_keep, reply, told};
    use crate::provider::zoho::provider::tests::zoho;

    use Stand::{Gone, Present};

    fn ids() -> [UserId; 3] {
        [
            "5725767000000412001",
            "5725767000000412002",
            "5725767000000412003",
        ]
        .map(UserId::new)
    }

    fn many(status: u16, body: &str) -> Result<Vec<Stand>, String> {
        let zoho = zoho(None);
        let stands = zoho.standings().stands(&ids(), &reply(status, "", body));
        stands.map_err(|verdict| told(&verdict))
    }

    fn users(states: &[(&str, &str)]) -> Value {
        let users = states
            .iter()
            .map(|(id, state)| json!({"id": format!("572576700000041{id}"), "status": state}));
        let users: Vec<Value> = users.collect();
        json!({"users": users, "info": {"more_records": false}})
    }

    #[test]
    fn a_hundred_are_asked_at_once() {
        let zoho = zoho(None);
        let standings = zoho.standings();
        assert_eq!(standings.users_max(), 100);
        let request = standings.request(&access("https://www.zohoapis.eu/"), &ids()[..2]);
        assert_eq!(request.method, "GET");
        assert_eq!(
            request.url.as_str(),
            "https://www.zohoapis.eu/crm/v8/users?ids=5725767000000412001,5725767000000412002"
        );
    }

    #[rstest]
    #[case(204, String::new(), [Gone, Gone, Gone])]
    #[case(200, users(&[("2001", "deleted"), ("2002", "Closed")]).to_string(), [Gone, Gone, Gone])]
    #[case(200, users(&[("2003", "active")]).to_string(), [Gone, Gone, Present])]
    #[case(200, users(&[("2002", "inactive"), ("2001", "disabled")]).to_string(), [Present, Present, Gone])]
    fn who_is_listed_and_not_deleted_stands(
        #[case] status: u16,
        #[case] body: String,
        #[case] stands: [Stand; 3],
    ) {
        assert_eq!(many(status, &body).unwrap(), stands);
    }

    #[rstest]
    #[case::page(200, "<html>", "moment unrecognised")]
    #[case::empty(200, "", "moment unrecognised")]
    #[case::ids_passed_over(
        200,
        "{\"users\":[{\"id\":\"5725767000000419999\",\"status\":\"active\"}]}",
        "moment unrecognised"
    )]
    #[case::a_part(
        200,
        "{\"users\":[],\"info\":{\"more_records\":true}}",
        "moment unrecognised"
    )]
    #[case::no_state(
        200,
        "{\"users\":[{\"id\":\"5725767000000412001\"}]}",
        "moment unrecognised"
    )]
    #[case::an_error(
        200,
        "{\"users\":[{\"code\":\"INVALID_DATA\",\"status\":\"error\",\"message\":\"x\"}]}",
        "moment unrecognised"
    )]
    #[case::scope(
        401,
        "{\"code\":\"OAUTH_SCOPE_MISMATCH\",\"status\":\"error\",\"message\":\"x\"}",
        "account not_permitted"
    )]
    #[case::token(
        401,
        "{\"code\":\"INVALID_TOKEN\",\"status\":\"error\",\"message\":\"x\"}",
        "token rejected"
    )]
    #[case::unwell(500, "{}", "moment server_error")]
    fn nobody_is_taken_for_deleted_by_what_is_no_answer(
        #[case] status: u16,
        #[case] body: &str,
        #[case] verdict: &str,
    ) {
        assert_eq!(many(status, body).unwrap_err(), verdict);
    }

    proptest! {
        #[test]
        fn every_reply_tells_of_each_user_or_of_none(reply in any_reply()) {
            let provider = zoho(None);
            match provider.standings().stands(&ids(), &reply) {
                Ok(stands) => {
                    prop_assert_eq!(stands.len(), 3);
                    prop_assert!([200, 204].contains(&reply.status));
                }
                Err(verdict) => assert_fit_to_keep(&verdict),
            }
        }
    }
}

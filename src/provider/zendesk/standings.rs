//! How users stand after the fact.
//!
//! | read | users | proves | how certain |
//! | --- | --- | --- | --- |
//! | `users/show_many` | 100 | who is active: they stand | documented, recorded |
//! | | | who is not listed, or listed as inactive: deleted, softly at least | that it leaves deleted users out is experience, not documented; either way only an active user is taken to stand |
//! | `users/{id}/compliance_deletion_statuses` | 1 | how far the permanent deletion is, by area | documented |
//!
//! So a soft deletion is verified by 100 a request, and a permanent one by one request more for
//! each user who is not active. No read proves permanent deletions for many: `deleted_users` has
//! 100 a page, but of all users the account ever deleted, cannot be asked for certain ones, and
//! tells a permanent deletion only by the user's new name, which comes hours later and which
//! anybody could have given themselves.
//!
//! A permanent deletion runs in the background, area by area, for days. It is taken for complete
//! when Zendesk says so of all areas, or of every area that has begun; of areas that have not begun
//! nothing can be known. A user of whom Zendesk has no record, and whom it does not have among the
//! soft-deleted ones either (`deleted_users/{id}`), is gone: the first alone could be said of somebody
//! whose permanent deletion nobody asked for.

use std::collections::HashMap;

use serde_json::Value;

use crate::domain::{Stand, UserId};
use crate::provider::body::{Body, Object, id_text, text};
use crate::provider::{Access, Reply, Request, RowEnd, Standings, Verdict, status};

use super::judge::{KeySource, refusal};
use super::provider::Zendesk;
use super::{reads, requests};

impl Standings for Zendesk {
    fn users_max(&self) -> usize {
        requests::SHOW_MANY_MAX
    }

    fn request(&self, access: &Access, ids: &[UserId]) -> Request {
        requests::show_many(access, ids)
    }

    fn stands(&self, ids: &[UserId], reply: &Reply) -> Result<Vec<Stand>, Verdict> {
        listed(self.source(), ids, reply)
    }

    fn closer(&self, access: &Access, id: &UserId) -> Request {
        requests::compliance(access, id)
    }

    fn stands_closer(&self, id: &UserId, reply: &Reply) -> Result<Stand, Verdict> {
        erased(self.source(), id, reply)
    }

    fn has_closest(&self) -> bool {
        true
    }

    fn closest(&self, access: &Access, id: &UserId) -> Request {
        requests::deleted_user(access, id)
    }

    fn stands_closest(&self, id: &UserId, reply: &Reply) -> Result<Stand, Verdict> {
        let listed = reads::soft_deleted(self.source(), id, reply)?;
        Ok(listed.map_or(Stand::Gone, |_| Stand::SoftDeleted))
    }
}

/// Reads the answer to `show_many`. One that names somebody who was not asked for, or that is only
/// a part, is no answer: who is missing in it would be taken for deleted.
fn listed(keys: KeySource, ids: &[UserId], reply: &Reply) -> Result<Vec<Stand>, Verdict> {
    let body = Body::of(reply);
    let answer = body.object().filter(|_| reply.status == 200);
    let users = answer.and_then(|answer| Some((answer, answer.get("users")?.as_array()?)));
    let Some((answer, users)) = users else {
        return Err(status::of_read(refusal(keys, reply, &body)));
    };
    if is_part(answer) {
        return Err(status::part_of_answer());
    }
    let mut stands: HashMap<&str, Stand> = ids
        .iter()
        .map(|id| (id.as_str(), Stand::NotListed))
        .collect();
    for user in users {
        let known = user.as_object().and_then(|user| {
            let active = user.get("active")?.as_bool()?;
            Some((id_text(user.get("id"))?, active))
        });
        let (id, active) = known.ok_or_else(reads::unknown_state)?;
        let stand = stands.get_mut(id.as_str()).ok_or_else(status::other_user)?;
        if active {
            *stand = Stand::Present;
        }
    }
    Ok(ids.iter().map(|id| stands[id.as_str()]).collect())
}

/// Reads the answer to `compliance_deletion_statuses` of a user who is not active.
fn erased(keys: KeySource, id: &UserId, reply: &Reply) -> Result<Stand, Verdict> {
    let body = Body::of(reply);
    let answer = body.object().filter(|_| reply.status == 200);
    let said = answer.and_then(|answer| {
        Some((
            answer,
            answer.get("compliance_deletion_statuses")?.as_array()?,
        ))
    });
    let Some((answer, statuses)) = said else {
        return match refusal(keys, reply, &body) {
            Verdict::Look(RowEnd::NotFound, _) => Ok(Stand::NotListed),
            verdict => Err(status::of_read(verdict)),
        };
    };
    let mut areas = Areas::default();
    for entry in statuses {
        let entry = entry.as_object();
        let named = entry.and_then(|entry| id_text(entry.get("user_id")));
        if named.is_some_and(|named| named != id.as_str()) {
            return Err(status::other_user());
        }
        let known =
            entry.and_then(|entry| Some((text(entry, "action")?, text(entry, "application")?)));
        let (action, area) = known.ok_or_else(reads::unknown_state)?;
        areas.count(action, area);
    }
    // Of a list that goes on, the rest may tell of an area that is not complete.
    Ok(match areas.stand() {
        Stand::Gone if is_part(answer) => Stand::Erasing,
        stand => stand,
    })
}

/// The areas of an erasure, by what was said of them.
#[derive(Debug, Default)]
struct Areas<'a> {
    asked: bool,
    all_complete: bool,
    /// By area, whether it is complete.
    begun: HashMap<&'a str, bool>,
}

/// The area that stands for all.
const ALL_AREAS: &str = "all";

impl<'a> Areas<'a> {
    fn count(&mut self, action: &str, area: &'a str) {
        self.asked = true;
        let complete = matches!(action, "complete" | "completed");
        if area == ALL_AREAS {
            self.all_complete |= complete;
        } else {
            *self.begun.entry(area).or_default() |= complete;
        }
    }

    fn stand(&self) -> Stand {
        let every_begun = !self.begun.is_empty() && self.begun.values().all(|complete| *complete);
        if self.all_complete || every_begun {
            Stand::Gone
        } else if self.asked {
            Stand::Erasing
        } else {
            Stand::SoftDeleted
        }
    }
}

/// Whether there is more on another page, in either kind of pagination.
fn is_part(answer: &Object) -> bool {
    let more = |meta: &Value| meta.get("has_more") == Some(&Value::Bool(true));
    answer.get("next_page").is_some_and(Value::is_string) || answer.get("meta").is_some_and(more)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;
    use serde_json::{Value, json};

    use crate::domain::{Stand, UserId};
    use crate::provider::Provider;
    use crate::provider::testing::{access, any_reply, assert_fit_to_keep, reply, told};
    use crate::provider::zendesk::provider::tests::zendesk;

    use Stand::{Erasing, Gone, NotListed, Present, SoftDeleted};

    fn ids() -> [UserId; 3] {
        ["11", "12", "13"].map(UserId::new)
    }

    fn many(status: u16, body: &str) -> Result<Vec<Stand>, String> {
        let zendesk = zendesk();
        let stands = zendesk.standings().stands(&ids(), &reply(status, "", body));
        stands.map_err(|verdict| told(&verdict))
    }

    #[test]
    fn a_hundred_are_asked_at_once_and_one_closer() {
        let zendesk = zendesk();
        let access = access("https://acme.example/");
        let standings = zendesk.standings();
        assert_eq!(standings.users_max(), 100);
        let path = |request: crate::provider::Request| {
            assert_eq!(request.method, "GET");
            request.url.to_string()
        };
        let base = "https://acme.example/api/v2/users";
        assert_eq!(
            path(standings.request(&access, &ids())),
            format!("{base}/show_many?ids=11,12,13")
        );
        assert_eq!(
            path(standings.closer(&access, &ids()[0])),
            format!("{base}/11/compliance_deletion_statuses")
        );
    }

    #[rstest]
    #[case(json!({"users": []}), [NotListed, NotListed, NotListed])]
    #[case(
        json!({"users": [{"id": 12, "active": true}], "next_page": null, "count": 1}),
        [NotListed, Present, NotListed]
    )]
    #[case(
        json!({"users": [{"id": 13, "active": false}, {"id": 11, "active": true}]}),
        [Present, NotListed, NotListed]
    )]
    fn who_is_listed_as_active_stands(#[case] body: Value, #[case] stands: [Stand; 3]) {
        assert_eq!(many(200, &body.to_string()).unwrap(), stands);
    }

    #[rstest]
    #[case::page(200, "<html>", "moment unrecognised")]
    #[case::empty(200, "", "moment unrecognised")]
    #[case::other_json(200, "{\"user\":{\"id\":11}}", "moment unrecognised")]
    #[case::somebody_else(
        200,
        "{\"users\":[{\"id\":99,\"active\":true}]}",
        "moment unrecognised"
    )]
    #[case::no_state(200, "{\"users\":[{\"id\":11}]}", "moment unrecognised")]
    #[case::next_page(
        200,
        "{\"users\":[],\"next_page\":\"https://x\"}",
        "moment unrecognised"
    )]
    #[case::has_more(
        200,
        "{\"users\":[],\"meta\":{\"has_more\":true}}",
        "moment unrecognised"
    )]
    #[case::unwell(500, "{}", "moment server_error")]
    #[case::forbidden(
        403,
        "{\"error\":{\"title\":\"Forbidden\",\"message\":\"You do not have access\"}}",
        "account not_permitted"
    )]
    #[case::no_record(
        404,
        "{\"error\":\"RecordNotFound\",\"description\":\"Not found\"}",
        "moment unrecognised"
    )]
    fn nobody_is_taken_for_deleted_by_what_is_no_answer(
        #[case] status: u16,
        #[case] body: &str,
        #[case] verdict: &str,
    ) {
        assert_eq!(many(status, body).unwrap_err(), verdict);
    }

    fn one(status: u16, body: &Value) -> Result<Stand, String> {
        let zendesk = zendesk();
        let reply = reply(status, "", body.to_string());
        let stand = zendesk
            .standings()
            .stands_closer(&UserId::new("11"), &reply);
        stand.map_err(|verdict| told(&verdict))
    }

    #[rstest]
    #[case::never_asked("", SoftDeleted)]
    #[case::asked("request_deletion all", Erasing)]
    #[case::begun("request_deletion all, started support", Erasing)]
    #[case::as_documented(
        "request_deletion all, started support, complete support, started chat",
        Erasing
    )]
    #[case::each_that_began(
        "request_deletion all, started support, complete support, started chat, complete chat",
        Gone
    )]
    #[case::all("request_deletion all, started support, complete all", Gone)]
    fn an_erasure_is_complete_when_every_area_is(#[case] said: &str, #[case] stand: Stand) {
        let entries: Vec<Value> = said
            .split(", ")
            .filter_map(|entry| entry.split_once(' '))
            .map(|(action, area)| json!({"action": action, "application": area, "user_id": 11}))
            .collect();
        let mut body = json!({"compliance_deletion_statuses": entries});
        assert_eq!(one(200, &body), Ok(stand));
        body["meta"] = json!({"has_more": true});
        let part = if stand == Gone { Erasing } else { stand };
        assert_eq!(one(200, &body), Ok(part), "a part proves no completion");
    }

    #[rstest]
    #[case(404, json!({"error": "RecordNotFound", "description": "Not found"}), Ok(NotListed))]
    #[case(404, json!({"error": "InvalidEndpoint", "description": "Not found"}), Err("account wrong_tenant"))]
    #[case(200, json!({"compliance_deletion_statuses": [{"action": "complete", "application": "all", "user_id": 12}]}), Err("moment unrecognised"))]
    #[case(200, json!({"compliance_deletion_statuses": [{"application": "all"}]}), Err("moment unrecognised"))]
    #[case(200, json!({"compliance_deletion_statuses": null}), Err("moment unrecognised"))]
    #[case(503, json!({}), Err("moment server_error"))]
    fn who_has_no_record_is_asked_for_once_more_and_what_is_no_answer_is_none(
        #[case] status: u16,
        #[case] body: Value,
        #[case] stand: Result<Stand, &str>,
    ) {
        assert_eq!(one(status, &body), stand.map_err(str::to_owned));
    }

    #[rstest]
    #[case(404, json!({"error": "RecordNotFound", "description": "Not found"}), Ok(Gone))]
    #[case(200, json!({"deleted_user": {"id": 11, "role": "end-user", "active": false}}), Ok(SoftDeleted))]
    #[case(404, json!({"error": "InvalidEndpoint", "description": "Not found"}), Err("account wrong_tenant"))]
    #[case(404, json!({}), Err("account wrong_tenant"))]
    fn who_is_not_among_the_soft_deleted_either_is_gone(
        #[case] status: u16,
        #[case] body: Value,
        #[case] stand: Result<Stand, &str>,
    ) {
        let reply = reply(status, "", body.to_string());
        let zendesk = zendesk();
        let seen = zendesk
            .standings()
            .stands_closest(&UserId::new("11"), &reply);
        let seen = seen.map_err(|verdict| told(&verdict));
        assert_eq!(seen, stand.map_err(str::to_owned));
    }

    proptest! {
        #[test]
        fn every_reply_tells_of_each_user_or_of_none(reply in any_reply()) {
            let provider = zendesk();
            match provider.standings().stands(&ids(), &reply) {
                Ok(stands) => {
                    prop_assert_eq!(stands.len(), 3);
                    prop_assert!([200].contains(&reply.status));
                }
                Err(verdict) => assert_fit_to_keep(&verdict),
            }
            match provider.standings().stands_closer(&ids()[0], &reply) {
                Ok(_) => prop_assert!([200, 404].contains(&reply.status)),
                Err(verdict) => assert_fit_to_keep(&verdict),
            }
        }
    }
}

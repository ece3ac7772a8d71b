//! Jobs that delete many users: how they go on, and what they leave undone.

use std::time::Duration;

use serde_json::{Value, json};

use super::Bench;

const ALL_KINDS: &str = "1001,1002,1003,1004,1005,1006,1007,1009,abc";

#[test]
fn a_job_is_queued_then_works_item_by_item_then_completes_with_failures_inside() {
    let mut bench = Bench::new(json!({}));
    let target = format!("/api/v2/users/destroy_many.json?ids={ALL_KINDS}");
    let reply = bench.send("DELETE", &target);
    assert!(reply.status == 200 && reply.effect);
    assert_eq!(
        reply.header("zendesk-ratelimit-inflight-jobs"),
        Some("total=30; remaining=29; resets=60")
    );
    let job = reply.value()["job_status"].clone();
    assert_eq!(job["status"], json!("queued"));
    assert_eq!(job["job_type"], json!("Bulk Update User"));
    assert_eq!((&job["total"], &job["results"]), (&json!(9), &Value::Null));
    assert!(!job["url"].as_str().unwrap().contains("127.0.0.1"));
    assert_eq!(bench.state("1001").0, "active");

    let poll = |bench: &mut Bench| {
        let path = format!("/api/v2/job_statuses/{}.json", job["id"].as_str().unwrap());
        bench.send("GET", &path).value()["job_status"].clone()
    };
    bench.pass(Duration::from_millis(3_150));
    let working = poll(&mut bench);
    assert_eq!(working["status"], json!("working"));
    assert_eq!(
        (&working["progress"], &working["results"]),
        (&json!(1), &Value::Null)
    );
    assert_eq!(bench.state("1001").0, "soft-deleted");
    assert_eq!(bench.state("1005").0, "active");

    bench.pass(Duration::from_secs(1));
    let completed = poll(&mut bench);
    assert_eq!(completed["status"], json!("completed"));
    let results = completed["results"].as_array().unwrap();
    let item = |id: Value| results.iter().find(|item| item["id"] == id).unwrap();
    for id in [1001, 1005, 1006, 1007] {
        let deleted = json!({"action": "delete", "id": id, "status": "Deleted", "success": true});
        assert_eq!(item(json!(id)), &deleted);
        assert_eq!(bench.state(&id.to_string()).0, "soft-deleted");
    }
    for (id, error) in [
        (json!(1002), "UserDeleteFailed"),
        (json!(1004), "UserDeleteFailed"),
        (json!(1009), "RecordNotFound"),
        (json!("abc"), "RecordNotFound"),
    ] {
        assert_eq!(item(id.clone())["error"], json!(error));
        assert!(item(id.clone()).get("success").is_none());
        assert!(item(id).get("action").is_none());
    }
    let order: Vec<String> = results.iter().map(|item| item["id"].to_string()).collect();
    assert_ne!(order.join(",").replace('"', ""), ALL_KINDS);
}

#[test]
fn a_job_is_forgotten_after_a_day() {
    let mut bench = Bench::new(json!({}));
    let reply = bench.send("DELETE", "/api/v2/users/destroy_many?ids=1001");
    let id = reply.value()["job_status"]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("/api/v2/job_statuses/{id}");
    let many = format!("/api/v2/job_statuses/show_many?ids={id},V3-none");
    bench.pass(Duration::from_hours(24) - Duration::from_millis(1));
    assert_eq!(bench.send("GET", &path).status, 200);
    let statuses = bench.send("GET", &many).value()["job_statuses"].clone();
    assert_eq!(statuses[0]["id"], json!(id));
    assert_eq!(statuses.as_array().unwrap().len(), 1);
    bench.pass(Duration::from_millis(1));
    assert_eq!(bench.send("GET", &path).status, 404);
}

#[test]
fn one_job_too_many_is_refused_and_does_nothing() {
    let mut bench = Bench::new(json!({}));
    for _ in 0..30 {
        let reply = bench.send("DELETE", "/api/v2/users/destroy_many?ids=1009");
        assert_eq!(reply.status, 200);
    }
    let reply = bench.send("DELETE", "/api/v2/users/destroy_many?ids=1001");
    assert_eq!(reply.status, 429);
    assert!(!reply.effect);
    assert_eq!(reply.value()["error"], json!("TooManyJobs"));
    assert_eq!(
        reply.value()["current_job_ids"].as_array().unwrap().len(),
        30
    );
    bench.pass(Duration::from_secs(4));
    let reply = bench.send("DELETE", "/api/v2/users/destroy_many?ids=1001");
    assert_eq!(reply.status, 200);
}

/// The job that deletes `ids`, when it is over.
fn job_over(bench: &mut Bench, ids: &str) -> Value {
    let reply = bench.send("DELETE", &format!("/api/v2/users/destroy_many?ids={ids}"));
    let id = reply.value()["job_status"]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    bench.pass(Duration::from_secs(10));
    let job = bench.send("GET", &format!("/api/v2/job_statuses/{id}"));
    job.value()
}

#[test]
fn a_job_may_fail_as_a_whole_and_then_nothing_is_done() {
    let mut bench = Bench::new(json!({"zendesk": {"jobs_fail": true}}));
    let job = job_over(&mut bench, "1001");
    assert_eq!(job["job_status"]["status"], json!("failed"));
    assert_eq!(bench.state("1001"), ("active".to_owned(), 0));
}

#[test]
fn a_job_may_keep_quiet_about_items_it_did() {
    let mut bench = Bench::new(json!({"zendesk": {"job_items_missing_every": 2}}));
    let job = job_over(&mut bench, "1001,1005");
    assert_eq!(job["job_status"]["results"].as_array().unwrap().len(), 1);
    assert_eq!(bench.state("1001").0, "soft-deleted");
    assert_eq!(bench.state("1005").0, "soft-deleted");
}

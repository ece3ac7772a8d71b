//! The limits that Zendesk keeps, and what its headers say of them.

use std::time::Duration;

use serde_json::json;

use super::Bench;

#[test]
fn every_answer_carries_request_id_and_rate_headers() {
    let mut bench = Bench::new(json!({}));
    for (method, path) in [
        ("GET", "/api/v2/users/1001"),
        ("DELETE", "/api/v2/users/1009"),
        ("GET", "/api/v2/nothing"),
    ] {
        let reply = bench.send(method, path);
        assert!(reply.header("x-request-id").is_some());
        assert_eq!(reply.header("x-rate-limit"), Some("700"));
        assert_eq!(reply.header("ratelimit-limit"), Some("700"));
        assert!(reply.header("ratelimit-reset").is_some());
    }
    let reply = bench.send("DELETE", "/api/v2/deleted_users/1002");
    assert_eq!(reply.header("x-rate-limit-remaining"), Some("696"));
    assert_eq!(reply.header("ratelimit-remaining"), Some("696"));
    assert_eq!(
        reply.header("zendesk-ratelimit-deleted-users-destroy"),
        Some("total=700; remaining=699; resets=600")
    );
}

#[test]
fn over_the_account_limit_nothing_happens_and_retry_after_rounds_up() {
    let mut bench = Bench::new(json!({"zendesk": {"quota": "2/1m"}}));
    bench.send("GET", "/api/v2/users/1001");
    bench.pass(Duration::from_millis(500));
    bench.send("GET", "/api/v2/users/1001");
    let reply = bench.send("DELETE", "/api/v2/users/1001");
    assert_eq!(reply.status, 429);
    assert_eq!(reply.header("retry-after"), Some("60"));
    assert!(
        reply
            .header("content-type")
            .unwrap()
            .starts_with("text/plain")
    );
    assert_eq!(bench.state("1001"), ("active".to_owned(), 0));
    bench.pass(Duration::from_millis(59_500));
    assert_eq!(bench.send("DELETE", "/api/v2/users/1001").status, 200);
    assert_eq!(bench.send("DELETE", "/api/v2/users/1001").status, 429);
}

#[test]
fn permanent_deletions_have_a_limit_of_their_own_that_failures_count_towards() {
    let mut bench = Bench::new(json!({"zendesk": {"permanent_quota": "2/10m"}}));
    assert_eq!(
        bench.send("DELETE", "/api/v2/deleted_users/1009").status,
        404
    );
    assert_eq!(
        bench.send("DELETE", "/api/v2/deleted_users/1001").status,
        404
    );
    let reply = bench.send("DELETE", "/api/v2/deleted_users/1002");
    assert_eq!(reply.status, 429);
    assert_eq!(reply.header("retry-after"), Some("600"));
    assert_eq!(
        reply.header("zendesk-ratelimit-deleted-users-destroy"),
        Some("total=2; remaining=0; resets=600")
    );
    // The account's own budget is far from empty.
    assert_eq!(reply.header("x-rate-limit-remaining"), Some("697"));
    assert_eq!(bench.send("DELETE", "/api/v2/users/1001").status, 200);
    bench.change(json!({"zendesk": {"permanent_quota": "3/10m"}}));
    assert_eq!(
        bench.send("DELETE", "/api/v2/deleted_users/1002").status,
        200
    );
}

#[test]
fn a_fixed_window_lets_all_go_again_at_the_full_minute() {
    let mut bench = Bench::new(json!({"quota_mode": "fixed", "zendesk": {"quota": "2/1m"}}));
    // The bench begins 20 seconds into a minute.
    bench.pass(Duration::from_millis(35_500));
    assert_eq!(bench.send("GET", "/api/v2/users/1001").status, 200);
    assert_eq!(bench.send("GET", "/api/v2/users/1001").status, 200);
    let reply = bench.send("GET", "/api/v2/users/1001");
    assert_eq!(
        (reply.status, reply.header("retry-after")),
        (429, Some("5"))
    );
    bench.pass(Duration::from_millis(4_500));
    assert_eq!(bench.send("GET", "/api/v2/users/1001").status, 200);
    assert_eq!(bench.send("GET", "/api/v2/users/1001").status, 200);
}

//! What the transport does with a server that takes its time: real sockets, short bounds.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ::http::Method;
use rstest::rstest;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use userpurge::provider::{Reply, Request};
use userpurge::transport::{Failure, ReqwestTransport, Transport as _};

/// The bound of these tests; nothing is asserted of the time, only that there was an end.
const BOUND: Duration = Duration::from_millis(300);

/// How a server drips.
const DRIP: Duration = Duration::from_millis(10);

/// What a server sends: `first`, and then `drop` again and again.
#[derive(Debug, Clone, Copy)]
struct Drip {
    first: &'static str,
    drop: &'static str,
}

async fn serve(mut stream: TcpStream, drip: Drip) -> std::io::Result<()> {
    let mut request = [0; 4_096];
    let _ = stream.read(&mut request).await?;
    stream.write_all(drip.first.as_bytes()).await?;
    loop {
        tokio::time::sleep(DRIP).await;
        stream.write_all(drip.drop.as_bytes()).await?;
    }
}

/// What came of a request to a server that drips, and how many connections it saw.
async fn ask(host: &str, drip: Drip) -> (Result<Reply, Failure>, usize) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let connections = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&connections);
    let server = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            seen.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(serve(stream, drip));
        }
    });
    let transport = ReqwestTransport::new(BOUND);
    let url = format!("http://{host}:{port}/users/1").parse().unwrap();
    let reply = transport.send(Request::new(Method::DELETE, url)).await;
    server.abort();
    let reply = reply.map_err(|error| error.failure);
    (reply, connections.load(Ordering::SeqCst))
}

#[rstest]
#[case::silence("", "")]
#[case::a_status_line_letter_by_letter("HTTP/1.1 200 ", "O")]
#[case::a_header_letter_by_letter("HTTP/1.1 200 OK\r\nx: ", "y")]
#[case::headers("HTTP/1.1 200 OK\r\n", "x: y\r\n")]
#[case::provisional_answers("", "HTTP/1.1 100 Continue\r\n\r\n")]
#[case::a_body_of_a_known_length("HTTP/1.1 200 OK\r\ncontent-length: 4000000\r\n\r\n", "{")]
#[case::a_body_that_ends_with_the_connection("HTTP/1.1 200 OK\r\n\r\n", " ")]
#[case::chunks("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", "1\r\n \r\n")]
#[tokio::test]
async fn an_answer_that_drips_is_given_up_in_doubt(
    #[case] first: &'static str,
    #[case] drop: &'static str,
) {
    let (reply, connections) = ask("127.0.0.1", Drip { first, drop }).await;
    assert_eq!(reply.unwrap_err(), Failure::TimedOut);
    assert!(Failure::TimedOut.in_doubt());
    assert_eq!(connections, 1, "nor is it asked again");
}

#[tokio::test]
async fn an_answer_that_drips_to_its_end_in_time_is_whole() {
    let first = "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n";
    let (reply, _) = ask("127.0.0.1", Drip { first, drop: "x" }).await;
    assert_eq!(&reply.unwrap().body[..], b"xxx");
}

/// Whatever a name server or a hosts file says of it.
#[tokio::test]
async fn localhost_is_this_machine() {
    let first = "HTTP/1.1 204 No Content\r\n\r\n";
    let (reply, connections) = ask("localhost", Drip { first, drop: "" }).await;
    assert_eq!((reply.unwrap().status, connections), (204, 1));
}

#[tokio::test]
async fn plain_http_goes_nowhere_else() {
    let transport = ReqwestTransport::new(BOUND);
    for url in [
        "http://acme.example/",
        "http://x.localhost/",
        "http://10.0.0.1/",
    ] {
        let request = Request::new(Method::GET, url.parse().unwrap());
        let failure = transport.send(request).await.unwrap_err().failure;
        assert_eq!(failure, Failure::Connect, "{url}");
    }
}

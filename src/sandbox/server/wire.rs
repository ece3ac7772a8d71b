//! Plain replies into HTTP, broken connections included.

use std::io;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Response, StatusCode, header};
use bytes::Bytes;
use futures::stream::{self, StreamExt as _};

use crate::sandbox::message::Reply;

/// How long a cut answer waits before it breaks, so that its first half is on its way.
const CUT_AFTER: Duration = Duration::from_millis(20);

/// A reply as it is.
pub(super) fn whole(reply: &Reply) -> Response<Body> {
    sent(reply, Body::from(reply.body.clone()))
}

/// A reply that promises its whole body and breaks off after half of it.
pub(super) fn cut(reply: &Reply) -> Response<Body> {
    let half = Bytes::copy_from_slice(&reply.body[..reply.body.len() / 2]);
    let broken = stream::once(async {
        tokio::time::sleep(CUT_AFTER).await;
        Err(io::Error::from(io::ErrorKind::ConnectionReset))
    });
    let body = stream::once(async move { Ok(half) }).chain(broken);
    let mut response = sent(reply, Body::from_stream(body));
    response
        .headers_mut()
        .insert(header::CONTENT_LENGTH, reply.body.len().into());
    response
}

/// No reply: a body that fails before its first byte has the connection closed, with the status
/// line still in the buffer.
pub(super) fn closed() -> Response<Body> {
    let broken =
        stream::once(async { Err::<Bytes, _>(io::Error::from(io::ErrorKind::ConnectionReset)) });
    Response::new(Body::from_stream(broken))
}

fn sent(reply: &Reply, body: Body) -> Response<Body> {
    let mut builder = Response::builder().status(reply.status);
    for (name, value) in &reply.headers {
        builder = builder.header(*name, value);
    }
    builder.body(body).unwrap_or_else(|_| {
        let mut response = Response::new(Body::from("the sandbox itself failed"));
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        response
    })
}

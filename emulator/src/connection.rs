//! Accepting connections and speaking HTTP on them.

use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::exchange::{Shared, exchange};

/// Accepts connections until it is dropped.
pub(crate) async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Mostly too many open files: others must close theirs first, and trying at once would only spin.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        // Without this, small answers wait for the acknowledgement of the ones before.
        let _ = stream.set_nodelay(true);
        let shared = Arc::clone(&shared);
        let tls = tls.clone();
        tokio::spawn(async move {
            let _open = shared.connection_opened();
            match tls {
                None => serve(stream, Protocol::Either, false, shared).await,
                Some(tls) => {
                    let Ok(stream) = tls.accept(stream).await else {
                        // The client did not trust the certificate, or spoke no TLS: its own error tells it.
                        return;
                    };
                    let protocol = match stream.get_ref().1.alpn_protocol() {
                        Some(b"h2") => Protocol::Http2,
                        Some(_) => Protocol::Http1,
                        None => Protocol::Either,
                    };
                    serve(stream, protocol, true, shared).await;
                }
            }
        });
    }
}

enum Protocol {
    Http1,
    Http2,
    /// The first bytes tell.
    Either,
}

async fn serve<S>(stream: S, protocol: Protocol, secure: bool, shared: Arc<Shared>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http2()
        // The limits guard public servers against floods of resets. Here the client's cancellations and the resets
        // that were asked for as faults are what is being tested.
        .max_pending_accept_reset_streams(10_000)
        .max_local_error_reset_streams(None);
    let builder = match protocol {
        Protocol::Http1 => builder.http1_only(),
        Protocol::Http2 => builder.http2_only(),
        Protocol::Either => builder,
    };
    let service = service_fn(move |request| exchange(Arc::clone(&shared), secure, request));
    // An error here is the client's going away, or a connection that a fault closed.
    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
}

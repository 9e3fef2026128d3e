//! Accepting connections and speaking HTTP on them.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use hyper::Version;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;

use crate::config::OutageKind;
use crate::outage::Current;
use crate::pipeline;
use crate::state::Shared;

/// An address to listen on, kept for this emulator while nothing listens on it too.
pub(crate) struct Address {
    pub(crate) address: SocketAddr,
    /// Bound, never listening: connections are refused and nobody else gets the port. Not on Windows, where the option
    /// that lets two sockets have one address lets anyone have it.
    _reserved: Option<TcpSocket>,
}

impl Address {
    /// Takes an address and listens on it.
    pub(crate) fn bind(address: SocketAddr) -> io::Result<(Self, TcpListener)> {
        let named = |error: io::Error| io::Error::new(error.kind(), format!("cannot listen on {address}: {error}"));
        let reserved = cfg!(unix).then(|| socket(address)).transpose().map_err(named)?;
        let taken = match &reserved {
            Some(socket) => socket.local_addr()?,
            None => address,
        };
        let listener = listen(taken).map_err(named)?;
        let address = listener.local_addr()?;
        Ok((
            Self {
                address,
                _reserved: reserved,
            },
            listener,
        ))
    }
}

fn socket(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    socket(address)?.listen(1024)
}

/// Accepts connections until it is dropped.
pub(crate) async fn accept(
    address: Address,
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    shared: Arc<Shared>,
) -> io::Result<()> {
    let mut listener = Some(listener);
    let mut outage = shared.outages.watch();
    loop {
        let now = *outage.borrow_and_update();
        if now.is_some_and(|outage| outage.kind == OutageKind::Refuse) {
            listener = None;
        } else if listener.is_none() {
            listener = Some(listen(address.address)?);
        }
        tokio::select! {
            _ = outage.changed() => {}
            () = over(now) => shared.outages.end_when_over(),
            accepted = next(listener.as_ref()) => match (accepted, now) {
                (Ok(stream), None) => {
                    tokio::spawn(connection(stream, tls.clone(), Arc::clone(&shared)));
                }
                // Closed with a reset.
                (Ok(stream), Some(_)) => stream.set_zero_linger()?,
                // Mostly too many open files: others must close theirs first, and trying at once would only spin.
                (Err(_), _) => tokio::time::sleep(Duration::from_millis(10)).await,
            },
        }
    }
}

/// The next connection; there is none where nothing listens.
async fn next(listener: Option<&TcpListener>) -> io::Result<TcpStream> {
    match listener {
        Some(listener) => Ok(listener.accept().await?.0),
        None => std::future::pending().await,
    }
}

/// The end of an outage.
async fn over(outage: Option<Current>) {
    match outage {
        Some(outage) => tokio::time::sleep_until(outage.until.into()).await,
        None => std::future::pending().await,
    }
}

/// Serves one connection until it ends or an outage begins.
async fn connection(stream: TcpStream, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    // Without this, small answers wait for the acknowledgement of the ones before.
    let _ = stream.set_nodelay(true);
    let _open = shared.connection_opened();
    let mut outage = shared.outages.watch();
    let served = async {
        match tls {
            None => serve(stream, Protocol::Either, false, &shared).await,
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
                serve(stream, protocol, true, &shared).await;
            }
        }
    };
    tokio::select! {
        () = served => {}
        _ = outage.wait_for(Option::is_some) => {}
    }
}

enum Protocol {
    Http1,
    Http2,
    /// The first bytes tell.
    Either,
}

async fn serve<S>(stream: S, protocol: Protocol, secure: bool, shared: &Arc<Shared>)
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
    let served = Arc::new(AtomicU32::new(0));
    let expired = Arc::new(Notify::new());
    let service = service_fn(|request| {
        let (shared, served, expired) = (Arc::clone(shared), Arc::clone(&served), Arc::clone(&expired));
        async move {
            let version = request.version();
            let last = shared
                .throttle()
                .limits
                .requests_per_connection
                .is_some_and(|most| served.fetch_add(1, Ordering::Relaxed) + 1 >= most);
            let mut answer = pipeline::answer(shared, secure, request).await?;
            if last && version < Version::HTTP_2 {
                answer
                    .headers_mut()
                    .insert(CONNECTION, HeaderValue::from_static("close"));
            } else if last {
                expired.notify_one();
            }
            Ok::<_, pipeline::NoAnswer>(answer)
        }
    });
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    loop {
        tokio::select! {
            // An error here is the client's going away, or a connection that a fault closed.
            _ = connection.as_mut() => return,
            // HTTP/2 says GOAWAY and answers what it has.
            () = expired.notified() => connection.as_mut().graceful_shutdown(),
        }
    }
}

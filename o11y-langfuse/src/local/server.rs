//! The threads behind a receiver: one that listens, one for each connection, and how they end.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    thread::{Builder, JoinHandle},
    time::Duration,
};

use super::{connection, keys::Keys, route::Site, state::State};

/// How long to try to reach our own listening thread when it is to end.
const WAKE_TIMEOUT: Duration = Duration::from_secs(1);

/// How long to rest when a connection cannot be accepted, as when files run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// A server that runs until it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    site: Arc<Site>,
    address: SocketAddr,
    listening: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts on a port of `127.0.0.1`; 0 is any that is free.
    pub(crate) fn start(port: u16, keys: Keys) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        let address = listener.local_addr()?;
        let site = Arc::new(Site {
            base_url: format!("http://{address}"),
            keys,
            state: State::default(),
        });

        let listening = Builder::new().name("o11y-local".to_owned()).spawn({
            let site = Arc::clone(&site);
            move || listen(&listener, &site)
        })?;
        Ok(Self {
            site,
            address,
            listening: Some(listening),
        })
    }

    pub(crate) fn site(&self) -> &Site {
        &self.site
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.site.state.stop();
        // The listening thread waits for a connection, so it gets one. If even that fails, it is
        // left behind rather than waited for.
        let is_awake = TcpStream::connect_timeout(&self.address, WAKE_TIMEOUT).is_ok();
        if let Some(listening) = self.listening.take()
            && (is_awake || listening.is_finished())
        {
            // An error is the thread's own panic, and a destructor is no place to pass it on.
            drop(listening.join());
        }
    }
}

/// Accepts connections until the receiver stops, and leaves no thread behind.
fn listen(listener: &TcpListener, site: &Arc<Site>) {
    let mut threads: Vec<JoinHandle<()>> = Vec::new();

    while !site.state.is_stopping() {
        // Nobody could be told why a connection was not served; the client sees that it is closed.
        match listener
            .accept()
            .and_then(|(stream, _)| serve_in_thread(site, stream))
        {
            Ok(thread) => threads.extend(thread),
            Err(_) => site.state.pause(ACCEPT_PAUSE),
        }
        threads.retain(|thread| !thread.is_finished());
    }
    for thread in threads {
        // A panic has ended its connection, which the client has seen.
        drop(thread.join());
    }
}

/// Serves a connection in a thread of its own; `None` when the receiver stops.
fn serve_in_thread(site: &Arc<Site>, stream: TcpStream) -> io::Result<Option<JoinHandle<()>>> {
    let stream = Arc::new(stream);
    let Some(number) = site.state.connect(&stream) else {
        return Ok(None);
    };

    let thread = Builder::new().name(format!("o11y-local-{number}")).spawn({
        let site = Arc::clone(site);
        move || {
            // The socket closes with its last owner. So the state has to let go of it, too, even
            // if this thread panics.
            let guest = Guest {
                site: &site,
                number,
            };
            connection::serve(&site, &stream, guest.number);
        }
    });
    if thread.is_err() {
        site.state.disconnect(number);
    }
    thread.map(Some)
}

/// Signs a connection off when dropped.
struct Guest<'a> {
    site: &'a Site,
    number: usize,
}

impl Drop for Guest<'_> {
    fn drop(&mut self) {
        self.site.state.disconnect(self.number);
    }
}

//! One connection, from its first request to its end.

use std::{
    io::{self, BufReader, Read as _, Write as _},
    net::{Shutdown, TcpStream},
    time::Duration,
};

use socket2::SockRef;

use super::{
    http::{Head, HttpError, read_body},
    mischief::GARBAGE,
    route::{Reply, Site, refuse, treat},
};

/// How long a connection may be idle; the real server keeps it as long.
const IDLE_TIMEOUT: Duration = Duration::from_secs(110);

/// How long a refused client may take to stop sending.
const LINGER_TIMEOUT: Duration = Duration::from_secs(1);

/// Serves requests until one side has had enough. Closing the socket is left to the caller, who
/// has to let go of it, too.
pub(crate) fn serve(site: &Site, stream: &TcpStream, number: usize) {
    // Every error here means that the client is gone, and nobody is left to hear of it.
    drop(try_serve(site, stream, number));
}

fn try_serve(site: &Site, mut stream: &TcpStream, number: usize) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(IDLE_TIMEOUT))?;
    let mut reader = BufReader::with_capacity(64 * 1024, stream);

    loop {
        let (head, body) = match read_request(&mut reader, stream) {
            Ok(Some(request)) => request,
            Ok(None) => return Ok(()),
            Err(error) => return refuse_unread(stream, &error),
        };
        let keep_alive = head.keeps_alive();

        match treat(site, &head, &body, number) {
            Reply::Answer(answer) => {
                stream.write_all(&answer.to_bytes(&head.method, keep_alive))?;
                if !keep_alive {
                    return Ok(());
                }
            }
            Reply::Truncated(answer) => {
                return stream.write_all(&answer.to_bytes(&head.method, true));
            }
            Reply::Garbage => return stream.write_all(GARBAGE),
            Reply::Close => return Ok(()),
            // A socket that may not linger is closed with a reset instead of a farewell.
            Reply::Reset => return SockRef::from(stream).set_linger(Some(Duration::ZERO)),
        }
    }
}

fn read_request(
    reader: &mut BufReader<&TcpStream>,
    mut stream: &TcpStream,
) -> Result<Option<(Head, Vec<u8>)>, HttpError> {
    let Some(head) = Head::read(reader)? else {
        return Ok(None);
    };
    // A client that has not waited for the permission does not need it.
    if head.expects_continue() && reader.buffer().is_empty() {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    let body = read_body(&head, reader)?;
    Ok(Some((head, body)))
}

/// Refuses a request that has not been read to its end.
fn refuse_unread(mut stream: &TcpStream, error: &HttpError) -> io::Result<()> {
    let Some(status) = error.status() else {
        return Ok(());
    };
    stream.write_all(&refuse(status, &error.to_string()).to_bytes("", false))?;

    // Closing with bytes unread would be a reset, which can overtake the answer. So the client
    // gets some time to notice and to stop.
    stream.shutdown(Shutdown::Write)?;
    stream.set_read_timeout(Some(LINGER_TIMEOUT))?;
    let mut rest = stream.take(2 * super::http::MAX_BODY_BYTES as u64);
    io::copy(&mut rest, &mut io::sink())?;
    Ok(())
}

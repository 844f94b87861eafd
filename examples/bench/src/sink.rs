//! The other end: a receiver in a process of its own, so that its work is nobody's figure.

use std::{
    env,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    sync::Mutex,
    thread,
    time::Duration,
};

use anyhow::Context as _;
use flate2::read::GzDecoder;

use crate::tally::Tally;

/// How it behaves.
#[derive(Clone, Copy)]
pub enum Mode {
    /// Answers every request at once.
    Healthy,
    /// The same, and counts the spans in it.
    Counting,
    /// Takes requests and never answers.
    Stalled,
    /// Nobody listens.
    Refusing,
}

/// A sink that ends when this is dropped.
pub struct Sink {
    process: Option<Child>,
    pub host: String,
}

impl Sink {
    pub fn start(mode: Mode) -> anyhow::Result<Self> {
        let behaviour = match mode {
            Mode::Healthy => "healthy",
            Mode::Counting => "counting",
            Mode::Stalled => "stalled",
            Mode::Refusing => {
                let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
                return Ok(Self {
                    process: None,
                    host: format!("http://127.0.0.1:{port}"),
                });
            }
        };
        let mut process = Command::new(env::current_exe()?)
            .args(["sink", behaviour])
            .stdout(Stdio::piped())
            .spawn()?;
        let output = process.stdout.take().context("the sink has no output")?;
        let mut host = String::new();
        BufReader::new(output).read_line(&mut host)?;
        Ok(Self {
            process: Some(process),
            host: host.trim().to_owned(),
        })
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            _ = process.kill(); // it has ended already
            _ = process.wait();
        }
    }
}

/// How many spans came to a counting sink since this was asked last, and how many different ones.
pub fn take_count(host: &str) -> anyhow::Result<(u64, u64)> {
    let mut stream = TcpStream::connect(host.trim_start_matches("http://"))?;
    write!(stream, "GET {COUNT} HTTP/1.1\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (spans, distinct) = answer.trim().split_once(' ').context("no count")?;
    Ok((spans.parse()?, distinct.parse()?))
}

/// Where the count is asked for. The answer is no HTTP but two numbers: nobody else asks.
const COUNT: &str = "/count";

/// What has come to this process, if it counts.
static TALLY: Mutex<Option<Tally>> = Mutex::new(None);

/// The process itself.
pub fn run(behaviour: &str) -> anyhow::Result<()> {
    let answers = behaviour != "stalled";
    if behaviour == "counting" {
        *TALLY.lock().ok().context("nobody panicked yet")? = Some(Tally::default());
    }
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("http://{}", listener.local_addr()?);
    for stream in listener.incoming() {
        let stream = stream?;
        let connection = thread::Builder::new().name("connection".into());
        connection.spawn(move || serve(&stream, answers))?;
    }
    Ok(())
}

fn serve(mut stream: &TcpStream, answers: bool) -> Option<()> {
    let mut reader = BufReader::with_capacity(1 << 16, stream);
    let mut body = Vec::new();
    loop {
        let (mut length, mut is_gzip, mut is_count) = (0, false, false);
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let line = line.trim().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(number) = line.strip_prefix("content-length:") {
                length = number.trim().parse().ok()?;
            }
            is_gzip |= line.starts_with("content-encoding:") && line.ends_with("gzip");
            is_count |= line.starts_with("get ") && line.contains(COUNT);
        }
        if is_count {
            let tally = TALLY.lock().ok()?.replace(Tally::default())?;
            let spans = tally.spans;
            write!(stream, "{spans} {}", tally.distinct()).ok()?;
            return Some(());
        }
        body.resize(length, 0);
        reader.read_exact(&mut body).ok()?;
        if !answers {
            thread::sleep(Duration::from_secs(3_600));
        }
        count(&body, is_gzip)?;
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n")
            .ok()?;
    }
}

/// Counts before it is answered, so that what was answered for is in the count.
fn count(body: &[u8], is_gzip: bool) -> Option<()> {
    if let Some(tally) = TALLY.lock().ok()?.as_mut() {
        if is_gzip {
            let mut plain = Vec::new();
            GzDecoder::new(body).read_to_end(&mut plain).ok()?;
            tally.add(&plain);
        } else {
            tally.add(body);
        }
    }
    Some(())
}

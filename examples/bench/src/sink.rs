//! The other end: a receiver in a process of its own, so that its work is nobody's figure.

use std::{
    env,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use anyhow::Context as _;

/// How it behaves.
#[derive(Clone, Copy)]
pub enum Mode {
    /// Answers every request at once.
    Healthy,
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

/// The process itself.
pub fn run(behaviour: &str) -> anyhow::Result<()> {
    let answers = behaviour == "healthy";
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("http://{}", listener.local_addr()?);
    for stream in listener.incoming() {
        let stream = stream?;
        thread::spawn(move || serve(&stream, answers));
    }
    Ok(())
}

fn serve(stream: &TcpStream, answers: bool) -> Option<()> {
    let mut reader = BufReader::with_capacity(1 << 16, stream);
    let mut body = Vec::new();
    loop {
        let mut length = 0;
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
        }
        body.resize(length, 0);
        reader.read_exact(&mut body).ok()?;
        if !answers {
            thread::sleep(Duration::from_secs(3_600));
        }
        (&mut &*stream)
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n")
            .ok()?;
    }
}

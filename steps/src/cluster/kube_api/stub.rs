//! An API server that knows its answers beforehand, for the tests of this adapter.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::KubeApi;

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// Method and path, e.g. `GET /version`.
    pub(super) line: String,
    /// `Content-Type`.
    pub(super) kind: String,
    /// The body; null where there is none.
    pub(super) body: Value,
}

/// The answers in their order and the requests so far.
pub(super) struct Stub {
    asked: Arc<Mutex<Vec<Asked>>>,
    folder: tempfile::TempDir,
}

impl Stub {
    /// Starts a server that gives these answers, each to one request, and then closes.
    pub(super) fn start(answers: Vec<(u16, String)>) -> Self {
        let (listener, stub) = Self::listen();
        let heard = Arc::clone(&stub.asked);
        std::thread::spawn(move || {
            for (status, body) in answers {
                let (stream, _) = listener.accept().expect("a connection");
                heard.lock().expect("the requests").push(answer(stream, |_| (status, body)));
            }
        });
        stub
    }

    /// Starts a server that gives each path (without its query) the same answer whenever it is asked, and 404 to others.
    pub(super) fn serve(routes: Vec<(&str, u16, String)>) -> Self {
        let routes: BTreeMap<String, (u16, String)> = routes
            .into_iter()
            .map(|(path, status, body)| (path.to_owned(), (status, body)))
            .collect();
        let (listener, stub) = Self::listen();
        let heard = Arc::clone(&stub.asked);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let known =
                    |path: &str| routes.get(path).cloned().unwrap_or((404, "not found".to_owned()));
                let asked = answer(stream.expect("a connection"), known);
                heard.lock().expect("the requests").push(asked);
            }
        });
        stub
    }

    fn listen() -> (TcpListener, Self) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("config"), kubeconfig(&format!("http://{address}")))
            .expect("a kubeconfig");
        (listener, Self { asked: Arc::new(Mutex::new(Vec::new())), folder })
    }

    /// Returns a client of it.
    pub(super) async fn api(&self) -> KubeApi {
        KubeApi::connect(Some(&self.folder.path().join("config")), None).await.expect("a client")
    }

    /// Returns the requests so far.
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("the requests").clone()
    }
}

/// Returns a kubeconfig with one context, `here`.
pub(super) fn kubeconfig(server: &str) -> String {
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "here",
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": {}}],
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
    })
    .to_string()
}

fn answer(stream: TcpStream, known: impl FnOnce(&str) -> (u16, String)) -> Asked {
    let mut reader = BufReader::new(stream);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a line");
        if line.trim().is_empty() {
            break;
        }
        head.push(line.trim().to_owned());
    }
    let field = |name: &str| {
        let found = head.iter().filter_map(|line| line.split_once(": "));
        found.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, it)| it.to_owned()).next()
    };
    let length = field("content-length").and_then(|it| it.parse().ok()).unwrap_or(0);
    let mut sent = vec![0; length];
    reader.read_exact(&mut sent).expect("a body");
    let line = head.first().cloned().unwrap_or_default().replace(" HTTP/1.1", "");
    let (status, body) = known(line.trim_start_matches("GET ").split('?').next().unwrap_or(""));
    let size = body.len();
    let reply =
        format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {size}\r\n\r\n{body}");
    reader.into_inner().write_all(reply.as_bytes()).expect("room for the answer");
    let body = serde_json::from_slice(&sent).unwrap_or_default();
    Asked { line, kind: field("content-type").unwrap_or_default(), body }
}

//! A clinic that is open to its network, and the browsers that come to it.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use machiai_core::envelope::{By, Envelope};
use machiai_core::people::{DeviceKind, Role, Staff};
use machiai_journal::open::Disk;
use machiai_journal::{Position, Reader};
use serde_json::Value;
use tower::ServiceExt;

use super::super::{Via, acts};
use crate::app::Shared;
use crate::config::Config;
use crate::{daemon, http, lan};

pub(super) const PASSWORD: &str = "sakura-2026!";

pub(super) const SETTINGS: &str = r#"{
    "site": {"name": {"ja": "待合内科"}},
    "hours": {"sessions": [{"session": "morning", "name": {"ja": "午前"}, "from": "8:30", "to": "12:00"}],
              "week": [{"days": ["mon","tue","wed","thu","fri","sat","sun"], "sessions": ["morning"]}]},
    "lines": [{"line": 1, "name": {"ja": "内科"}}],
    "rooms": [{"room": "room1", "name": {"ja": "第1診察室"}, "lines": [1]},
              {"room": "room2", "name": {"ja": "第2診察室"}, "lines": [1]}]
}"#;

/// A clinic in a folder of its own, on a Tuesday morning, its line open.
pub(super) struct Clinic {
    pub(super) app: Shared,
    config: Config,
    folder: tempfile::TempDir,
}

impl Clinic {
    pub(super) async fn open() -> Self {
        let clinic = Self::start(tempfile::tempdir().unwrap(), "2026-11-24T08:31:00+09:00");
        let at_the_box = Browser::at_the_box();
        let settings = serde_json::from_str(SETTINGS).unwrap();
        assert_eq!(at_the_box.press(&clinic, "settings", settings).await.status, StatusCode::OK);
        let session = serde_json::json!({"session": "morning"});
        assert_eq!(at_the_box.press(&clinic, "lines/1001-1/open", session).await.status, StatusCode::OK);
        clinic
    }

    fn start(folder: tempfile::TempDir, starts: &str) -> Self {
        let state = folder.path().join("state");
        let text = format!(
            "site = 1001\nstate = \"{}\"\nballast_mib = 0\nlan_names = [\"machiai.local\"]\n\
             [rehearsal]\nstarts = \"{starts}\"\nspeed = 1\n",
            state.display()
        );
        let config: Config = toml::from_str(&text).unwrap();
        let (gate, after) = daemon::open(&config, None, Box::new(|| ())).unwrap();
        let app = daemon::assemble(&config, gate, after).unwrap();
        // The name that browsers use is the test's own; the port is whatever was free.
        let mut lan = lan::open(&app, &config, "127.0.0.1:0".parse().unwrap()).map(|(lan, _)| lan).unwrap();
        lan.address.set_port(8443);
        // Nobody listens here.
        lan.is_open.send_replace(true);
        app.access.lan.set(lan).unwrap();
        Self { app, config, folder }
    }

    /// Ends the daemon and starts it again at another time.
    pub(super) async fn again(self, starts: &str) -> Self {
        assert!(daemon::close(&self.app.gate).await);
        drop(self.app);
        Self::start(self.folder, starts)
    }

    pub(super) async fn staff(&self, staff: &str, role: Role) {
        self.staff_named(staff, "佐藤", role).await;
    }

    pub(super) async fn staff_named(&self, staff: &str, name: &str, role: Role) {
        let staff = Staff { staff: staff.parse().unwrap(), name: name.to_owned(), role };
        acts::set_staff(&self.app, by(), staff, Some(PASSWORD.to_owned())).await.unwrap();
    }

    pub(super) async fn staff_without_password(&self, staff: &str) {
        let staff = Staff { staff: staff.parse().unwrap(), name: "伊藤".to_owned(), role: Role::Nurse };
        acts::set_staff(&self.app, by(), staff, None).await.unwrap();
    }

    /// Pairs a fresh browser to a place.
    pub(super) async fn paired(&self, kind: DeviceKind, place: &str) -> Browser {
        let (code, _) = acts::open_pairing(&self.app, kind, &place.parse().unwrap()).unwrap();
        let mut told = Browser::lan().form(self, "/pair", &[("code", &code)]).await;
        assert_eq!(told.status, StatusCode::SEE_OTHER, "{}", told.text);
        Browser { device: told.cookies.pop(), ..Browser::lan() }
    }

    /// Pairs a fresh browser to a place and signs somebody in at it.
    pub(super) async fn signed_in(&self, place: &str, staff: &str) -> Browser {
        let mut browser = self.paired(DeviceKind::Desk, place).await;
        browser.sign_in(self, staff).await;
        browser
    }

    /// Counts misses of a PIN that lie a while back.
    pub(super) fn miss_pin(&self, device: &str, staff: &str, n: usize) {
        let keys = [acts::pin_key(&device.parse().unwrap(), staff)];
        let earlier = self.app.gate.clock.now().0.plus_ms(-30 * 60_000);
        for _ in 0..n {
            self.app.access.limiter(|limiter| limiter.miss(&keys, earlier));
        }
    }

    pub(super) fn n_facts(&self) -> u64 {
        self.app.gate.read(|clinic| clinic.n_facts)
    }

    /// Returns every fact, as its line.
    pub(super) fn lines(&self) -> Vec<String> {
        let reader = Reader::open(&Disk::real(), &self.config.journal()).unwrap();
        let kept = reader.facts_after(Position(0), 10_000).unwrap();
        kept.into_iter().map(|kept| String::from_utf8(kept.line).unwrap()).collect()
    }

    pub(super) fn facts(&self) -> Vec<Envelope> {
        self.lines().iter().map(|line| Envelope::read(line.as_bytes()).unwrap()).collect()
    }

    pub(super) fn newest(&self) -> Envelope {
        self.facts().pop().unwrap()
    }

    /// Returns every path of the contract, with something in place of what it names.
    pub(super) async fn every_path(&self) -> Vec<String> {
        let contract = Browser::at_the_box().get(self, "/api/v1/openapi.json").await.body;
        let paths: Vec<String> = contract["paths"].as_object().unwrap().keys().cloned().collect();
        assert!(paths.len() > 25, "{paths:?}");
        let visit = "0".repeat(32);
        let named = [("{address}", "1001-1"), ("{room}", "room1"), ("{visit}", &visit), ("{staff}", "sato")];
        let filled = paths.into_iter().map(|path| {
            let path = named.iter().fold(path, |path, (name, value)| path.replace(name, value));
            path.replace("{act}", "call").replace("{reservation}", "r1")
        });
        filled.collect()
    }
}

fn by() -> By {
    By { device: "test".parse().unwrap(), person: None }
}

/// A browser with its cookies.
#[derive(Clone)]
pub(super) struct Browser {
    pub(super) via: Via,
    pub(super) host: &'static str,
    pub(super) origin: Option<&'static str>,
    pub(super) site: Option<&'static str>,
    pub(super) named: Option<&'static str>,
    pub(super) device: Option<String>,
    pub(super) person: Option<String>,
}

impl Browser {
    /// One on the network, of which the box knows nothing.
    pub(super) fn lan() -> Self {
        Self {
            via: Via::Lan,
            host: "127.0.0.1:8443",
            origin: Some("https://127.0.0.1:8443"),
            site: None,
            named: Some("test"),
            device: None,
            person: None,
        }
    }

    /// One on the box itself.
    pub(super) fn at_the_box() -> Self {
        Self { via: Via::Box, host: "127.0.0.1:8110", origin: None, ..Self::lan() }
    }

    pub(super) async fn sign_in(&mut self, clinic: &Clinic, staff: &str) {
        let form = [("staff", staff), ("password", PASSWORD), ("pin", "2468")];
        let mut told = self.form(clinic, "/sign-in", &form).await;
        assert_eq!(told.status, StatusCode::SEE_OTHER, "{}", told.text);
        self.person = told.cookies.pop();
    }

    pub(super) async fn get(&self, clinic: &Clinic, path: &str) -> Told {
        self.ask(clinic, Method::GET, path, "").await
    }

    /// Opens a page as somebody does who types its address.
    pub(super) async fn open(&self, clinic: &Clinic, path: &str) -> Told {
        let request = self.request(Method::GET, path).header("accept", "text/html,application/xhtml+xml,*/*;q=0.8");
        self.send(clinic, request.body(Body::empty()).unwrap()).await
    }

    /// Sends a command as a page does.
    pub(super) async fn press(&self, clinic: &Clinic, path: &str, body: Value) -> Told {
        self.ask(clinic, Method::POST, &format!("/api/v1/{path}"), &body.to_string()).await
    }

    pub(super) async fn form(&self, clinic: &Clinic, path: &str, fields: &[(&str, &str)]) -> Told {
        let encoded = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
        let pairs: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        let request = self.request(Method::POST, path).header("content-type", "application/x-www-form-urlencoded");
        self.send(clinic, request.body(Body::from(pairs.join("&"))).unwrap()).await
    }

    pub(super) async fn ask(&self, clinic: &Clinic, method: Method, path: &str, body: &str) -> Told {
        let key = format!("key-{:?}", std::time::Duration::from_nanos(clinic.n_facts()));
        let request = self.request(method, path).header("idempotency-key", key);
        let request = request.header("content-type", "application/json");
        self.send(clinic, request.body(Body::from(body.to_owned())).unwrap()).await
    }

    /// Opens a stream.
    pub(super) async fn stream(&self, clinic: &Clinic, path: &str) -> Stream {
        let request = self.request(Method::GET, path).body(Body::empty()).unwrap();
        let response = http::router(Arc::clone(&clinic.app), self.via).oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        Stream(response.into_body())
    }

    fn request(&self, method: Method, path: &str) -> axum::http::request::Builder {
        let mut request = Request::builder().method(method).uri(path).header("host", self.host);
        for (name, value) in [("origin", self.origin), ("sec-fetch-site", self.site), ("machiai-device", self.named)] {
            if let Some(value) = value {
                request = request.header(name, value);
            }
        }
        let prefix = if self.via == Via::Lan { "__Host-" } else { "" };
        for (name, token) in [("device", &self.device), ("person", &self.person)] {
            if let Some(token) = token {
                request = request.header("cookie", format!("{prefix}machiai-{name}={token}"));
            }
        }
        request
    }

    async fn send(&self, clinic: &Clinic, request: Request<Body>) -> Told {
        let response = http::router(Arc::clone(&clinic.app), self.via).oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let set = parts.headers.get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap());
        let cookies = set.map(|cookie| cookie.split(['=', ';']).nth(1).unwrap().to_owned()).collect();
        let bytes = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Told { status: parts.status, headers: parts.headers, cookies, text, body }
    }
}

/// One answer.
pub(super) struct Told {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// The values of the cookies that it sets.
    pub(super) cookies: Vec<String>,
    pub(super) text: String,
    pub(super) body: Value,
}

impl Told {
    /// Returns all that a client can tell one answer from another by; to HEAD there is no body.
    pub(super) fn plain(&self, method: &Method) -> (StatusCode, Vec<(String, String)>, String) {
        let headers = self.headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
        let text = if *method == Method::HEAD { String::new() } else { self.text.clone() };
        (self.status, headers.collect(), text)
    }

    #[track_caller]
    pub(super) fn is_refusal(&self, status: StatusCode, code: &str) {
        assert_eq!((self.status, self.body["code"].as_str()), (status, Some(code)), "{}", self.text);
        for title in ["title", "title_ja"] {
            assert_ne!(self.body[title].as_str(), Some(code), "{code} has no words");
        }
    }
}

/// A stream of events.
pub(super) struct Stream(Body);

impl Stream {
    /// Returns the next event; none once the stream has ended.
    pub(super) async fn next(&mut self) -> Option<String> {
        let frame = tokio::time::timeout(std::time::Duration::from_secs(20), self.0.frame()).await;
        let frame = frame.expect("the stream goes on and says nothing")?;
        Some(String::from_utf8_lossy(&frame.unwrap().into_data().unwrap()).into_owned())
    }
}

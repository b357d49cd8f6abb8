//! Operators: who comes in, how long, what they see of the fleet, and what nobody gets who is not one.

mod fleet;
mod seen;
mod watched;

use std::sync::atomic::Ordering;

use machiai::link::on_this_machine;
use machiai_hub::door::limits::Limits;
use machiai_hub::operator::account::make;
use machiai_hub::operator::totp::{code, step_of};
use machiai_hub::store::devices::Replaces;
use machiai_hub::store::operators::{IDLE_FOR_S, LOCKED_FOR_S, SIGNED_IN_FOR_S};
use reqwest::header::{LOCATION, SET_COOKIE};
use reqwest::redirect::Policy;
use reqwest::{Response, StatusCode};
use rstest::rstest;

use super::Home;
use super::cloud::Cloud;

const PASSWORD: &str = "sakura-no-hana";

/// A hub with one operator, and the operator's browser: it keeps the cookie that it is given.
struct Office {
    cloud: Cloud,
    totp: [u8; 20],
    client: reqwest::Client,
    cookie: Option<String>,
}

impl Office {
    async fn open(home: Home) -> Self {
        let cloud = Cloud::start(home, Limits::USUAL).await;
        let account = make(PASSWORD).unwrap();
        let totp = account.totp;
        assert!(cloud.store.add_operator("sato", account.clone(), 1).await.unwrap());
        assert!(!cloud.store.add_operator("sato", account, 1).await.unwrap(), "a name was given twice");
        let client = on_this_machine().unwrap().redirect(Policy::none()).build().unwrap();
        Self { cloud, totp, client, cookie: None }
    }

    /// Lets so many seconds pass.
    fn pass(&self, n_s: u64) {
        self.cloud.now_s.fetch_add(n_s, Ordering::SeqCst);
    }

    /// Returns the code that the authenticator shows.
    fn code(&self) -> String {
        code(&self.totp, step_of(self.cloud.now_s.load(Ordering::SeqCst)))
    }

    async fn try_to_sign_in(&self, name: &str, password: &str, code: &str) -> Response {
        self.post("/sign-in", &format!("name={name}&password={password}&code={code}")).send().await.unwrap()
    }

    async fn sign_in(&mut self) {
        self.cookie = None;
        let answer = self.try_to_sign_in("sato", PASSWORD, &self.code()).await;
        assert_eq!((answer.status(), &answer.headers()[LOCATION]), (StatusCode::SEE_OTHER, &"/fleet".parse().unwrap()));
        let cookie = answer.headers()[SET_COOKIE].to_str().unwrap().to_owned();
        for must in ["HttpOnly", "Secure", "SameSite=Strict", "Path=/"] {
            assert!(cookie.contains(must), "{cookie}");
        }
        self.cookie = Some(cookie.split(';').next().unwrap().to_owned());
    }

    fn post(&self, path: &str, form: &str) -> reqwest::RequestBuilder {
        let form = form.to_owned();
        let sent = self.client.post(format!("http://{}{path}", self.cloud.desk)).body(form);
        self.with_cookie(sent.header("content-type", "application/x-www-form-urlencoded"))
    }

    fn with_cookie(&self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        match &self.cookie {
            Some(cookie) => request.header("cookie", cookie),
            None => request,
        }
    }

    async fn get(&self, path: &str) -> Response {
        self.with_cookie(self.client.get(format!("http://{}{path}", self.cloud.desk))).send().await.unwrap()
    }

    async fn is_in(&self, path: &str) -> bool {
        let answer = self.get(path).await;
        match answer.status() {
            StatusCode::OK => true,
            StatusCode::SEE_OTHER => answer.headers()[LOCATION] != "/sign-in",
            other => panic!("{path}: {other}"),
        }
    }

    async fn page(&self, path: &str) -> String {
        let answer = self.get(path).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        answer.text().await.unwrap()
    }

    /// Returns the token that the forms of this sign-in carry.
    async fn token(&self) -> String {
        let page = self.page("/fleet").await;
        let (_, rest) = page.split_once("name=\"token\" value=\"").unwrap();
        rest.split('"').next().unwrap().to_owned()
    }

    /// Returns the codes of the audit's entries, the oldest first.
    async fn audited(&self) -> Vec<(String, String)> {
        let entries = self.cloud.store.audit(0, 1_000).await.unwrap();
        entries.into_iter().rev().map(|entry| (entry.operator, entry.what)).collect()
    }
}

#[rstest]
#[case::in_a_file(Home::folder())]
#[case::on_a_server(Home::server())]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_comes_in_with_password_and_code_and_everything_wrong_gets_the_same_answer(#[case] home: Home) {
    let mut office = Office::open(home).await;
    assert!(!office.is_in("/fleet").await && !office.is_in("/fleet/1001").await && !office.is_in("/audit").await);
    let (good, mut pages) = (office.code(), Vec::new());
    let wrong = if good == "123456" { "654321" } else { "123456" };
    for (name, password, code) in [
        ("sato", "sakura-no-haha", good.as_str()),
        ("sato", PASSWORD, wrong),
        ("sato", PASSWORD, ""),
        ("suzuki", PASSWORD, &good),
        ("console", PASSWORD, &good),
        ("%3Cscript%3E", PASSWORD, &good),
    ] {
        let answer = office.try_to_sign_in(name, password, code).await;
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{name} {password} {code}");
        assert!(!answer.headers().contains_key(SET_COOKIE));
        pages.push(answer.text().await.unwrap());
    }
    assert!(pages.iter().all(|page| *page == pages[0]), "failures can be told apart");
    office.sign_in().await;
    assert!(office.page("/fleet").await.contains("1001"));

    // The same code never counts again, nor one before it.
    let again = office.try_to_sign_in("sato", PASSWORD, &good).await;
    assert_eq!(again.status(), StatusCode::FORBIDDEN);
    office.pass(30);
    assert_eq!(office.try_to_sign_in("sato", PASSWORD, &good).await.status(), StatusCode::FORBIDDEN);
    office.sign_in().await;
    let failed = ["sato", "sato", "sato", "", "", ""].map(|who| (who.to_owned(), "sign_in_failed".to_owned()));
    let audited = office.audited().await;
    assert_eq!(audited[0], ("console".into(), "operator_added".into()));
    assert_eq!(audited[1..7], failed);
    assert_eq!(audited[7], ("sato".into(), "signed_in".into()));
    let page = office.page("/audit").await;
    assert!(page.contains("サインイン失敗") && page.contains("担当の追加"), "{page}");
    assert!(office.cloud.store.remove_operator("sato", 1).await.unwrap());
    assert!(!office.is_in("/fleet").await, "a removed operator stays in");
}

#[rstest]
#[case::in_a_file(Home::folder())]
#[case::on_a_server(Home::server())]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_five_wrong_tries_an_account_rests_whoever_is_right_then(#[case] home: Home) {
    let mut office = Office::open(home).await;
    for _ in 0..4 {
        office.try_to_sign_in("sato", "wrong-password", &office.code()).await;
    }
    office.sign_in().await;
    office.pass(60);
    for _ in 0..5 {
        office.try_to_sign_in("sato", "wrong-password", &office.code()).await;
    }
    office.pass(LOCKED_FOR_S - 1);
    let right = office.try_to_sign_in("sato", PASSWORD, &office.code()).await;
    assert_eq!(right.status(), StatusCode::FORBIDDEN);
    let entries = office.cloud.store.audit(0, 1).await.unwrap();
    assert_eq!((entries[0].what.as_str(), entries[0].detail.as_str()), ("sign_in_failed", "locked"));
    office.pass(60);
    office.sign_in().await;
}

#[rstest]
#[case::in_a_file(Home::folder())]
#[case::on_a_server(Home::server())]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_in_ends_when_it_is_ended_when_it_is_idle_and_after_a_day_of_work(#[case] home: Home) {
    let mut office = Office::open(home).await;
    office.sign_in().await;
    let answer = office.post("/sign-out", &format!("token={}", office.token().await)).send().await.unwrap();
    assert_eq!(&answer.headers()[LOCATION], "/sign-in");
    assert!(!office.is_in("/fleet").await, "a cookie was replayed after its end");

    // What a page loads by itself keeps nobody in.
    office.pass(60);
    office.sign_in().await;
    for _ in 0..3 {
        office.pass(IDLE_FOR_S / 3 - 1);
        assert!(office.is_in("/fleet?auto=1").await);
    }
    office.pass(3);
    assert!(!office.is_in("/fleet").await, "an idle sign-in goes on");

    office.pass(60);
    office.sign_in().await;
    let n_times = SIGNED_IN_FOR_S / (IDLE_FOR_S - 60);
    for _ in 0..n_times {
        office.pass(IDLE_FOR_S - 60);
        assert!(office.is_in("/fleet").await, "somebody at work is put out");
    }
    office.pass(SIGNED_IN_FOR_S - n_times * (IDLE_FOR_S - 60));
    assert!(!office.is_in("/fleet").await, "a sign-in goes on for ever");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_done_for_another_page_or_another_sign_in() {
    let mut office = Office::open(Home::folder()).await;
    office.sign_in().await;
    let elsewhere = office.token().await;
    office.pass(30);
    office.sign_in().await;
    let token = office.token().await;
    assert_ne!(token, elsewhere);
    let form = |token: &str| format!("token={token}&text=hello");
    let path = "/fleet/1001/message";
    for bad in ["", "0", &elsewhere] {
        assert_eq!(office.post(path, &form(bad)).send().await.unwrap().status(), StatusCode::FORBIDDEN, "{bad}");
    }
    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://elsewhere.example"),
        ("origin", "null"),
    ] {
        let foreign = office.post(path, &form(&token)).header(name, value).send().await.unwrap();
        assert_eq!(foreign.status(), StatusCode::FORBIDDEN, "{name}: {value}");
        let sign_in = office.post("/sign-in", "name=sato&password=x&code=1").header(name, value).send().await.unwrap();
        assert_eq!(sign_in.status(), StatusCode::FORBIDDEN);
    }
    assert!(office.get(path).await.status() == StatusCode::METHOD_NOT_ALLOWED);
    assert!(!office.audited().await.iter().any(|(_, what)| what == "message_set"), "something was done");
    let own = office.post(path, &form(&token)).header("sec-fetch-site", "same-origin").send().await.unwrap();
    assert_eq!(own.status(), StatusCode::SEE_OTHER);
    assert!(office.page("/fleet/1001").await.contains("value=\"hello\""));
    assert_eq!(office.audited().await.last().unwrap(), &("sato".to_owned(), "message_set".to_owned()));

    // Without a sign-in a form does nothing, whatever it carries.
    office.cookie = None;
    let out = office.post(path, &form(&token)).send().await.unwrap();
    assert_eq!(&out.headers()[LOCATION], "/sign-in");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_door_of_the_hub_knows_its_own_people_alone() {
    let mut office = Office::open(Home::folder()).await;
    office.sign_in().await;
    // At the operators' door there is nothing of boxes or patients, and no way around.
    for path in [
        "/v1/sites/1001/up",
        "/v1/enrol",
        "/s/1001",
        "/api/v1/sites/1001",
        "/embed.js",
        "/fleet/",
        "/fleet/1001/",
        "/fleet/+1001",
        "/fleet/1001%2f..",
        "/fleet/..%2faudit",
        "/assets/..%2f..%2fCargo.toml",
        "/assets/",
        "/fleet/7",
        "/fleet/99999999999",
        "//fleet",
    ] {
        assert_eq!(office.get(path).await.status(), StatusCode::NOT_FOUND, "{path}");
    }
    // An operator's cookie opens no other door.
    for path in ["/fleet", "/fleet/1001", "/audit", "/sign-in"] {
        let request = office.client.get(format!("http://{}{path}", office.cloud.public));
        assert_eq!(office.with_cookie(request).send().await.unwrap().status(), StatusCode::NOT_FOUND, "{path}");
    }
    let strange = super::enrol::client(&office.cloud, None);
    let address = &office.cloud.address;
    for path in ["/v1/sites/1001/down", "/v1/sites/1001/facts", "/fleet"] {
        let answer = office.with_cookie(strange.get(format!("https://{address}{path}"))).send().await.unwrap();
        assert!(answer.status().is_client_error(), "{path}: {}", answer.status());
    }
    // A box's certificate is nothing to the operators' door: it speaks no TLS, and asks for a sign-in.
    let enrolled = office.cloud.enrol(1001, Replaces::Nothing).await;
    let at_the_desk = enrolled.client().get(format!("https://{}/fleet", office.cloud.desk)).send().await;
    assert!(at_the_desk.is_err());
    let in_clear = enrolled.client().get(format!("http://{}/fleet", office.cloud.desk)).send().await;
    assert!(in_clear.is_err() || in_clear.unwrap().status() == StatusCode::SEE_OTHER);
}

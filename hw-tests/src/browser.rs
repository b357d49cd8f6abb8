//! A real Chromium, driven through chromedriver: opens pages, presses what is on them, and looks.
//!
//! Speaks the W3C's WebDriver (<https://www.w3.org/TR/webdriver2/>) and the two commands that chromedriver adds to it.
//! Whatever it starts ends with it, and nothing it opens leaves this machine.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use machiai::link::on_this_machine;
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

/// Where Debian's package puts the browser.
const CHROMIUM: &str = "/usr/bin/chromium";
/// What to do without it.
const MISSING: &str = "cannot start chromedriver: `make test` installs Debian's chromium and chromium-driver";

/// What chromedriver says of a port that somebody else has.
const TAKEN: &str = "port not available";

/// How long one command may take, and a page to come to a state.
const ANSWER_FOR: Duration = Duration::from_secs(30);
const STATE_FOR: Duration = Duration::from_secs(20);
/// How often a page is looked at while it comes to a state.
const LOOK_EVERY: Duration = Duration::from_millis(25);
/// How long the browser may take to close.
const CLOSE_FOR: Duration = Duration::from_secs(5);

/// What keeps Chromium to the pages it is given.
const FLAGS: [&str; 11] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
];

/// The key under which WebDriver names an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A window of the browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window(String);

/// A browser with a profile of its own; it is closed when dropped.
pub struct Browser {
    driver: Child,
    port: u16,
    client: reqwest::Client,
    session: String,
    _profile: TempDir,
}

impl Browser {
    /// Starts chromedriver and a browser.
    ///
    /// # Errors
    /// One of them is not installed, or does not start.
    pub async fn start() -> Result<Self> {
        Self::start_with(&[]).await
    }

    /// Starts chromedriver and a browser that takes certificates with one public key for good: base64 of its SHA-256.
    ///
    /// # Errors
    /// As [`Browser::start`].
    pub async fn start_trusting(pin: &str) -> Result<Self> {
        Self::start_with(&[format!("--ignore-certificate-errors-spki-list={pin}")]).await
    }

    async fn start_with(more: &[String]) -> Result<Self> {
        let profile = tempfile::Builder::new().prefix("machiai-browser-").tempdir().context("cannot make a profile")?;
        let (driver, port) = start_driver().await?;
        let client = on_this_machine()?.timeout(ANSWER_FOR).build().context("cannot make a client")?;
        let mut browser = Self { driver, port, client, session: String::new(), _profile: profile };
        browser.begin(more).await?;
        Ok(browser)
    }

    async fn begin(&mut self, more: &[String]) -> Result<()> {
        let profile = format!("--user-data-dir={}", self._profile.path().display());
        let more = more.iter().map(String::as_str);
        let flags: Vec<&str> = FLAGS.into_iter().chain([profile.as_str()]).chain(more).collect();
        let wanted = json!({"capabilities": {"alwaysMatch": {
            // chromedriver would let any page open windows, which no person's browser does.
            "goog:chromeOptions": {"binary": CHROMIUM, "args": flags, "excludeSwitches": ["disable-popup-blocking"]},
            "goog:loggingPrefs": {"browser": "ALL"},
        }}});
        let session = self.send(Method::POST, "/session", &wanted).await?;
        let id = session.get("sessionId").and_then(Value::as_str).context("chromedriver gave no session")?;
        self.session = format!("/session/{id}");
        Ok(())
    }

    /// Opens a page in the window in front.
    ///
    /// # Errors
    /// The page does not load.
    pub async fn open(&self, url: &str) -> Result<()> {
        self.command("/url", &json!({"url": url})).await.map(drop)
    }

    /// Sets how large the page is, in CSS pixels.
    ///
    /// # Errors
    /// The browser refuses.
    pub async fn size(&self, width_px: u32, height_px: u32) -> Result<()> {
        let params = json!({"width": width_px, "height": height_px, "deviceScaleFactor": 1, "mobile": false});
        self.devtools("Emulation.setDeviceMetricsOverride", params).await.map(drop)
    }

    /// Lets nothing come from addresses of these patterns.
    ///
    /// # Errors
    /// The browser refuses.
    pub async fn block(&self, patterns: &[&str]) -> Result<()> {
        self.devtools("Network.enable", json!({})).await?;
        self.devtools("Network.setBlockedURLs", json!({"urls": patterns})).await.map(drop)
    }

    /// Puts the page to sleep, as a tablet does whose cover is shut, or wakes it.
    ///
    /// # Errors
    /// The browser refuses.
    pub async fn sleep(&self, is_asleep: bool) -> Result<()> {
        let state = if is_asleep { "frozen" } else { "active" };
        self.devtools("Page.setWebLifecycleState", json!({"state": state})).await.map(drop)
    }

    /// Runs a script in every page opened from now on, before its own.
    ///
    /// # Errors
    /// The browser refuses.
    pub async fn run_first(&self, script: &str) -> Result<()> {
        self.devtools("Page.addScriptToEvaluateOnNewDocument", json!({"source": script})).await.map(drop)
    }

    /// Makes the page's processor so many times slower.
    ///
    /// # Errors
    /// The browser refuses.
    pub async fn slow_down(&self, times: u32) -> Result<()> {
        self.devtools("Emulation.setCPUThrottlingRate", json!({"rate": times})).await.map(drop)
    }

    /// Lets the page believe that it is shown on a medium: `print`, or none for its screen.
    ///
    /// # Errors
    /// The browser refuses.
    pub async fn medium(&self, medium: &str) -> Result<()> {
        self.devtools("Emulation.setEmulatedMedia", json!({"media": medium})).await.map(drop)
    }

    /// Prints the page on sheets of A4 and returns the PDF; the page's own margins hold.
    ///
    /// # Errors
    /// The browser refuses.
    pub async fn print(&self) -> Result<Vec<u8>> {
        let printed = self.devtools("Page.printToPDF", json!({"preferCSSPageSize": true})).await?;
        from_base64(printed.get("data").and_then(Value::as_str).context("nothing was printed")?)
    }

    /// Goes back by a page.
    ///
    /// # Errors
    /// The browser refuses.
    pub async fn back(&self) -> Result<()> {
        self.command("/back", &json!({})).await.map(drop)
    }

    async fn devtools(&self, method: &str, params: Value) -> Result<Value> {
        self.command("/goog/cdp/execute", &json!({"cmd": method, "params": params})).await
    }

    /// Opens another window, as another tablet would, and brings it to the front.
    ///
    /// # Errors
    /// The browser refuses.
    pub async fn new_window(&self) -> Result<Window> {
        let window = self.command("/window/new", &json!({"type": "window"})).await?;
        let window = Window(window.get("handle").and_then(Value::as_str).context("no window was opened")?.to_owned());
        self.turn_to(&window).await?;
        Ok(window)
    }

    /// Returns the window in front.
    ///
    /// # Errors
    /// The browser does not say.
    pub async fn window(&self) -> Result<Window> {
        let window = self.send(Method::GET, &format!("{}/window", self.session), &Value::Null).await?;
        Ok(Window(window.as_str().context("no window is open")?.to_owned()))
    }

    /// Returns every window that is open, in no order.
    ///
    /// # Errors
    /// The browser does not say.
    pub async fn windows(&self) -> Result<Vec<Window>> {
        let all = self.send(Method::GET, &format!("{}/window/handles", self.session), &Value::Null).await?;
        let all = all.as_array().context("no list of windows")?.iter();
        Ok(all.filter_map(|window| Some(Window(window.as_str()?.to_owned()))).collect())
    }

    /// Closes the window in front; another one is to be brought there.
    ///
    /// # Errors
    /// The browser refuses.
    pub async fn close(&self) -> Result<()> {
        self.send(Method::DELETE, &format!("{}/window", self.session), &Value::Null).await.map(drop)
    }

    /// Brings a window to the front.
    ///
    /// # Errors
    /// It has been closed.
    pub async fn turn_to(&self, window: &Window) -> Result<()> {
        self.command("/window", &json!({"handle": window.0})).await.map(drop)
    }

    /// Runs a script in the page and returns what it returns.
    ///
    /// # Errors
    /// The script fails.
    pub async fn run(&self, script: &str) -> Result<Value> {
        self.command("/execute/sync", &json!({"script": script, "args": []})).await
    }

    /// Waits until an expression is true of the page, and returns its value.
    ///
    /// # Errors
    /// It was not so in time; the error says what the page said last.
    pub async fn until(&self, expression: &str) -> Result<Value> {
        let script = format!("try {{ return {expression} }} catch (error) {{ return null }}");
        if let Ok(value) = tokio::time::timeout(STATE_FOR, self.comes_to(&script)).await {
            return value;
        }
        let seen = self.run("return document.body.innerText").await?;
        bail!("the page never came to {expression}; it says {seen}")
    }

    async fn comes_to(&self, script: &str) -> Result<Value> {
        loop {
            let value = self.run(script).await?;
            if !matches!(&value, Value::Null | Value::Bool(false)) && value.as_str() != Some("") {
                return Ok(value);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Presses the middle of what a selector names, as a finger does: what lies over it gets the press.
    ///
    /// # Errors
    /// It is not there, or cannot be pressed.
    pub async fn press(&self, selector: &str) -> Result<()> {
        let element = self.element(selector).await?;
        let pressed = self.command(&format!("/element/{element}/click"), &json!({})).await;
        pressed.with_context(|| format!("cannot press {selector}")).map(drop)
    }

    /// Types into what a selector names.
    ///
    /// # Errors
    /// It is not there, or takes no text.
    pub async fn write(&self, selector: &str, text: &str) -> Result<()> {
        let element = self.element(selector).await?;
        let written = self.command(&format!("/element/{element}/value"), &json!({"text": text})).await;
        written.with_context(|| format!("cannot write into {selector}")).map(drop)
    }

    async fn element(&self, selector: &str) -> Result<String> {
        let found = self.command("/element", &json!({"using": "css selector", "value": selector})).await;
        let found = found.with_context(|| format!("there is no {selector}"))?;
        Ok(found.get(ELEMENT).and_then(Value::as_str).context("an element without a name")?.to_owned())
    }

    /// Takes a picture of the page and leaves it in a folder, as PNG.
    ///
    /// # Errors
    /// It cannot be taken or written.
    pub async fn picture(&self, path: &Path) -> Result<()> {
        let shot = self.devtools("Page.captureScreenshot", json!({"format": "png"})).await?;
        let bytes = from_base64(shot.get("data").and_then(Value::as_str).context("no picture was taken")?)?;
        crate::demo::daemon::write(path, bytes)
    }

    /// Returns what the console complained of since the last question, a line each.
    ///
    /// # Errors
    /// The browser does not say.
    pub async fn complaints(&self) -> Result<Vec<String>> {
        let log = self.command("/se/log", &json!({"type": "browser"})).await?;
        let entries = log.as_array().context("a log that is no list")?.iter();
        Ok(entries.map(|entry| format!("{}: {}", entry["level"], entry["message"])).collect())
    }

    async fn command(&self, path: &str, body: &Value) -> Result<Value> {
        self.send(Method::POST, &format!("{}{path}", self.session), body).await
    }

    async fn send(&self, method: Method, path: &str, body: &Value) -> Result<Value> {
        let mut request = self.client.request(method, format!("http://127.0.0.1:{}{path}", self.port));
        if !body.is_null() {
            request = request.json(body);
        }
        let answer: Value = request.send().await.context("cannot reach chromedriver")?.json().await?;
        let value = answer.get("value").context("chromedriver answered without a value")?;
        match value.get("error").and_then(Value::as_str) {
            Some(error) => bail!("{error}: {}", value["message"].as_str().unwrap_or_default()),
            None => Ok(value.clone()),
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Told to, chromedriver closes its browser, which a kill would leave behind.
        let closed = close(self.port, &self.session);
        if closed.is_err() {
            drop(self.driver.kill());
        }
        drop(self.driver.wait());
    }
}

/// Closes the session and the driver, waiting for the answer of each.
fn close(port: u16, session: &str) -> std::io::Result<()> {
    for line in [format!("DELETE {session}"), "GET /shutdown".to_owned()] {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(CLOSE_FOR))?;
        write!(stream, "{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        stream.read_to_end(&mut Vec::new())?;
    }
    Ok(())
}

/// Starts chromedriver on a port that it draws. It draws among those of one protocol alone, and ends where somebody has
/// the same one in the other: then it draws again.
async fn start_driver() -> Result<(Child, u16)> {
    loop {
        let mut command = Command::new("chromedriver");
        command.arg("--port=0").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut driver = command.spawn().context(MISSING)?;
        let stdout = driver.stdout.take().context("chromedriver has no standard output")?;
        let (tell, told) = oneshot::channel();
        // Ends with chromedriver.
        let _reading = spawn_blocking(move || read_port(BufReader::new(stdout), tell));
        let told = tokio::time::timeout(ANSWER_FOR, told).await.context("chromedriver was not ready in time")?;
        match told.context("nobody reads what chromedriver says")? {
            Ok(port) => return Ok((driver, port)),
            Err(said) if said.contains(TAKEN) => drop(driver.wait()),
            Err(said) => bail!("chromedriver ended before it was ready: {said}"),
        }
    }
}

/// Reads the port, or else the last words, out of what chromedriver says at its start, and goes on reading, so that it
/// never waits for us.
fn read_port(lines: impl BufRead, tell: oneshot::Sender<Result<u16, String>>) {
    let (mut tell, mut last) = (Some(tell), String::new());
    for line in lines.lines().map_while(Result::ok) {
        if let Some(port) = port_in(&line)
            && let Some(tell) = tell.take()
        {
            // A start that took too long: nobody waits any more.
            let _told = tell.send(Ok(port));
        }
        last = line;
    }
    if let Some(tell) = tell {
        let _told = tell.send(Err(last));
    }
}

/// Returns the port in `ChromeDriver was started successfully on port 9515.`
fn port_in(line: &str) -> Option<u16> {
    let (_, port) = line.split_once("successfully on port ")?;
    port.trim_end_matches('.').parse().ok()
}

/// Undoes base64 (RFC 4648, section 4).
fn from_base64(text: &str) -> Result<Vec<u8>> {
    const SIGNS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut kept, mut n_bits) = (0_u32, 0_u32);
    for sign in text.bytes().filter(|sign| *sign != b'=') {
        let value = SIGNS.iter().position(|known| *known == sign).context("not base64")?;
        kept = (kept << 6) | u32::try_from(value)?;
        n_bits += 6;
        if n_bits >= 8 {
            n_bits -= 8;
            bytes.push(u8::try_from(kept >> n_bits)?);
            kept &= (1 << n_bits) - 1;
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chromedriver_says_its_port() {
        assert_eq!(port_in("ChromeDriver was started successfully on port 44321."), Some(44321));
        assert_eq!(port_in("Starting ChromeDriver 156.0 on port 0"), None);
    }

    #[tokio::test]
    async fn what_chromedriver_says_last_is_told_where_it_names_no_port() {
        let told = |said: &'static str| async move {
            let (tell, told) = oneshot::channel();
            read_port(said.as_bytes(), tell);
            told.await.unwrap()
        };
        assert_eq!(told("Starting\nChromeDriver was started successfully on port 5.\nmore\n").await, Ok(5));
        let taken = told("Starting\nIPv6 port not available. Exiting...\n").await.unwrap_err();
        assert!(taken.contains(TAKEN), "{taken}");
        assert_eq!(told("").await, Err(String::new()));
    }

    #[test]
    fn base64_reads_back_as_bytes() {
        assert_eq!(from_base64("TWFjaGlhaQ==").unwrap(), b"Machiai");
        assert_eq!(from_base64("/+8=").unwrap(), [0xff, 0xef]);
        assert!(from_base64("待").is_err());
    }
}

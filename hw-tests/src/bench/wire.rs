//! What a tablet's first sight of the desk weighs over the wire, and how soon a slow one answers a press.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::client::{Client, Presses, get};
use super::figures::Limit::AtMost;
use super::figures::{Report, Samples, shown};
use crate::browser::Browser;

/// The page that is weighed, and looked at.
const PAGE: &str = "/desk?place=room1";

/// How much of it may cross a weak line: all, and the scripts alone.
const ALL_KB: f64 = 60.0;
const SCRIPTS_KB: f64 = 15.0;

/// How many times slower than this machine the tablet is.
const SLOWER: u32 = 6;
/// Presses of the slow tablet.
const N_PRESSES: usize = 60;

/// What a person takes for at once.
const AT_ONCE_MS: f64 = 200.0;

/// Notes within the page how long each press of the main button takes until the changed page is drawn.
const WATCH: &str = "window.waits = []; let began = null;
addEventListener('click', () => { began = performance.now() }, true);
new MutationObserver(() => {
  if (began === null) return;
  const since = began;
  began = null;
  requestAnimationFrame(() => setTimeout(() => waits.push(performance.now() - since)));
}).observe(document.querySelector('#now'), { childList: true, characterData: true, subtree: true });";

/// What some files weigh as they are sent, in bytes with their heads.
#[derive(Debug, Default, PartialEq, Eq)]
struct Weight {
    all: usize,
    scripts: usize,
    n_files: usize,
    /// Addresses outside the box.
    foreign: Vec<String>,
}

/// Weighs the page with all that it names: style, scripts, and the fonts of a tablet that has none of them.
///
/// # Errors
/// The daemon does not answer.
pub fn weigh(address: SocketAddr, report: &mut Report) -> Result<()> {
    let mut client = Client::connect(address)?;
    let mut weight = Weight::default();
    let mut fonts = Weight::default();
    let mut to_come = vec![PAGE.to_owned()];
    while let Some(path) = to_come.pop() {
        let packed = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nAccept-Encoding: gzip, deflate, br\r\n\r\n");
        client.ask(packed.as_bytes())?;
        let n_bytes = client.n_received();
        if path.starts_with("/fonts/") {
            fonts.all += n_bytes;
            fonts.n_files += 1;
            continue;
        }
        weight.all += n_bytes;
        weight.n_files += 1;
        weight.scripts += if path.ends_with(".js") { n_bytes } else { 0 };
        let text = String::from_utf8_lossy(client.ask(&get(address, &path))?).into_owned();
        let (own, foreign): (Vec<String>, Vec<String>) =
            named(&text).into_iter().partition(|name| name.starts_with('/'));
        weight.foreign.extend(foreign);
        to_come.extend(own);
    }
    ensure!(weight.n_files > 2, "the page names neither style nor script");
    let kb = |n_bytes: usize| n_bytes as f64 / 1e3;
    let told =
        format!("{} files; beside them {} kB of fonts for a tablet without ours", weight.n_files, shown(kb(fonts.all)));
    report.add("the desk's page over the wire", (kb(weight.all), "kB"), AtMost(ALL_KB), told);
    report.add("its scripts alone", (kb(weight.scripts), "kB"), AtMost(SCRIPTS_KB), "compressed as sent".to_owned());
    let told = if weight.foreign.is_empty() { "none".to_owned() } else { weight.foreign.join(", ") };
    report.add("addresses outside the box that it names", (weight.foreign.len() as f64, ""), AtMost(0.0), told);
    Ok(())
}

/// Returns what a page or a style loads: the addresses in its links, scripts, pictures and `url()`.
fn named(text: &str) -> Vec<String> {
    let quoted = |rest: &str, mark: &str| {
        let (_, rest) = rest.split_once(mark)?;
        rest.split('"').next().map(str::to_owned)
    };
    let of_tag = |tag: &str| match tag.split_whitespace().next()? {
        "link" => quoted(tag, "href=\""),
        "script" | "img" | "iframe" => quoted(tag, "src=\""),
        _ => None,
    };
    let tags = text.split('<').skip(1).filter_map(|tag| of_tag(tag.split('>').next()?));
    let urls = text.split("url(\"").skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_owned);
    tags.chain(urls).filter(|name| !name.starts_with("data:")).collect()
}

/// Presses the desk's main button on a slow tablet in a real browser, and asks whether the page stayed within its box.
///
/// # Errors
/// There is no browser, or the page does not come to what it should.
pub fn press_slowly(presses: &Presses, report: &mut Report) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    runtime.context("cannot start the runtime")?.block_on(press_all(presses, report))
}

async fn press_all(presses: &Presses, report: &mut Report) -> Result<()> {
    let browser = Browser::start().await?;
    let mut reception = Client::connect(presses.address())?;
    for _ in 0..=N_PRESSES {
        reception.ask(&presses.ticket())?;
    }
    browser.size(1280, 800).await?;
    browser.open(&format!("http://{}{PAGE}", presses.address())).await?;
    browser.until("!document.querySelector('#next').disabled").await?;
    browser.slow_down(SLOWER).await?;
    browser.run(WATCH).await?;
    for nth in 1..=N_PRESSES {
        browser.press("#next").await?;
        browser.until(&format!("waits.length === {nth} && !document.querySelector('#next').disabled")).await?;
    }
    let waits = browser.run("return waits").await?;
    let waits = waits.as_array().context("the page kept no times")?.iter().filter_map(Value::as_f64);
    let waits: Samples = waits.map(|ms| Duration::from_secs_f64(ms / 1e3)).collect();
    let told = format!(
        "p50 {} ms, worst {} ms of {} presses, from the click to the page drawn, a processor {SLOWER} times slower",
        shown(waits.p50_ms()),
        shown(waits.worst_ms()),
        waits.n()
    );
    report.add("from a press to its answer on a slow tablet, p99", (waits.p99_ms(), "ms"), AtMost(AT_ONCE_MS), told);
    let asked = "return performance.getEntriesByType('resource').map((at) => at.name).filter((at) => !at.startsWith(location.origin))";
    let foreign = browser.run(asked).await?;
    let foreign: Vec<&str> = foreign.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let told = if foreign.is_empty() { "none".to_owned() } else { foreign.join(", ") };
    report.add("requests of its page that left the box", (foreign.len() as f64, ""), AtMost(0.0), told);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_page_loads_is_found_and_where_its_links_lead_is_not() {
        let page = "<link rel=\"icon\" href=\"data:,\"><link rel=\"stylesheet\" href=\"/a.css\"><a href=\"/elsewhere\">x</a>\
            <script src=\"https://cdn.example/x.js\" defer></script><script type=\"application/json\">{}</script>";
        assert_eq!(named(page), ["/a.css", "https://cdn.example/x.js"]);
        let style = "@font-face { src: local(\"A\"), url(\"/fonts/A.ttf\"); } .b { background: url(\"data:,\"); }";
        assert_eq!(named(style), ["/fonts/A.ttf"]);
    }
}

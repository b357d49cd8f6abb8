//! What a programmer of servers would take instead: a JetStream of NATS on a leaf, which the hub's own stream sources.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use async_nats::Client;
use serde_json::{Value, json};
use tokio::runtime::Builder;

use super::Bench;
use super::child::Talker;
use super::relay::{free_port, until_open};
use crate::demo::daemon::write;
use crate::demo::stopwatch::Stopwatch;
use crate::servers::nats::program;

/// How long all facts may take.
const WORK_FOR: Duration = Duration::from_secs(300);

/// Brings a file of facts from a leaf to the hub; returns how many in a second.
///
/// # Errors
/// nats-server is missing, or does not come to its end.
pub fn facts_per_s(bench: &Bench, lines: &Path) -> Result<f64> {
    let facts = std::fs::read_to_string(lines).context("cannot read the facts")?;
    let folder = bench.folder()?;
    let [hub, leaf, edge] = [free_port()?, free_port()?, free_port()?];
    let start = |named: &str, port: u16, leafs: String| -> Result<Talker> {
        let (config, store) = (folder.path().join(format!("{named}.conf")), folder.path().join(named));
        let text = format!(
            "server_name: {named}\nlisten: \"127.0.0.1:{port}\"\n\
             jetstream {{ store_dir: \"{}\", domain: {named} }}\nleafnodes {{ {leafs} }}\n",
            store.display()
        );
        write(&config, text)?;
        let mut command = Command::new(program()?);
        let server = Talker::start(command.arg("-c").arg(&config).stderr(Stdio::null()))?;
        until_open(port)?;
        Ok(server)
    };
    let _edge = start("edge", edge, format!("remotes [ {{ url: \"nats-leaf://127.0.0.1:{leaf}\" }} ]"))?;
    let runtime = Builder::new_current_thread().enable_all().build().context("cannot start the runtime")?;
    let n_facts = runtime.block_on(load(edge, &facts))?;
    let _hub = start("hub", hub, format!("listen: \"127.0.0.1:{leaf}\""))?;
    let took = runtime.block_on(pull(hub, n_facts))?;
    Ok(n_facts as f64 / took.as_secs_f64())
}

/// Fills the leaf's stream.
async fn load(port: u16, facts: &str) -> Result<u64> {
    let client = connect(port).await?;
    ask(&client, "$JS.API.STREAM.CREATE.FACTS", &stream("FACTS", json!({"subjects": ["facts.>"]}))).await?;
    let mut n_facts = 0;
    for line in facts.lines() {
        client.publish("facts.clinic", line.to_owned().into()).await.context("cannot publish")?;
        n_facts += 1;
    }
    client.flush().await.context("cannot publish")?;
    until(&client, "FACTS", n_facts).await?;
    Ok(n_facts)
}

/// Has the hub's stream source the leaf's, and returns how long that took.
async fn pull(port: u16, n_facts: u64) -> Result<Duration> {
    let client = connect(port).await?;
    // The leaf finds its hub by itself, again and again.
    let watch = Stopwatch::start();
    while ask(&client, "$JS.edge.API.INFO", &Value::Null).await.is_err() {
        ensure!(watch.read() < WORK_FOR, "the leaf does not find its hub");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let source = json!({"name": "FACTS", "external": {"api": "$JS.edge.API", "deliver": "deliver.edge"}});
    let watch = Stopwatch::start();
    ask(&client, "$JS.API.STREAM.CREATE.HUBFACTS", &stream("HUBFACTS", json!({"sources": [source]}))).await?;
    until(&client, "HUBFACTS", n_facts).await?;
    Ok(watch.read())
}

async fn connect(port: u16) -> Result<Client> {
    async_nats::connect(format!("nats://127.0.0.1:{port}")).await.context("cannot reach the server")
}

/// Returns the settings of a stream in a file, with others.
fn stream(name: &str, mut with: Value) -> Value {
    let usual = json!({"name": name, "storage": "file", "retention": "limits", "discard": "old", "max_consumers": -1,
        "max_msgs": -1, "max_bytes": -1, "max_age": 0, "num_replicas": 1});
    if let (Some(with), Value::Object(usual)) = (with.as_object_mut(), usual) {
        with.extend(usual);
    }
    with
}

/// Waits until a stream holds so many messages.
async fn until(client: &Client, name: &str, n_facts: u64) -> Result<()> {
    let watch = Stopwatch::start();
    loop {
        let told = ask(client, &format!("$JS.API.STREAM.INFO.{name}"), &Value::Null).await?;
        if told["state"]["messages"].as_u64().is_some_and(|n_held| n_held >= n_facts) {
            return Ok(());
        }
        ensure!(watch.read() < WORK_FOR, "{name} holds {} of {n_facts}", told["state"]["messages"]);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn ask(client: &Client, subject: &str, body: &Value) -> Result<Value> {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let answer =
        client.request(subject.to_owned(), body.into()).await.with_context(|| format!("no answer of {subject}"))?;
    let answer: Value = serde_json::from_slice(&answer.payload).context("cannot read the answer")?;
    if let Some(error) = answer.get("error") {
        bail!("{subject}: {error}");
    }
    Ok(answer)
}

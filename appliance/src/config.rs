//! What starting needs, and nothing else: one TOML file, unknown keys refused, read whole before anything opens.
//!
//! Everything a clinic decides stands in facts instead, and comes and goes by `machiai settings import|export`.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use machiai_core::ids::SiteId;
use serde::Deserialize;

use crate::surface::screen;
use crate::vault::{Private, Vault};

pub mod devices;

/// What the unit calls the part of the configuration that is kept encrypted.
const CREDENTIAL: &str = "secrets.toml";

use devices::{DeviceError, Devices};

/// The configuration file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The number of the facility.
    pub site: u32,
    /// The folder of the journal, its backups and its ballast.
    pub state: PathBuf,
    /// Where the pages and the API listen: a loopback address, port 0 for any free one.
    #[serde(default = "usual_listen")]
    pub listen: SocketAddr,
    /// Where paired boards, kiosks and tablets of the clinic's network come in, over TLS; nowhere by default.
    #[serde(default)]
    pub lan: Option<SocketAddr>,
    /// Names and addresses of this box on that network, beside those it finds by itself.
    #[serde(default)]
    pub lan_names: Vec<String>,
    /// The hub with which this box reconciles: `https://` and its name; none for a box that stands alone.
    #[serde(default)]
    pub hub: Option<String>,
    /// The clinic's proxy on the way there, `http://` with its name and port, and `user:password@` where it asks for them;
    /// one that opens TLS is in the way and is not put up with.
    #[serde(default)]
    pub hub_proxy: Option<String>,
    /// How fast content comes from the hub at most, in kilobits a second; as fast as the line by default.
    #[serde(default)]
    pub hub_kbit_s: Option<u32>,
    /// Where the monitors' processes connect; a socket in the state folder by default.
    #[serde(default)]
    pub screen_socket: Option<PathBuf>,
    /// Films and stills: where they come from, and how much may be kept.
    #[serde(default)]
    pub content: Content,
    /// The vendor's witness of consultation calls, beside ours.
    #[serde(default)]
    pub calls: Vendors,
    /// Whose orders of remote support this box looks at; nobody's by default.
    #[serde(default)]
    pub support: Support,
    /// Button boxes, number displays, keypads and readers.
    #[serde(default)]
    pub devices: Devices,
    /// A folder whose templates, words and pages take the place of the built-in ones.
    #[serde(default)]
    pub assets: Option<PathBuf>,
    /// Space kept back for the day the disk is full, in mebibytes.
    #[serde(default = "usual_ballast")]
    pub ballast_mib: u64,
    /// A rehearsal on a clock of its own.
    #[serde(default)]
    pub rehearsal: Option<Rehearsal>,
    /// The file that it was read from; empty for one that was made otherwise.
    #[serde(skip)]
    pub read_from: PathBuf,
    /// What seals this box's secrets: the machine's own key where it was handed over.
    #[serde(skip)]
    pub(crate) vault: Vault,
}

/// Films and stills.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Content {
    /// The folder from which the clinic's films are taken in; `content/incoming` in the state folder by default.
    pub watched: Option<PathBuf>,
    /// The program that prepares films; `machiai-screen` beside this one, or on the path, by default.
    pub prepare: Option<PathBuf>,
    /// All that may be kept, in mebibytes.
    pub quota_mib: u64,
}

impl Default for Content {
    /// A season of weeks, and room on the smallest disk that is sold.
    fn default() -> Self {
        Self { watched: None, prepare: None, quota_mib: 20 * 1024 }
    }
}

/// Which video products tell what they saw of consultation calls, and how they sign it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Vendors {
    /// What the names of the clinic's own participants begin with; all others are patients.
    pub clinic: String,
    /// The pages of video products, by their origins, that may have the doctor's page begin by itself.
    pub pages: Vec<String>,
    /// LiveKit's webhook.
    pub livekit: Option<Livekit>,
    /// Twilio's status callback.
    pub twilio: Option<Twilio>,
}

impl Default for Vendors {
    /// Nobody is heard; a clinic's participants are those that say so.
    fn default() -> Self {
        Self { clinic: "clinic".to_owned(), pages: Vec::new(), livekit: None, twilio: None }
    }
}

/// How LiveKit signs.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Livekit {
    /// The API key, which names the secret.
    pub key: String,
    /// The secret.
    pub secret: Secret,
}

/// How Twilio signs.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Twilio {
    /// The account's auth token.
    pub token: Secret,
    /// The address of the callback as Twilio knows it, which it signs.
    pub url: String,
}

/// Who may order remote support. The keys stand here and nowhere else: what came by way of the hub could be the hub's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Support {
    /// The vendor's people, each with a key of their own.
    pub operators: Vec<SupportOperator>,
}

/// One of the vendor's people.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SupportOperator {
    /// Who it is, as the clinic is told.
    pub name: String,
    /// The public key (Ed25519), in base64, as `machiai-hub support key` prints it.
    pub key: SupportKey,
}

/// A public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct SupportKey([u8; 32]);

impl SupportKey {
    /// Returns its bytes.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl TryFrom<String> for SupportKey {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let bytes = STANDARD.decode(text.trim()).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        bytes.map(Self).ok_or("it is not the base64 of 32 bytes, as `machiai-hub support key` prints it")
    }
}

/// A secret of the configuration, which no log shows.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Returns the secret's bytes.
    #[must_use]
    pub const fn bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

/// A rehearsal: both clocks of the daemon run faster, facts are marked, nothing is billed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rehearsal {
    /// The wall time at which it begins, with its offset: `2026-11-24T08:20:00+09:00`.
    pub starts: String,
    /// How many times faster than real time.
    pub speed: u32,
    /// Where its wall clock is set anew, as a time server or a hand does it; the monotonic clock goes on.
    #[serde(default)]
    pub steps: Vec<Step>,
}

/// A step of a rehearsal's wall clock.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// When it is, on the wall clock as it was before any step, with its offset.
    pub at: String,
    /// By how many seconds, forward, or back where it is negative.
    pub by_s: i64,
}

fn usual_listen() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 8110))
}

const fn usual_ballast() -> u64 {
    32
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read configuration {path}")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is not TOML, has an unknown key, or lacks one.
    #[error("configuration {path} is not as it should be")]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// Where and why.
        #[source]
        source: Box<toml::de::Error>,
    },
    /// The address is open to the network.
    #[error(
        "listen = \"{listen}\" is open to the network: it must be a loopback address; paired devices come in by `lan`"
    )]
    NotLoopback {
        /// The address.
        listen: SocketAddr,
    },
    /// A hub that is no address, or one that is reached in clear over a network.
    #[error("hub = \"{hub}\" must be `https://` and a host's name; in clear only on this machine itself")]
    Hub {
        /// The address.
        hub: String,
    },
    /// A proxy that is no address.
    #[error("hub_proxy must be `http://`, a host's name and a port, as `http://proxy.clinic.example:3128`")]
    Proxy,
    /// A line over which nothing would come.
    #[error("hub_kbit_s = 0 lets no content through: leave it out for no bound")]
    NoPace,
    /// A name that no certificate can bear.
    #[error("lan_names has \"{name}\", which is neither an address nor a host's name")]
    LanName {
        /// The name.
        name: String,
    },
    /// The state folder is not an absolute path.
    #[error("state = \"{state}\" is not an absolute path")]
    RelativeState {
        /// The path.
        state: PathBuf,
    },
    /// The page of a video product is not named by its origin.
    #[error("calls.pages has {page:?}: write the origin alone, as \"https://video.example\"")]
    Page {
        /// What is named.
        page: String,
    },
    /// A device cannot be used as it is named.
    #[error("devices are not as they should be")]
    Devices(#[source] DeviceError),
    /// The rehearsal cannot be held.
    #[error("rehearsal {what}")]
    Rehearsal {
        /// What about it.
        what: &'static str,
    },
}

impl Config {
    /// Reads a configuration file.
    ///
    /// # Errors
    /// [`ConfigError`] says what to mend; the process ends with status 64, and systemd does not start it again.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let main = read_text(path)?;
        let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
        let vault = Vault::handed_over(credentials.as_deref());
        let beside = beside(path, credentials.as_deref())?;
        if beside.is_empty() {
            // The place of a mistake in the file is known only when it is read at once.
            return Self::of(path, &main).map(|config| Self { vault, ..config });
        }
        let mut config: Self = {
            let mut merged = read_table(path, &main)?;
            for file in beside {
                merge(&mut merged, read_table(&file, &read_text(&file)?)?);
            }
            toml::Value::Table(merged).try_into().map_err(|source| malformed(path, source))?
        };
        config.vault = vault;
        path.clone_into(&mut config.read_from);
        config.checked()
    }

    /// Returns the files that only the daemon reads.
    pub(crate) fn private(&self) -> Private {
        Private::new(self.state.clone(), self.vault.clone())
    }

    /// Takes the text of a file for a whole configuration.
    pub(crate) fn of(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let mut config: Self = toml::from_str(text).map_err(|source| malformed(path, source))?;
        path.clone_into(&mut config.read_from);
        config.checked()
    }

    /// Returns the keys in which another configuration differs and that a running daemon cannot follow.
    #[must_use]
    pub fn fixed_differences(&self, other: &Self) -> Vec<&'static str> {
        // Every key is here, followed or not: one that is new has to be thought of.
        let Self {
            site,
            state,
            listen,
            lan,
            lan_names,
            screen_socket,
            assets,
            ballast_mib,
            rehearsal,
            calls,
            hub: _,
            hub_proxy: _,
            hub_kbit_s: _,
            content: _,
            support: _,
            devices: _,
            read_from: _,
            vault: _,
        } = self;
        let fixed = [
            ("site", *site == other.site),
            ("state", *state == other.state),
            ("listen", *listen == other.listen),
            ("lan", *lan == other.lan),
            ("lan_names", *lan_names == other.lan_names),
            ("screen_socket", *screen_socket == other.screen_socket),
            ("assets", *assets == other.assets),
            ("ballast_mib", *ballast_mib == other.ballast_mib),
            ("rehearsal", *rehearsal == other.rehearsal),
            ("calls", *calls == other.calls),
        ];
        fixed.into_iter().filter(|(_, is_same)| !is_same).map(|(key, _)| key).collect()
    }

    /// Whether the channel to the hub would be another one.
    #[must_use]
    pub fn links_otherwise(&self, other: &Self) -> bool {
        let channel = |config: &Self| (config.hub.clone(), config.hub_proxy.clone(), config.hub_kbit_s);
        channel(self) != channel(other)
    }

    /// Whether other devices would be attended to, or the same by other protocols.
    #[must_use]
    pub fn attends_otherwise(&self, other: &Self) -> bool {
        self.devices != other.devices || other.devices.read_files()
    }

    fn checked(self) -> Result<Self, ConfigError> {
        if !self.listen.ip().is_loopback() {
            return Err(ConfigError::NotLoopback { listen: self.listen });
        }
        if !self.state.is_absolute() {
            return Err(ConfigError::RelativeState { state: self.state });
        }
        if let Some(name) = self.lan_names.iter().find(|name| !is_host(name)) {
            return Err(ConfigError::LanName { name: name.clone() });
        }
        if let Some(hub) = self.hub.as_ref().filter(|hub| !is_hub(hub)) {
            return Err(ConfigError::Hub { hub: hub.clone() });
        }
        if self.hub_proxy.as_ref().is_some_and(|proxy| !is_proxy(proxy)) {
            return Err(ConfigError::Proxy);
        }
        if let Some(page) = self.calls.pages.iter().find(|page| !is_origin(page)) {
            return Err(ConfigError::Page { page: page.clone() });
        }
        self.devices.check().map_err(ConfigError::Devices)?;
        if self.hub_kbit_s == Some(0) {
            return Err(ConfigError::NoPace);
        }
        match &self.rehearsal {
            Some(rehearsal) if rehearsal.speed == 0 || rehearsal.speed > 10_000 => {
                Err(ConfigError::Rehearsal { what: "speed must be 1 to 10000" })
            }
            Some(rehearsal) if rehearsal.starts.parse::<jiff::Timestamp>().is_err() => {
                Err(ConfigError::Rehearsal { what: "starts must be a time such as 2026-11-24T08:20:00+09:00" })
            }
            Some(rehearsal) if rehearsal.steps.iter().any(|step| step.at.parse::<jiff::Timestamp>().is_err()) => {
                Err(ConfigError::Rehearsal { what: "steps must have an at such as 2026-11-24T13:20:00+09:00" })
            }
            Some(_) | None => Ok(self),
        }
    }

    /// Returns where the monitors' processes connect.
    #[must_use]
    pub fn screen_socket(&self) -> PathBuf {
        self.screen_socket.clone().unwrap_or_else(|| screen::usual_socket(&self.state))
    }

    /// Returns the folder of the content store.
    #[must_use]
    pub fn contents(&self) -> PathBuf {
        self.state.join("content")
    }

    /// Returns the folder from which the clinic's films are taken in.
    #[must_use]
    pub fn watched(&self) -> PathBuf {
        self.content.watched.clone().unwrap_or_else(|| self.contents().join("incoming"))
    }

    /// Returns the number of the facility.
    #[must_use]
    pub const fn site_id(&self) -> SiteId {
        SiteId(self.site)
    }

    /// Returns the journal's path.
    #[must_use]
    pub fn journal(&self) -> PathBuf {
        self.state.join("journal.db")
    }

    /// Returns the folder of the journal's backups.
    #[must_use]
    pub fn backups(&self) -> PathBuf {
        self.state.join("backups")
    }
}

fn read_text(path: &Path) -> Result<String, ConfigError> {
    std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })
}

fn read_table(path: &Path, text: &str) -> Result<toml::Table, ConfigError> {
    toml::from_str(text).map_err(|source| malformed(path, source))
}

fn malformed(path: &Path, source: toml::de::Error) -> ConfigError {
    ConfigError::Malformed { path: path.to_owned(), source: Box::new(source) }
}

/// Lists the files of `conf.d` beside a configuration, in the order of their names, and then what the service manager
/// hands over of it: passwords and keys lie on the disk for nobody to read.
fn beside(path: &Path, credentials: Option<&Path>) -> Result<Vec<PathBuf>, ConfigError> {
    let folder = path.with_file_name("conf.d");
    let unreadable = |source| ConfigError::Unreadable { path: folder.clone(), source };
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => Some(entries),
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => None,
        Err(cause) => return Err(unreadable(cause)),
    };
    let files =
        entries.into_iter().flatten().map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>();
    let mut files = files.map_err(unreadable)?;
    // What editors and package tools leave beside a file has another ending.
    files.retain(|file| file.extension().is_some_and(|ending| ending == "toml"));
    files.sort();
    let handed = credentials.map(|folder| folder.join(CREDENTIAL));
    // Where there is none the unit hands over the sign of a comment.
    let handed = handed.filter(|file| file.metadata().is_ok_and(|meta| meta.len() > 1));
    Ok(files.into_iter().chain(handed).collect())
}

/// Puts what a later file says in the place of what an earlier one said; tables are put together.
fn merge(earlier: &mut toml::Table, later: toml::Table) {
    for (key, value) in later {
        match (earlier.get_mut(&key), value) {
            (Some(toml::Value::Table(below)), toml::Value::Table(above)) => merge(below, above),
            (_, value) => {
                earlier.insert(key, value);
            }
        }
    }
}

/// Whether a text is an address or a host's name (RFC 1123).
pub(crate) fn is_host(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.parse::<IpAddr>().is_ok() || name.len() <= 253 && name.split('.').all(is_label)
}

/// Whether a text is a hub's address: over TLS, or in clear on this machine itself.
fn is_hub(text: &str) -> bool {
    let Ok(url) = reqwest::Url::parse(text) else { return false };
    let is_here = url.host_str().and_then(|host| host.parse::<IpAddr>().ok()).is_some_and(|ip| ip.is_loopback());
    // The address is written again from what counts, so that nothing else can hide in it.
    let is_bare = url.origin().ascii_serialization() == text.trim_end_matches('/');
    is_bare && url.host().is_some() && (url.scheme() == "https" || url.scheme() == "http" && is_here)
}

/// Whether a text is a proxy's address.
fn is_proxy(text: &str) -> bool {
    let Ok(url) = reqwest::Url::parse(text) else { return false };
    let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    url.scheme() == "http" && url.host().is_some() && is_bare
}

/// Whether a text is an origin as browsers write it (HTML, 7.1.1).
fn is_origin(text: &str) -> bool {
    let url = reqwest::Url::parse(text);
    url.is_ok_and(|url| matches!(url.scheme(), "https" | "http") && url.origin().ascii_serialization() == text)
}

#[cfg(test)]
mod tests;

//! What reads bytes that strangers send to the daemon, each by itself, for whoever tries them with anything at all.
//!
//! Nothing here is part of what the daemon does: `hw-tests` alone calls it.

use std::path::Path;
use std::sync::LazyLock;

use crate::config::Config;
use crate::intake::{api, vendor};
use crate::support::signer_of;

/// A box at which one operator's key counts: whose orders and reports `hw-tests` keeps.
static BOX: LazyLock<Option<Config>> = LazyLock::new(|| {
    let operator = "{ name = \"山田\", key = \"2FuII1113uf9fBhnfsiJ0izBk3+nVI8VfUmwhpNaV4w=\" }";
    let text = format!("site = 1001\nstate = \"/nowhere\"\n[support]\noperators = [{operator}]\n");
    Config::of(Path::new("machiai.toml"), &text).ok()
});

/// Reads a configuration.
pub fn configuration(text: &str) {
    drop(Config::of(Path::new("machiai.toml"), text));
}

/// Reads a body of the API as each command that takes one does.
pub fn body(bytes: &[u8]) {
    api::taste(bytes);
}

/// Reads what a vendor of video calls tells: a body of LiveKit's with its token, a form of Twilio's, a list.
pub fn vendors(bytes: &[u8]) {
    vendor::taste(bytes);
}

/// Says who signed a text under what such texts begin with, by a signature in base64.
#[must_use]
pub fn signer(signed: (&str, &str), signature: &str) -> Option<String> {
    signer_of(BOX.as_ref()?, signed, signature)
}

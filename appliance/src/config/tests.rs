//! What a configuration may say, and what is refused.

use super::*;

fn read(text: &str) -> Result<Config, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("machiai.toml");
    #[expect(clippy::disallowed_methods, reason = "a test's own file")]
    std::fs::write(&path, text).unwrap();
    Config::read(&path)
}

#[test]
fn the_least_configuration_is_a_site_and_a_folder() {
    let config = read("site = 1001\nstate = \"/var/lib/machiai\"").unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:8110");
    assert_eq!(config.journal(), Path::new("/var/lib/machiai/journal.db"));
}

#[test]
fn files_of_conf_d_are_read_in_the_order_of_their_names_and_the_last_word_counts() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        #[expect(clippy::disallowed_methods, reason = "a test's own file")]
        std::fs::write(&path, text).unwrap();
        path
    };
    let main = put("machiai.toml", "state = \"/s\"\n[content]\nquota_mib = 5\nwatched = \"/w\"");
    assert!(matches!(Config::read(&main), Err(ConfigError::Malformed { .. })), "no site yet");
    put("conf.d/20-site.toml", "site = 2\n[content]\nquota_mib = 7");
    put("conf.d/10-site.toml", "site = 1\nballast_mib = 0");
    put("conf.d/30-site.toml.dpkg-old", "site = 3");
    let config = Config::read(&main).unwrap();
    assert_eq!((config.site, config.ballast_mib, config.content.quota_mib), (2, 0, 7));
    assert_eq!((config.content.watched, config.read_from), (Some("/w".into()), main.clone()));
    // What the service manager hands over is read last; nothing is as good as none.
    let handed = put("handed/secrets.toml", "site = 4").parent().unwrap().to_owned();
    assert_eq!(beside(&main, Some(&handed)).unwrap().last().unwrap(), &handed.join("secrets.toml"));
    put("handed/secrets.toml", "#");
    assert_eq!(beside(&main, Some(&handed)).unwrap(), beside(&main, None).unwrap());
    let bad = put("conf.d/40-bad.toml", "site = ");
    let refused = Config::read(&main).unwrap_err();
    assert!(matches!(&refused, ConfigError::Malformed { path, .. } if *path == bad), "{refused:?}");
    put("conf.d/40-bad.toml", "sight = 4");
    assert!(matches!(Config::read(&main), Err(ConfigError::Malformed { .. })), "an unknown key is refused there too");
}

#[test]
fn what_a_running_daemon_cannot_follow_is_named() {
    let config = read("site = 1\nstate = \"/s\"").unwrap();
    assert_eq!(config.fixed_differences(&config.clone()), Vec::<&str>::new());
    let other = Config { hub: Some("https://hub".to_owned()), ballast_mib: 0, site: 2, ..config.clone() };
    assert_eq!(config.fixed_differences(&other), ["site", "ballast_mib"]);
    let calls = Vendors { clinic: "doctor".to_owned(), ..Vendors::default() };
    assert_eq!(config.fixed_differences(&Config { calls, ..config.clone() }), ["calls"]);
    assert!(config.links_otherwise(&other) && !config.links_otherwise(&config.clone()));
}

#[test]
fn an_unknown_key_is_refused() {
    let refused = read("site = 1\nstate = \"/s\"\nlisten_on = \"127.0.0.1:1\"");
    assert!(matches!(refused, Err(ConfigError::Malformed { .. })), "{refused:?}");
}

#[test]
fn an_address_open_to_the_network_is_refused() {
    let refused = read("site = 1\nstate = \"/s\"\nlisten = \"0.0.0.0:8110\"");
    assert!(matches!(refused, Err(ConfigError::NotLoopback { .. })), "{refused:?}");
}

#[test]
fn the_network_has_a_door_of_its_own() {
    let least = "site = 1\nstate = \"/s\"\n";
    assert_eq!(read(least).unwrap().lan, None);
    let open = read(&format!("{least}lan = \"0.0.0.0:8443\"\nlan_names = [\"machiai.local\", \"10.0.0.5\"]"));
    assert_eq!(open.unwrap().lan.unwrap().port(), 8443);
    for bad in ["", "a b", "Machiai.local", "-x", "a..b", "https://x"] {
        let refused = read(&format!("{least}lan_names = [\"{bad}\"]"));
        assert!(matches!(refused, Err(ConfigError::LanName { .. })), "{bad:?} was taken for a host");
    }
}

#[test]
fn a_hub_is_reached_in_clear_on_this_machine_alone() {
    let with = |hub: &str| read(&format!("site = 1\nstate = \"/s\"\nhub = \"{hub}\""));
    assert_eq!(read("site = 1\nstate = \"/s\"").unwrap().hub, None);
    let https = ["https://hub.example:8443", "https://192.0.2.1:8443", "https://[2001:db8::1]:8443/", "https://hub"];
    for good in https.into_iter().chain(["http://127.0.0.1:8120"]) {
        assert_eq!(with(good).unwrap().hub.as_deref(), Some(good));
    }
    let unreadable = ["", "hub.example", "https://", "ftp://127.0.0.1", "http://192.0.2.1"];
    let more_than_that = ["http://hub.example", "https://me@hub", "https://hub/x", "https://hub?x"];
    for bad in unreadable.into_iter().chain(more_than_that) {
        assert!(matches!(with(bad), Err(ConfigError::Hub { .. })), "{bad:?} was taken for a hub");
    }
}

#[test]
fn a_proxy_is_spoken_to_in_clear_and_is_a_host_and_nothing_else() {
    let with = |proxy: &str| read(&format!("site = 1\nstate = \"/s\"\nhub_proxy = \"{proxy}\""));
    for good in ["http://proxy.clinic.example:3128", "http://me:word@192.0.2.1:8080", "http://proxy/"] {
        assert_eq!(with(good).unwrap().hub_proxy.as_deref(), Some(good));
    }
    for bad in ["", "proxy:3128", "https://proxy:3128", "http://", "http://proxy/x", "http://proxy?x", "socks5://p"] {
        let refused = with(bad).unwrap_err();
        assert!(matches!(refused, ConfigError::Proxy), "{bad:?} was taken for a proxy");
        assert!(!refused.to_string().contains("word"), "a password is not told");
    }
}

#[test]
fn content_comes_at_a_pace_above_none() {
    let with = |kbit_s: &str| read(&format!("site = 1\nstate = \"/s\"\nhub_kbit_s = {kbit_s}"));
    assert_eq!(read("site = 1\nstate = \"/s\"").unwrap().hub_kbit_s, None);
    assert_eq!(with("512").unwrap().hub_kbit_s, Some(512));
    assert!(matches!(with("0"), Err(ConfigError::NoPace)));
    assert!(matches!(with("-1"), Err(ConfigError::Malformed { .. })));
}

#[test]
fn a_vendors_secret_is_read_and_never_shown() {
    let calls = "[calls]\nlivekit = { key = \"API1\", secret = \"hush\" }\n";
    let config = read(&format!("site = 1\nstate = \"/s\"\n{calls}")).unwrap();
    assert_eq!((config.calls.clinic.as_str(), config.calls.twilio.is_none()), ("clinic", true));
    assert_eq!(config.calls.livekit.as_ref().unwrap().secret.bytes(), b"hush");
    assert!(!format!("{config:?}").contains("hush"), "{config:?}");
}

#[test]
fn a_page_beside_a_call_is_named_by_its_origin_alone() {
    let with = |page: &str| read(&format!("site = 1\nstate = \"/s\"\n[calls]\npages = [\"{page}\"]"));
    for good in ["https://video.example", "http://localhost:3000", "https://video.example:8443"] {
        assert_eq!(with(good).unwrap().calls.pages, [good]);
    }
    for bad in ["https://video.example/", "video.example", "*", "null", "https://VIDEO.example", "file:///x"] {
        assert!(with(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_rehearsal_names_its_start_and_speed() {
    let good = "site = 1\nstate = \"/s\"\n[rehearsal]\nstarts = \"2026-11-24T08:20:00+09:00\"\nspeed = 600";
    assert!(read(good).is_ok());
    assert!(read(&good.replace("600", "0")).is_err());
    assert!(read(&good.replace("+09:00", "")).is_err());
    let steps = |at: &str| read(&format!("{good}\nsteps = [{{ at = \"{at}\", by_s = -86400 }}]"));
    assert_eq!(steps("2026-11-24T09:00:00+09:00").unwrap().rehearsal.unwrap().steps[0].by_s, -86_400);
    assert!(steps("9:00").is_err());
}

const DEVICES: &str = r#"
[[devices.buttons]]
name = "box1"
path = "/dev/serial/by-id/one"
protocol = "framed-box"
room = "room1"
[[devices.displays]]
name = "number1"
path = "/dev/serial/by-id/two"
protocol = "four-digits"
line = 1
[[devices.readers]]
name = "reader1"
path = "/dev/input/by-id/three"
[[devices.keypads]]
name = "keypad1"
path = "/dev/input/by-id/four"
"#;

#[test]
fn devices_are_named_once_with_a_path_and_a_protocol_of_their_own_kind() {
    let with = |devices: &str| read(&format!("site = 1\nstate = \"/s\"\n{devices}"));
    let config = with(DEVICES).unwrap();
    let names: Vec<&str> = config.devices.all().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["box1", "number1", "keypad1", "reader1"]);
    let other = with(&DEVICES.replace("room1", "room2")).unwrap();
    assert_eq!(config.fixed_differences(&other), Vec::<&str>::new());
    assert!(config.attends_otherwise(&other) && !config.attends_otherwise(&config.clone()));
    for (from, to, why) in [
        ("/dev/serial/by-id/one", "ttyUSB0", "needs a path"),
        ("by-id/two", "by-id/one", "named twice"),
        ("number1", "box1", "named twice"),
        ("framed-box", "unframed-box", "no protocol is called"),
        ("framed-box", "four-digits", "has no [buttons]"),
        ("four-digits", "text-box", "has no [display]"),
        ("four-digits", "/there/is/none.toml", "/there/is/none.toml"),
        ("line = 1", "", "either a room or a line"),
        ("line = 1", "line = 1\nroom = \"room1\"", "either a room or a line"),
        ("room = \"room1\"", "", "missing field"),
        ("name = \"box1\"", "name = \"a box\"", "device id"),
        ("name = \"reader1\"", "name = \"reader1\"\nbaud = 9600", "unknown field"),
    ] {
        let told = with(&DEVICES.replacen(from, to, 1)).map(|_| String::new());
        let told = told.unwrap_or_else(|cause| crate::causes::with_causes(&cause));
        assert!(told.contains(why), "{from} as {to}: {told}");
    }
}

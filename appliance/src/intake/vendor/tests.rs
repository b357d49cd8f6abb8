//! Webhooks in the vendors' real shapes, signed by an implementation of another's.

use machiai_core::call::told::{Seen, Side, Vendor};
use machiai_core::time::AtMs;

use super::{Bad, Event, list, livekit, twilio};
use crate::config::Vendors;

/// What a LiveKit server sent, and its token: key API1, secret hush.
pub(crate) const LIVEKIT: &str = r#"{"event":"participant_joined","room":{"sid":"RM_a","name":"R001"},"participant":{"sid":"PA_1","identity":"clinic-dr1","state":"ACTIVE","joinedAt":"1795476670","joinedAtMs":"1795476670250","name":"佐藤","isPublisher":true},"id":"EV_1","createdAt":"1795476671"}"#;
pub(crate) const LIVEKIT_TOKEN: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJBUEkxIiwibmJmIjoxNzk1NDc2NjY1LCJleHAiOjE3OTU0NzY5NzAsInNoYTI1NiI6Im9GQjIrckxuVFE1eXo1OGQrcmsyYTBXMDBuUkM4dlBHcWQ2S216UEd1eXc9In0.a3-Zjl83kKKlPE4tEolXlHZjrbpus_HdJ_VcFBYPjDE";

/// Signed with another secret, by another key, and by no algorithm at all.
pub(crate) const FOREIGN: [&str; 3] = [
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJBUEkxIiwibmJmIjoxNzk1NDc2NjY1LCJleHAiOjE3OTU0NzY5NzAsInNoYTI1NiI6Im9GQjIrckxuVFE1eXo1OGQrcmsyYTBXMDBuUkM4dlBHcWQ2S216UEd1eXc9In0.SQ7VeWRq6e66BrYge77Dn86vKtYJN23xOHcvfQPJUtI",
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJBUEkyIiwibmJmIjoxNzk1NDc2NjY1LCJleHAiOjE3OTU0NzY5NzAsInNoYTI1NiI6Im9GQjIrckxuVFE1eXo1OGQrcmsyYTBXMDBuUkM4dlBHcWQ2S216UEd1eXc9In0.cxBANjFmW5itqEa7GfXvJ_3R-S265oFTEvwoYTWraJM",
    "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJpc3MiOiJBUEkxIiwibmJmIjoxNzk1NDc2NjY1LCJleHAiOjE3OTU0NzY5NzAsInNoYTI1NiI6Im9GQjIrckxuVFE1eXo1OGQrcmsyYTBXMDBuUkM4dlBHcWQ2S216UEd1eXc9In0.Epm7Sf5UBMcSrjizBoRRb5bGlCwyltYyH4jVGdx5aTM",
];

/// What Twilio sent, and its signature: token tok, for the callback's address.
pub(crate) const TWILIO: &str = "RoomName=R001&RoomSid=RM1&ParticipantSid=PA1&ParticipantIdentity=clinic-dr1&StatusCallbackEvent=participant-connected&Timestamp=2026-11-23T23%3A31%3A10.250Z&SequenceNumber=3&AccountSid=AC1";
pub(crate) const TWILIO_SIGNATURE: &str = "fWUlmNcvtstk4+XEhSoBFXxkuxU=";

/// The second in which the vendors' clocks stood.
const AT: AtMs = AtMs(1_795_476_670_000);

/// The configuration of both.
pub(crate) const CONFIG: &str = "[calls]\nlivekit = { key = \"API1\", secret = \"hush\" }\n\
    twilio = { token = \"tok\", url = \"https://relay.example/api/v1/calls/vendor/twilio\" }\n";

fn vendors() -> Vendors {
    let table: toml::Table = toml::from_str(CONFIG).unwrap();
    table["calls"].clone().try_into().unwrap()
}

fn pairs(form: &str) -> Vec<(String, String)> {
    let pair =
        |pair: &str| pair.split_once('=').map(|(name, value)| (name.to_owned(), value.replace("%3A", ":"))).unwrap();
    form.split('&').map(pair).collect()
}

#[test]
fn a_livekit_webhook_is_checked_by_its_signature_its_body_and_its_time() {
    let of = vendors().livekit.unwrap();
    let check = |token: &str, body: &str, at: AtMs| livekit::check(&of, token, body.as_bytes(), at);
    assert_eq!(check(LIVEKIT_TOKEN, LIVEKIT, AT), Ok(()));
    assert_eq!(check(&format!("Bearer {LIVEKIT_TOKEN}"), LIVEKIT, AT), Ok(()));
    for foreign in
        FOREIGN.into_iter().chain(["", "a.b", "a.b.c", "..", LIVEKIT_TOKEN.trim_end_matches(char::is_alphanumeric)])
    {
        assert_eq!(check(foreign, LIVEKIT, AT), Err(Bad::NotSigned), "{foreign}");
    }
    assert_eq!(check(LIVEKIT_TOKEN, &LIVEKIT.replace("R001", "R002"), AT), Err(Bad::NotSigned), "another body");
    assert_eq!(check(LIVEKIT_TOKEN, LIVEKIT, AT.plus_ms(360_000)), Ok(()));
    assert_eq!(check(LIVEKIT_TOKEN, LIVEKIT, AT.plus_ms(361_000)), Err(Bad::TooOld), "sent again later");
    assert_eq!(check(LIVEKIT_TOKEN, LIVEKIT, AT.plus_ms(-66_000)), Err(Bad::TooOld), "of another time");
}

#[test]
fn a_livekit_event_is_read_and_others_are_passed_over() {
    let read = |body: &str| livekit::read(body.as_bytes());
    let joined = Event {
        event: "EV_1".to_owned(),
        room: "R001".to_owned(),
        identity: "clinic-dr1".to_owned(),
        connection: "PA_1".to_owned(),
        seen: Seen::Joined,
        at: AT.plus_ms(250),
    };
    assert_eq!(read(LIVEKIT), Ok(Some(joined)));
    for left in ["participant_left", "participant_connection_aborted"] {
        let event = read(&LIVEKIT.replace("participant_joined", left)).unwrap().unwrap();
        assert_eq!((event.seen, event.at), (Seen::Left, AT.plus_ms(1_000)), "by the event's own time");
    }
    assert_eq!(read(&LIVEKIT.replace("participant_joined", "track_published")), Ok(None));
    assert_eq!(read("[1]"), Err(Bad::Value("body")));
    assert_eq!(read(r#"{"event":"participant_left","id":"E"}"#), Err(Bad::Value("participant")));
}

#[test]
fn a_patients_name_at_the_vendor_is_not_kept() {
    let of = |identity: &str| {
        let event = livekit::read(LIVEKIT.replace("clinic-dr1", identity).as_bytes()).unwrap().unwrap();
        event.told(Vendor::Livekit, "clinic")
    };
    let told = of("山田 花子").unwrap();
    assert_eq!((told.side, told.key.endpoint.as_str()), (Side::Patient, "patient"));
    assert_eq!(of("clinic-dr1").unwrap().side, Side::Clinic);
    assert_eq!(of("clinic 山田"), Err(Bad::Value("identity")));
}

#[test]
fn a_twilio_signature_is_that_of_address_and_sorted_parameters() {
    let documented = [
        ("To", "+18005551212"),
        ("CallSid", "CA1234567890ABCDE"),
        ("Caller", "+14158675309"),
        ("Digits", "1234"),
        ("From", "+14158675309"),
    ];
    let documented: Vec<(String, String)> =
        documented.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let of = toml::from_str("token = \"12345\"\nurl = \"https://mycompany.com/myapp.php?foo=1&bar=2\"").unwrap();
    assert_eq!(twilio::check(&of, "RSOYDt4T1cUTdK1PDd93/VVr8B8=", &documented), Ok(()));
    assert_eq!(twilio::check(&of, "RSOYDt4T1cUTdK1PDd93/VVr8B8=", &documented[1..]), Err(Bad::NotSigned));

    let (of, form) = (vendors().twilio.unwrap(), pairs(TWILIO));
    assert_eq!(twilio::check(&of, TWILIO_SIGNATURE, &form), Ok(()));
    assert_eq!(twilio::check(&of, "", &form), Err(Bad::NotSigned));
    let event = twilio::read(&form, AT).unwrap().unwrap();
    assert_eq!((event.event.as_str(), event.connection.as_str(), event.at), ("PA1-3", "PA1", AT.plus_ms(250)));
    let day_ms = 86_400_000;
    assert_eq!(twilio::read(&form, AT.plus_ms(day_ms + 1_000)), Err(Bad::TooOld), "sent again a day later");
    assert_eq!(twilio::read(&form, AT.plus_ms(-day_ms)), Err(Bad::TooOld), "from the future");
    assert_eq!(twilio::read(&form[1..], AT), Err(Bad::Value("RoomName")));
}

#[test]
fn a_list_is_read_whole_or_refused_by_its_line() {
    let head = "reservation,identity,connection,joined,left\r\n";
    let good = format!(
        "\u{FEFF}{head}R001,clinic-dr1,PA_1,2026-11-24T08:31:10,2026-11-24T00:31:10Z\r\nR002,x,PA_2,2026-11-24T08:31:10,\r\n"
    );
    let events = list::read(good.as_bytes()).unwrap();
    let told: Vec<(&str, Seen, AtMs)> = events.iter().map(|it| (it.room.as_str(), it.seen, it.at)).collect();
    let later = AT.plus_ms(3_600_000);
    assert_eq!(told, [("R001", Seen::Joined, AT), ("R001", Seen::Left, later), ("R002", Seen::Joined, AT)]);
    for (bad, line) in [
        ("", 1),
        ("a,b\r\n", 1),
        (&format!("{head}R001,clinic,PA_1,9:00,\r\n"), 2),
        (&format!("{head}R001,clinic,PA_1,2026-11-24T08:31:10,\r\nR001,clinic\r\n"), 3),
    ] {
        assert_eq!(list::read(bad.as_bytes()), Err(Bad::Line(line)), "{bad}");
    }
    assert_eq!(list::read(b"\xff\xfe"), Err(Bad::Line(1)));
}

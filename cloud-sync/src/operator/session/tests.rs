use super::*;

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
}

#[test]
fn a_request_of_another_site_is_known_by_what_its_browser_says() {
    for own in [
        headers(&[]),
        headers(&[("sec-fetch-site", "same-origin"), ("origin", "https://desk.example"), ("host", "inner:1")]),
        headers(&[("sec-fetch-site", "none")]),
        headers(&[("origin", "http://desk.example:8"), ("host", "desk.example:8")]),
    ] {
        assert!(!is_foreign(&own), "{own:?}");
    }
    for foreign in [
        headers(&[("sec-fetch-site", "cross-site")]),
        headers(&[("sec-fetch-site", "same-site")]),
        headers(&[("sec-fetch-site", "Same-Origin")]),
        headers(&[("origin", "null"), ("host", "desk.example")]),
        headers(&[("origin", "https://desk.example.evil"), ("host", "desk.example")]),
        headers(&[("origin", "https://desk.example")]),
    ] {
        assert!(is_foreign(&foreign), "{foreign:?}");
    }
}

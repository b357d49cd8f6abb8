//! The two cookies: one says which device this is, the other who is signed in at it.

use axum::http::{HeaderMap, HeaderValue, header};

use super::caller::Via;

/// What a cookie stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cookie {
    /// The paired device.
    Device,
    /// The person signed in.
    Person,
}

/// How long a browser keeps a device's cookie: as long as browsers keep any; each page it opens renews it.
const DEVICE_S: u32 = 400 * 24 * 60 * 60;

/// How long a browser keeps a person's cookie; the box lets it go with the business day.
const PERSON_S: u32 = 24 * 60 * 60;

impl Cookie {
    /// Returns the name: over TLS one that no other host and no plain page can set.
    const fn name(self, via: Via) -> &'static str {
        match (self, via) {
            (Self::Device, Via::Lan) => "__Host-machiai-device",
            (Self::Person, Via::Lan) => "__Host-machiai-person",
            (Self::Device, Via::Box) => "machiai-device",
            (Self::Person, Via::Box) => "machiai-person",
        }
    }

    /// Reads the cookie's token.
    pub(crate) fn read(self, via: Via, headers: &HeaderMap) -> Option<String> {
        let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs = all.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let (_, token) = pairs.find(|(name, _)| *name == self.name(via))?;
        let is_token = token.len() == 64 && token.bytes().all(|b| b.is_ascii_hexdigit());
        is_token.then(|| token.to_owned())
    }

    /// Writes the header that sets the cookie.
    pub(crate) fn set(self, via: Via, token: &str) -> Option<HeaderValue> {
        let age_s = match self {
            Self::Device => DEVICE_S,
            Self::Person => PERSON_S,
        };
        self.write(via, token, age_s)
    }

    /// Writes the header that lets the browser forget the cookie.
    pub(crate) fn forget(self, via: Via) -> Option<HeaderValue> {
        self.write(via, "", 0)
    }

    fn write(self, via: Via, token: &str, age_s: u32) -> Option<HeaderValue> {
        let secure = match via {
            Via::Lan => "; Secure",
            Via::Box => "",
        };
        let name = self.name(via);
        let text = format!("{name}={token}; Path=/; HttpOnly; SameSite=Strict; Max-Age={age_s}{secure}");
        HeaderValue::from_str(&text).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_of_the_network_cannot_be_set_by_another_host_or_read_by_a_script() {
        let token = "ab".repeat(32);
        let set = Cookie::Person.set(Via::Lan, &token).unwrap();
        let expected =
            format!("__Host-machiai-person={token}; Path=/; HttpOnly; SameSite=Strict; Max-Age=86400; Secure");
        assert_eq!(set.to_str().unwrap(), expected);
    }

    #[test]
    fn a_cookie_reads_back_and_only_as_what_it_is() {
        let (one, two) = ("ab".repeat(32), "cd".repeat(32));
        let mut headers = HeaderMap::new();
        let sent = format!("x=1; __Host-machiai-device={one}; __Host-machiai-person={two}");
        headers.insert(header::COOKIE, sent.parse().unwrap());
        assert_eq!(Cookie::Device.read(Via::Lan, &headers), Some(one));
        assert_eq!(Cookie::Person.read(Via::Lan, &headers), Some(two));
        assert_eq!(Cookie::Person.read(Via::Box, &headers), None, "the network's cookie was taken at the box");
        headers.insert(header::COOKIE, "__Host-machiai-device=../../etc".parse().unwrap());
        assert_eq!(Cookie::Device.read(Via::Lan, &headers), None);
    }
}

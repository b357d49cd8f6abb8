//! The cookie that keeps one person to one live ticket: signed, so that its count cannot be changed; whoever throws it
//! away is not known any more, which is said.

use blake3::Hasher;

/// Tickets that one person may take on one day: who cancels has lost the place each time.
pub(super) const MOST_A_DAY: u8 = 4;

/// What is known of a person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Person {
    /// The business day of what follows.
    pub(super) day: String,
    /// Tickets taken on it.
    pub(super) n_taken: u8,
    /// The token of the newest one.
    pub(super) token: String,
}

/// Returns the cookie's name at a site.
pub(super) fn name(site: u32) -> String {
    format!("machiai_{site}")
}

/// Writes a person as a cookie's value.
pub(super) fn write(person: &Person, secret: &[u8; 32]) -> String {
    let said = format!("{}.{}.{}", person.day, person.n_taken, person.token);
    let mac = mac(&said, secret);
    format!("{said}.{mac}")
}

/// Reads a person from a cookie's value; none from one that is not of this hub.
pub(super) fn read(value: &str, secret: &[u8; 32]) -> Option<Person> {
    let (said, mac_of_it) = value.rsplit_once('.')?;
    // Compared as hashes, so that the time it takes tells nothing.
    let is_ours = blake3::hash(mac(said, secret).as_bytes()) == blake3::hash(mac_of_it.as_bytes());
    let mut parts = said.split('.');
    let (day, n_taken, token) = (parts.next()?, parts.next()?, parts.next()?);
    let n_taken = n_taken.parse().ok()?;
    let person = Person { day: day.to_owned(), n_taken, token: token.to_owned() };
    Some(person).filter(|_| is_ours && parts.next().is_none())
}

fn mac(said: &str, secret: &[u8; 32]) -> String {
    let mut hasher = Hasher::new_keyed(secret);
    hasher.update(said.as_bytes());
    hasher.finalize().to_hex().chars().take(32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_that_was_changed_is_nobodys() {
        let secret = [7; 32];
        let person = Person { day: "2026-11-24".into(), n_taken: 2, token: "ABCD".into() };
        let value = write(&person, &secret);
        assert_eq!(read(&value, &secret), Some(person));
        assert_eq!(read(&value.replace(".2.", ".0."), &secret), None);
        assert_eq!(read(&value, &[8; 32]), None);
        assert_eq!(read("", &secret), None);
    }
}

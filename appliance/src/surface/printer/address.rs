//! Where a printer is: `tcp:HOST:PORT`, `serial:PATH:BAUD` or `file:PATH`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Where a printer is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A raw socket, port 9100 as a rule. An IPv6 host stands in brackets.
    Tcp {
        /// Name or address of the host.
        host: String,
        /// Its port.
        port: u16,
    },
    /// A serial port, best named by `/dev/serial/by-id/…` because ttyUSB numbers move.
    Serial {
        /// The device node.
        path: PathBuf,
        /// Bits per second.
        baud: u32,
    },
    /// A printer class device such as `/dev/usb/lp0`.
    File {
        /// The device node.
        path: PathBuf,
    },
}

/// Why a text is no printer's address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// The scheme is none of ours.
    #[error("printer address {text:?} begins with none of tcp:, serial: and file:")]
    UnknownScheme {
        /// What was given.
        text: String,
    },
    /// The host is missing.
    #[error("printer address {text:?} is not tcp:HOST:PORT")]
    NotHostAndPort {
        /// What was given.
        text: String,
    },
    /// The speed is missing or is no number.
    #[error("printer address {text:?} is not serial:PATH:BAUD")]
    NotPathAndBaud {
        /// What was given.
        text: String,
    },
    /// The path does not begin at the root.
    #[error("printer address {text:?} needs a path that begins with /")]
    NotAbsolute {
        /// What was given.
        text: String,
    },
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(rest) = text.strip_prefix("tcp:") {
            return read_tcp(text, rest);
        }
        if let Some(rest) = text.strip_prefix("serial:") {
            return read_serial(text, rest);
        }
        if let Some(rest) = text.strip_prefix("file:") {
            return Ok(Self::File { path: absolute(text, rest)? });
        }
        Err(AddressError::UnknownScheme { text: text.to_owned() })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(out, "tcp:[{host}]:{port}"),
            Self::Tcp { host, port } => write!(out, "tcp:{host}:{port}"),
            Self::Serial { path, baud } => write!(out, "serial:{}:{baud}", path.display()),
            Self::File { path } => write!(out, "file:{}", path.display()),
        }
    }
}

fn read_tcp(text: &str, rest: &str) -> Result<Address, AddressError> {
    let refused = || AddressError::NotHostAndPort { text: text.to_owned() };
    let (host, port) = rest.rsplit_once(':').ok_or_else(refused)?;
    let bare = host.strip_prefix('[').and_then(|inner| inner.strip_suffix(']'));
    let host = bare.unwrap_or(host);
    if host.is_empty() || (bare.is_none() && host.contains(':')) {
        return Err(refused());
    }
    match port.parse() {
        Ok(port) if port > 0 => Ok(Address::Tcp { host: host.to_owned(), port }),
        Ok(_) | Err(_) => Err(refused()),
    }
}

fn read_serial(text: &str, rest: &str) -> Result<Address, AddressError> {
    let refused = || AddressError::NotPathAndBaud { text: text.to_owned() };
    // A path by-path has colons of its own: only the last one parts it from the speed.
    let (path, baud) = rest.rsplit_once(':').ok_or_else(refused)?;
    match baud.parse() {
        Ok(baud) if baud > 0 => Ok(Address::Serial { path: absolute(text, path)?, baud }),
        Ok(_) | Err(_) => Err(refused()),
    }
}

fn absolute(text: &str, path: &str) -> Result<PathBuf, AddressError> {
    if path.starts_with('/') {
        return Ok(PathBuf::from(path));
    }
    Err(AddressError::NotAbsolute { text: text.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_survive_being_written_and_read() {
        for text in [
            "tcp:192.168.0.9:9100",
            "tcp:printer.local:9100",
            "tcp:[fe80::1]:9100",
            "serial:/dev/serial/by-path/pci-0000:00:14.0-usb:115200",
            "file:/dev/usb/lp0",
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.to_string(), text);
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_words() {
        for (text, words) in [
            ("", "begins with none of"),
            ("usb:/dev/usb/lp0", "begins with none of"),
            ("TCP:host:9100", "begins with none of"),
            ("tcp:host", "is not tcp:HOST:PORT"),
            ("tcp::9100", "is not tcp:HOST:PORT"),
            ("tcp:host:0", "is not tcp:HOST:PORT"),
            ("tcp:host:99999", "is not tcp:HOST:PORT"),
            ("tcp:fe80::1:9100", "is not tcp:HOST:PORT"),
            ("serial:/dev/ttyUSB0", "is not serial:PATH:BAUD"),
            ("serial:/dev/ttyUSB0:fast", "is not serial:PATH:BAUD"),
            ("serial:ttyUSB0:9600", "begins with /"),
            ("file:lp0", "begins with /"),
        ] {
            let refusal = text.parse::<Address>().unwrap_err().to_string();
            assert!(refusal.contains(words), "{text}: {refusal}");
        }
    }
}

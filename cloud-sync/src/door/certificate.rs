//! What the hub reads of a box's certificate: whom it speaks for, its serial number, and when it ends (RFC 5280).
//!
//! Reading proves nothing: the chain and the box's key are TLS's work, in `verifier.rs`.

use machiai_wire::enrol::BoxName;
use thiserror::Error;
use x509_parser::extensions::GeneralName;

use crate::store::devices::Serial;

/// A box's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Certificate {
    /// Whom it speaks for.
    pub(crate) name: BoxName,
    /// Its serial number.
    pub(crate) serial: Serial,
    /// Its last second, since 1970.
    pub(crate) not_after_s: u64,
}

/// A certificate that this hub gives to no box.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not the certificate of a box")]
pub(crate) struct NotABox;

impl Certificate {
    /// Reads a certificate, DER.
    ///
    /// # Errors
    /// [`NotABox`]: it has anything but one name, a box's, or a serial number of another length.
    pub(crate) fn read(der: &[u8]) -> Result<Self, NotABox> {
        let (rest, read) = x509_parser::parse_x509_certificate(der).map_err(|_bad| NotABox)?;
        let names = read.subject_alternative_name().ok().flatten().ok_or(NotABox)?;
        let [GeneralName::URI(name)] = names.value.general_names.as_slice() else { return Err(NotABox) };
        let name = name.parse().map_err(|_bad| NotABox)?;
        let serial = read.raw_serial().try_into().map_err(|_bad| NotABox)?;
        let not_after_s = u64::try_from(read.validity().not_after.timestamp()).map_err(|_bad| NotABox)?;
        if rest.is_empty() { Ok(Self { name, serial, not_after_s }) } else { Err(NotABox) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::string::Ia5String;
    use rcgen::{CertificateParams, KeyPair, SanType, SerialNumber};
    use rstest::rstest;

    const NAME: &str = "machiai:site/1001/generation/1/box/0000000000000000000000000000000a";

    fn uri(text: &str) -> SanType {
        SanType::URI(Ia5String::try_from(text).unwrap())
    }

    #[rstest]
    #[case::a_boxs(&[uri(NAME)], 16, true)]
    #[case::nobodys(&[], 16, false)]
    #[case::two_names(&[uri(NAME), uri(NAME)], 16, false)]
    #[case::another_kind_of_name(&[SanType::DnsName(Ia5String::try_from("hub.example").unwrap())], 16, false)]
    #[case::another_name(&[uri("machiai:hub")], 16, false)]
    #[case::a_short_serial_number(&[uri(NAME)], 8, false)]
    fn only_what_the_hub_gives_is_a_boxs_certificate(
        #[case] names: &[SanType],
        #[case] serial_bytes: usize,
        #[case] expected: bool,
    ) {
        let mut params = CertificateParams::default();
        params.subject_alt_names = names.to_vec();
        params.serial_number = Some(SerialNumber::from_slice(&vec![0x41; serial_bytes]));
        let made = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        assert_eq!(Certificate::read(made.der()).is_ok(), expected);
        let mut longer = made.der().to_vec();
        longer.push(0);
        assert!(Certificate::read(&longer).is_err());
    }
}

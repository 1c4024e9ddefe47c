//! Until when a client certificate is valid. API servers answer an expired one like any wrong credentials (401, no reason),
//! so the date is the only hint that the operator gets. Reads just enough of X.509 to find it.

use k8s_openapi::ByteString;
use kube::config::AuthInfo;
use serde_json::json;

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;

/// Returns until when the client certificate of a kubeconfig's user is valid, e.g. `2027-11-23 06:49 UTC`; `None` where
/// there is none or it cannot be read.
pub(super) fn valid_until(user: &AuthInfo) -> Option<String> {
    let pem = match (&user.client_certificate_data, &user.client_certificate) {
        (Some(data), _) => decode(data)?,
        (None, Some(path)) => std::fs::read(path).ok()?,
        (None, None) => return None,
    };
    not_after(&from_pem(&String::from_utf8(pem).ok()?)?)
}

fn decode(base64: &str) -> Option<Vec<u8>> {
    let bytes: ByteString = serde_json::from_value(json!(base64)).ok()?;
    Some(bytes.0)
}

/// Returns the first certificate, which is the user's own.
fn from_pem(pem: &str) -> Option<Vec<u8>> {
    let (_, after) = pem.split_once("-----BEGIN CERTIFICATE-----")?;
    let (base64, _) = after.split_once("-----END CERTIFICATE-----")?;
    decode(&base64.split_whitespace().collect::<String>())
}

/// Returns the end of the validity: the certificate's body begins with a version (optional), a serial number,
/// an algorithm, the issuer, and the validity.
fn not_after(certificate: &[u8]) -> Option<String> {
    let body = inside(inside(certificate)?)?;
    let (tag, _, after_first) = element(body)?;
    let at_serial = if tag == VERSION { after_first } else { body };
    let validity = inside(skip(skip(skip(at_serial)?)?)?)?;
    let (tag, text, _) = element(skip(validity)?)?;
    let text = std::str::from_utf8(text).ok()?;
    let (year, rest) = text.split_at_checked(if tag == UTC_TIME { 2 } else { 4 })?;
    let century = if tag == UTC_TIME { "20" } else { "" };
    let part = |from: usize| rest.get(from..from + 2);
    let (month, day, hour, minute) = (part(0)?, part(2)?, part(4)?, part(6)?);
    Some(format!("{century}{year}-{month}-{day} {hour}:{minute} UTC"))
}

fn inside(bytes: &[u8]) -> Option<&[u8]> {
    element(bytes).filter(|(tag, _, _)| *tag == SEQUENCE).map(|(_, content, _)| content)
}

fn skip(bytes: &[u8]) -> Option<&[u8]> {
    element(bytes).map(|(_, _, rest)| rest)
}

/// Splits off the first element: its tag, its content, and what follows it.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, first], rest) = bytes.split_first_chunk::<2>()?;
    let n_more = usize::from(first.saturating_sub(0x80));
    if n_more > size_of::<u32>() {
        return None;
    }
    let (more, rest) = rest.split_at_checked(n_more)?;
    let long = more.iter().fold(0, |length, byte| length * 256 + usize::from(*byte));
    let length = if first < 0x80 { usize::from(first) } else { long };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

#[cfg(test)]
mod tests {
    use super::{from_pem, not_after};

    // Made for this test; their keys were never kept. From 2050 on dates are written in another way.
    const UNTIL_2029: &str = include_str!("until-2029.pem");
    const UNTIL_2081: &str = include_str!("until-2081.pem");

    #[test]
    fn the_end_of_a_certificate_is_read() {
        let check = |pem: &str, expected: &str| {
            let found = not_after(&from_pem(pem).expect("a certificate"));
            assert_eq!(found.as_deref(), Some(expected));
        };
        check(UNTIL_2029, "2029-08-19 06:57 UTC");
        check(UNTIL_2081, "2081-08-26 06:57 UTC");
    }

    #[test]
    fn what_is_no_certificate_has_no_end() {
        let whole = from_pem(UNTIL_2029).expect("a certificate");
        for length in 0..80 {
            assert_eq!(not_after(&whole[..length]), None, "{length} bytes");
        }
        assert_eq!(not_after(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 0x30]), None);
        assert_eq!(from_pem("nothing"), None);
    }
}

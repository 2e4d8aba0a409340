//! From when and until when a certificate is valid (RFC 5280 section 4.1.2.5). That is all we read of one ourselves.

use std::time::Duration;

use model::Timestamp;

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// When a certificate is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Validity {
    pub(super) begins: Timestamp,
    pub(super) ends: Timestamp,
}

/// The validity of a certificate in DER; `None` if it cannot be read.
pub(super) fn of(certificate: &[u8]) -> Option<Validity> {
    let mut certificate = expect(&mut { certificate }, SEQUENCE)?;
    let mut fields = expect(&mut certificate, SEQUENCE)?;
    if fields.first() == Some(&VERSION) {
        element(&mut fields)?;
    }
    let (_serial, _algorithm, _issuer) = (element(&mut fields)?, element(&mut fields)?, element(&mut fields)?);
    let mut validity = expect(&mut fields, SEQUENCE)?;
    Some(Validity { begins: time(element(&mut validity)?)?, ends: time(element(&mut validity)?)? })
}

fn expect<'a>(input: &mut &'a [u8], tag: u8) -> Option<&'a [u8]> {
    element(input).filter(|(found, _)| *found == tag).map(|(_, content)| content)
}

/// The tag and the content of the next element. DER has definite lengths only (X.690 section 10.1).
fn element<'a>(input: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let (&[tag, length], mut rest) = input.split_first_chunk()?;
    let mut count = usize::from(length);
    if length >= 0x80 {
        let digits = rest.split_off(..usize::from(length & 0x7f)).filter(|digits| (1..=4).contains(&digits.len()))?;
        count = digits.iter().try_fold(0_usize, |sum, digit| sum.checked_mul(256)?.checked_add(usize::from(*digit)))?;
    }
    let content = rest.split_off(..count)?;
    *input = rest;
    Some((tag, content))
}

/// `YYMMDDHHMMSSZ`, with years from 1950, or `YYYYMMDDHHMMSSZ` (RFC 5280 sections 4.1.2.5.1 and 4.1.2.5.2).
fn time((tag, text): (u8, &[u8])) -> Option<Timestamp> {
    let (year, rest) = match tag {
        UTC_TIME => (number(text.get(..2)?)?, text.get(2..)?),
        GENERALIZED_TIME => (number(text.get(..4)?)?, text.get(4..)?),
        _ => return None,
    };
    let year = match (tag, year) {
        (UTC_TIME, 50..) => 1900 + year,
        (UTC_TIME, _) => 2000 + year,
        _ => year,
    };
    let &[ref digits @ .., b'Z'] = rest else { return None };
    let [month, day, hour, minute, second] = digits.as_chunks::<2>().0 else { return None };
    let days = days(year, number(month)?, number(day)?)?;
    let seconds = number(hour)? * 3600 + number(minute)? * 60 + number(second)?;
    Some(Timestamp(0) + Duration::from_secs(days * 86_400 + seconds))
}

fn number(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + u64::from(digit - b'0')))
}

/// From 1970-01-01 to a date of the Gregorian calendar; a date before counts as that day. Years are counted from March, so that the
/// day of a leap year is their last.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || year == 0 {
        return None;
    }
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let before_year = year * 365 + year / 4 - year / 100 + year / 400;
    let in_year = (153 * month + 2) / 5 + day - 1;
    // From 0000-03-01 to 1970-01-01.
    Some((before_year + in_year).saturating_sub(719_468))
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    #[test]
    fn times() {
        for (tag, text, seconds) in [
            (UTC_TIME, "700101000000Z", Some(0)),
            (UTC_TIME, "500101000000Z", Some(0)),
            (UTC_TIME, "000229235959Z", Some(951_868_799)),
            (UTC_TIME, "491231235959Z", Some(2_524_607_999)),
            (GENERALIZED_TIME, "20500101000000Z", Some(2_524_608_000)),
            (GENERALIZED_TIME, "21000301000000Z", Some(4_107_542_400)),
            (GENERALIZED_TIME, "99991231235959Z", Some(253_402_300_799)),
            (UTC_TIME, "7001010000Z", None),
            (UTC_TIME, "700101000000+0100", None),
            (UTC_TIME, "701301000000Z", None),
            (UTC_TIME, "70a101000000Z", None),
            (UTC_TIME, "", None),
            (0x04, "700101000000Z", None),
        ] {
            let expected = seconds.map(|seconds: u64| Timestamp(seconds * 1_000_000));
            assert_eq!(time((tag, text.as_bytes())), expected, "{text}");
        }
    }

    #[test]
    fn certificates() {
        let mut params = CertificateParams::new(["a".into()]).unwrap();
        (params.not_before, params.not_after) = (date_time_ymd(2026, 2, 28), date_time_ymd(2051, 3, 1));
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        let second = 1_000_000;
        let validity = Validity { begins: Timestamp(1_772_236_800 * second), ends: Timestamp(2_561_241_600 * second) };
        assert_eq!(of(certificate.der()), Some(validity));
        for length in 0..certificate.der().len() {
            assert_eq!(of(&certificate.der()[..length]), None, "{length}");
        }
        for wrong in [&b""[..], &[0x30], &[0x30, 0x80], &[0x30, 0xff, 1], &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]] {
            assert_eq!(of(wrong), None, "{wrong:?}");
        }
    }
}

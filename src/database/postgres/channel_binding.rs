//! Channel binding: proof that whoever checks the password is at the other end of the encrypted connection, by a hash of the certificate
//! (`tls-server-end-point`, RFC 5929).

use rustls::SupportedCipherSuite;
use rustls::crypto::ring::cipher_suite::{TLS13_AES_128_GCM_SHA256, TLS13_AES_256_GCM_SHA384};

/// What is bound to a connection whose server has this certificate, in DER; `None` where nothing is defined, or the hash is not known here.
pub fn end_point(certificate: &[u8]) -> Option<Vec<u8>> {
    let suite = match signature(certificate)? {
        // MD5 and SHA-1, in whose place is SHA-256, and SHA-256: of RSA and of ECDSA.
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 4 | 5 | 11]
        | [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 1]
        | [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 3, 2] => TLS13_AES_128_GCM_SHA256,
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 12] | [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 3, 3] => {
            TLS13_AES_256_GCM_SHA384
        }
        _ => return None,
    };
    match suite {
        SupportedCipherSuite::Tls13(suite) => Some(suite.common.hash_provider.hash(certificate).as_ref().to_vec()),
        SupportedCipherSuite::Tls12(_) => None,
    }
}

/// The number of the algorithm that a certificate is signed with, as DER has it.
fn signature(certificate: &[u8]) -> Option<&[u8]> {
    const SEQUENCE: u8 = 0x30;
    const OBJECT: u8 = 0x06;
    let (inside, _) = element(certificate, SEQUENCE)?;
    let (_, behind) = element(inside, SEQUENCE)?;
    let (algorithm, _) = element(behind, SEQUENCE)?;
    Some(element(algorithm, OBJECT)?.0)
}

/// What is in an element with this tag, and what stands behind it.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (first, rest) = bytes.split_first()?;
    let (length, rest) = rest.split_first()?;
    let (length, rest) = match length {
        0..=0x7f => (usize::from(*length), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
            (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    if *first == tag { rest.split_at_checked(length) } else { None }
}

#[cfg(test)]
mod tests {
    use super::{end_point, signature};

    /// A certificate as far as it is looked into, signed with this algorithm.
    fn signed(algorithm: &[u8]) -> Vec<u8> {
        let length = |bytes: &[u8]| u8::try_from(bytes.len()).unwrap();
        let object = [&[0x06, length(algorithm)], algorithm].concat();
        let algorithm = [&[0x30, length(&object)], object.as_slice()].concat();
        let inside = [&[0x30, 0x81, 0x82], [7; 0x82].as_slice(), &algorithm, &[3, 1, 0]].concat();
        [&[0x30, 0x82, 0, length(&inside)], inside.as_slice()].concat()
    }

    #[test]
    fn the_hash_is_that_of_the_signature() {
        let rsa = |last| [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, last];
        for (last, length) in [(5, Some(32)), (11, Some(32)), (12, Some(48)), (13, None)] {
            let certificate = signed(&rsa(last));
            assert_eq!(signature(&certificate), Some(rsa(last).as_slice()));
            assert_eq!(end_point(&certificate).map(|hash| hash.len()), length);
        }
        let whole = signed(&rsa(11));
        for short in 0..whole.len() - 4 {
            assert_eq!(end_point(&whole[..short]), None);
        }
    }
}

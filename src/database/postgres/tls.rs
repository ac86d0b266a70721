//! TLS as `sslmode` asks for it.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::address::{PostgresAddress, SslMode};
use super::failure::of_tls;
use crate::error::{Domain, Error, Result};

/// Takes any certificate, or any that a known authority signed, whatever host it names.
#[derive(Debug)]
struct AnyHost {
    provider: Arc<CryptoProvider>,
    /// `None` for any certificate.
    authorities: Option<RootCertStore>,
}

impl ServerCertVerifier for AnyHost {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> std::result::Result<ServerCertVerified, rustls::Error> {
        if let Some(authorities) = &self.authorities {
            let certificate = ParsedCertificate::try_from(end_entity)?;
            let algorithms = self.provider.signature_verification_algorithms.all;
            verify_server_cert_signed_by_trust_anchor(&certificate, authorities, intermediates, now, algorithms)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// The authorities of a file, or those that browsers know.
fn authorities(file: Option<&Path>) -> Result<RootCertStore> {
    let Some(path) = file else {
        return Ok(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() });
    };
    let bytes = std::fs::read(path)
        .map_err(|error| Error::from_io(Domain::Database, "the file sslrootcert cannot be read", path, &error))?;
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&bytes) {
        let added = certificate.map(|certificate| store.add(certificate));
        if !matches!(added, Ok(Ok(()))) {
            return Err(no_certificates(path));
        }
    }
    if store.is_empty() { Err(no_certificates(path)) } else { Ok(store) }
}

fn no_certificates(path: &Path) -> Error {
    Error::argument(Domain::Database, "url", "the file sslrootcert has no certificates that can be read")
        .at(path)
        .hint("name a file with certificates of authorities in PEM")
}

/// What encrypts a connection.
pub fn client(address: &PostgresAddress) -> Result<ClientConnection> {
    let place = address.to_string();
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| of_tls(&error.to_string(), &place))?;
    let file = address.ssl_root_cert.as_deref();
    let any_host = |authorities| Arc::new(AnyHost { provider, authorities });
    let mut config = match address.ssl_mode {
        SslMode::VerifyFull => builder.with_root_certificates(authorities(file)?).with_no_client_auth(),
        SslMode::VerifyCa => {
            let verifier = any_host(Some(authorities(file)?));
            builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth()
        }
        SslMode::Disable | SslMode::Allow | SslMode::Prefer | SslMode::Require => {
            builder.dangerous().with_custom_certificate_verifier(any_host(None)).with_no_client_auth()
        }
    };
    config.alpn_protocols = vec![b"postgresql".to_vec()];
    let name = ServerName::try_from(address.host.clone())
        .map_err(|_| of_tls("the host in the URL is no name that a certificate can have", &place))?;
    ClientConnection::new(Arc::new(config), name).map_err(|error| of_tls(&error.to_string(), &place))
}

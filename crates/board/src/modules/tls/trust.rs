//! Whose certificates a board takes, as mbedTLS decides it: a certificate that was loaded is trusted itself, even as
//! that of the server, and its Common Name counts where it has no other names.

use std::cell::RefCell;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, TrustAnchor, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use rustpython_vm::builtins::PyBaseExceptionRef;
use rustpython_vm::vm::thread::with_current_vm;
use rustpython_vm::{PyObjectRef, PyResult, VirtualMachine};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

/// Nobody is asked for a certificate, and any is good.
pub(super) const NONE: i64 = 0;
/// A client may have one; any is good.
pub(super) const OPTIONAL: i64 = 1;
/// There has to be one that is good.
pub(super) const REQUIRED: i64 = 2;

/// The attribute Common Name in a Distinguished Name, before its value (RFC 5280, appendix A.1).
const COMMON_NAME: &[u8] = b"\x06\x03\x55\x04\x03";

thread_local! {
    /// What a program wants asked about the certificates of the session that goes on in this thread.
    static ASKED: RefCell<Option<PyObjectRef>> = const { RefCell::new(None) };
    /// What it raised.
    static RAISED: RefCell<Option<PyBaseExceptionRef>> = const { RefCell::new(None) };
}

/// Does something while this is the program's callback. What the callback raised comes first.
pub(super) fn with_callback<T>(
    callback: Option<PyObjectRef>,
    act: impl FnOnce() -> T,
) -> Result<T, PyBaseExceptionRef> {
    ASKED.set(callback);
    let result = act();
    ASKED.set(None);
    RAISED.take().map_or(Ok(result), Err)
}

/// Decides about the other side of one session.
#[derive(Debug)]
pub(super) struct Trust {
    pub(super) mode: i64,
    pub(super) loaded: Vec<CertificateDer<'static>>,
    /// The name that a server has to have.
    pub(super) hostname: Option<String>,
    pub(super) algorithms: WebPkiSupportedAlgorithms,
}

impl Trust {
    fn check(
        &self,
        certificate: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
        usage: KeyUsage,
    ) -> Result<(), Error> {
        if self.mode == NONE {
            return Ok(());
        }
        for (depth, one) in others.iter().enumerate().rev() {
            ask(one, depth + 1)?;
        }
        ask(certificate, 0)?;
        if self.mode != REQUIRED {
            return Ok(());
        }
        if self.loaded.is_empty() {
            return Err(Error::General("nobody is trusted".to_owned()));
        }
        let parsed = EndEntityCert::try_from(certificate).map_err(|_| CertificateError::BadEncoding)?;
        self.check_signatures(certificate, &parsed, others, now, usage)?;
        match &self.hostname {
            Some(name) if !is_named(&parsed, name) => Err(CertificateError::NotValidForName.into()),
            _ => Ok(()),
        }
    }

    fn check_signatures(
        &self,
        certificate: &CertificateDer<'_>,
        parsed: &EndEntityCert<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
        usage: KeyUsage,
    ) -> Result<(), Error> {
        let anchors: Vec<TrustAnchor<'_>> =
            self.loaded.iter().filter_map(|loaded| anchor_from_trusted_cert(loaded).ok()).collect();
        let verdict = parsed.verify_for_usage(self.algorithms.all, &anchors, others, now, usage, None, None);
        let error = match verdict {
            Ok(_) => return Ok(()),
            Err(webpki::Error::CertExpired { .. }) => CertificateError::Expired,
            Err(webpki::Error::CertNotValidYet { .. }) => CertificateError::NotValidYet,
            // The times were looked at before the signatures: what is left, a certificate need not have that was
            // loaded itself.
            Err(_) if self.loaded.iter().any(|loaded| loaded == certificate) => return Ok(()),
            Err(_) => CertificateError::UnknownIssuer,
        };
        Err(error.into())
    }
}

/// Asks the program's callback about a certificate; the one at depth 0 is the peer's own.
fn ask(certificate: &[u8], depth: usize) -> Result<(), Error> {
    let Some(callback) = ASKED.with_borrow(Clone::clone) else { return Ok(()) };
    let answer = with_current_vm(|vm| answer_of(&callback, certificate, depth, vm));
    match answer {
        Ok(0) => return Ok(()),
        Ok(_) => {}
        Err(raised) => RAISED.set(Some(raised)),
    }
    Err(CertificateError::ApplicationVerificationFailure.into())
}

fn answer_of(callback: &PyObjectRef, certificate: &[u8], depth: usize, vm: &VirtualMachine) -> PyResult<i64> {
    callback.call((vm.ctx.new_bytes(certificate.to_vec()), vm.ctx.new_int(depth)), vm)?.try_into_value(vm)
}

/// Whether a certificate is for a host of this name.
fn is_named(certificate: &EndEntityCert<'_>, name: &str) -> bool {
    let server = ServerName::try_from(name);
    if server.is_ok_and(|server| certificate.verify_is_valid_for_subject_name(&server).is_ok()) {
        return true;
    }
    let common = common_name(certificate.subject());
    certificate.valid_dns_names().next().is_none() && common.is_some_and(|it| it.eq_ignore_ascii_case(name.as_bytes()))
}

/// The Common Name in an encoded Distinguished Name, if it is short enough to have its length in one byte.
fn common_name(subject: &[u8]) -> Option<&[u8]> {
    let at = subject.windows(COMMON_NAME.len()).position(|bytes| bytes == COMMON_NAME)?;
    let [_kind, length @ 0..=0x7f, rest @ ..] = &subject[at + COMMON_NAME.len()..] else { return None };
    rest.get(..usize::from(*length))
}

impl ServerCertVerifier for Trust {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.check(certificate, others, now, KeyUsage::server_auth()).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

impl ClientCertVerifier for Trust {
    fn client_auth_mandatory(&self) -> bool {
        self.mode == REQUIRED
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.check(certificate, others, now, KeyUsage::client_auth()).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::common_name;

    #[test]
    fn a_common_name_is_found_in_its_encoding() {
        let subject =
            b"\x31\x0b\x30\x09\x06\x03\x55\x04\x06\x13\x02AU\x31\x0e\x30\x0c\x06\x03\x55\x04\x03\x0c\x05board";
        assert_eq!(common_name(subject), Some(&b"board"[..]));
        for cut in 0..subject.len() {
            assert_eq!(common_name(&subject[..cut]), None);
        }
        assert_eq!(common_name(b"\x06\x03\x55\x04\x03\x0c\x81\x05board"), None);
    }
}

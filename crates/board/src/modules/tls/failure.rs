//! What an error of TLS is on a board: mbedTLS's number and name in an OSError; in a ValueError why a certificate is
//! not taken.

use rustls::{CertificateError, Error};
use rustpython_vm::VirtualMachine;
use rustpython_vm::builtins::PyBaseExceptionRef;

use crate::modules::errors;

/// Why a session is of no more use. It says so again at each call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// One of mbedTLS's errors.
    Tls(i32, &'static str),
    /// One of the stream below.
    Below(i32),
}

pub(super) const CONNECTION_ENDED: Failure = Failure::Tls(-0x7280, "MBEDTLS_ERR_SSL_CONN_EOF");
pub(super) const CLOSED: Failure = Failure::Tls(-0x7100, "MBEDTLS_ERR_SSL_BAD_INPUT_DATA");
pub(super) const BAD_CONFIG: Failure = Failure::Tls(-0x5E80, "MBEDTLS_ERR_SSL_BAD_CONFIG");
pub(super) const INTERNAL: Failure = Failure::Tls(-0x6C00, "MBEDTLS_ERR_SSL_INTERNAL_ERROR");
const NOT_VERIFIED: Failure = Failure::Tls(-0x2700, "MBEDTLS_ERR_X509_CERT_VERIFY_FAILED");

impl Failure {
    pub(super) fn raise(self, vm: &VirtualMachine) -> PyBaseExceptionRef {
        match self {
            Failure::Below(number) => errors::numbered(vm, number),
            Failure::Tls(number, name) => {
                let arguments = vec![vm.ctx.new_int(number).into(), vm.ctx.new_str(name).into()];
                let class = vm.ctx.exceptions.os_error.to_owned();
                vm.invoke_exception(class, arguments).unwrap_or_else(|raised| raised)
            }
        }
    }

    /// What mbedTLS would say to it.
    pub(super) fn of(error: &Error) -> Failure {
        match error {
            Error::InvalidCertificate(_) => NOT_VERIFIED,
            Error::AlertReceived(_) => Failure::Tls(-0x7780, "MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE"),
            Error::NoCertificatesPresented => Failure::Tls(-0x7480, "MBEDTLS_ERR_SSL_NO_CLIENT_CERTIFICATE"),
            Error::InvalidMessage(_) => Failure::Tls(-0x7200, "MBEDTLS_ERR_SSL_INVALID_RECORD"),
            Error::DecryptError => Failure::Tls(-0x7180, "MBEDTLS_ERR_SSL_INVALID_MAC"),
            Error::PeerMisbehaved(_) => Failure::Tls(-0x6600, "MBEDTLS_ERR_SSL_ILLEGAL_PARAMETER"),
            Error::InappropriateMessage { .. } | Error::InappropriateHandshakeMessage { .. } => {
                Failure::Tls(-0x7700, "MBEDTLS_ERR_SSL_UNEXPECTED_MESSAGE")
            }
            Error::PeerIncompatible(_) | Error::NoApplicationProtocol => {
                Failure::Tls(-0x6E00, "MBEDTLS_ERR_SSL_HANDSHAKE_FAILURE")
            }
            // Ours, where nobody was loaded whose signature could be good.
            Error::General(_) => Failure::Tls(-0x7680, "MBEDTLS_ERR_SSL_CA_CHAIN_REQUIRED"),
            _ => INTERNAL,
        }
    }
}

/// Why a certificate is not taken, in mbedTLS's words.
pub(super) fn reason(error: &CertificateError) -> &'static str {
    use CertificateError::*;
    match error {
        Expired | ExpiredContext { .. } => "The certificate validity has expired",
        NotValidYet | NotValidYetContext { .. } => "The certificate validity starts in the future",
        NotValidForName | NotValidForNameContext { .. } => {
            "The certificate Common Name (CN) does not match with the expected CN"
        }
        ApplicationVerificationFailure => "Other reason (can be used by verify callback)",
        _ => "The certificate is not correctly signed by the trusted CA",
    }
}

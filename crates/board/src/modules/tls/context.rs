//! The class `SSLContext`: certificates, keys and how much is asked of the other side; sockets are made from it.

use std::sync::Arc;

use parking_lot::Mutex;
use rustls::client::ResolvesClientCert;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{
    ClientConfig, ClientConnection, Connection, Error, ServerConfig, ServerConnection, SignatureScheme,
    SupportedProtocolVersion, version,
};
use rustpython_vm::builtins::{PyList, PyStr, PyTuple, PyType};
use rustpython_vm::types::Constructor;
use rustpython_vm::{
    AsObject, FromArgs, Py, PyObject, PyObjectRef, PyPayload, PyRef, PyResult, VirtualMachine, pyclass,
};
use webpki::EndEntityCert;

use super::failure::{BAD_CONFIG, Failure};
use super::session::Session;
use super::socket::TlsSocket;
use super::trust::{self, Trust};
use crate::board::board;

/// `PROTOCOL_TLS_CLIENT`.
pub(super) const CLIENT: i64 = 0;
/// `PROTOCOL_TLS_SERVER`; the lowest bit says it.
pub(super) const SERVER: i64 = 1;

/// What sockets are made with.
#[pyclass(module = "builtins", name = "SSLContext")]
#[derive(PyPayload)]
pub(super) struct Context {
    serves: bool,
    settings: Mutex<Settings>,
}

struct Settings {
    mode: i64,
    loaded: Vec<CertificateDer<'static>>,
    identity: Option<Arc<CertifiedKey>>,
    /// Names of those that a program wants; none for all.
    ciphers: Option<Vec<String>>,
    callback: Option<PyObjectRef>,
}

impl std::fmt::Debug for Context {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.debug_struct("SSLContext").field("serves", &self.serves).finish_non_exhaustive()
    }
}

impl Constructor for Context {
    type Args = (i64,);

    fn py_new(_class: &Py<PyType>, (protocol,): Self::Args, _vm: &VirtualMachine) -> PyResult<Context> {
        let serves = protocol & SERVER != 0;
        let mode = if serves { trust::NONE } else { trust::REQUIRED };
        let settings = Settings { mode, loaded: Vec::new(), identity: None, ciphers: None, callback: None };
        Ok(Context { serves, settings: Mutex::new(settings) })
    }
}

#[derive(FromArgs)]
struct Wrap {
    #[pyarg(positional)]
    sock: PyObjectRef,
    #[pyarg(named, optional)]
    server_side: Option<PyObjectRef>,
    #[pyarg(named, optional)]
    do_handshake_on_connect: Option<PyObjectRef>,
    #[pyarg(named, optional)]
    server_hostname: Option<PyObjectRef>,
}

#[pyclass(with(Constructor))]
impl Context {
    #[pygetset]
    fn verify_mode(&self) -> i64 {
        self.settings.lock().mode
    }

    #[pygetset(setter)]
    fn set_verify_mode(&self, mode: i64) {
        self.settings.lock().mode = mode;
    }

    #[pygetset]
    fn verify_callback(&self) -> Option<PyObjectRef> {
        self.settings.lock().callback.clone()
    }

    #[pygetset(setter)]
    fn set_verify_callback(&self, callback: PyObjectRef, vm: &VirtualMachine) {
        let callback = (!vm.is_none(&callback)).then_some(callback);
        // Dropped outside of the lock: it may hold the last reference to anything.
        let before = std::mem::replace(&mut self.settings.lock().callback, callback);
        drop(before);
    }

    #[pymethod]
    fn get_ciphers(&self, vm: &VirtualMachine) -> PyObjectRef {
        let names = suites(&ring::default_provider()).into_iter().map(|name| vm.ctx.new_str(name).into());
        vm.ctx.new_list(names.collect()).into()
    }

    #[pymethod]
    fn set_ciphers(&self, names: PyObjectRef, vm: &VirtualMachine) -> PyResult<()> {
        let items = match (names.downcast_ref::<PyList>(), names.downcast_ref::<PyTuple>()) {
            (Some(list), _) => list.borrow_vec().to_vec(),
            (_, Some(tuple)) => tuple.as_slice().to_vec(),
            _ => {
                let class = names.class().name().to_owned();
                return Err(vm.new_type_error(format!("object '{class}' isn't a tuple or list")));
            }
        };
        let there = suites(&ring::default_provider());
        let mut wanted = Vec::new();
        for item in items {
            let name = item.str(vm)?.to_string_lossy().into_owned();
            if !there.contains(&name) {
                return Err(BAD_CONFIG.raise(vm));
            }
            wanted.push(name);
        }
        if wanted.is_empty() {
            return Err(BAD_CONFIG.raise(vm));
        }
        self.settings.lock().ciphers = Some(wanted);
        Ok(())
    }

    /// `load_cert_chain(certificate, key)`: both as PEM or DER.
    #[pymethod]
    fn load_cert_chain(&self, certificate: PyObjectRef, key: PyObjectRef, vm: &VirtualMachine) -> PyResult<()> {
        let key = key_in(&bytes_of(&key, vm)?).ok_or_else(|| vm.new_value_error("invalid key"))?;
        let chain = certificates_in(&bytes_of(&certificate, vm)?).ok_or_else(|| vm.new_value_error("invalid cert"))?;
        let identity = match ring::sign::any_supported_type(&key) {
            Ok(key) => Some(Arc::new(CertifiedKey::new(chain, key))),
            Err(_) => {
                let what = "RSA keys need 2048 bits, EC keys the curve P-256 or P-384";
                board().network.remark(
                    format!("a virtual board cannot use this key: {what}"),
                    format!("虚拟板子无法使用此密钥：{what}"),
                );
                None
            }
        };
        self.settings.lock().identity = identity;
        Ok(())
    }

    /// `load_verify_locations(certificates)`, as PEM or DER; what was loaded before stays.
    #[pymethod]
    fn load_verify_locations(&self, certificates: PyObjectRef, vm: &VirtualMachine) -> PyResult<()> {
        let loaded = certificates_in(&bytes_of(&certificates, vm)?);
        self.settings.lock().loaded.extend(loaded.ok_or_else(|| vm.new_value_error("invalid cert"))?);
        Ok(())
    }

    #[pymethod]
    fn wrap_socket(&self, args: Wrap, vm: &VirtualMachine) -> PyResult<PyRef<TlsSocket>> {
        let is = |given: &Option<PyObjectRef>, unless: bool| {
            given.as_ref().map_or(Ok(unless), |given| given.clone().try_to_bool(vm))
        };
        let hostname = args.server_hostname.filter(|name| !vm.is_none(name));
        let hostname = hostname.map(|name| name.str(vm).map(|name| name.to_string_lossy().into_owned())).transpose()?;
        let below = TlsSocket::stream_of(args.sock, vm)?;
        if hostname.is_none() && self.verify_mode() == trust::REQUIRED && !is(&args.server_side, false)? {
            return Err(vm.new_value_error("CERT_REQUIRED requires server_hostname"));
        }
        let connection = self.connection(hostname).map_err(|error| Failure::of(&error).raise(vm))?;
        let session = Session::new(connection, self.verify_callback());
        TlsSocket::over(below, session, is(&args.do_handshake_on_connect, true)?, vm).map(|made| made.into_ref(&vm.ctx))
    }
}

impl Context {
    fn connection(&self, hostname: Option<String>) -> Result<Connection, Error> {
        let provider = Arc::new(self.provider());
        let settings = self.settings.lock();
        let trust = Arc::new(Trust {
            mode: settings.mode,
            loaded: settings.loaded.clone(),
            hostname: hostname.clone().filter(|_| !self.serves),
            algorithms: provider.signature_verification_algorithms,
        });
        let identity = Arc::new(Identity(settings.identity.clone()));
        if self.serves {
            let config = ServerConfig::builder_with_provider(provider).with_protocol_versions(VERSIONS)?;
            let config = match trust.mode {
                trust::NONE => config.with_no_client_auth(),
                _ => config.with_client_cert_verifier(trust),
            };
            return Ok(ServerConnection::new(Arc::new(config.with_cert_resolver(identity)))?.into());
        }
        let config = ClientConfig::builder_with_provider(provider).with_protocol_versions(VERSIONS)?;
        let config = config.dangerous().with_custom_certificate_verifier(trust);
        let mut config = config.with_client_cert_resolver(identity);
        let name = hostname.and_then(|name| ServerName::try_from(name).ok());
        // Some name there must be; one that is none of a program's is not told to the server.
        config.enable_sni = name.is_some();
        let name = match name {
            Some(name) => name,
            None => ServerName::try_from("localhost").map_err(|_| Error::UnsupportedNameType)?,
        };
        Ok(ClientConnection::new(Arc::new(config), name)?.into())
    }

    /// What does the arithmetic, with the ciphers that the program wants.
    fn provider(&self) -> CryptoProvider {
        let mut provider = ring::default_provider();
        if let Some(wanted) = &self.settings.lock().ciphers {
            provider.cipher_suites.retain(|suite| wanted.contains(&name_of(suite.suite())));
        }
        provider
    }
}

/// What boards speak.
static VERSIONS: &[&SupportedProtocolVersion] = &[&version::TLS12];

/// Names of the ciphers that boards can ask for.
fn suites(provider: &CryptoProvider) -> Vec<String> {
    let old = provider.cipher_suites.iter().filter(|suite| suite.tls13().is_none());
    old.map(|suite| name_of(suite.suite())).collect()
}

/// mbedTLS writes the names of ciphers with hyphens.
pub(super) fn name_of(suite: rustls::CipherSuite) -> String {
    format!("{suite:?}").replace('_', "-")
}

/// The one key and certificate that a context has, for whoever asks; none refuses.
#[derive(Debug)]
struct Identity(Option<Arc<CertifiedKey>>);

impl ResolvesServerCert for Identity {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.clone()
    }
}

impl ResolvesClientCert for Identity {
    fn resolve(&self, _issuers: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.clone()
    }

    fn has_certs(&self) -> bool {
        self.0.is_some()
    }
}

/// The bytes of text or bytes, which are PEM or DER.
fn bytes_of(object: &PyObject, vm: &VirtualMachine) -> PyResult<Vec<u8>> {
    if let Some(text) = object.downcast_ref::<PyStr>() {
        return Ok(text.as_bytes().to_vec());
    }
    let class = object.class().name().to_owned();
    let bytes = object.try_bytes_like(vm, <[u8]>::to_vec);
    bytes.map_err(|_| vm.new_type_error(format!("can't convert '{class}' object to str implicitly")))
}

fn is_pem(bytes: &[u8]) -> bool {
    const BEGIN: &[u8] = b"-----BEGIN ";
    bytes.windows(BEGIN.len()).any(|window| window == BEGIN)
}

fn key_in(bytes: &[u8]) -> Option<PrivateKeyDer<'static>> {
    match is_pem(bytes) {
        true => PrivateKeyDer::from_pem_slice(bytes).ok(),
        false => PrivateKeyDer::try_from(bytes.to_vec()).ok(),
    }
}

/// One certificate or more, each of which can be read.
fn certificates_in(bytes: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let found: Vec<_> = match is_pem(bytes) {
        true => CertificateDer::pem_slice_iter(bytes).collect::<Result<_, _>>().ok()?,
        false => vec![CertificateDer::from(bytes.to_vec())],
    };
    let good = !found.is_empty() && found.iter().all(|one| EndEntityCert::try_from(one).is_ok());
    good.then_some(found)
}

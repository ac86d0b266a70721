//! Opens a session that behaves the same whatever the server's settings are.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::{Duration, Instant};

use fallible_iterator::FallibleIterator;
use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, SCRAM_SHA_256_PLUS, ScramSha256};
use postgres_protocol::message::backend::{AuthenticationSaslBody, Message};
use postgres_protocol::message::frontend;

use super::address::{PostgresAddress, SslMode, Wish};
use super::channel_binding::end_point;
use super::failure::{Failure, Said, late, not_understood, of_connecting, of_tls};
use super::settings;
use super::tls;
use super::wire::{Look, Wire};
use crate::database::secret::Secret;
use crate::database::server::connect_timeout::in_time;
use crate::error::{Domain, Error, Result, Status};
use crate::progress::Job;

/// What the server says of an account that it does not let in this way: perhaps it does in the other, with TLS or without.
const NOT_THIS_WAY: &str = "28000";
/// The oldest version that is known to work.
const OLDEST: u32 = 12;
/// How long cancelling a statement may take.
const CANCEL: Duration = Duration::from_secs(5);

/// What is known of a server.
#[derive(Clone, Debug, Default)]
pub struct Server {
    pub version: String,
    /// Where it is.
    pub identity: String,
    /// What it calls itself, if the account may know.
    pub unique_name: Option<String>,
    /// Others' commits are answered before they are on the disk.
    pub commits_early: bool,
    /// The server does not wait for the disk at all.
    pub never_waits: bool,
    /// The number of the server's process that serves the session.
    pub process: i64,
}

/// How to get to a schema.
#[derive(Clone, Debug)]
pub struct Endpoint {
    pub address: PostgresAddress,
    pub password: Option<Secret>,
    pub busy_timeout: Duration,
}

/// What names a session to a server that is asked to interrupt it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Key {
    pub process: i32,
    pub secret: i32,
}

/// An open connection.
pub struct Session {
    pub wire: Wire,
    pub key: Key,
    pub server: Server,
}

/// Whether a connection is to be encrypted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Plain,
    Tls,
    /// If the server has it.
    TlsOrPlain,
}

/// Why there is no session.
enum Refused {
    /// The server does not let the account in this way.
    Way(Error),
    /// TLS failed.
    Tls(Error),
    Other(Error),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Refused {
        Refused::Other(error)
    }
}

impl Refused {
    fn into_error(self) -> Error {
        match self {
            Refused::Way(error) | Refused::Tls(error) | Refused::Other(error) => error,
        }
    }
}

impl Endpoint {
    /// For messages.
    pub fn place(&self) -> String {
        self.address.to_string()
    }

    /// Connects, within the time for that.
    pub fn connect(&self, job: Option<&Arc<Job>>) -> Result<Session> {
        let until = Instant::now() + self.address.connect_timeout;
        let ways: &[Way] = match self.address.ssl_mode {
            // The system says who is at the other end of a socket, and nobody listens.
            _ if self.address.socket.is_some() => &[Way::Plain],
            SslMode::Disable => &[Way::Plain],
            SslMode::Allow => &[Way::Plain, Way::Tls],
            SslMode::Prefer => &[Way::TlsOrPlain, Way::Plain],
            SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => &[Way::Tls],
        };
        let mut refused = None;
        for way in ways {
            match self.enter(*way, until, job) {
                Ok(session) => return Ok(session),
                Err(Refused::Other(error)) => return Err(error),
                // The first tells more.
                Err(other) => {
                    refused.get_or_insert(other);
                }
            }
        }
        Err(refused.map_or_else(|| Error::internal(Domain::Database, "no way to connect"), Refused::into_error))
    }

    /// Where the server is.
    fn dial(&self, until: Instant, job: Option<&Arc<Job>>, look: Look<'_>) -> Result<Wire> {
        let connecting = |error: io::Error| of_connecting(&error, &self.place());
        if let Some(path) = self.address.socket_file() {
            return Wire::to_file(&path, look).map_err(connecting);
        }
        let mut failed = io::Error::from(ErrorKind::NotFound);
        for address in self.resolve(until, job)? {
            match Wire::to_host(address, look) {
                Ok(wire) => return Ok(wire),
                Err(error) => failed = error,
            }
        }
        Err(connecting(failed))
    }

    /// A name is looked up on a thread of its own: the system lets nobody end that.
    fn resolve(&self, until: Instant, job: Option<&Arc<Job>>) -> Result<Vec<SocketAddr>> {
        let (host, port, place) = (self.address.host.clone(), self.address.port, self.place());
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        let left = until.saturating_duration_since(Instant::now());
        let at = place.clone();
        in_time(
            left,
            job,
            || late().detail("database", &place),
            move || {
                let found = (host.as_str(), port).to_socket_addrs().map_err(|error| of_connecting(&error, &at))?;
                Ok(found.collect())
            },
        )
    }

    fn enter(&self, way: Way, until: Instant, job: Option<&Arc<Job>>) -> std::result::Result<Session, Refused> {
        let mut stopped = None;
        let mut look = || {
            if let Some(Err(error)) = job.map(|job| job.check()) {
                stopped = Some(error);
                return Err(ErrorKind::Interrupted.into());
            }
            if Instant::now() >= until { Err(ErrorKind::TimedOut.into()) } else { Ok(()) }
        };
        let entered = self.handshake(way, until, job, &mut look);
        match stopped {
            Some(error) => Err(Refused::Other(error)),
            None => entered,
        }
    }

    fn handshake(
        &self,
        way: Way,
        until: Instant,
        job: Option<&Arc<Job>>,
        look: Look<'_>,
    ) -> std::result::Result<Session, Refused> {
        let mut wire = self.dial(until, job, look)?;
        let place = self.place();
        let connecting = |error: io::Error| of_connecting(&error, &place);
        if way != Way::Plain {
            frontend::ssl_request(wire.output());
            wire.flush(look).map_err(connecting)?;
            match wire.byte(look).map_err(connecting)? {
                b'S' => wire.encrypt(tls::client(&self.address)?, look).map_err(|error| match error.kind() {
                    ErrorKind::TimedOut | ErrorKind::Interrupted => Refused::Other(connecting(error)),
                    _ => Refused::Tls(of_tls(&error.to_string(), &place)),
                })?,
                b'N' if way == Way::TlsOrPlain => {}
                b'N' => {
                    let message = "the server offers no TLS, which the URL asks for";
                    return Err(Refused::Tls(
                        Error::new(Status::Connection, Domain::Database, message)
                            .detail("database", &place)
                            .hint("configure TLS on the server, or choose sslmode=prefer or disable"),
                    ));
                }
                _ => {
                    return Err(not_understood("it answers what no PostgreSQL does").detail("database", &place).into());
                }
            }
        }
        let parameters = [
            ("user", self.address.user.as_str()),
            ("database", self.address.database.as_str()),
            ("client_encoding", "UTF8"),
            ("application_name", "expmig"),
        ];
        frontend::startup_message(parameters, wire.output()).map_err(connecting)?;
        let mut handshake =
            Handshake { endpoint: self, place: &place, wire, scram: None, proven: false, key: Key::default() };
        let encoding = handshake.run(look)?;
        let (mut wire, key) = (handshake.wire, handshake.key);
        refuse_encoding(&encoding).map_err(|error| error.detail("database", &place))?;
        let server = self.make_ready(&mut wire, key, look)?;
        wire.limit(self.address.read_timeout);
        Ok(Session { wire, key, server })
    }

    /// Reads what is to be known of the server, and gives every setting our value.
    fn make_ready(&self, wire: &mut Wire, key: Key, look: Look<'_>) -> Result<Server> {
        let place = self.place();
        let rows = ask(wire, FACTS, &place, look)?;
        let Some([version, number, port, folder, name, commit, sync, process]) = rows.first().map(Vec::as_slice) else {
            return Err(not_understood("it does not say what it is").detail("database", &place));
        };
        if number.parse::<u32>().unwrap_or(0) / 10_000 < OLDEST {
            return Err(Error::new(Status::Unsupported, Domain::Database, format!("the server is too old: {version}"))
                .detail("database", &place)
                .hint(format!("expmig needs PostgreSQL {OLDEST} or newer")));
        }
        let process = process.parse::<i64>().unwrap_or_default();
        // Settings that are given to a session of a pool stay when it is somebody else's: first of all it has to be known whose it is.
        if process != i64::from(key.process) && !self.address.pooled {
            return Err(through_pooler("there is a pooler between here and the server").detail("database", &place));
        }
        for row in ask(wire, &settings::statement(&self.address.schema, self.busy_timeout), &place, look)? {
            let [name, wanted, shown] = row.as_slice() else { continue };
            if !settings::is_as_wanted(name, wanted, shown) {
                let message = format!("the server does not give its setting {name} the value {wanted}");
                return Err(Error::new(Status::Unsupported, Domain::Database, message)
                    .detail("setting", name)
                    .detail("value", shown)
                    .detail("database", &place)
                    .hint("what is read and written depends on it; a pooler in between, or the server's configuration, may hold it"));
            }
        }
        let identity = format!("{port}:{folder}");
        let unique_name = (!name.is_empty()).then(|| format!("{name}@{identity}"));
        Ok(Server {
            version: version.clone(),
            identity,
            unique_name,
            commits_early: commit == "off",
            never_waits: sync == "off",
            process,
        })
    }

    /// Asks the server, over another connection, to stop what the session with this key is doing. Returns when the server has been told.
    pub fn interrupt(&self, key: Key) {
        let until = Instant::now() + CANCEL;
        let mut look = || if Instant::now() >= until { Err(ErrorKind::TimedOut.into()) } else { Ok(()) };
        // If it cannot be asked, the statement runs to its end. Nothing secret is sent but the key, which is of no use without the session.
        if let Ok(mut wire) = self.dial(until, None, &mut look) {
            frontend::cancel_request(key.process, key.secret, wire.output());
            let _told = wire.flush(&mut look).and_then(|()| wire.end(&mut look));
        }
    }
}

/// The refusal of a session that may be another's from one transaction to the next.
pub fn through_pooler(what: &str) -> Error {
    let message = format!("{what}: settings, locks and prepared statements need a session of our own");
    Error::new(Status::Unsupported, Domain::Database, message).hint(
        "connect to the server itself; or, if the pooler gives each connection a session for as long as it lasts (pool_mode = session), \
         add pooler=session to the URL",
    )
}

/// What is asked of every server, in whatever time the account is given. The folder of its data is for some accounts only.
const FACTS: &str = "SET LOCAL statement_timeout = 0; SELECT pg_catalog.current_setting('server_version'), pg_catalog.current_setting('server_version_num'), \
    pg_catalog.current_setting('port'), \
    CASE WHEN pg_catalog.pg_has_role('pg_read_all_settings', 'USAGE') THEN pg_catalog.current_setting('data_directory') ELSE '' END, \
    CASE WHEN pg_catalog.has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE') \
        THEN (SELECT system_identifier::text FROM pg_catalog.pg_control_system()) ELSE '' END, \
    (SELECT reset_val FROM pg_catalog.pg_settings WHERE name = 'synchronous_commit'), pg_catalog.current_setting('fsync'), \
    pg_catalog.pg_backend_pid()";

/// Text goes to and fro as UTF-8, and no server has to convert it.
fn refuse_encoding(encoding: &str) -> Result<()> {
    if encoding == "UTF8" {
        return Ok(());
    }
    let message = format!("the database has the encoding {encoding}, which does not hold every text");
    Err(Error::new(Status::Unsupported, Domain::Database, message)
        .detail("encoding", encoding)
        .hint("use a database with the encoding UTF8"))
}

/// Runs a statement of ours without parameters, and reads its rows as text.
fn ask(wire: &mut Wire, sql: &str, place: &str, look: Look<'_>) -> Result<Vec<Vec<String>>> {
    let connecting = |error: io::Error| of_connecting(&error, place);
    frontend::query(sql, wire.output()).map_err(connecting)?;
    wire.flush(look).map_err(connecting)?;
    let (mut rows, mut failure) = (Vec::new(), None);
    loop {
        match wire.message(look).map_err(connecting)? {
            Message::DataRow(row) => {
                let mut cells = Vec::new();
                let mut ranges = row.ranges();
                while let Some(range) = ranges.next().map_err(connecting)? {
                    let bytes = range.and_then(|range| row.buffer().get(range)).unwrap_or_default();
                    cells.push(String::from_utf8_lossy(bytes).into_owned());
                }
                rows.push(cells);
            }
            Message::ErrorResponse(body) => failure = Some(Said::read(&body).map_err(connecting)?),
            Message::ReadyForQuery(_) => break,
            _ => {}
        }
    }
    match failure {
        Some(said) => Err(Failure::Server(Box::new(said)).into_error(place)),
        None => Ok(rows),
    }
}

/// What a session begins with.
struct Handshake<'e> {
    endpoint: &'e Endpoint,
    place: &'e str,
    wire: Wire,
    scram: Option<ScramSha256>,
    /// The server has proven that it knows the password.
    proven: bool,
    key: Key,
}

impl Handshake<'_> {
    /// Proves who we are, until the server waits for statements; the encoding of the database.
    fn run(&mut self, look: Look<'_>) -> std::result::Result<String, Refused> {
        let place = self.place;
        let connecting = |error: io::Error| of_connecting(&error, place);
        let mut encoding = String::new();
        loop {
            self.wire.flush(look).map_err(connecting)?;
            match self.wire.message(look).map_err(connecting)? {
                Message::NoticeResponse(_) => {}
                Message::AuthenticationOk if self.proven => {}
                // The server has not shown that it knows the password, too.
                Message::AuthenticationOk if self.scram.is_some() => {
                    return Err(unasked().detail("database", place).into());
                }
                Message::AuthenticationOk
                | Message::AuthenticationCleartextPassword
                | Message::AuthenticationMd5Password(_)
                    if self.endpoint.address.channel_binding == Wish::Require =>
                {
                    return Err(not_bound().detail("database", place).into());
                }
                Message::AuthenticationOk => {}
                Message::AuthenticationCleartextPassword => {
                    let password = self.password()?;
                    frontend::password_message(password.reveal().as_bytes(), self.wire.output()).map_err(connecting)?;
                }
                Message::AuthenticationMd5Password(body) => {
                    let (user, password) = (self.endpoint.address.user.as_bytes(), self.password()?);
                    let hash = md5_hash(user, password.reveal().as_bytes(), body.salt());
                    frontend::password_message(hash.as_bytes(), self.wire.output()).map_err(connecting)?;
                }
                Message::AuthenticationSasl(body) => {
                    self.begin_scram(&body).map_err(|error| error.detail("database", place))?
                }
                Message::AuthenticationSaslContinue(body) => {
                    let Some(scram) = &mut self.scram else { return Err(unasked().into()) };
                    scram.update(body.data()).map_err(connecting)?;
                    frontend::sasl_response(scram.message(), self.wire.output()).map_err(connecting)?;
                }
                Message::AuthenticationSaslFinal(body) => {
                    let Some(scram) = &mut self.scram else { return Err(unasked().into()) };
                    scram.finish(body.data()).map_err(connecting)?;
                    self.proven = true;
                }
                Message::AuthenticationGss
                | Message::AuthenticationKerberosV5
                | Message::AuthenticationSspi
                | Message::AuthenticationScmCredential => {
                    let message = "the server asks for a way of authentication that expmig has not";
                    return Err(Error::new(Status::Auth, Domain::Database, message)
                        .detail("database", place)
                        .hint("let the account in by scram-sha-256, md5, password, cert or trust in pg_hba.conf")
                        .into());
                }
                Message::BackendKeyData(body) => {
                    self.key = Key { process: body.process_id(), secret: body.secret_key() }
                }
                Message::ParameterStatus(body) => {
                    if body.name().map_err(connecting)? == "server_encoding" {
                        encoding = body.value().map_err(connecting)?.to_owned();
                    }
                }
                Message::ReadyForQuery(_) => return Ok(encoding),
                Message::ErrorResponse(body) => {
                    let said = Said::read(&body).map_err(connecting)?;
                    let other_way = said.state == NOT_THIS_WAY;
                    let error = Failure::Server(Box::new(said)).into_error(place);
                    return Err(if other_way { Refused::Way(error) } else { Refused::Other(error) });
                }
                _ => return Err(unasked().detail("database", place).into()),
            }
        }
    }

    fn password(&self) -> Result<Secret> {
        self.endpoint.password.clone().ok_or_else(|| {
            Error::new(Status::Auth, Domain::Database, "the server asks for a password, and none was given")
                .detail("database", self.place)
                .hint("give a password, in the options or in the URL")
        })
    }

    fn begin_scram(&mut self, body: &AuthenticationSaslBody) -> Result<()> {
        let connecting = |error: io::Error| of_connecting(&error, self.place);
        let offered: Vec<&str> = body.mechanisms().collect().map_err(connecting)?;
        let wish = self.endpoint.address.channel_binding;
        let bound = match wish {
            Wish::Disable => None,
            Wish::Prefer | Wish::Require => self.wire.certificate().and_then(end_point),
        };
        let (mechanism, binding) = match bound {
            Some(hash) if offered.contains(&SCRAM_SHA_256_PLUS) => {
                (SCRAM_SHA_256_PLUS, ChannelBinding::tls_server_end_point(hash))
            }
            _ if wish == Wish::Require => return Err(not_bound()),
            // Said to the server, which knows if somebody in between has taken its offer away.
            Some(_) => (SCRAM_SHA_256, ChannelBinding::unrequested()),
            None => (SCRAM_SHA_256, ChannelBinding::unsupported()),
        };
        if !offered.contains(&mechanism) {
            return Err(Error::new(Status::Auth, Domain::Database, "the server has no way of SASL that expmig has")
                .hint("let the account in by scram-sha-256 in pg_hba.conf"));
        }
        let password = self.password()?;
        let scram = ScramSha256::new(password.reveal().as_bytes(), binding);
        frontend::sasl_initial_response(mechanism, scram.message(), self.wire.output()).map_err(connecting)?;
        self.scram = Some(scram);
        Ok(())
    }
}

/// The password would be proven to whoever asks.
fn not_bound() -> Error {
    let message = "the server does not bind the proof of the password to the connection, which the URL asks for";
    Error::new(Status::Auth, Domain::Database, message).hint(
        "channel_binding=require takes TLS, an account that scram-sha-256 lets in, and a certificate that is signed with SHA-256 or SHA-384",
    )
}

fn unasked() -> Error {
    not_understood("it answers what nobody asked for")
}

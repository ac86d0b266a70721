//! Opens a session that behaves the same whatever the server's settings are.

use std::os::fd::AsRawFd;
use std::sync::Arc;

use mysql::consts::CapabilityFlags;
use mysql::prelude::Queryable;
use mysql::{DriverError, Error as Cause, Opts, OptsBuilder, Pool, PoolConstraints, PoolOpts, PooledConn, SslOpts};

use super::address::{MysqlAddress, SslMode};
use super::cluster_kind::ClusterKind;
use super::failure::{lacks_tls, of_connecting, translate};
use super::read_timeout::Patience;
use super::settings;
use crate::database::secret::Secret;
use crate::database::server::connect_timeout::in_time;
use crate::error::{Domain, Error, Result, Status};
use crate::progress::Job;
use crate::sockets;

/// After so much silence the system asks whether the other end is still there.
const KEEPALIVE_MS: u32 = 30_000;
/// Statements that a connection keeps prepared.
const STATEMENTS: usize = 32;
/// What every server takes in one packet that takes our statements at all.
const SMALL_PACKET: usize = 1 << 16;

/// Which server it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Mysql,
    MariaDb,
}

impl Kind {
    /// The name in documents.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Mysql => "MySQL",
            Kind::MariaDb => "MariaDB",
        }
    }
}

/// What is known of a server.
#[derive(Clone, Debug)]
pub struct Server {
    pub kind: Kind,
    pub version: String,
    pub max_packet: usize,
    /// A statement that waited too long for a lock undoes its whole transaction.
    pub lock_wait_undoes_all: bool,
    /// `LOAD DATA LOCAL` is allowed.
    pub local_infile: bool,
    /// Where it is.
    pub identity: String,
    /// What it calls itself, which no other does, if it has such a name.
    pub unique_name: Option<String>,
    /// The kind of cluster that it belongs to.
    pub cluster: Option<ClusterKind>,
}

/// How to get to a schema.
#[derive(Clone, Debug)]
pub struct Endpoint {
    pub address: MysqlAddress,
    pub password: Option<Secret>,
}

/// An open connection. The driver's pool holds just this one: a result set that owns its connection gives it back there.
pub struct Session {
    pub pool: Pool,
    pub connection: PooledConn,
    pub id: u32,
    pub server: Server,
    pub patience: Patience,
}

impl Endpoint {
    /// For messages.
    pub fn place(&self) -> String {
        self.address.to_string()
    }

    fn options(&self, schema: bool, packet: Option<usize>, ssl: Option<SslOpts>) -> Opts {
        let address = &self.address;
        let host = if address.host.contains(':') { format!("[{}]", address.host) } else { address.host.clone() };
        // Who was left alone while connecting ends by itself, at the latest when nothing comes for so long.
        let silence = match address.read_timeout {
            None => Some(address.connect_timeout).filter(|_| sockets::has_timeouts()),
            given => given,
        };
        let once = PoolConstraints::new(1, 1).unwrap_or_default();
        let pool = PoolOpts::new().with_constraints(once).with_reset_connection(false).with_check_health(false);
        OptsBuilder::new()
            .user(address.user.clone())
            .pass(self.password.as_ref().map(Secret::reveal))
            .db_name(schema.then(|| address.schema.clone()))
            .ip_or_hostname(Some(host).filter(|_| address.socket.is_none()))
            .tcp_port(address.port)
            .socket(address.socket.clone())
            .prefer_socket(false)
            .tcp_connect_timeout(Some(address.connect_timeout))
            .tcp_keepalive_time_ms(Some(KEEPALIVE_MS))
            .read_timeout(silence)
            .write_timeout(silence)
            .stmt_cache_size(STATEMENTS)
            .max_allowed_packet(packet)
            // An UPDATE counts the rows that it finds, as in SQLite.
            .additional_capabilities(CapabilityFlags::CLIENT_FOUND_ROWS)
            .ssl_opts(ssl)
            .pool_opts(pool)
            .into()
    }

    /// Without `packet` the driver asks the server how much it takes in one packet.
    fn dial(&self, schema: bool, packet: Option<usize>) -> mysql::Result<(Pool, PooledConn)> {
        let address = &self.address;
        let authorities = || match &address.ssl_ca {
            Some(path) => SslOpts::default().with_root_cert_path(Some(path.clone())),
            None => SslOpts::default(),
        };
        let anyone = || SslOpts::default().with_danger_accept_invalid_certs(true);
        let ssl = match address.ssl_mode {
            SslMode::Disabled => None,
            SslMode::Preferred | SslMode::Required => Some(anyone()),
            SslMode::VerifyCa => Some(authorities().with_danger_skip_domain_validation(true)),
            SslMode::VerifyIdentity => Some(authorities()),
        };
        // The driver has TLS over TCP only, which a socket does not need.
        let ssl = ssl.filter(|_| address.socket.is_none() || address.ssl_mode != SslMode::Preferred);
        let pool = match Pool::new(self.options(schema, packet, ssl)) {
            Err(error) if address.ssl_mode == SslMode::Preferred && lacks_tls(&error) => {
                Pool::new(self.options(schema, packet, None))?
            }
            dialled => dialled?,
        };
        let connection = pool.get_conn()?;
        Ok((pool, connection))
    }

    /// Connects. Without `schema` to no schema at all.
    pub fn connect(&self, schema: bool, job: Option<&Arc<Job>>) -> Result<Session> {
        self.check()?;
        self.in_time(job, move |endpoint| endpoint.enter(schema))
    }

    /// Does something that connects, in the time for that.
    fn in_time<T: Send + 'static>(
        &self,
        job: Option<&Arc<Job>>,
        connect: impl FnOnce(&Endpoint) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let endpoint = self.clone();
        let late = || translate(Cause::DriverError(DriverError::ConnectTimeout), &self.place());
        in_time(self.address.connect_timeout, job, late, move || connect(&endpoint))
    }

    fn enter(&self, schema: bool) -> Result<Session> {
        let place = self.place();
        let connecting = |error| of_connecting(error, &place);
        let (pool, mut connection) = match self.dial(schema, None) {
            // The driver asks before anything can be set, and got no row: sql_select_limit is 0 for everybody. What it asks for is
            // found out on a connection with our settings.
            Err(Cause::DriverError(DriverError::SetupError)) => {
                let (_pool, mut connection) = self.dial(schema, Some(SMALL_PACKET)).map_err(connecting)?;
                settings::impose(&mut connection, &place)?;
                let server = Server::read(&mut connection).map_err(|error| translate(error, &place))?;
                self.dial(schema, Some(server.max_packet))
            }
            dialled => dialled,
        }
        .map_err(connecting)?;
        settings::impose(&mut connection, &place)?;
        let server = Server::read(&mut connection).map_err(|error| translate(error, &place))?;
        server.check().map_err(|error| error.detail("database", self.place()))?;
        if let Some(bytes) = self.address.fragment_bytes {
            if server.cluster != Some(ClusterKind::Galera) {
                return Err(Error::argument(Domain::Database, "url", "the server is no node of a Galera cluster")
                    .detail("parameter", "fragment-bytes")
                    .detail("database", place)
                    .hint("only such a node replicates a transaction in parts: leave fragment-bytes out of the URL"));
            }
            let sql = format!("SET SESSION wsrep_trx_fragment_unit = 'bytes', wsrep_trx_fragment_size = {bytes}");
            connection.query_drop(sql).map_err(|error| translate(error, &place))?;
        }
        let number = connection.as_ref().as_raw_fd();
        if sockets::has_timeouts() && !sockets::set_timeouts(number, self.address.read_timeout) {
            return Err(Error::internal(Domain::Database, "the time for which a server may be silent cannot be set"));
        }
        let patience = Patience::with(&connection, self.address.read_timeout)
            .map_err(|error| error.detail("database", self.place()))?;
        Ok(Session { pool, id: connection.connection_id(), connection, server, patience })
    }

    /// Connects to try rows that never stay: whatever a row lacks gets some value, and nothing else is looked at.
    pub fn connect_beside(&self, job: Option<&Arc<Job>>) -> Result<(PooledConn, Patience)> {
        self.check()?;
        self.in_time(job, Endpoint::enter_beside)
    }

    fn enter_beside(&self) -> Result<(PooledConn, Patience)> {
        let Session { mut connection, server, patience, .. } = self.enter(true)?;
        let unchecked = match server.kind {
            Kind::MariaDb => ", check_constraint_checks = 0",
            Kind::Mysql => "",
        };
        let settings = "autocommit = 0, sql_mode = 'ANSI_QUOTES', foreign_key_checks = 0, auto_increment_offset = 1";
        connection
            .query_drop(format!("SET SESSION {settings}{unchecked}"))
            .map_err(|error| translate(error, &self.place()))?;
        Ok((connection, patience))
    }

    /// The driver reads the file with the authorities itself, and says little if it cannot.
    fn check(&self) -> Result<()> {
        let Some(path) = &self.address.ssl_ca else { return Ok(()) };
        match std::fs::File::open(path) {
            Ok(_) => Ok(()),
            Err(error) => Err(Error::from_io(Domain::Database, "the file ssl-ca cannot be read", path, &error)),
        }
    }

    /// Asks the server, over another connection, to stop what the connection with this id is doing.
    pub fn interrupt(&self, id: u32) {
        // If it cannot be asked, the statement runs to its end.
        let kill = format!("KILL QUERY {id}");
        let _asked = self.in_time(None, move |endpoint| {
            let (_pool, mut other) =
                endpoint.dial(false, Some(SMALL_PACKET)).map_err(|error| translate(error, &endpoint.place()))?;
            other.query_drop(kill).map_err(|error| translate(error, &endpoint.place()))
        });
    }
}

impl Server {
    fn read(connection: &mut PooledConn) -> mysql::Result<Server> {
        let version: Option<String> = connection.query_first_opt("SELECT VERSION()")?.transpose()?;
        let version = version.unwrap_or_default();
        let kind = if version.contains("MariaDB") { Kind::MariaDb } else { Kind::Mysql };
        let facts: Option<(usize, bool, bool, String, u32, String)> = connection
            .query_first_opt(
                "SELECT @@max_allowed_packet, @@innodb_rollback_on_timeout, @@local_infile, @@hostname, @@port, @@datadir",
            )?
            .transpose()?;
        let (max_packet, lock_wait_undoes_all, local_infile, host, port, folder) = facts.unwrap_or_default();
        let identity = format!("{host}:{port}:{folder}");
        let own: Option<(String, String)> = connection
            .query_first_opt("SHOW GLOBAL VARIABLES WHERE Variable_name IN ('server_uuid', 'server_uid')")?
            .transpose()?;
        let unique_name = own.map(|(_, name)| name).filter(|name| !name.is_empty()).map(|name| match kind {
            Kind::Mysql => name,
            // It is made of the machine's network address and the port, which two servers in containers can have alike.
            Kind::MariaDb => format!("{name}@{identity}"),
        });
        let cluster = ClusterKind::read(connection)?;
        Ok(Server { kind, version, max_packet, lock_wait_undoes_all, local_infile, identity, unique_name, cluster })
    }

    /// Fails on servers that are too old.
    fn check(&self) -> Result<()> {
        let mut numbers = self.version.split(['.', '-']).map_while(|part| part.parse::<u32>().ok());
        let found = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        let (least, wanted) = match self.kind {
            Kind::Mysql => ((8, 0), "MySQL 8.0"),
            Kind::MariaDb => ((10, 6), "MariaDB 10.6"),
        };
        if found >= least {
            return Ok(());
        }
        Err(Error::new(Status::Unsupported, Domain::Database, format!("the server is too old: {}", self.version))
            .hint(format!("expmig needs {wanted} or newer")))
    }
}

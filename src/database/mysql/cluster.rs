//! What cluster a server belongs to: Galera, whose nodes all take writes, or Group Replication. docs/clusters.md is its page.

use std::collections::HashMap;

use serde_json::{Map, Value as Json, json};

use super::cluster_kind::ClusterKind;
use super::connection::MysqlConnection;
use super::ddl::create_statement;
use crate::database::connection::{Catalog, Reads, Writes};
use crate::database::rows::Next;
use crate::database::transaction_size::{Planned, SizeLimit, TransactionSize};
use crate::error::{Domain, Error, Result, Status};
use crate::schema::{WRITER, quote};

/// Begins a transaction that writes.
const BEGIN_WRITE: &str = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ WRITE";

/// The names of the limits that a cluster sets to one transaction.
const MOST_BYTES: [&str; 2] = ["wsrep_max_ws_size", "group_replication_transaction_size_limit"];
const MOST_ROWS: &str = "wsrep_max_ws_rows";
const FRAGMENT: &str = "wsrep_trx_fragment_size";
const SINGLE_PRIMARY: &str = "group_replication_single_primary_mode";
const READ_ONLY: &str = "super_read_only";
const NO_SUCH_TABLE: i32 = 1146;

/// A cluster, and this server's place in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    pub kind: ClusterKind,
    /// How many servers it has; `None` if the account may not know.
    pub members: Option<u64>,
    /// What the cluster says of this server: `Synced`, `Donor/Desynced`, `ONLINE`, `RECOVERING`, ...
    pub state: String,
    /// This server is connected with the majority.
    pub in_majority: bool,
    /// Every member takes writes, not only a primary.
    pub all_write: bool,
    /// This one does not, or only of accounts with a right to it.
    pub read_only: bool,
    /// It takes none of anybody.
    pub refuses_all: bool,
    /// Host and port of the member that takes writes, where only one does and the account may know.
    pub primary: Option<String>,
    /// The bytes that one transaction may count, and its rows; 0 is no limit.
    pub most_bytes: u64,
    pub most_rows: u64,
    /// After so many bytes a transaction is replicated in parts; 0 for never.
    pub fragment: u64,
}

fn text(row: &dyn crate::database::rows::Row, at: usize) -> Result<String> {
    Ok(row.value(at)?.readable().unwrap_or_default())
}

impl Cluster {
    /// As it is now; `None` if the server belongs to none.
    pub fn read(connection: &MysqlConnection) -> Result<Option<Cluster>> {
        let Some(kind) = connection.server().cluster else { return Ok(None) };
        let mut shown = HashMap::new();
        let names = MOST_BYTES.into_iter().chain([MOST_ROWS, FRAGMENT, SINGLE_PRIMARY, READ_ONLY, "read_only"]);
        let names: Vec<String> = names.map(|name| format!("'{name}'")).collect();
        let variables = format!("SHOW SESSION VARIABLES WHERE Variable_name IN ({})", names.join(", "));
        let status = "SHOW GLOBAL STATUS WHERE Variable_name IN
            ('wsrep_cluster_size', 'wsrep_cluster_status', 'wsrep_local_state_comment')";
        for sql in [variables.as_str(), status] {
            connection.query(sql, &[], &mut |row| {
                shown.insert(text(row, 0)?.to_ascii_lowercase(), text(row, 1)?);
                Ok(Next::Row)
            })?;
        }
        let word = |name: &str| shown.get(name).map_or("", String::as_str);
        let number = |name: &str| word(name).parse::<u64>().ok();
        let is_on = |name: &str| matches!(word(name), "ON" | "1");
        let mut cluster = Cluster {
            kind,
            members: number("wsrep_cluster_size"),
            state: word("wsrep_local_state_comment").to_owned(),
            in_majority: word("wsrep_cluster_status").eq_ignore_ascii_case("Primary"),
            all_write: true,
            read_only: is_on(READ_ONLY) || is_on("read_only"),
            refuses_all: is_on(READ_ONLY),
            primary: None,
            most_bytes: MOST_BYTES.iter().find_map(|name| number(name)).unwrap_or(0),
            most_rows: number(MOST_ROWS).unwrap_or(0),
            fragment: number(FRAGMENT).unwrap_or(0),
        };
        if kind == ClusterKind::Group {
            cluster.all_write = !is_on(SINGLE_PRIMARY);
            cluster.read_members(connection)?;
        }
        Ok(Some(cluster))
    }

    /// What a group knows of its members. An account may not be allowed to see it.
    fn read_members(&mut self, connection: &MysqlConnection) -> Result<()> {
        let sql = "SELECT MEMBER_ID = @@server_uuid, MEMBER_STATE, MEMBER_ROLE, MEMBER_HOST, MEMBER_PORT
            FROM performance_schema.replication_group_members";
        let mut members = 0;
        let read = connection.query(sql, &[], &mut |row| {
            let (state, role) = (text(row, 1)?, text(row, 2)?);
            members += 1;
            if row.value(0)?.as_integer() == Some(1) {
                self.in_majority = state == "ONLINE";
                self.state = state;
            }
            if role == "PRIMARY" && !self.all_write {
                self.primary = Some(format!("{}:{}", text(row, 3)?, text(row, 4)?));
            }
            Ok(Next::Row)
        });
        match read {
            Ok(()) => self.members = Some(members),
            Err(error) if error.status() == Status::Auth => self.in_majority = true,
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// The name of the limit of its bytes.
    fn bytes_name(&self) -> &'static str {
        match self.kind {
            ClusterKind::Galera => MOST_BYTES[0],
            ClusterKind::Group => MOST_BYTES[1],
        }
    }

    /// Whether a server outside of it, as one that is configured for a group and has not joined it.
    fn is_alone(&self) -> bool {
        self.kind == ClusterKind::Group && (self.state == "OFFLINE" || self.members == Some(0))
    }

    /// For documents.
    pub fn to_json(&self) -> Json {
        let limit = |most: u64| Some(most).filter(|most| *most > 0);
        let mut limits = Map::new();
        limits.insert("bytes".to_owned(), json!(limit(self.most_bytes)));
        limits.insert("bytes_variable".to_owned(), json!(self.bytes_name()));
        if self.kind == ClusterKind::Galera {
            limits.insert("rows".to_owned(), json!(limit(self.most_rows)));
            limits.insert("rows_variable".to_owned(), json!(MOST_ROWS));
            limits.insert("fragment_bytes".to_owned(), json!(limit(self.fragment)));
        }
        json!({
            "kind": self.kind.name(),
            "members": self.members,
            "state": self.state,
            "in_majority": self.in_majority,
            "writers": if self.all_write { "all" } else { "primary" },
            "read_only": self.read_only,
            "primary": self.primary,
            "transaction_limit": limits,
        })
    }
}

impl MysqlConnection {
    /// The cluster of the server, as it is now; `None` if it belongs to none.
    pub fn cluster(&self) -> Result<Option<Cluster>> {
        Ok(Cluster::read(self)?.filter(|cluster| !cluster.is_alone()))
    }

    /// Whether other servers write into the same tables: it was so when the last transaction began.
    pub(super) fn shares_writing(&self) -> bool {
        self.shared.get()
    }

    /// Begins a transaction that writes. Where other servers write into the same tables, of two such transactions only one can be committed.
    pub(super) fn begin_writing(&self) -> Result<()> {
        let cluster = self.cluster()?;
        if let Some(cluster) = &cluster {
            cluster.check_role().map_err(|error| error.detail("database", self.place()))?;
        }
        let shared = cluster.is_some_and(|cluster| cluster.all_write);
        self.shared.set(shared);
        if !shared {
            return self.begin(BEGIN_WRITE);
        }
        self.make_writer_table()?;
        self.begin(BEGIN_WRITE)?;
        let sql = format!("UPDATE {} SET jobs = jobs + 1 WHERE id = 1", quote(WRITER.name));
        let claimed = self.execute(&sql, &[]).map(drop);
        if claimed.is_err() {
            self.open.set(false);
            // If this fails the transaction ends with the connection.
            let _ended_later = self.mark("ROLLBACK");
        }
        claimed
    }

    /// Makes the table that every writing transaction changes, and its row. It stays.
    fn make_writer_table(&self) -> Result<()> {
        let name = quote(WRITER.name);
        match self.query_integer(&format!("SELECT jobs FROM {name} WHERE id = 1"), &[]) {
            Ok(Some(_)) => return Ok(()),
            Ok(None) => {}
            Err(error) if error.vendor_code() == Some(NO_SUCH_TABLE) => {}
            Err(error) => return Err(error),
        }
        self.layout()?.own_table(&WRITER)?;
        let statement = create_statement(&WRITER);
        self.make_table(&WRITER).map_err(|error| match error.status() {
            Status::Auth => error.detail("statement", &statement).hint(
                "let an administrator run the statement once: it keeps jobs on different nodes of the cluster from getting in each other's way",
            ),
            _ => error,
        })?;
        self.execute(&format!("INSERT IGNORE INTO {name} (id, jobs) VALUES (1, 0)"), &[]).map(drop)
    }

    /// What a transaction that inserts so many rows of tables would be for the cluster; `None` where nothing limits it. `bytes` are those of
    /// the cells of one row, about.
    pub(super) fn size_of(&self, rows: &[Planned<'_>]) -> Result<Option<TransactionSize>> {
        let Some(cluster) = self.cluster()?.filter(|cluster| cluster.fragment == 0) else { return Ok(None) };
        let (mut count, mut least, mut about) = (0_u64, 0_u64, 0_u64);
        for planned in rows {
            let keys = planned.table.schema.references.len() as u64;
            let of_row = cluster.kind.least_bytes(keys);
            count = count.saturating_add(planned.rows);
            least = least.saturating_add(planned.rows.saturating_mul(of_row));
            about = about.saturating_add(planned.rows.saturating_mul(of_row.saturating_add(planned.bytes)));
        }
        let limit = |setting, unit, most, least, about| SizeLimit {
            setting,
            unit,
            most,
            least,
            about,
            ways_out: cluster.ways_out(setting),
        };
        let limits = [
            limit(cluster.bytes_name(), "bytes", cluster.most_bytes, least, about),
            limit(MOST_ROWS, "rows", cluster.most_rows, count, count),
        ];
        let limits: Vec<SizeLimit> = limits.into_iter().filter(|limit| limit.most > 0).collect();
        Ok(Some(TransactionSize { limits }).filter(|size| !size.limits.is_empty()))
    }
}

impl Cluster {
    /// What to do about a transaction that is too large.
    fn ways_out(&self, setting: &str) -> String {
        match self.kind {
            ClusterKind::Galera => format!(
                "copy in stages, raise {setting} on every node, or give fragment-bytes in the URL, with which it is replicated in parts (docs/clusters.md)"
            ),
            ClusterKind::Group => {
                format!("copy in stages, or raise {setting} on every member (0 is no limit; docs/clusters.md)")
            }
        }
    }

    /// Fails if this server takes no writes, or could not commit any.
    fn check_role(&self) -> Result<()> {
        if !self.in_majority {
            let message = format!("the server is not part of the majority of its cluster ({})", self.state);
            return Err(Error::new(Status::Connection, Domain::Database, message)
                .hint("use another node, or try again when this one has joined the others"));
        }
        if !self.refuses_all {
            return Ok(());
        }
        let message = match &self.primary {
            Some(primary) => {
                format!("the server is a secondary of its group, which takes no writes; the primary is {primary}")
            }
            None => "the server takes no writes: it is read-only".to_owned(),
        };
        Err(Error::new(Status::Io, Domain::Database, message).hint("use the URL of the primary"))
    }
}

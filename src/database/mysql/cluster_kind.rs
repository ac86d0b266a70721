//! The kinds of clusters, and how a server says of which it is part.

use mysql::PooledConn;
use mysql::prelude::Queryable;

/// Which kind of cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClusterKind {
    /// MariaDB's, and Percona XtraDB Cluster.
    Galera,
    /// MySQL's.
    Group,
}

impl ClusterKind {
    /// The name in documents.
    pub fn name(self) -> &'static str {
        match self {
            ClusterKind::Galera => "galera",
            ClusterKind::Group => "group_replication",
        }
    }

    /// That of the server; `None` if it belongs to none.
    pub fn read(connection: &mut PooledConn) -> mysql::Result<Option<ClusterKind>> {
        let sql = "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('wsrep_on', 'wsrep_provider', 'group_replication_group_name')";
        let shown: Vec<(String, String)> = connection.query(sql)?;
        let value = |name: &str| shown.iter().find(|(shown, _)| shown == name).map_or("", |(_, value)| value.as_str());
        let provider = value("wsrep_provider");
        if value("wsrep_on").eq_ignore_ascii_case("ON") && !provider.is_empty() && provider != "none" {
            return Ok(Some(ClusterKind::Galera));
        }
        Ok(Some(ClusterKind::Group).filter(|_| !value("group_replication_group_name").is_empty()))
    }

    /// The bytes that a row of a table counts against the limit at the least, as measured on MariaDB 10.11 (Galera 26.4) and MySQL 9.7:
    /// the row itself, and what certification needs of its keys.
    pub fn least_bytes(self, foreign_keys: u64) -> u64 {
        match self {
            ClusterKind::Galera => 24 + 4 * foreign_keys,
            ClusterKind::Group => 36 + 14 * foreign_keys,
        }
    }
}

//! Private clusters on the loopback interface: Galera, where its library is installed, and a group of MySQL servers, where EXPMIG_TEST_MYSQLD
//! names one that has the plugin.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use mysql::prelude::Queryable;

use super::server::{Kind, PASSWORD, START, Server, USER, free_port};

const GALERA: &str = "/usr/lib/galera/libgalera_smm.so";
const GROUP: &str = "8a94f357-aab4-11df-86ab-c80aa9429562";

/// Servers that share what they hold.
pub struct Cluster {
    pub nodes: Vec<Server>,
    options: Vec<Vec<String>>,
    _transfers: tempfile::TempDir,
}

fn status(server: &Server, name: &str) -> Option<String> {
    let mut root = server.try_connect("root", "", None).ok()?;
    let row: Option<(String, String)> = root.query_first(format!("SHOW GLOBAL STATUS LIKE '{name}'")).ok()?;
    row.map(|(_, value)| value)
}

/// Waits until a node of Galera is one of the others.
fn synchronised(node: &Server) {
    until("a synchronised node", || {
        status(node, "wsrep_local_state_comment").as_deref() == Some("Synced")
            && status(node, "wsrep_cluster_status").as_deref() == Some("Primary")
    });
}

/// Waits, with patience.
pub fn until(what: &str, mut come: impl FnMut() -> bool) {
    let since = Instant::now();
    while !come() {
        assert!(since.elapsed() < START, "{what} does not come");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The options of a node of Galera.
fn galera_options(ports: (u16, u16), first: u16, more: &[&str]) -> Vec<String> {
    let (base, receiver) = ports;
    let provider = [
        format!("base_port={base}"),
        format!("gmcast.listen_addr=tcp://127.0.0.1:{base}"),
        format!("ist.recv_addr=127.0.0.1:{receiver}"),
        "evs.keepalive_period=PT0.5S".to_owned(),
        "evs.suspect_timeout=PT5S".to_owned(),
        "evs.inactive_timeout=PT15S".to_owned(),
        "gcache.size=128M".to_owned(),
    ];
    let own = [
        "--wsrep-on=1".to_owned(),
        format!("--wsrep-provider={GALERA}"),
        "--wsrep-cluster-name=tests".to_owned(),
        "--wsrep-sst-method=share".to_owned(),
        "--wsrep-node-address=127.0.0.1".to_owned(),
        format!("--wsrep-cluster-address=gcomm://127.0.0.1:{first}"),
        format!("--wsrep-provider-options={}", provider.join(";")),
        "--binlog-format=ROW".to_owned(),
        "--innodb-autoinc-lock-mode=2".to_owned(),
    ];
    own.into_iter().chain(more.iter().map(|option| (*option).to_owned())).collect()
}

impl Cluster {
    /// Nodes of Galera; `None` where it is not installed.
    pub fn galera(nodes: usize, more: &[&str]) -> Option<Cluster> {
        if !Path::new(GALERA).exists() {
            eprintln!("skipped, for there is no {GALERA}: the package galera-4 has it");
            return None;
        }
        let transfers = tempfile::tempdir().expect("a folder");
        let methods = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/galera");
        let path = format!("{methods}:{}", std::env::var("PATH").expect("a PATH"));
        let environment =
            [("PATH".to_owned(), path), ("EXPMIG_TEST_TRANSFERS".to_owned(), transfers.path().display().to_string())];
        // What a first node is at its end is what all begin with.
        let ports: Vec<(u16, u16)> = (0..nodes).map(|_| (free_port(), free_port())).collect();
        let first = ports.first().expect("a node").0;
        let options: Vec<Vec<String>> = ports.iter().map(|ports| galera_options(*ports, first, more)).collect();
        let mut seed = Server::in_place(Kind::MariaDb, None, &environment)?;
        let mut begin = options[0].clone();
        begin.push("--wsrep-new-cluster".to_owned());
        seed.launch_with(&begin);
        synchronised(&seed);
        seed.add_account();
        seed.end();
        let data = seed.folder.join("data");
        let _there = std::fs::remove_file(data.join("galera.cache"));
        let mut cluster = Cluster { nodes: Vec::new(), options, _transfers: transfers };
        for at in 0..nodes {
            let mut node = Server::in_place(Kind::MariaDb, Some(&data), &environment)?;
            let options = if at == 0 { &begin } else { &cluster.options[at] };
            node.launch_with(options);
            synchronised(&node);
            cluster.nodes.push(node);
        }
        Some(cluster)
    }

    /// A group with one primary; `None` where there is no MySQL, or not the plugin.
    pub fn group(members: usize, more: &[&str]) -> Option<Cluster> {
        let binary = Kind::Mysql.binary()?;
        let folder = binary.parent().unwrap_or(Path::new("/"));
        let places = ["../lib/plugin", "../lib/mysql/plugin", "../lib64/mysql/plugin", "root/usr/lib/mysql/plugin"];
        let plugins = places.iter().map(|place| folder.join(place));
        let plugins = plugins.chain([PathBuf::from("/usr/lib/mysql/plugin")]);
        let Some(plugins) = plugins.into_iter().find(|path| path.join("group_replication.so").exists()) else {
            eprintln!("skipped, for {} has no group_replication.so", binary.display());
            return None;
        };
        let ports: Vec<u16> = (0..members).map(|_| free_port()).collect();
        let seeds: Vec<String> = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
        let options: Vec<Vec<String>> = ports
            .iter()
            .enumerate()
            .map(|(at, port)| {
                let own = [
                    "--gtid-mode=ON".to_owned(),
                    "--enforce-gtid-consistency=ON".to_owned(),
                    "--log-bin=bin".to_owned(),
                    format!("--server-id={}", at + 1),
                    format!("--plugin-dir={}", plugins.display()),
                    "--plugin-load-add=group_replication.so".to_owned(),
                    "--report-host=127.0.0.1".to_owned(),
                    format!("--group-replication-group-name={GROUP}"),
                    format!("--group-replication-local-address=127.0.0.1:{port}"),
                    format!("--group-replication-group-seeds={}", seeds.join(",")),
                    "--group-replication-start-on-boot=OFF".to_owned(),
                    "--group-replication-recovery-get-public-key=ON".to_owned(),
                ];
                own.into_iter().chain(more.iter().map(|option| (*option).to_owned())).collect()
            })
            .collect();
        let mut cluster = Cluster { nodes: Vec::new(), options, _transfers: tempfile::tempdir().expect("a folder") };
        for at in 0..members {
            let mut node = Server::in_place(Kind::Mysql, None, &[])?;
            node.launch_with(&cluster.options[at]);
            let mut root = node.connect_as("root", "", None);
            root.query_drop("SET sql_log_bin = 0").expect("a setting");
            node.add_account_by(&mut root);
            root.query_drop("SET sql_log_bin = 1").expect("a setting");
            let quoted = PASSWORD.replace('\'', "''");
            root.query_drop(format!(
                "CHANGE REPLICATION SOURCE TO SOURCE_USER = '{USER}', SOURCE_PASSWORD = '{quoted}'
                 FOR CHANNEL 'group_replication_recovery'"
            ))
            .expect("an account for recovery");
            if at == 0 {
                root.query_drop("SET GLOBAL group_replication_bootstrap_group = ON").expect("a setting");
            }
            root.query_drop("START GROUP_REPLICATION").expect("a member");
            if at == 0 {
                root.query_drop("SET GLOBAL group_replication_bootstrap_group = OFF").expect("a setting");
            }
            let state =
                "SELECT MEMBER_STATE FROM performance_schema.replication_group_members WHERE MEMBER_ID = @@server_uuid";
            until("a member", || {
                root.query_first::<String, _>(state).expect("a state").is_some_and(|state| state == "ONLINE")
            });
            cluster.nodes.push(node);
        }
        Some(cluster)
    }

    /// Kills a node of Galera as a power cut would.
    pub fn kill(&mut self, at: usize) {
        self.nodes[at].kill();
    }

    /// Starts a node of Galera again that was killed; the others go on meanwhile. What it is set to is what its options say.
    pub fn rejoin(&mut self, at: usize) {
        let node = &mut self.nodes[at];
        let mut options = self.options[at].clone();
        let living = self.options[(at + 1) % self.options.len()].iter().find_map(|option| {
            let (_, listens) = option.split_once("gmcast.listen_addr=tcp://")?;
            listens.split(';').next().map(str::to_owned)
        });
        let address = format!("--wsrep-cluster-address=gcomm://{}", living.expect("an address"));
        options.retain(|option| !option.starts_with("--wsrep-cluster-address"));
        options.extend([address, format!("--wsrep-start-position={}", node.recovered(GALERA))]);
        node.restart_with(&options);
        synchronised(&self.nodes[at]);
        // As the tests have set it on the others.
        let other = &self.nodes[(at + 1) % self.nodes.len()];
        let (name, value): (String, String) = other
            .connect_as("root", "", None)
            .query_first("SHOW GLOBAL VARIABLES LIKE 'wsrep_max_ws_size'")
            .expect("a setting")
            .expect("one");
        let mut root = self.nodes[at].connect_as("root", "", None);
        root.query_drop(format!("SET GLOBAL {name} = {value}")).expect("a setting");
    }

    /// Cuts the lines between a node of Galera and the others.
    pub fn cut(&self, at: usize) {
        self.isolate(at, 1);
    }

    /// Mends them, and waits for the node to be one of the others again.
    pub fn join_again(&self, at: usize) {
        self.isolate(at, 0);
        synchronised(&self.nodes[at]);
    }

    fn isolate(&self, at: usize, isolated: u8) {
        let sql = format!("SET GLOBAL wsrep_provider_options = 'gmcast.isolate={isolated}'");
        let mut root = self.nodes[at].connect_as("root", "", None);
        root.query_drop(sql).expect("a setting of Galera's");
    }

    /// Sets something on every node.
    pub fn set(&self, setting: &str) {
        for node in &self.nodes {
            let sql = format!("SET GLOBAL {setting}");
            node.connect_as("root", "", None).query_drop(&sql).unwrap_or_else(|error| panic!("{error}: {sql}"));
        }
    }
}

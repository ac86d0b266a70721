//! On clusters: three nodes of Galera, and a group of two MySQL servers of which one takes writes (support/cluster.rs).

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use expmig::{
    Database, Error, Manager, MigrateOptions, MigrationResult, OnDuplicate, OpenOptions, RestoreOptions,
    SnapshotOptions, Status,
};
use mysql::prelude::Queryable;
use serde_json::Value as Json;

use crate::support::Folder;
use crate::support::cluster::Cluster;
use crate::support::server::{PASSWORD, Server, USER, dump};

/// The cluster that the tests share; what changes or kills nodes makes one of its own.
fn galera() -> Option<&'static Cluster> {
    static SHARED: OnceLock<Option<Cluster>> = OnceLock::new();
    SHARED.get_or_init(|| Cluster::galera(3, &[])).as_ref()
}

fn group() -> Option<&'static Cluster> {
    static SHARED: OnceLock<Option<Cluster>> = OnceLock::new();
    SHARED.get_or_init(|| Cluster::group(2, &[])).as_ref()
}

fn try_open(url: &str, create: bool) -> Result<Manager, Error> {
    Database::open(url, OpenOptions { create, ..OpenOptions::default() }).map(Manager::from)
}

fn open(url: &str) -> Manager {
    try_open(url, false).unwrap_or_else(|error| panic!("{}", error.to_json()))
}

fn done<T>(result: Result<T, Error>) -> T {
    result.unwrap_or_else(|error| panic!("{}", error.to_json()))
}

/// The detail of an error.
fn detail(error: &Error, key: &str) -> String {
    let details = error.to_json()["details"].as_array().cloned().unwrap_or_default();
    let found = details.iter().find(|detail| detail["key"] == key).map(|detail| detail["value"].clone());
    found.and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// An empty schema with our tables.
fn schema(server: &Server) -> String {
    let name = server.schema();
    drop(done(try_open(&server.url(&name), true)));
    name
}

fn migrate(source: &Manager, experiment: i64, target: &Manager, skip: bool) -> Result<MigrationResult, Error> {
    let on_duplicate = if skip { OnDuplicate::Skip } else { OnDuplicate::Copy };
    source.migrate_experiment(experiment, Some(target), MigrateOptions { on_duplicate, ..MigrateOptions::default() })
}

fn count(server: &Server, schema: &str, table: &str) -> i64 {
    let sql = format!("SELECT COUNT(*) FROM {table}");
    server.connect(schema).query_first(sql).expect("a count").expect("one")
}

fn described(server: &Server, schema: &str) -> Json {
    done(open(&server.url(schema)).database_info())["cluster"].clone()
}

#[test]
fn a_handle_says_of_which_cluster_its_server_is_a_node() {
    if let Some(cluster) = galera() {
        let found = described(&cluster.nodes[1], &schema(&cluster.nodes[0]));
        let expected = serde_json::json!({
            "kind": "galera", "members": 3, "state": "Synced", "in_majority": true, "writers": "all", "read_only": false, "primary": null,
            "transaction_limit": {
                "bytes": 2_147_483_647_u32, "bytes_variable": "wsrep_max_ws_size",
                "rows": null, "rows_variable": "wsrep_max_ws_rows", "fragment_bytes": null,
            },
        });
        assert_eq!(found, expected);
    }
    if let Some(cluster) = group() {
        let primary = format!("127.0.0.1:{}", cluster.nodes[0].port);
        let schema = schema(&cluster.nodes[0]);
        for (at, read_only) in [(0, false), (1, true)] {
            let found = described(&cluster.nodes[at], &schema);
            let expected = serde_json::json!({
                "kind": "group_replication", "members": 2, "state": "ONLINE", "in_majority": true, "writers": "primary",
                "read_only": read_only, "primary": primary,
                "transaction_limit": {"bytes": 150_000_000, "bytes_variable": "group_replication_transaction_size_limit"},
            });
            assert_eq!(found, expected);
        }
    }
}

#[test]
fn what_one_node_committed_is_there_on_every_other_at_once() {
    let folder = Folder::new();
    let source = crate::support::open(&folder.digits("a.db"));
    let digest = done(source.experiment_digest(1, Default::default()));
    for cluster in [galera(), group()].into_iter().flatten() {
        let (first, others) = cluster.nodes.split_first().expect("a node");
        let schema = schema(first);
        let target = open(&first.url(&schema));
        let readers: Vec<Manager> = others.iter().map(|node| open(&node.url(&schema))).collect();
        for _ in 0..5 {
            let copy = done(migrate(&source, 1, &target, false)).new_experiment_id;
            for reader in &readers {
                assert_eq!(done(reader.experiment_digest(copy, Default::default())), digest);
            }
        }
    }
}

#[test]
fn a_secondary_names_the_primary_before_it_writes_anything() {
    let Some(cluster) = group() else { return };
    let schema = schema(&cluster.nodes[0]);
    let folder = Folder::new();
    let source = crate::support::open(&folder.digits("a.db"));
    let error = migrate(&source, 1, &open(&cluster.nodes[1].url(&schema)), false).unwrap_err();
    assert_eq!(error.status(), Status::Io, "{}", error.to_json());
    let primary = format!("the primary is 127.0.0.1:{}", cluster.nodes[0].port);
    assert!(error.message().contains(&primary), "{}", error.to_json());
}

/// Another client of a node, which inserts metrics, and remembers those that were committed.
pub struct Other {
    stop: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<Vec<u64>>,
}

impl Other {
    pub fn start(server: &Server, schema: &str) -> Other {
        let mut client = server.connect_as(USER, PASSWORD, Some(schema));
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut written = Vec::new();
            while !stopped.load(Ordering::Relaxed) || written.is_empty() {
                // A node may have to undo it for what another committed, which clients of a cluster know.
                match client.query_drop("INSERT INTO METRIC (type, total_val) VALUES ('other', 0.5)") {
                    Ok(()) => written.push(client.last_insert_id()),
                    // Or has to wait for the others, whom it does not hear.
                    Err(mysql::Error::MySqlError(error)) if matches!(error.code, 1047 | 1180 | 1205 | 1213) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            written
        });
        Other { stop, thread }
    }

    pub fn stop(self) -> Vec<u64> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the other client")
    }
}

#[test]
fn ids_are_no_others_while_clients_of_other_nodes_insert_too() {
    let Some(cluster) = galera() else { return };
    let schema = schema(&cluster.nodes[0]);
    let folder = Folder::new();
    let source = crate::support::open(&folder.digits("a.db"));
    let target = open(&cluster.nodes[0].url(&schema));
    let others: Vec<Other> = cluster.nodes[1..].iter().map(|node| Other::start(node, &schema)).collect();
    let copies: Vec<i64> = (0..6).map(|_| done(migrate(&source, 1, &target, false)).new_experiment_id).collect();
    let written: Vec<u64> = others.into_iter().flat_map(Other::stop).collect();
    let digest = done(source.experiment_digest(1, Default::default()));
    for copy in copies {
        assert_eq!(done(target.experiment_digest(copy, Default::default())), digest);
    }
    let mut client = cluster.nodes[0].connect(&schema);
    client.query_drop("SET SESSION wsrep_sync_wait = 7").expect("a setting");
    let found: Vec<u64> = client.query("SELECT id FROM METRIC WHERE type = 'other'").expect("the metrics");
    assert_eq!(found.len(), written.len());
    assert!(written.iter().all(|id| found.contains(id)));
}

#[test]
fn an_import_beside_inserting_clients_of_another_node_loses_nothing() {
    let Some(cluster) = galera() else { return };
    let schema = schema(&cluster.nodes[0]);
    let folder = Folder::new();
    let source = crate::support::open(&folder.digits("a.db"));
    let document = done(source.export_to_string(1, Default::default()));
    let target = open(&cluster.nodes[0].url(&schema));
    let other = Other::start(&cluster.nodes[1], &schema);
    let imported: Vec<i64> = (0..2)
        .map(|_| done(target.import_from_string(document.as_bytes(), Default::default())).experiment_id)
        .collect();
    let written = other.stop();
    let digest = done(source.experiment_digest(1, Default::default()));
    for copy in imported {
        assert_eq!(done(target.experiment_digest(copy, Default::default())), digest);
    }
    let mut client = cluster.nodes[0].connect(&schema);
    client.query_drop("SET SESSION wsrep_sync_wait = 7").expect("a setting");
    let found: Vec<u64> = client.query("SELECT id FROM METRIC WHERE type = 'other'").expect("the metrics");
    assert_eq!(found.len(), written.len());
}

#[test]
fn of_two_jobs_on_two_nodes_that_skip_what_is_there_one_copies() {
    let Some(cluster) = galera() else { return };
    for _ in 0..3 {
        let schema = schema(&cluster.nodes[0]);
        let run = |at: usize| {
            let url = cluster.nodes[at].url(&schema);
            std::thread::spawn(move || {
                let folder = Folder::new();
                let source = crate::support::open(&folder.digits("a.db"));
                let target = open(&url);
                let mut conflicts = 0;
                loop {
                    match migrate(&source, 1, &target, true) {
                        Ok(result) => return (result.skipped, conflicts),
                        Err(error) if error.status() == Status::Busy && error.retryable() => conflicts += 1,
                        Err(error) => panic!("{}", error.to_json()),
                    }
                    assert!(conflicts < 50, "never done");
                }
            })
        };
        let jobs = [run(0), run(1)];
        let skipped = jobs.map(|job| job.join().expect("a job").0);
        assert_eq!(skipped.iter().filter(|skipped| !**skipped).count(), 1, "{skipped:?}");
        assert_eq!(count(&cluster.nodes[0], &schema, "EXPERIMENT"), 1);
        assert_eq!(count(&cluster.nodes[0], &schema, "METRIC"), 1725);
    }
}

#[test]
fn a_job_that_a_cluster_cannot_take_is_refused_before_it_writes() {
    let folder = Folder::new();
    let source = crate::support::open(&folder.digits("a.db"));
    let galera =
        Cluster::galera(2, &[]).map(|cluster| (cluster, [("wsrep_max_ws_size", 65_536), ("wsrep_max_ws_rows", 100)]));
    let group = Cluster::group(1, &[]).map(|cluster| {
        let name = "group_replication_transaction_size_limit";
        (cluster, [(name, 65_536), (name, 1000)])
    });
    for (cluster, limits) in [galera, group].into_iter().flatten() {
        let node = &cluster.nodes[0];
        let schema = schema(node);
        // The tables that jobs need are there after the first.
        done(migrate(&source, 2, &open(&node.url(&schema)), false));
        let before = dump(&mut node.connect(&schema));
        for (setting, most) in limits {
            let mut root = node.connect_as("root", "", None);
            let (_, usual): (String, String) =
                root.query_first(format!("SHOW GLOBAL VARIABLES LIKE '{setting}'")).expect("a setting").expect("one");
            cluster.set(&format!("{setting} = {most}"));
            let target = open(&node.url(&schema));
            let plan = done(source.plan_migration(1, Some(&target), MigrateOptions::default()));
            assert_eq!(plan["transaction"]["fits"], false, "{plan}");
            assert_eq!(
                plan["transaction"]["limits"].as_array().expect("limits").last().expect("one")["setting"],
                setting
            );
            let error = migrate(&source, 1, &target, false).unwrap_err();
            assert_eq!(error.status(), Status::Limit, "{}", error.to_json());
            assert_eq!((detail(&error, "setting"), detail(&error, "limit")), (setting.to_owned(), most.to_string()));
            assert!(error.message().contains("nothing was written"), "{}", error.to_json());
            assert_eq!(dump(&mut node.connect(&schema)), before);
            cluster.set(&format!("{setting} = {usual}"));
        }
    }
}

#[test]
fn what_is_too_large_in_the_end_leaves_nothing_and_goes_in_parts_where_it_may() {
    let Some(cluster) = Cluster::galera(2, &[]) else { return };
    let node = &cluster.nodes[0];
    let schema = schema(node);
    let folder = Folder::new();
    let source = crate::support::open(&folder.digits("a.db"));
    done(migrate(&source, 2, &open(&node.url(&schema)), false));
    let before = dump(&mut node.connect(&schema));
    // More than the least that it can be, less than it is.
    cluster.set("wsrep_max_ws_size = 250000");
    let target = open(&node.url(&schema));
    let plan = done(source.plan_migration(1, Some(&target), MigrateOptions::default()));
    assert_eq!(plan["transaction"]["fits"], Json::Null, "{plan}");
    let error = migrate(&source, 1, &target, false).unwrap_err();
    assert_eq!(error.status(), Status::Limit, "{}", error.to_json());
    assert!(error.hint_text().is_some_and(|hint| hint.contains("wsrep_max_ws_size")), "{}", error.to_json());
    drop(target);
    assert_eq!(dump(&mut node.connect(&schema)), before);
    let target = open(&format!("{}&fragment-bytes=100000", node.url(&schema)));
    let copy = done(migrate(&source, 1, &target, false)).new_experiment_id;
    let other = open(&cluster.nodes[1].url(&schema));
    let digest = done(source.experiment_digest(1, Default::default()));
    assert_eq!(done(other.experiment_digest(copy, Default::default())), digest);
}

#[test]
fn a_limit_that_only_the_group_knows_of_is_named_at_the_commit() {
    let Some(cluster) = Cluster::group(1, &[]) else { return };
    let node = &cluster.nodes[0];
    let schema = schema(node);
    let folder = Folder::new();
    let source = crate::support::open(&folder.digits("a.db"));
    cluster.set("group_replication_transaction_size_limit = 300000");
    let before = dump(&mut node.connect(&schema));
    let error = migrate(&source, 1, &open(&node.url(&schema)), false).unwrap_err();
    assert_eq!(error.status(), Status::Limit, "{}", error.to_json());
    let named = "group_replication_transaction_size_limit";
    assert!(error.hint_text().is_some_and(|hint| hint.contains(named)), "{}", error.to_json());
    assert_eq!(dump(&mut node.connect(&schema)), before);
}

#[test]
fn a_snapshot_of_one_node_is_restored_on_another_of_its_cluster() {
    let Some(cluster) = galera() else { return };
    let schema = schema(&cluster.nodes[0]);
    let folder = Folder::new();
    let source = crate::support::open(&folder.digits("a.db"));
    let with_folder = |at: usize| {
        let options = expmig::ManagerOptions { snapshot_dir: Some(folder.path("snapshots")), ..Default::default() };
        let database = done(Database::open(&cluster.nodes[at].url(&schema), OpenOptions::default()));
        Manager::new(database, options)
    };
    done(migrate(&source, 1, &with_folder(0), false));
    let id = done(with_folder(0).create_snapshot("before", SnapshotOptions::default()));
    done(migrate(&source, 2, &with_folder(1), false));
    // Of another server than that whose snapshot it is, so it has to be forced.
    let error = with_folder(1).restore_snapshot(&id, RestoreOptions::default()).map(drop).unwrap_err();
    assert_eq!(error.status(), Status::Mismatch, "{}", error.to_json());
    done(with_folder(1).restore_snapshot(&id, RestoreOptions { force: true, ..RestoreOptions::default() }));
    assert_eq!(
        crate::support::server::rows(&mut cluster.nodes[1].connect(&schema), "SELECT COUNT(*) FROM EXPERIMENT"),
        [["Integer(1)"]]
    );
    let expected = done(source.experiment_digest(1, Default::default()));
    assert_eq!(done(with_folder(2).experiment_digest(1, Default::default())), expected);
}

/// Empty tables as MLflow makes them, from a file of tests/data/mlflow.
fn mlflow_store(server: &Server, name: &str) -> String {
    let schema = server.schema();
    let path = crate::support::crate_path(&format!("tests/data/mlflow/{name}.sql"));
    let statements = std::fs::read_to_string(path).expect("the statements");
    let mut client = server.connect(&schema);
    for statement in statements.split(";\n").map(str::trim).filter(|statement| !statement.is_empty()) {
        client.query_drop(statement).unwrap_or_else(|error| panic!("{error}: {statement}"));
    }
    schema
}

#[test]
fn an_experiment_of_mlflows_is_copied_onto_a_cluster_and_there_on_the_next_node() {
    let stores = [(galera(), "3.17.2-mariadb"), (group(), "3.17.2-mysql")];
    for (cluster, tables) in stores.into_iter().filter_map(|(cluster, tables)| Some((cluster?, tables))) {
        let schema = mlflow_store(&cluster.nodes[0], tables);
        let source = crate::support::open(&crate::support::crate_path("tests/data/mlflow/3.17.2.db"));
        let target = open(&cluster.nodes[0].url(&schema));
        let other = open(&cluster.nodes[1].url(&schema));
        let plan = done(source.plan_migration(2, Some(&target), MigrateOptions::default()));
        assert_eq!(plan["transaction"]["fits"], true, "{plan}");
        let copy = done(migrate(&source, 2, &target, false)).new_experiment_id;
        let digest = done(source.experiment_digest(2, Default::default()));
        assert_eq!(done(other.experiment_digest(copy, Default::default())), digest);
    }
}

#[test]
fn a_node_that_is_read_only_for_others_takes_the_writes_of_an_administrator() {
    let Some(cluster) = Cluster::galera(1, &[]) else { return };
    let node = &cluster.nodes[0];
    let schema = schema(node);
    cluster.set("read_only = 1");
    assert_eq!(described(node, &schema)["read_only"], true);
    let folder = Folder::new();
    let source = crate::support::open(&folder.digits("a.db"));
    // The account of the tests has every right.
    let copy = done(migrate(&source, 1, &open(&node.url(&schema)), false)).new_experiment_id;
    let digest = done(source.experiment_digest(1, Default::default()));
    assert_eq!(done(open(&node.url(&schema)).experiment_digest(copy, Default::default())), digest);
}

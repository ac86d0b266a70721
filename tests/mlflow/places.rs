//! Where the tests have stores: files, and schemas of servers whose tables MLflow itself declared (tests/data/mlflow/tables.py).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::migrate::empty;
use crate::support::postgres::{DATABASE, Postgres};
use crate::support::server::{self, Kind, SKIPPED, Server, USER};
use crate::support::{self, Folder, crate_path, snapshot_folder};
use expmig::{Database, Manager, ManagerOptions, MigrateOptions, MigrationResult, OpenOptions, Result};
use mysql::prelude::Queryable;

/// A store.
pub enum Place {
    File(PathBuf),
    Server(&'static Server, String),
    Postgres(String),
}

/// What makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    MariaDb,
    Mysql,
    Postgres,
}

/// Every row of every table.
pub type Dump = Vec<(String, Vec<Vec<String>>)>;

/// The statements that make a store.
pub fn script(name: &str) -> String {
    std::fs::read_to_string(crate_path(&format!("tests/data/mlflow/{name}.sql"))).unwrap()
}

impl Engine {
    pub const SERVERS: [Engine; 3] = [Engine::MariaDb, Engine::Mysql, Engine::Postgres];

    /// Those of the servers that the tests have.
    pub fn servers() -> Vec<Engine> {
        Engine::SERVERS.into_iter().filter(|engine| engine.is_there()).collect()
    }

    pub fn is_there(self) -> bool {
        let found = match self {
            Engine::Sqlite => true,
            Engine::MariaDb => Kind::MariaDb.shared().is_some(),
            Engine::Mysql => Kind::Mysql.shared().is_some(),
            Engine::Postgres => cfg!(feature = "postgres"),
        };
        if !found {
            eprintln!("{SKIPPED} {self:?}");
        }
        found
    }

    /// Which of the servers that speak alike; PostgreSQL is none of them.
    pub fn kind(self) -> Option<Kind> {
        match self {
            Engine::MariaDb => Some(Kind::MariaDb),
            Engine::Mysql => Some(Kind::Mysql),
            Engine::Sqlite | Engine::Postgres => None,
        }
    }

    /// The script with the tables of MLflow 3.17.2 on a server.
    pub fn tables(self) -> &'static str {
        match self {
            Engine::Sqlite => "",
            Engine::MariaDb => "3.17.2-mariadb",
            Engine::Mysql => "3.17.2-mysql",
            Engine::Postgres => "3.17.2-postgresql",
        }
    }

    /// A store of MLflow 3.17.2 without runs.
    pub fn empty(self, folder: &Folder) -> Place {
        match self {
            Engine::Sqlite => Place::File(empty(folder)),
            Engine::MariaDb => Engine::on(Kind::MariaDb, self.tables()),
            Engine::Mysql => Engine::on(Kind::Mysql, self.tables()),
            Engine::Postgres => self.schema(&script(self.tables())),
        }
    }

    /// A schema of a server with what a script makes.
    pub fn schema(self, script: &str) -> Place {
        let kind = match self {
            Engine::Sqlite => panic!("a file has no schema"),
            Engine::MariaDb => Kind::MariaDb,
            Engine::Mysql => Kind::Mysql,
            Engine::Postgres => {
                let server = Postgres::shared();
                let schema = server.schema();
                server.psql(USER, DATABASE, &format!("SET search_path = {schema};\n{script}"));
                return Place::Postgres(schema);
            }
        };
        let server = kind.shared().expect("the server is there");
        let schema = server.schema();
        let place = Place::Server(server, schema);
        place.execute(script);
        place
    }

    /// A schema of a server with the tables of a script.
    pub fn on(kind: Kind, name: &str) -> Place {
        let engine = match kind {
            Kind::MariaDb => Engine::MariaDb,
            Kind::Mysql => Engine::Mysql,
        };
        engine.schema(&script(name))
    }
}

impl Place {
    pub fn url(&self) -> String {
        match self {
            Place::File(path) => path.display().to_string(),
            Place::Server(server, schema) => server.url(schema),
            Place::Postgres(schema) => Postgres::shared().url(schema),
        }
    }

    pub fn open(&self) -> Manager {
        let database = Database::open(&self.url(), OpenOptions::default()).unwrap();
        Manager::new(database, ManagerOptions { snapshot_dir: Some(snapshot_folder()), ..ManagerOptions::default() })
    }

    /// Runs statements, one a line.
    pub fn execute(&self, script: &str) {
        match self {
            Place::File(path) => support::execute(path, script),
            Place::Server(server, schema) => execute_on(server, schema, script),
            Place::Postgres(schema) => Postgres::shared().execute(schema, script),
        }
    }

    /// Another client that has run this on a server in a transaction; called, it commits.
    pub fn held(&self, statement: &str) -> Box<dyn FnOnce() + Send> {
        match self {
            Place::File(path) => panic!("{} is no server", path.display()),
            Place::Server(server, schema) => {
                let mut client = server.connect(schema);
                client.query_drop("BEGIN").expect("a transaction");
                client.query_drop(statement).unwrap_or_else(|error| panic!("{error}: {statement}"));
                Box::new(move || client.query_drop("COMMIT").expect("it commits"))
            }
            Place::Postgres(schema) => {
                let mut holding = Postgres::shared().holding(schema, statement);
                Box::new(move || holding.end())
            }
        }
    }

    /// The rows of a query as text, the same for every engine.
    pub fn rows(&self, query: &str) -> Vec<Vec<String>> {
        match self {
            Place::File(path) => support::rows(path, query),
            Place::Server(server, schema) => server::rows(&mut server.connect(schema), query),
            Place::Postgres(schema) => Postgres::shared().rows(schema, query),
        }
    }

    /// Every row of every table.
    pub fn dump(&self) -> Dump {
        match self {
            Place::File(path) => support::dump(path).into_iter().collect(),
            Place::Server(server, schema) => dump_of(server, schema),
            Place::Postgres(schema) => Postgres::shared().dump(schema),
        }
    }

    pub fn migrate(&self, experiment: i64, target: &Place, options: MigrateOptions) -> Result<MigrationResult> {
        self.open().migrate_experiment(experiment, Some(&target.open()), options)
    }
}

/// Runs statements, one a line, in a schema.
pub fn execute_on(server: &Server, schema: &str, script: &str) {
    let mut client = server.connect(schema);
    for statement in script.lines().filter(|line| !line.starts_with("--") && !line.trim().is_empty()) {
        client.query_drop(statement).unwrap_or_else(|error| panic!("{error}: {statement}"));
    }
}

/// Every row of every table of a schema.
pub fn dump_of(server: &Server, schema: &str) -> Dump {
    let mut client = server.connect(schema);
    let tables: Vec<String> = client.query("SHOW TABLES").unwrap();
    let mut rows = |table: &String| {
        let mut rows = server::rows(&mut client, &format!("SELECT * FROM \"{table}\""));
        rows.sort();
        rows
    };
    tables.into_iter().map(|table| (table.clone(), rows(&table))).collect()
}

/// The tables of experiments.
pub fn table_names() -> impl Iterator<Item = &'static str> {
    TABLES.into_iter().map(|(table, _)| table)
}

/// The tables of an experiment, and which rows of each are an experiment's.
const TABLES: [(&str, &str); 22] = [
    ("experiments", "t.experiment_id = {}"),
    ("experiment_tags", "t.experiment_id = {}"),
    ("runs", "t.experiment_id = {}"),
    ("metrics", "t.run_uuid IN {runs}"),
    ("latest_metrics", "t.run_uuid IN {runs}"),
    ("params", "t.run_uuid IN {runs}"),
    ("tags", "t.run_uuid IN {runs}"),
    ("datasets", "t.experiment_id = {}"),
    ("logged_models", "t.experiment_id = {}"),
    ("logged_model_metrics", "t.model_id IN (SELECT m.model_id FROM logged_models AS m WHERE m.experiment_id = {})"),
    ("logged_model_params", "t.experiment_id = {}"),
    ("logged_model_tags", "t.experiment_id = {}"),
    ("trace_info", "t.experiment_id = {}"),
    ("trace_tags", "t.request_id IN {traces}"),
    ("trace_request_metadata", "t.request_id IN {traces}"),
    ("trace_metrics", "t.request_id IN {traces}"),
    ("spans", "t.trace_id IN {traces}"),
    ("span_metrics", "t.trace_id IN {traces}"),
    ("assessments", "t.trace_id IN {traces}"),
    ("inputs", "(t.destination_id IN {runs} OR t.source_id IN {runs})"),
    (
        "input_tags",
        "t.input_uuid IN (SELECT i.input_uuid FROM inputs AS i WHERE i.destination_id IN {runs} OR i.source_id IN {runs})",
    ),
    ("entity_associations", "t.source_id IN {traces}"),
];

/// Every cell of an experiment but its id and its name, as one engine has it as the other: by SQL of the test's own, whatever the library
/// knows of the tables. The columns are those of `file`, a store of the same version.
pub fn cells(place: &Place, file: &Path, experiment: i64) -> BTreeMap<&'static str, Vec<Vec<String>>> {
    let mut found = BTreeMap::new();
    for (table, condition) in TABLES {
        let condition = condition
            .replace("{runs}", "(SELECT r.run_uuid FROM runs AS r WHERE r.experiment_id = {})")
            .replace("{traces}", "(SELECT i.request_id FROM trace_info AS i WHERE i.experiment_id = {})")
            .replace("{}", &experiment.to_string());
        let columns = support::rows(file, &format!("SELECT name, type FROM pragma_table_xinfo('{table}')"));
        let plain = |cell: &str| cell.trim_start_matches("text ").trim_matches('"').to_owned();
        let columns: Vec<String> = columns
            .iter()
            .map(|column| plain(&column[0]))
            .filter(|name| name != "experiment_id" && !(table == "experiments" && name == "name"))
            .map(|name| format!("t.\"{name}\""))
            .collect();
        let query = format!("SELECT {} FROM {table} AS t WHERE {condition}", columns.join(", "));
        let mut all = place.rows(&query);
        all.sort();
        found.insert(table, all);
    }
    found
}

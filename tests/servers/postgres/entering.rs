//! Getting in: every way of authentication, by TCP and by a socket.

use expmig::Status;

use super::open;
use crate::support::postgres::{DATABASE, Postgres};
use crate::support::server::USER;

#[test]
fn every_way_of_authentication_lets_in_and_a_wrong_password_does_not() {
    let server = Postgres::start(&[]);
    let ways = ["trust", "password", "md5", "scram-sha-256"];
    let mut rules = String::from("local all all trust\n");
    for way in ways {
        let encryption = if way == "md5" { "md5" } else { "scram-sha-256" };
        let user = way.replace('-', "_");
        server.psql(
            "postgres",
            DATABASE,
            &format!("SET password_encryption = '{encryption}'; CREATE ROLE {user} SUPERUSER LOGIN PASSWORD 'p:ß'"),
        );
        rules.push_str(&format!("host all {user} 127.0.0.1/32 {way}\n"));
    }
    let file = server.folder.join("data/pg_hba.conf");
    std::fs::write(&file, rules).expect("the rules");
    server.psql("postgres", DATABASE, "SELECT pg_reload_conf(); SELECT pg_sleep(1)");
    server.psql("postgres", DATABASE, "CREATE SCHEMA s");
    for way in ways {
        let user = way.replace('-', "_");
        let url = format!("postgres://{user}@127.0.0.1:{}/{DATABASE}?schema=s", server.port);
        let manager = open(&url, Some("p:ß"), true).unwrap_or_else(|error| panic!("{way}: {}", error.to_json()));
        assert!(manager.list_experiments().expect("a list").is_empty());
        if way != "trust" {
            let error = open(&url, Some("wrong"), false).map(drop).unwrap_err();
            assert_eq!(error.status(), Status::Auth, "{way}: {}", error.to_json());
            let error = open(&url, None, false).map(drop).unwrap_err();
            assert_eq!(error.status(), Status::Auth, "{way}: {}", error.to_json());
        }
        let error = open(&format!("{url}&sslmode=require"), Some("p:ß"), false).map(drop).unwrap_err();
        assert_eq!(error.status(), Status::Connection, "{way}: {}", error.to_json());
    }
    // By a socket, and where nothing is.
    let socket = format!("postgresql://{USER}@/{DATABASE}?host={}&port={}", server.folder.display(), server.port);
    open(&format!("{socket}&schema=s"), None, false).unwrap_or_else(|error| panic!("{}", error.to_json()));
    for url in [format!("{socket}&schema=none"), socket.replace(DATABASE, "nowhere")] {
        let error = open(&url, None, false).map(drop).unwrap_err();
        assert_eq!(error.status(), Status::NotFound, "{}", error.to_json());
    }
}

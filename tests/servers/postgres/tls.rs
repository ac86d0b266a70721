//! What `sslmode` and `channel_binding` mean, against a server whose certificate an authority of its own has signed; and how long connecting may take.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

use expmig::{Manager, Next, Status};

use super::{done, open};
use crate::support::certificates::certificates;
use crate::support::postgres::{DATABASE, Postgres};
use crate::support::server::{PASSWORD, USER, escaped};

fn url(server: &Postgres, host: &str, parameters: &str) -> String {
    format!("postgresql://{USER}@{host}:{}/{DATABASE}?schema=s&{parameters}", server.port)
}

/// Whether the server says that the connection is encrypted.
fn is_encrypted(manager: &Manager) -> bool {
    let mut found = None;
    done(manager.query("SELECT ssl::int FROM pg_stat_ssl WHERE pid = pg_backend_pid()", &[], &mut |row| {
        found = row.values[0].as_integer();
        Ok(Next::Row)
    }));
    found.expect("a row") == 1
}

fn ca(folder: &Path) -> String {
    format!("sslrootcert={}", escaped(&folder.join("ca.pem").display().to_string()))
}

#[test]
fn every_sslmode_means_what_it_means_to_libpq() {
    let (ours, other) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    certificates(ours.path());
    certificates(other.path());
    let server = Postgres::with_tls(ours.path());
    server.psql(USER, DATABASE, "CREATE SCHEMA s");
    let (ours, other) = (ca(ours.path()), ca(other.path()));
    let enter = |host: &str, parameters: &str| open(&url(&server, host, parameters), Some(PASSWORD), true);
    let encrypted = |host: &str, parameters: &str| {
        is_encrypted(&enter(host, parameters).unwrap_or_else(|error| panic!("{parameters}: {}", error.to_json())))
    };
    let refused = |host: &str, parameters: &str, status: Status| {
        let error = enter(host, parameters).map(drop).unwrap_err();
        assert_eq!(error.status(), status, "{host} {parameters}: {}", error.to_json());
        assert!(!error.to_json().to_string().contains(PASSWORD));
        error
    };
    // 127.0.0.2 is another host than the certificate names.
    for (parameters, tls) in [
        ("sslmode=disable", false),
        ("sslmode=allow", false),
        ("", true),
        ("sslmode=prefer", true),
        ("sslmode=require", true),
    ] {
        assert_eq!(encrypted("127.0.0.2", parameters), tls, "{parameters}");
    }
    for mode in ["verify-ca", "verify-full"] {
        for host in ["localhost", "127.0.0.1"] {
            assert!(encrypted(host, &format!("sslmode={mode}&{ours}")), "{mode}");
            assert!(refused(host, &format!("sslmode={mode}&{other}"), Status::Connection).message().contains("TLS"));
            // The authorities that browsers know do not know ours.
            refused(host, &format!("sslmode={mode}"), Status::Connection);
        }
    }
    assert!(encrypted("127.0.0.2", &format!("sslmode=verify-ca&{ours}")));
    refused("127.0.0.2", &format!("sslmode=verify-full&{ours}"), Status::Connection);
    // Without a mode, who names authorities wants everything checked; "require" with them is verify-ca.
    refused("127.0.0.2", &ours, Status::Connection);
    assert!(encrypted("127.0.0.2", &format!("sslmode=require&{ours}")));
    refused("127.0.0.1", &format!("sslmode=require&{other}"), Status::Connection);
    refused("127.0.0.1", "sslrootcert=/no/such.pem", Status::Io);
    // The server insists, and the other way round.
    server.let_in("local all all trust\nhostssl all all 127.0.0.0/8 scram-sha-256\n");
    refused("127.0.0.1", "sslmode=disable", Status::Auth);
    for parameters in ["sslmode=allow", "sslmode=prefer", "sslmode=require"] {
        assert!(encrypted("127.0.0.1", parameters), "{parameters}");
    }
    // The proof of the password is tied to the connection, wherever that can be.
    assert!(encrypted("127.0.0.1", "channel_binding=require") && encrypted("127.0.0.1", "channel_binding=disable"));
    server.let_in("local all all trust\nhostnossl all all 127.0.0.0/8 scram-sha-256\n");
    for parameters in ["sslmode=disable", "sslmode=allow", "sslmode=prefer"] {
        assert!(!encrypted("127.0.0.1", parameters), "{parameters}");
    }
    refused("127.0.0.1", "sslmode=require", Status::Auth);
    refused("127.0.0.1", "sslmode=disable&channel_binding=require", Status::Auth);
    server.let_in("local all all trust\nhost all all 127.0.0.0/8 trust\n");
    refused("127.0.0.1", "channel_binding=require", Status::Auth);
    for parameters in ["channel_binding=perhaps", "sslmode=maybe"] {
        refused("127.0.0.1", parameters, Status::InvalidArgument);
    }
}

/// Whatever a server does not say, and however slowly it speaks, connecting ends.
#[test]
fn the_limit_for_connecting_is_that_of_the_whole_of_it() {
    for answer in ["", "S", "N", "slow"] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("its address").port();
        std::thread::spawn(move || {
            for mut client in listener.incoming().map_while(Result::ok) {
                std::thread::spawn(move || {
                    let mut asked = [0; 8];
                    let _gone = client.read_exact(&mut asked);
                    match answer {
                        // A notice that never comes to its end, byte by byte: it is never silent for long.
                        "slow" => {
                            let _refused = client.write_all(b"N");
                            let notice = [b"N\0\x10\0\0".as_slice(), &[b'x'; 1000]].concat();
                            for byte in notice {
                                if client.write_all(&[byte]).is_err() {
                                    return;
                                }
                                std::thread::sleep(Duration::from_millis(100));
                            }
                        }
                        answer => drop(client.write_all(answer.as_bytes())),
                    }
                    std::thread::sleep(Duration::from_secs(600));
                });
            }
        });
        let since = Instant::now();
        let url = format!("postgresql://u@127.0.0.1:{port}/d?connect-timeout-ms=700");
        let error = open(&url, Some("p"), false).map(drop).unwrap_err();
        assert_eq!(error.status(), Status::Timeout, "{answer:?}: {}", error.to_json());
        assert!(since.elapsed() < Duration::from_secs(60), "{answer:?}: {:?}", since.elapsed());
    }
}

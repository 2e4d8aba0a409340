//! `isles nats-server` beside a real nats-server: the same lines of raw protocol, the same answers.
//!
//! `PROPTEST_CASES` says how many random conversations are tried.

mod random;
mod servers;
mod talk;

use proptest::test_runner::{Config, TestCaseError, TestRunner};

use servers::Server;
use talk::{Heard, Step, talk};

/// Says what a client does, by its number.
fn steps(script: &[(usize, &str)]) -> Vec<Step> {
    script.iter().map(|(client, says)| Step { client: *client, says: (*says).into() }).collect()
}

const PLAIN: &str = "CONNECT {\"verbose\":false,\"pedantic\":false,\"headers\":true,\"no_responders\":true}\r\n";

#[test]
fn compared_with_reference_server() {
    let (ours, reference) = (Server::isles(&[]), Server::reference(&[]));
    for script in [
        &[(0, "PING\r\n"), (0, "ping\n"), (0, "SUB a 1\r\n"), (0, "PUB a 2\r\nhi\r\n"), (0, "UNSUB 1\r\n")][..],
        &[(0, "CONNECT {}\r\n"), (0, "SUB a..b 1\r\nSUB > 2\r\nUNSUB 7\r\n"), (0, "PUB\ta\t2\r\nhi\r\n")],
        &[(0, "CONNECT {\"verbose\":null,\"user\":null}\r\n"), (0, "CONNECT {\"verbose\":false}\r\nSUB a 1\r\n")],
        &[(0, PLAIN), (0, "SUB a 1\r\nSUB b 1\r\nPUB a 0\r\n\r\nPUB b 0\r\n\r\n")],
        &[(0, PLAIN), (0, "SUB a 1\r\nUNSUB 1 2\r\nPUB a 0\r\n\r\n"), (0, "UNSUB 1 1\r\nPUB a 0\r\n\r\n")],
        &[(0, PLAIN), (0, "SUB a 1\r\nUNSUB 1 0\r\nPUB a 0\r\n\r\n")],
        &[(0, PLAIN), (0, "SUB a.> 1\r\nPUB a.* 0\r\n\r\nPUB a..b 0\r\n\r\nPUB .a 0\r\n\r\nPUB a. 0\r\n\r\n")],
        &[(0, PLAIN), (0, "SUB r.* 1\r\n"), (0, "PUB nobody r.1 0\r\n\r\n"), (0, "PUB nobody x 0\r\n\r\n")],
        &[(0, PLAIN), (1, "CONNECT {\"verbose\":false}\r\nSUB a 1\r\n"), (0, "HPUB a 12 14\r\nNATS/1.0\r\n\r\nhi\r\n")],
        &[(0, PLAIN), (1, PLAIN), (1, "SUB a q 1\r\n"), (0, "HPUB a r 17 18\r\nNATS/1.0\r\nA:b\r\n\r\nx\r\n")],
        &[(0, PLAIN), (1, "CONNECT {\"verbose\":false}\r\nSUB a 1\r\n"), (0, "SUB a 1\r\nHPUB a 0 2\r\nhi\r\n")],
        &[(0, "CONNECT {\"verbose\":false,\"echo\":false}\r\n"), (0, "SUB a 1\r\nSUB a q 2\r\nPUB a 0\r\n\r\n")],
        &[(0, "FOO\r\n")],
        &[(0, " PING\r\n")],
        &[(0, "\r\n")],
        &[(0, "PUB a\r\n")],
        &[(0, "PUB a 2\r\nhiPING\r\n")],
        &[(0, "PUB a -1\r\n")],
        &[(0, "PUB a 0000000001\r\nx\r\n")],
        &[(0, "PUB a 1048577\r\n")],
        &[(0, "SUB a\r\n")],
        &[(0, "CONNECT\r\n")],
        &[(0, "CONNECT {x}\r\n")],
        &[(0, "CONNECT {\"verbose\":\"x\"}\r\n")],
        &[(0, "CONNECT {\"no_responders\":true}\r\n")],
        &[(0, PLAIN), (0, "HPUB a 14 12\r\nNATS/1.0\r\n\r\n")],
    ] {
        let script = steps(script);
        assert_eq!(talk(&ours, &script), talk(&reference, &script), "ours and theirs of {script:?}");
    }
}

#[test]
fn authorization_compared_with_reference_server() {
    for flags in [&["--user", "ada", "--pass", "secret"][..], &["--auth", "token"]] {
        let (ours, reference) = (Server::isles(flags), Server::reference(flags));
        for says in [
            "CONNECT {\"user\":\"ada\",\"pass\":\"secret\"}\r\n",
            "CONNECT {\"user\":\"ada\",\"pass\":\"Secret\"}\r\n",
            "CONNECT {\"user\":\"bob\",\"pass\":\"secret\"}\r\n",
            "CONNECT {\"auth_token\":\"token\"}\r\n",
            "CONNECT {\"auth_token\":\"\"}\r\n",
            "CONNECT {}\r\n",
            "SUB a 1\r\n",
        ] {
            let script = steps(&[(0, says)]);
            assert_eq!(talk(&ours, &script), talk(&reference, &script), "{flags:?} {says:?}");
        }
    }
}

/// Where the servers differ, and why; each row must still be true of both.
#[test]
fn differences_from_reference_server() {
    let (ours, reference) = (Server::isles(&[]), Server::reference(&[]));
    let refused = ["error Unknown Protocol Operation"];
    for (says, hears, ended, others_hear, others_ended, _because) in [
        ("PING x\r\n", &[][..], true, &[][..], false, "what is not understood is refused"),
        ("+OK\r\n", &refused, true, &[], false, "clients do not speak as servers"),
        (
            "CONNECT {\"verbose\":false}\r\nSUB > 1\r\nPUB a.> 0\r\n\r\n",
            &["error Invalid Publish Subject"],
            false,
            &["error Invalid Publish Subject", "message a.> 1 - None \"\" \"\""],
            false,
            "what is refused is not delivered",
        ),
        (
            "CONNECT {\"verbose\":false}\r\nSUB a 1\r\nSUB a..b 1\r\n",
            &["error Invalid Subject"],
            false,
            &[],
            false,
            "what is wrong is wrong even where it would change nothing",
        ),
    ] {
        let heard = |server| talk(server, &steps(&[(0, says)])).remove(&0);
        let expected = |steps: &[&str], ended| {
            Some(Heard { steps: vec![steps.iter().map(|step| (*step).to_owned()).collect()], ended })
        };
        assert_eq!(heard(&ours), expected(hears, ended), "{says:?}");
        assert_eq!(heard(&reference), expected(others_hear, others_ended), "{says:?}");
    }
}

#[test]
fn random_conversations_compared_with_reference_server() {
    let (ours, reference) = (Server::isles(&[]), Server::reference(&[]));
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::default() });
    let result = runner.run(&random::conversation(), |script| {
        let (ours, theirs) = (talk(&ours, &script), talk(&reference, &script));
        if ours == theirs { Ok(()) } else { Err(TestCaseError::fail(format!("ours {ours:?}\ntheirs {theirs:?}"))) }
    });
    result.unwrap_or_else(|error| panic!("{error}"));
}

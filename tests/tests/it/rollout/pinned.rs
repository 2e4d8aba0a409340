//! A pinned release: every request stays on the release that it entered on.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use model::api::{ReleaseState, RolloutPhase};
use rustix::process::Signal;
use tests::{http::Connection, process, sandbox::Sandbox, wait};

use super::{UPGRADE, deploy, give, program, say, states};
use crate::bad_deploys::deploy as begin;

/// Of the pinned requests, and of the clients that send them.
const REQUESTS: usize = 100_000;
const CLIENTS: usize = 8;
/// Requests of each release that are waited for.
const SOME: usize = 500;

/// Three services that call each other from a through c to b, up; a canary of them is pinned and waits at the half.
fn chain() -> Sandbox {
    let abrupt = |name: &str| program(name).replace("python3 service.py", env!("CARGO_BIN_EXE_abrupt"));
    let calls = |callee: &str| format!("calls = [\"{callee}\"]\n");
    let sandbox = Sandbox::new(&format!(
        "[gateway]\nlisten = \"GATEWAY\"\n[gateway.routes]\n\"/\" = \"a\"\n[upgrade]\npinned = true\n{UPGRADE}{}keep = \"200ms\"\n\
         [services.a]\n{}{}[services.c]\n{}{}[services.b]\n{}",
        "strategy = \"canary\"\njudge = false\nsteps = [{ weight = 50, wait = \"manual\" }]\n",
        abrupt("a"),
        calls("c"),
        abrupt("c"),
        calls("b"),
        abrupt("b"),
    ));
    give(&sandbox, "a", "one");
    give(&sandbox, "b", "one");
    give(&sandbox, "c", "shared");
    sandbox.up();
    sandbox
}

/// Asks which versions a request meets on its way from a through c to b, until it has seen enough: how many met the old release,
/// how many the new one, and how many broke with their connection.
fn pinned(gateway: SocketAddr, is_enough: impl Fn(&[usize; 3]) -> bool) -> impl FnOnce() -> [usize; 3] {
    move || {
        let (mut seen, mut kept) = ([0; 3], None);
        while !is_enough(&seen) {
            let mut connection = kept.take().unwrap_or_else(|| Connection::tcp(gateway).expect("the listener is kept"));
            let Ok(answer) = connection.request("GET", "/versions/c/b", "", b"") else {
                seen[2] += 1;
                continue;
            };
            kept = Some(connection);
            match (answer.status, answer.text().as_str()) {
                (200, "one shared one") => seen[0] += 1,
                (200, "two shared two") => seen[1] += 1,
                (status, text) => panic!("a call went to another release: {status} {text}"),
            }
        }
        seen
    }
}

#[test]
fn a_pinned_request_stays_on_its_release() {
    let sandbox = chain();
    sandbox.write("a/version", "two");
    sandbox.write("b/version", "two");
    deploy(&sandbox);
    let status = sandbox.rollout_when("the step", |status| status.paused);
    let services: Vec<_> = status.services.iter().map(|one| one.service.as_str()).collect();
    assert_eq!(services, ["a", "b", "c"], "c lies between them");
    let is_enough = |seen: &[usize; 3]| seen[0] + seen[1] >= REQUESTS / CLIENTS;
    let clients: Vec<_> = (0..CLIENTS).map(|_| thread::spawn(pinned(sandbox.gateway, is_enough))).collect();
    process::signal(sandbox.status().platform_pid, Signal::KILL);
    let seen = clients.into_iter().map(|client| client.join().expect("a client does not panic"));
    let seen = seen.fold([0; 3], |sum, seen| [0, 1, 2].map(|index| sum[index] + seen[index]));
    assert!(seen[..2].iter().all(|count| *count > REQUESTS / 3), "both releases have requests: {seen:?}");
    assert!(seen[2] <= CLIENTS, "only connections that were open at the kill broke: {seen:?}");
    let c = sandbox.pids("c");
    assert_eq!(c.len(), 2);
    say(&sandbox, "promote");
    let status = sandbox.rollout_ended();
    assert_eq!(status.phase, RolloutPhase::Promoted, "{status:?}");
    let left = sandbox.pids("c");
    assert!(left.len() == 1 && c.contains(&left[0]), "the second set is renamed, not restarted");
}

#[test]
fn a_pinned_canary_is_aborted_under_load() {
    let sandbox = chain();
    let pids = || ["a", "b", "c"].map(|name| sandbox.pids(name));
    let before = pids();
    ["a", "b"].iter().for_each(|name| sandbox.write(&format!("{name}/version"), "two"));
    let mut deploy = begin(&sandbox, "deploy", &[]);
    wait::until_is("both sets to be healthy", &[2; 3], || pids().map(|of| of.len()));
    sandbox.rollout_when("the step", |status| status.paused);
    let end = Arc::new(AtomicBool::new(false));
    let seen: Arc<[AtomicUsize; 2]> = Arc::default();
    let clients = [(); 4].map(|()| {
        let (end, all) = (end.clone(), seen.clone());
        let is_enough = move |seen: &[usize; 3]| {
            all.iter().zip(seen).for_each(|(all, seen)| _ = all.fetch_max(*seen, Ordering::Relaxed));
            end.load(Ordering::Relaxed)
        };
        thread::spawn(pinned(sandbox.gateway, is_enough))
    });
    let has = |which: usize, more: usize| {
        let goal = seen[which].load(Ordering::Relaxed) + more;
        wait::until("more requests", || (seen[which].load(Ordering::Relaxed) >= goal).then_some(()));
    };
    (0..2).for_each(|which| has(which, SOME));
    sandbox.isles(&["abort"]).ok();
    let status = sandbox.rollout_ended();
    has(0, SOME);
    end.store(true, Ordering::Relaxed);
    // A client that is answered by two releases in one request panics.
    let broken: usize =
        clients.into_iter().map(|client| client.join().expect("every call stayed on its release")[2]).sum();
    assert_eq!(broken, 0, "no connection broke, whatever ended");
    assert_eq!(deploy.wait(), Some(3), "{}", deploy.said());
    assert!(deploy.said().contains("release 2 was taken back, release 1 runs: it was aborted"), "{}", deploy.said());
    assert_eq!(status.phase, RolloutPhase::RolledBack, "{status:#?}");
    assert_eq!(states(&sandbox), [ReleaseState::Running, ReleaseState::RolledBack]);
    assert_eq!(pids(), before, "the second sets are gone, and the first ones are as they were");
}

//! What limited clients may do beyond what permissions say of subjects.

use std::{sync::Arc, time::Duration};

use logic::subject::{Permissions, Responses, Rules};

use super::rig::{PLAIN, Rig};
use crate::server::{Config, Guard, Identity, InboxRule, Message};

/// What clients say in turn, and what each hears then.
fn check(rig: &mut Rig, talk: &[(u32, &str, &str)]) {
    for (key, says, hears) in talk {
        rig.say(*key, format!("{says}\r\n").as_bytes());
        assert_eq!(rig.hear(*key).replace("\r\n", "|"), *hears, "{says:?}");
    }
}

fn own(name: &str) -> Identity {
    Identity { name: name.into(), inboxes: InboxRule::Own, ..Identity::default() }
}

#[test]
fn answers_may_go_where_the_question_says() {
    let mut rig = Rig::new(Config::default());
    let publish = Rules::new(Some(&[]), &[]);
    let responses = Some(Responses { count_max: 2, lifetime: Duration::from_secs(1) });
    let permissions = Permissions { publish, responses, ..Permissions::default() };
    let answers = rig.known(Identity { permissions, ..Identity::default() });
    let asks = rig.client(&format!("{PLAIN}SUB r.* 1\r\n"));
    let violation = |subject: &str| format!("-ERR 'Permissions Violation for Publish to \"{subject}\"'|");
    check(
        &mut rig,
        &[
            (answers, "SUB q 1", ""),
            (answers, "PUB r.1 0\r\n", &violation("r.1")),
            (asks, "PUB q r.1 0\r\n\r\nPUB q r.2 0\r\n", ""),
            (answers, "PUB r.1 0\r\n", "MSG q 1 r.1 0||MSG q 1 r.2 0||"),
            (answers, "PUB r.1 0\r\n\r\nPUB r.1 0\r\n\r\nPUB r.3 0\r\n", &(violation("r.1") + &violation("r.3"))),
            (asks, "PING", "MSG r.1 1 0||MSG r.1 1 0||PONG|"),
        ],
    );
    rig.pass(answers, Duration::from_secs(1));
    check(&mut rig, &[(answers, "PUB r.2 0\r\n", &violation("r.2"))]);
}

#[test]
fn answers_come_only_where_the_client_listens() {
    let mut rig = Rig::new(Config::default());
    let (ada, bob) = (rig.known(own("ada")), rig.known(own("bob")));
    let violation = |reply: &str| format!("-ERR 'Permissions Violation for Publish with Reply of \"{reply}\"'|");
    check(
        &mut rig,
        &[
            (ada, "SUB _INBOX.a.* 1\r\nSUB q 2\r\nSUB group g 3", ""),
            (ada, "PUB q _INBOX.a.x 0\r\n", "MSG q 2 _INBOX.a.x 0||"),
            (ada, "PUB q group 0\r\n", "MSG q 2 group 0||"),
            (ada, "PUB q 0\r\n", "MSG q 2 0||"),
            (ada, "PUB q _INBOX.a.x.y 0\r\n", &violation("_INBOX.a.x.y")),
            (bob, "PUB q _INBOX.a.x 0\r\n", &violation("_INBOX.a.x")),
            (bob, "PUB q q 0\r\n", &violation("q")),
            (bob, "SUB _INBOX.> 1\r\nPUB q _INBOX.a.x 0\r\n", &violation("_INBOX.a.x")),
            (bob, "PUB q _INBOX.b 0\r\n", ""),
            (ada, "UNSUB 1\r\nPUB q _INBOX.a.x 0\r\n", &("MSG q 2 _INBOX.b 0||".to_owned() + &violation("_INBOX.a.x"))),
        ],
    );
}

#[test]
fn an_inbox_is_seen_by_its_owner_alone() {
    let mut rig = Rig::new(Config::default());
    let (ada, bob, free) = (rig.known(own("ada")), rig.known(own("bob")), rig.client(PLAIN));
    let violation = |filter: &str| format!("-ERR 'Permissions Violation for Subscription to \"{filter}\"'|");
    check(
        &mut rig,
        &[
            (ada, "SUB _INBOX.a.* 1", ""),
            (bob, "SUB _INBOX.a.* 1", &violation("_INBOX.a.*")),
            (bob, "SUB _INBOX.a.> q 1", &violation("_INBOX.a.>").replace("'|", " using queue \"q\"'|")),
            (bob, "SUB > 2\r\nSUB _INBOX.*.x 3\r\nSUB *.a.> 4\r\nSUB other 5", ""),
            (free, "PUB _INBOX.a.x 0\r\n\r\nPUB _INBOX.nobody 0\r\n\r\nPUB other 0\r\n", ""),
            (ada, "PING", "MSG _INBOX.a.x 1 0||PONG|"),
            (bob, "UNSUB 5", "MSG other 2 0||MSG other 5 0||"),
            (bob, "UNSUB 3\r\nUNSUB 4\r\nPUB other _INBOX.b 0\r\n", "MSG other 2 _INBOX.b 0||"),
            (free, "PUB _INBOX.b 0\r\n", ""),
            (bob, "SUB _INBOX.c 6\r\nPUB _INBOX.c 0\r\n", "MSG _INBOX.b 2 0||MSG _INBOX.c 2 0||MSG _INBOX.c 6 0||"),
        ],
    );
    // A client that comes back before its earlier connection was found dead is the same one.
    let again = rig.known(own("ada"));
    check(&mut rig, &[(again, "SUB _INBOX.a.* 1", "")]);
    rig.leave(ada);
    check(&mut rig, &[(bob, "SUB _INBOX.a.* 7", &violation("_INBOX.a.*"))]);
    rig.leave(again);
    check(&mut rig, &[(bob, "SUB _INBOX.a.* 7", "")]);
    rig.leave(bob);
    let last = rig.known(own("last"));
    check(&mut rig, &[(last, "SUB _INBOX.b 1\r\nSUB _INBOX.c 2", "")]);
}

/// Allows requests whose payload is a subject that the client listens to.
#[derive(Debug)]
struct Listening;

impl Guard for Listening {
    fn may_publish(&self, message: &Message<'_>, listens: &dyn Fn(&[u8]) -> bool) -> bool {
        listens(message.payload)
    }
}

#[test]
fn a_guard_decides_by_what_it_sees() {
    let mut rig = Rig::new(Config::default());
    let key = rig.known(Identity { guard: Some(Arc::new(Listening)), ..Identity::default() });
    check(
        &mut rig,
        &[
            (key, "SUB a 1\r\nPUB a 1\r\na", "MSG a 1 1|a|"),
            (key, "PUB a 1\r\nb", "-ERR 'Permissions Violation for Publish to \"a\"'|"),
            (key, "SUB * q 2\r\nPUB c 1\r\nb", "MSG c 2 1|b|"),
        ],
    );
}

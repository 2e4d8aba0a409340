use clap::CommandFactory;

use super::*;
use crate::args::{
    AbortArgs, CallArgs, DeployArgs, DiffArgs, GraphArgs, InnerArgs, KvVerb, RestartArgs, RollbackArgs, RolloutArgs,
    ScaleArgs, ServiceVerb, TopArgs, TopicVerb, UpgradeArgs, Verb,
};

fn environment(variables: &[(&str, &str)]) -> Environment {
    let variables = variables.iter().map(|(name, value)| (name.into(), value.into())).collect();
    Environment { variables, current_dir: "/nowhere".into() }
}

fn parse(line: &str) -> Result<Settings, clap::Error> {
    from_env(line.split(' ').map(OsString::from), &environment(&[]))
}

#[test]
fn the_command_line_is_consistent() {
    Arguments::command().debug_assert();
}

#[test]
fn commands() {
    let users = || "users".parse().unwrap();
    let scale = |targets, auto| Command::Verb(Verb::Scale(ScaleArgs { targets, auto }));
    let call = |method: Option<&str>, data: Option<&str>, include| {
        let headers = vec![("accept".parse().unwrap(), "text/plain".parse().unwrap())];
        let (method, data) = (method.map(|text| text.parse().unwrap()), data.map(str::to_owned));
        Command::Verb(Verb::Call(CallArgs { service: users(), path: "/a?b=c".into(), method, data, headers, include }))
    };
    let service = |verb| Command::Service { verb };
    let deploy = |services: &[&str], change: fn(&mut DeployArgs)| {
        let services = services.iter().map(|name| name.parse().unwrap()).collect();
        let mut args = DeployArgs { services, dry_run: false, if_match: None, supersede: false, detach: false };
        change(&mut args);
        Command::Verb(Verb::Deploy(args))
    };
    let rollback = |service, to, detach| Command::Verb(Verb::Rollback(RollbackArgs { service, to, detach }));
    let up = |path: Option<&str>, detach, resume| Command::Up(UpArgs { path: path.map(Into::into), detach, resume });
    let kv = |verb| Command::Verb(Verb::Kv { verb });
    let graph = |mermaid, dot, svg| GraphArgs { mermaid, dot, svg, output: svg.then(|| "x.svg".into()) };
    for (line, command) in [
        ("isles up", up(None, false, false)),
        ("isles up examples/shop -d", up(Some("examples/shop"), true, false)),
        ("isles up -d --resume", up(None, true, true)),
        ("isles upgrade --binary new", Command::Upgrade(UpgradeArgs { binary: Some("new".into()) })),
        ("isles service install --print", service(ServiceVerb::Install { user: false, print: true })),
        ("isles service uninstall --user", service(ServiceVerb::Uninstall { user: true })),
        ("isles down", Command::Verb(Verb::Down)),
        ("isles ps", Command::Verb(Verb::Ps)),
        ("isles deploy", deploy(&[], |_| {})),
        ("isles deploy users --supersede -d", deploy(&["users"], |args| (args.supersede, args.detach) = (true, true))),
        ("isles deploy --dry-run", deploy(&[], |args| args.dry_run = true)),
        ("isles deploy --if-match 42", deploy(&[], |args| args.if_match = Some(42))),
        ("isles rollout", Command::Verb(Verb::Rollout(RolloutArgs { watch: false }))),
        ("isles rollout --watch", Command::Verb(Verb::Rollout(RolloutArgs { watch: true }))),
        ("isles promote", Command::Verb(Verb::Promote)),
        ("isles pause", Command::Verb(Verb::Pause)),
        ("isles resume", Command::Verb(Verb::Resume)),
        ("isles abort", Command::Verb(Verb::Abort(AbortArgs { queued: None }))),
        ("isles abort --queued 2", Command::Verb(Verb::Abort(AbortArgs { queued: Some(2) }))),
        ("isles releases", Command::Verb(Verb::Releases)),
        ("isles diff 3 4", Command::Verb(Verb::Diff(DiffArgs { from: 3, to: 4 }))),
        ("isles rollback", rollback(None, None, false)),
        ("isles rollback users --to 3 -d", rollback(Some(users()), Some(3), true)),
        ("isles restart users", Command::Verb(Verb::Restart(RestartArgs { services: vec![users()] }))),
        ("isles scale users=3", scale(vec![(users(), Some(3))], false)),
        ("isles scale users --auto", scale(vec![(users(), None)], true)),
        ("isles call users /a?b=c -H accept:text/plain", call(None, None, false)),
        ("isles call users /a?b=c -X PUT -d {} -i -H accept:text/plain", call(Some("PUT"), Some("{}"), true)),
        ("isles graph --svg -o x.svg", Command::Verb(Verb::Graph(graph(false, false, true)))),
        ("isles graph --dot", Command::Verb(Verb::Graph(graph(false, true, false)))),
        ("isles why users", Command::Verb(Verb::Why { service: users() })),
        ("isles top --once", Command::Verb(Verb::Top(TopArgs { once: true }))),
        ("isles metrics", Command::Verb(Verb::Metrics)),
        ("isles topic ls", Command::Verb(Verb::Topic { verb: TopicVerb::Ls })),
        ("isles kv ls a b.>", kv(KvVerb::Ls { bucket: Some("a".parse().unwrap()), keys: Some("b.>".into()) })),
        ("isles init shop", Command::Verb(Verb::Init { path: Some("shop".into()) })),
        ("isles completions zsh", Command::Verb(Verb::Completions { shell: clap_complete::Shell::Zsh })),
    ] {
        assert_eq!(parse(line).unwrap().command, command, "{line}");
    }
}

#[test]
fn processes_of_a_system() {
    let inner = |args: &[&str]| InnerArgs { args: args.iter().map(Into::into).collect() };
    for (line, command) in [
        ("isles keeper -- /a/isles.toml", Command::Keeper(inner(&["/a/isles.toml"]))),
        ("isles platform -- /a/isles.toml resume", Command::Platform(inner(&["/a/isles.toml", "resume"]))),
        ("isles successor -- check 5", Command::Successor(inner(&["check", "5"]))),
    ] {
        assert_eq!(parse(line).unwrap().command, command, "{line}");
    }
    for line in ["isles keeper", "isles platform /a/isles.toml", "isles --json keeper -- /a/isles.toml"] {
        assert!(parse(line).unwrap_err().to_string().contains("unrecognized subcommand"), "{line}");
    }
}

#[test]
fn logs_has_an_f_of_its_own() {
    for (line, file, follow) in [
        ("isles logs -f users", None, true),
        ("isles -f shop logs users", Some("shop"), false),
        ("isles -f shop logs -f users", Some("shop"), true),
        ("isles logs --file shop users", Some("shop"), false),
        ("isles --file shop logs --follow users", Some("shop"), true),
    ] {
        let settings = parse(line).unwrap();
        let Command::Verb(Verb::Logs(logs)) = settings.command else { panic!("{line}") };
        assert_eq!((settings.file, logs.follow), (file.map(Into::into), follow), "{line}");
    }
    let Command::Verb(Verb::Logs(logs)) = parse("isles logs --since 1m30s --tail 5").unwrap().command else { panic!() };
    assert_eq!((logs.since, logs.tail, logs.services.len()), (Some(Duration::from_secs(90)), Some(5), 0));
}

#[test]
fn global_options_stand_anywhere() {
    for line in ["isles -f shop --json --timeout 2m ps", "isles ps -f shop --json --timeout 2m"] {
        let settings = parse(line).unwrap();
        let timeout = Some(Duration::from_secs(120));
        assert_eq!((settings.file, settings.json, settings.timeout), (Some("shop".into()), true, timeout), "{line}");
    }
}

#[test]
fn wrong_command_lines() {
    for (line, part) in [
        ("isles", "Usage"),
        ("isles fly", "unrecognized subcommand 'fly'"),
        ("isles restart", "<SERVICES>"),
        ("isles restart Users", "is not a name"),
        ("isles scale users=1001", "N is a number from 0 to 1000"),
        ("isles logs --since 10", "is not a duration"),
        ("isles call users / -H accept", "write NAME: VALUE"),
        ("isles call users / -i --json", "cannot be used with"),
        ("isles graph --svg --dot", "cannot be used with"),
        ("isles abort --queued 0", "0 is not in 1.."),
        ("isles ps --color blue", "invalid value 'blue'"),
    ] {
        let error = parse(line).unwrap_err();
        assert!(error.to_string().contains(part), "{line}: {error}");
        assert!(error.use_stderr(), "{line}");
    }
    let both = parse("isles up a -f b").unwrap();
    let Command::Up(up) = &both.command else { panic!() };
    assert_eq!(both.project_of(up).unwrap_err().cause, "both PATH and --file are given");
}

#[test]
fn help_names_the_exit_codes_and_hides_what_is_internal() {
    let help = parse("isles --help").unwrap_err();
    assert!(!help.use_stderr());
    let help = help.to_string();
    assert!(help.contains("6  the system is not running"), "{help}");
    assert!(!help.contains("keeper") && !help.contains("platform process"), "{help}");
}

#[test]
fn colors() {
    for (line, variables, color, redraw) in [
        ("isles ps", vec![], ColorChoice::Auto, true),
        ("isles ps", vec![("NO_COLOR", "1")], ColorChoice::Never, true),
        ("isles ps", vec![("NO_COLOR", "")], ColorChoice::Auto, true),
        ("isles ps", vec![("TERM", "dumb")], ColorChoice::Never, false),
        ("isles ps --color always", vec![("NO_COLOR", "1")], ColorChoice::Always, true),
        ("isles ps --color never", vec![], ColorChoice::Never, true),
    ] {
        let settings = from_env(line.split(' ').map(OsString::from), &environment(&variables)).unwrap();
        assert_eq!((settings.color, settings.redraw), (color, redraw), "{line} {variables:?}");
    }
}

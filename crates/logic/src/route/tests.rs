use model::spec::Route;
use proptest::prelude::*;

use super::*;

/// `host/prefix` or `/prefix`, with `!` in front where the prefix is stripped.
fn route(key: &str) -> Route {
    let (strip, key) = key.strip_prefix('!').map_or((false, key), |key| (true, key));
    let slash = key.find('/').unwrap();
    let host = (slash > 0).then(|| key[..slash].into());
    Route { host, strip, ..Route::new(&key[slash..], "users".parse().unwrap()) }
}

#[test]
fn the_longest_prefix_of_whole_segments_wins() {
    let keys =
        ["/", "/users", "/users/new", "!/api", "!/api/v1", "shop.test/", "shop.test/users", "!admin.test/x", "/a//b"];
    let routes = Routes::new(&keys.map(route));
    for (host, path, key, rest) in [
        ("a", "/", "/", "/"),
        ("a", "/usersx", "/", "/usersx"),
        ("a", "/users", "/users", "/users"),
        ("a", "/users/", "/users", "/users/"),
        ("a", "/users/new", "/users/new", "/users/new"),
        ("a", "/users/newer", "/users", "/users/newer"),
        ("a", "/Users", "/", "/Users"),
        ("a", "/api", "!/api", ""),
        ("a", "/api/x", "!/api", "/x"),
        ("a", "/api/v1/x", "!/api/v1", "/x"),
        ("a", "/a//b/c", "/a//b", "/a//b/c"),
        ("a", "/a/b", "/", "/a/b"),
        ("a", "*", "/", "*"),
        ("shop.test", "/users/1", "shop.test/users", "/users/1"),
        ("SHOP.test", "/users/1", "shop.test/users", "/users/1"),
        ("shop.test", "/api/x", "shop.test/", "/api/x"),
        ("admin.test", "/x/y", "!admin.test/x", "/y"),
        ("admin.test", "/users", "/users", "/users"),
    ] {
        let found = routes.find(|| host, path.as_bytes()).unwrap();
        assert_eq!((keys[found.index], &path[found.strip..]), (key, rest), "{host} {path}");
    }
}

#[test]
fn no_route() {
    let routes = Routes::new(&["/users", "shop.test/x"].map(route));
    for (host, path) in
        [("a", "/"), ("a", "/x"), ("shop.test", "/"), ("a", "*"), ("", "/user"), (&"a".repeat(300), "/")]
    {
        assert_eq!(routes.find(|| host, path.as_bytes()), None, "{host} {path}");
    }
    assert_eq!(Routes::new(&[]).find(|| "a", b"/"), None);
}

/// The rule, said plainly.
fn reference(routes: &[Route], host: &str, path: &str) -> Option<usize> {
    let fits = |route: &Route| {
        let prefix = route.prefix.trim_end_matches('/');
        path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let best = |wanted: Option<&str>| {
        let of_host = routes.iter().enumerate().filter(|(_, route)| route.host.as_deref() == wanted && fits(route));
        of_host.max_by_key(|(index, route)| (route.prefix.len(), std::cmp::Reverse(*index))).map(|(index, _)| index)
    };
    best(Some(host)).or_else(|| best(None))
}

proptest! {
    #[test]
    fn found_as_the_rule_says(
        keys in prop::collection::vec("(|h|i)(/|(/[ab]{1,2}){1,3})", 0..12),
        host in "[hij]",
        path in "(/[ab]{0,2}){1,4}",
    ) {
        let routes: Vec<_> = keys.iter().map(|key| route(key)).collect();
        prop_assert_eq!(Routes::new(&routes).find(|| &host, path.as_bytes()).map(|found| found.index), reference(&routes, &host, &path));
    }
}

//! Folders, and the services that are suggested for them. Whatever is suggested has no errors.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use manifest::{Memory, init::suggest, parse};
use model::spec::{Service, System};

/// Checks the suggestion as a whole, and gives back its system.
fn suggested(name: &str, files: &[(&str, &str)]) -> System {
    let folder = Memory::new(name, files);
    let text = suggest(&folder);
    let parsed = parse(&text, &folder);
    assert_eq!(parsed.diagnostics, [], "{text}");
    parsed.system.unwrap()
}

/// Name, `dir`, `build`, `artifact` and `run`, a line each.
fn check(files: &[(&str, &str)], expected: &[&str]) {
    let line = |(name, service): (_, &Service)| {
        let dir = service.dir.as_ref().map(|dir| format!(" in {}", dir.display())).unwrap_or_default();
        let build = service.build.as_deref().unwrap_or("-");
        let artifact: Vec<_> = service.artifact.iter().map(|path| path.display().to_string()).collect();
        format!("{name}{dir}: {build} > {} > {}", artifact.join(" "), service.run)
    };
    let system = suggested("shop", files);
    let lines: Vec<String> = system.services.iter().map(line).collect();
    assert_eq!(lines, expected);
    assert_eq!(system.gateway.unwrap().routes.len(), expected.len());
}

#[test]
fn names_that_are_reserved() {
    let names: Vec<_> =
        suggested("shop", &[("gateway/go.mod", "module gateway\n"), ("gateway/main.go", "package main\n")])
            .services
            .into_keys()
            .map(|name| name.to_string())
            .collect();
    assert_eq!(names, ["gateway-2"]);
}

#[test]
fn cargo_packages() {
    check(
        &[("Cargo.toml", "[package]\nname = \"users\"\n"), ("src/main.rs", "")],
        &["users: cargo build --release > target/release/users > ./target/release/users"],
    );
    check(
        &[("users/Cargo.toml", "[package]\nname = \"users\"\n[[bin]]\nname = \"a\"\n[[bin]]\nname = \"b\"\n")],
        &[
            "a in users: cargo build --release > target/release/a > ./target/release/a",
            "b in users: cargo build --release > target/release/b > ./target/release/b",
        ],
    );
}

#[test]
fn a_library_or_a_broken_package_is_no_service() {
    for text in ["[package]\nname = \"users\"\n", "[package", "[workspace]\nmembers = [1, \"gone\"]\n", "package = 1"] {
        check(
            &[("lib/Cargo.toml", text), ("lib/src/lib.rs", "")],
            &["hello: - >  > python3 -m http.server --bind 127.0.0.1 $PORT"],
        );
    }
}

#[test]
fn a_cargo_workspace() {
    check(
        &[
            (
                "Cargo.toml",
                "[workspace]\nmembers = [\"crates/*\", \"orders\", \"xtask\"]\nexclude = [\"crates/old\"]\n",
            ),
            ("crates/users/Cargo.toml", "[package]\nname = \"users\"\n"),
            ("crates/users/src/main.rs", ""),
            ("crates/old/Cargo.toml", "[package]\nname = \"old\"\n"),
            ("crates/old/src/main.rs", ""),
            ("crates/common/Cargo.toml", "[package]\nname = \"common\"\n"),
            ("orders/Cargo.toml", "[package]\nname = \"orders\"\n"),
            ("orders/src/bin/orders-api.rs", ""),
            ("orders/src/bin/orders-worker.rs", ""),
            ("xtask/Cargo.toml", "[package]\nname = \"xtask\"\n"),
            ("xtask/src/main.rs", ""),
            ("web/package.json", r#"{"scripts": {"start": "x"}}"#),
        ],
        &[
            "orders-api: cargo build --release -p orders > target/release/orders-api > ./target/release/orders-api",
            "orders-worker: cargo build --release -p orders > target/release/orders-worker > ./target/release/orders-worker",
            "users: cargo build --release -p users > target/release/users > ./target/release/users",
            "web in web: npm install >  > npm start",
        ],
    );
}

#[test]
fn node_packages() {
    check(
        &[
            ("package.json", r#"{"name": "@shop/Web_UI", "scripts": {"start": "x", "build": "y"}}"#),
            ("package-lock.json", ""),
        ],
        &["web-ui in .: npm ci && npm run build >  > npm start"],
    );
    check(
        &[("a/package.json", r#"{"main": "my server.js"}"#), ("a/yarn.lock", "")],
        &["a in a: yarn install --frozen-lockfile >  > node 'my server.js'"],
    );
    check(
        &[("a/package.json", r#"{"scripts": {"start": "x"}}"#), ("a/pnpm-lock.yaml", "")],
        &["a in a: pnpm install --frozen-lockfile >  > pnpm start"],
    );
    check(
        &[("a/package.json", "{}"), ("b/package.json", "{")],
        &["hello: - >  > python3 -m http.server --bind 127.0.0.1 $PORT"],
    );
}

#[test]
fn python_programs() {
    for (requirements, file, run) in [
        ("Flask>=3,<4\nrequests", "main.py", ".venv/bin/flask --app main run --port $PORT"),
        ("flask\ngunicorn==23", "wsgi.py", ".venv/bin/gunicorn --bind 127.0.0.1:$PORT wsgi:app"),
        ("# the server\nuvicorn[standard]~=0.30", "app.py", ".venv/bin/uvicorn app:app --port $PORT"),
        ("Django", "manage.py", ".venv/bin/python manage.py runserver --noreload 127.0.0.1:$PORT"),
        ("", "server.py", ".venv/bin/python server.py"),
    ] {
        let build = "python3 -m venv .venv && .venv/bin/pip install -q -r requirements.txt";
        check(&[("requirements.txt", requirements), (file, "")], &[&format!("app in .: {build} >  > {run}")]);
    }
}

#[test]
fn go_modules() {
    check(
        &[("go.mod", "module example.com/shop/users\n\ngo 1.24\n"), ("main.go", "// x\npackage main\n")],
        &["users: go build -o bin/users . > bin/users > ./bin/users"],
    );
    check(
        &[
            ("api/go.mod", "module example.com/api"),
            ("api/lib.go", "package api\n"),
            ("api/cmd/serve/main.go", "package main\n"),
            ("api/cmd/internal/x.go", "package internal\n"),
        ],
        &["serve in api: go build -o bin/serve ./cmd/serve > bin/serve > ./bin/serve"],
    );
}

#[test]
fn dockerfiles() {
    check(
        &[("a/Dockerfile", "FROM x\nENTRYPOINT [\"/bin/a b\"]\nCMD [\"--old\"]\ncmd [\"--port\", \"80\", \"it's\"]\n")],
        &["a in a: - >  > '/bin/a b' --port 80 'it'\\''s'"],
    );
    check(
        &[("Dockerfile", "FROM x\nCMD serve --all\n")],
        &["hello: - >  > python3 -m http.server --bind 127.0.0.1 $PORT"],
    );
}

#[test]
fn one_folder_many_programs() {
    check(
        &[
            ("users/requirements.txt", "flask"),
            ("users/app.py", ""),
            ("users/Dockerfile", "CMD [\"x\"]"),
            ("orders/go.mod", "module users"),
            ("orders/main.go", "package main"),
            ("node_modules/x/package.json", r#"{"main": "x"}"#),
            (".hidden/package.json", r#"{"main": "x"}"#),
        ],
        &[
            "users in orders: go build -o bin/users . > bin/users > ./bin/users",
            "users-2 in users: python3 -m venv .venv && .venv/bin/pip install -q -r requirements.txt >  > \
             .venv/bin/flask --app app run --port $PORT",
        ],
    );
}

#[test]
fn names_become_valid() {
    for (folder, name) in [("My Shop_2", "my-shop-2"), ("42", "system"), ("", "system"), ("été", "t"), ("a--", "a")] {
        assert_eq!(suggested(folder, &[]).name.as_str(), name, "{folder}");
    }
    let long = "x".repeat(200);
    assert_eq!(suggested(&long, &[]).name.as_str(), &long[..60]);
    let odd = suggested("shop", &[("\u{1}\"\\ é\u{7f}/package.json", r#"{"main": "\u0001"}"#)]);
    assert_eq!(odd.services.values().next().unwrap().dir, Some("\u{1}\"\\ é\u{7f}".into()));
}

#[test]
fn the_text_of_a_suggestion() {
    let folder = Memory::new(
        "shop",
        &[("users/requirements.txt", "flask"), ("stock/go.mod", "module stock"), ("stock/a.go", "package main")],
    );
    let expected = r#"# What this system consists of. `isles check` says what is wrong here, `isles up` runs it.

[system]
name = "shop"

[gateway]
listen = "127.0.0.1:8080"

[gateway.routes]         # the longest prefix wins
"/stock" = "stock"
"/users" = "users"

[services.stock]         # from stock/go.mod
dir      = "stock"
build    = "go build -o bin/stock ."
artifact = ["bin/stock"]
run      = "./bin/stock"
# replicas = 2           # instances behind one address
# health = "/healthz"    # must answer 2xx or 3xx; without it, the port must accept
# store  = "sqlite"      # data of its own: gives $DATABASE_URL and $DATABASE_PATH
# calls  = ["other"]     # what it may call: gives $OTHER_URL
# publishes = ["a.b"]    # messages to whoever subscribes to them: gives $NATS_URL

[services.users]         # from users/requirements.txt
dir      = "users"
build    = "python3 -m venv .venv && .venv/bin/pip install -q -r requirements.txt"
run      = ".venv/bin/flask --app app run --port $PORT"
"#;
    assert_eq!(suggest(&folder), expected);
}

#[test]
fn the_comments_can_be_uncommented() {
    let text = suggest(&Memory::new("shop", &[]));
    let keys = ["# replicas", "# health", "# store"];
    let more = text.lines().map(|line| if keys.iter().any(|key| line.starts_with(key)) { &line[2..] } else { line });
    let parsed = parse(&more.collect::<Vec<_>>().join("\n"), &Memory::new("shop", &[]));
    assert_eq!(parsed.diagnostics, []);
    assert_eq!(parsed.system.unwrap().services.values().next().unwrap().replicas, 2);
}

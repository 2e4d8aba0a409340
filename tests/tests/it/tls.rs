//! The gateway with a certificate, asked by curl.

use tests::{sandbox::Sandbox, wait};

const DEVELOPMENT: &str = r#"
[gateway]
listen = "GATEWAY"
routes = { "/" = "web" }
tls = "development"

[services.web]
run = "python3 service.py"
"#;

/// A manifest whose gateway shows `a.crt`, and both files.
fn with_files() -> Sandbox {
    let sandbox = Sandbox::new(&DEVELOPMENT.replace("\"development\"", "{ cert = \"a.crt\", key = \"a.key\" }"));
    make(&sandbox, "a");
    sandbox
}

/// Makes a certificate and its key with OpenSSL.
fn make(sandbox: &Sandbox, name: &str) {
    let command = format!(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout {name}.key -out {name}.crt \
         -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1,DNS:localhost 2>&1"
    );
    sandbox.shell(&command).ok();
}

/// What curl gets that trusts a certificate; nothing if it refuses the gateway's.
fn get(sandbox: &Sandbox, trusted: &str) -> String {
    let url = format!("https://{}/", sandbox.gateway);
    sandbox.shell(&format!("curl -sS --max-time 20 --cacert {trusted} {url}")).out
}

#[test]
fn a_development_certificate_is_kept_and_shown() {
    let sandbox = Sandbox::new(DEVELOPMENT);
    let trusted = ".isles/tls/localhost.crt";
    let url = format!("https://{}", sandbox.gateway);
    let said = sandbox.isles(&["up", "-d"]).ok().says(&[&format!("gateway  {url}")]);
    let text = said.out + &said.err;
    let line = text.lines().find(|line| line.contains("curl --cacert ")).expect("a command to try").trim();
    assert_eq!(sandbox.shell(line.trim_start_matches("try").trim()).ok().out, get(&sandbox, trusted));
    let certificate = sandbox.read(trusted);
    sandbox.isles(&["status"]).ok().says(&[&url]);
    sandbox.isles(&["down"]).ok();
    sandbox.up();
    assert_eq!(sandbox.read(trusted), certificate);
    assert_ne!(get(&sandbox, trusted), "");
}

#[test]
fn files_are_taken_up_when_they_change() {
    let sandbox = with_files();
    sandbox.up();
    assert_ne!(get(&sandbox, "a.crt"), "");
    make(&sandbox, "b");
    sandbox.shell("cp a.crt old.crt && mv b.crt a.crt").ok();
    let notice =
        wait::until("a notice", || sandbox.status().notices.into_iter().find(|text| text.contains("certificate")));
    assert!(
        notice.contains("earlier certificate") && notice.contains("a.key is not that of the certificate"),
        "{notice}"
    );
    assert_ne!(get(&sandbox, "old.crt"), "");
    sandbox.shell("mv b.key a.key").ok();
    wait::until("the new certificate", || Some(get(&sandbox, "a.crt")).filter(|text| !text.is_empty()));
    assert!(!sandbox.status().notices.iter().any(|text| text.contains("certificate")));
}

#[test]
fn a_pair_that_cannot_be_used_is_refused_before_anything_starts() {
    let sandbox = with_files();
    make(&sandbox, "b");
    for (spoil, cause) in [
        ("cp b.key a.key", "a.key is not that of the certificate"),
        ("openssl ec -in b.key -aes128 -passout pass:x -out a.key 2>&1", "a.key is encrypted"),
        ("echo > a.crt", "a.crt holds no certificate in PEM"),
    ] {
        sandbox.shell(spoil).ok();
        sandbox.isles(&["up", "-d"]).code(1).says(&[cause, "hint: "]);
        assert!(sandbox.running().is_none());
    }
}

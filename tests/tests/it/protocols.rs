//! Services that speak HTTP/2 or bytes, beside those that speak HTTP/1.1.

use tests::sandbox::Sandbox;

const MANIFEST: &str = r#"
[gateway]
listen = "GATEWAY"

[gateway.routes]
"/" = "front"
"/pages" = { to = "pages", strip = true }

[services.front]
run = "python3 service.py"
calls = ["pages", "lines"]

[services.pages]
run = "PAGES"
protocol = "http2"
health = "/healthz"

[services.lines]
run = "python3 lines.py"
protocol = "tcp"
"#;

/// Says every line again.
const LINES: &str = r#"
import os
import socketserver


class Lines(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(b"again: " + line)


socketserver.ThreadingTCPServer.allow_reuse_address = True
socketserver.ThreadingTCPServer(("127.0.0.1", int(os.environ["PORT"])), Lines).serve_forever()
"#;

#[test]
fn services_of_http2_and_of_bytes_are_watched_called_and_restarted() {
    let sandbox = Sandbox::new(&MANIFEST.replace("PAGES", env!("CARGO_BIN_EXE_pages")));
    sandbox.write("lines.py", LINES);
    sandbox.up();
    for _ in 0..2 {
        assert_eq!(sandbox.get("/pages/a").text(), "HTTP/2.0 /a", "from outside");
        let called = sandbox.get("/call/pages/b").json();
        assert_eq!((&called["status"], &called["body"]), (&200.into(), &"HTTP/2.0 /b".into()), "from a service");
        assert_eq!(sandbox.get("/line/lines/hello").text(), "again: hello\n");
        assert_ne!(sandbox.get("/pages/asked").text(), "0", "its health is asked for in its own protocol");
        sandbox.isles(&["restart", "pages", "lines"]).ok();
    }
}

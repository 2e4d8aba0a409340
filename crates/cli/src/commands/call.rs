use std::{fs, io::Read, path::Path};

use client::{Answer, Call, ClientError, Headers, HttpMethod, header};
use serde::Serialize;

use crate::{Context, args::CallArgs, exit::ExitCode, report::UserError};

const STDIN: &str = "@-";

#[derive(Serialize)]
struct Answered {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

pub(crate) async fn run(context: Context<'_>, args: &CallArgs) -> anyhow::Result<ExitCode> {
    let answer = context.client()?.call(&args.service, call(args, &context.settings.current_dir)?).await?;
    if answer.is_from_isles() {
        return Err(ClientError::Api(Box::new(answer.problem().await?)).into());
    }
    let status = answer.status();
    if context.settings.json {
        let answered = answered(answer).await?;
        context.terminal.print_json(&answered)?;
    } else {
        print(context, answer, args.include).await?;
    }
    let refused = status.is_client_error() || status.is_server_error();
    Ok(if refused { ExitCode::Failed } else { ExitCode::Ok })
}

fn call(args: &CallArgs, folder: &Path) -> anyhow::Result<Call> {
    let body = args.data.as_deref().map(|data| read(data, folder)).transpose()?;
    let method = args.method.clone().unwrap_or(if body.is_some() { HttpMethod::POST } else { HttpMethod::GET });
    let mut headers: Headers = Headers::new();
    for (name, value) in &args.headers {
        headers.append(name, value.clone());
    }
    if body.is_some() {
        headers.entry(header::CONTENT_TYPE).or_insert(header::HeaderValue::from_static("application/json"));
    }
    Ok(Call { method, path: args.path.clone(), headers, body: body.unwrap_or_default().into() })
}

/// The data itself, or what is in the file that it names, relative to `folder`.
fn read(data: &str, folder: &Path) -> Result<Vec<u8>, UserError> {
    let Some(file) = data.strip_prefix('@') else { return Ok(data.into()) };
    let mut bytes = Vec::new();
    let read = if data == STDIN {
        std::io::stdin().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        fs::read(folder.join(file))
    };
    read.map_err(|error| UserError::usage(format!("{file} cannot be read: {error}"), "give --data @FILE or @-"))
}

async fn answered(answer: Answer) -> anyhow::Result<Answered> {
    let status = answer.status().as_u16();
    let text = |value: &header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = answer.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect();
    let body = String::from_utf8(answer.bytes().await?)
        .map_err(|_| UserError::failed("the answer's body is not text", "leave out --json to get it as it is"))?;
    Ok(Answered { status, headers, body })
}

async fn print(context: Context<'_>, mut answer: Answer, include: bool) -> anyhow::Result<()> {
    if include {
        context.terminal.print_bytes(&head(&answer))?;
    }
    let mut ends_line = true;
    while let Some(chunk) = answer.chunk().await? {
        context.terminal.print_bytes(&chunk)?;
        ends_line = chunk.last().map_or(ends_line, |byte| *byte == b'\n');
    }
    if !ends_line && context.terminal.out.is_terminal {
        context.terminal.print("\n")?;
    }
    if !answer.status().is_success() {
        context.terminal.say(&format!("status {}\n", answer.status()));
    }
    Ok(())
}

fn head(answer: &Answer) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {}\n", answer.status()).into_bytes();
    for (name, value) in answer.headers() {
        head.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\n"].concat());
    }
    head.push(b'\n');
    head
}

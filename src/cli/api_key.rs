//! `hilum api-key`: makes, lists and removes the keys that open the API over the network.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};
use serde_json::json;

use super::Misuse;
use super::held::Held;
use crate::api::{ApiKey, ApiKeys, KeyId, LONGEST_NAME, Role, is_name};
use crate::clock::SystemClock;
use crate::config::{DEFAULT_API_KEYS, read_api_keys, write_api_keys};
use crate::time::date::to_rfc3339;

/// Makes, lists and removes the keys that open the API over the network
#[derive(Args, Debug)]
pub struct ApiKeyArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Debug)]
enum Action {
    /// Makes a key and prints it, this once: the file holds only a hash of it
    New(NewArgs),
    /// Lists the keys; shows no secret
    List(ListArgs),
    /// Takes a key out of the file
    Remove(RemoveArgs),
}

#[derive(Args, Debug)]
struct Place {
    /// The file of the keys, as `api.keys` of the configuration names it
    #[arg(long = "keys", value_name = "FILE", default_value = DEFAULT_API_KEYS)]
    file: PathBuf,
}

#[derive(Args, Debug)]
struct NewArgs {
    /// What its bearer may do: viewer, operator or issuer
    #[arg(long)]
    role: Role,
    /// What it is for; use nobody's name
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true, value_parser = name)]
    name: String,
    #[command(flatten)]
    place: Place,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
struct ListArgs {
    #[command(flatten)]
    place: Place,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
struct RemoveArgs {
    /// The key's id, as `list` shows it: what stands between hk_ and the next _
    id: KeyId,
    #[command(flatten)]
    place: Place,
}

fn name(text: &str) -> Result<String, String> {
    if is_name(text) {
        return Ok(text.to_owned());
    }
    Err(format!("write at most {LONGEST_NAME} printable characters of ASCII, without quotes and backslashes"))
}

/// Runs `hilum api-key`.
///
/// # Errors
/// The faults of the file, or that it cannot be written.
pub fn run(args: &ApiKeyArgs) -> anyhow::Result<ExitCode> {
    match &args.action {
        Action::New(args) => new(args)?,
        Action::List(args) => list(args)?,
        Action::Remove(args) => remove(args)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn new(args: &NewArgs) -> anyhow::Result<()> {
    let file = &args.place.file;
    let held = Held::take(file)?;
    let keys = if file.exists() { read_api_keys(file)? } else { ApiKeys::default() };
    let (made, text) = ApiKey::generate(args.role, args.name.clone(), SystemClock::start().now().unix)?;
    let id = made.id;
    let keys = ApiKeys::new(keys.iter().cloned().chain([made]).collect())?;
    held.replace(&write_api_keys(&keys))?;
    if args.json {
        let about = json!({ "id": id.as_str(), "role": args.role.label(), "name": args.name, "key": text.as_str() });
        writeln!(io::stdout(), "{}", serde_json::to_string_pretty(&about)?)?;
    } else {
        writeln!(io::stdout(), "{}", text.as_str())?;
        let (id, file) = (id.as_str(), file.display());
        writeln!(io::stderr(), "This is shown once. Key {id} is in {file}; reload the relay.")?;
    }
    Ok(())
}

fn list(args: &ListArgs) -> anyhow::Result<()> {
    let keys = read_api_keys(&args.place.file)?;
    let mut table = Table::new();
    table.load_preset(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["id", "role", "made", "name"]);
    let mut listed = Vec::new();
    for key in keys.iter() {
        let (id, role, made) = (key.id.as_str(), key.role.label(), to_rfc3339(key.created));
        listed.push(json!({ "id": id, "role": role, "created": made, "name": key.name }));
        table.add_row([id, role, &made, &key.name]);
    }
    if args.json {
        writeln!(io::stdout(), "{}", serde_json::to_string_pretty(&listed)?)?;
    } else {
        writeln!(io::stdout(), "{table}")?;
    }
    Ok(())
}

fn remove(args: &RemoveArgs) -> anyhow::Result<()> {
    let held = Held::take(&args.place.file)?;
    let keys = read_api_keys(held.path())?;
    let left: Vec<ApiKey> = keys.iter().filter(|key| key.id != args.id).cloned().collect();
    if left.len() == keys.len() {
        return Err(Misuse("the file has no key of this id; `hilum api-key list` shows them").into());
    }
    held.replace(&write_api_keys(&ApiKeys::new(left)?))?;
    writeln!(io::stdout(), "key {} is removed; reload the relay", args.id.as_str())?;
    Ok(())
}

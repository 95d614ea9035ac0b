//! `hilum staff`: who signs in to receive patients.

use std::io::{self, Write as _};
use std::process::ExitCode;

use axum::http::Method;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use crate::api::review::Review;

use super::operator::{Way, list, print, text};

/// Gives staff accounts on a running relay, changes and removes them, and lists who has one
#[derive(Args, Debug)]
pub struct StaffArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Makes an account, and prints its password and the secret of its authenticator, which nothing shows again
    Add(AddArgs),
    /// Gives an account another role and other clinics
    Role(RoleArgs),
    /// Removes an account, and signs it out
    Remove(RemoveArgs),
    /// Lists everybody and everything that has access, for a review every quarter; who has not used it for 90 days is marked
    Review(ReviewArgs),
    /// Lists the accounts: roles, clinics, who gave them, and when they were last used
    List(ListArgs),
}

#[derive(Args, Debug)]
struct RoleArgs {
    /// The name to sign in with: letters, digits, dots, hyphens and underscores
    name: String,
    /// operator, admin or clinician
    #[arg(long, value_name = "ROLE")]
    role: String,
    /// The clinics, by their ids in the configuration; an operator has none
    #[arg(long = "clinic", value_name = "ID")]
    clinics: Vec<String>,
    #[command(flatten)]
    way: Way,
}

#[derive(Args, Debug)]
struct AddArgs {
    #[command(flatten)]
    role: RoleArgs,
    /// Makes an account without a password, for whom the provider of [signal.openid] knows by this subject
    #[arg(long, value_name = "SUBJECT")]
    openid: Option<String>,
}

#[derive(Args, Debug)]
struct RemoveArgs {
    /// The name of the account
    name: String,
    #[command(flatten)]
    way: Way,
}

#[derive(Args, Debug)]
struct ListArgs {
    #[command(flatten)]
    way: Way,
}

#[derive(Args, Debug)]
struct ReviewArgs {
    /// For a spreadsheet, or for a program
    #[arg(long, value_enum, default_value_t = Format::Csv)]
    format: Format,
    #[command(flatten)]
    way: Way,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Csv,
    Json,
}

/// Runs `hilum staff`.
///
/// # Errors
/// The relay does not answer, or refuses.
pub fn run(args: &StaffArgs) -> anyhow::Result<ExitCode> {
    match &args.command {
        Command::Add(AddArgs { role: args, openid: Some(subject) }) => {
            let mut asked = asked(args);
            asked["openid"] = json!(subject);
            let answer = args.way.ask(Method::POST, "/v1/accounts", Some(&asked))?;
            say(&args.way, &answer, |out| writeln!(out, "{} signs in at the provider", text(&answer["name"])))?;
        }
        Command::Add(AddArgs { role: args, openid: None }) => {
            let answer = change(args, "/v1/accounts")?;
            say(&args.way, &answer, |out| {
                writeln!(out, "name           {}", text(&answer["name"]))?;
                writeln!(out, "password       {}", text(&answer["password"]))?;
                writeln!(out, "authenticator  {}", text(&answer["authenticator"]))?;
                writeln!(out, "Nothing shows these again. Hand them over in person.")
            })?;
        }
        Command::Role(args) => {
            let answer = change(args, "/v1/accounts/role")?;
            say(&args.way, &answer, |out| writeln!(out, "{} is {} now", text(&answer["name"]), text(&answer["role"])))?;
        }
        Command::Remove(args) => {
            let asked = json!({ "name": args.name });
            let answer = args.way.ask(Method::POST, "/v1/accounts/remove", Some(&asked))?;
            say(&args.way, &answer, |out| writeln!(out, "{} has no account any more", text(&answer["name"])))?;
        }
        Command::Review(args) => {
            let answer = args.way.ask(Method::GET, "/v1/review", None)?;
            if args.way.json || args.format == Format::Json {
                print(&answer)?;
            } else {
                let review: Review = serde_json::from_value(answer)?;
                io::stdout().write_all(review.csv().as_bytes())?;
            }
        }
        Command::List(args) => {
            let answer = args.way.ask(Method::GET, "/v1/accounts", None)?;
            if args.way.json {
                print(&answer)?;
            } else {
                list(&answer, "accounts", ["NAME", "ROLE", "CLINICS", "GRANTED BY", "LAST USED"], row)?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn change(args: &RoleArgs, path: &str) -> anyhow::Result<Value> {
    args.way.ask(Method::POST, path, Some(&asked(args)))
}

fn asked(args: &RoleArgs) -> Value {
    json!({ "name": args.name, "role": args.role, "clinics": args.clinics })
}

fn say(way: &Way, answer: &Value, sentence: impl FnOnce(&mut io::Stdout) -> io::Result<()>) -> anyhow::Result<()> {
    if way.json {
        return print(answer);
    }
    Ok(sentence(&mut io::stdout())?)
}

fn row(account: &Value) -> [String; 5] {
    let clinics = account["clinics"].as_array().map_or(&[][..], Vec::as_slice);
    let clinics: Vec<&str> = clinics.iter().filter_map(Value::as_str).collect();
    [
        text(&account["name"]),
        text(&account["role"]),
        if clinics.is_empty() { "-".to_owned() } else { clinics.join(" ") },
        text(&account["granted_by"]),
        text(&account["last_used"]),
    ]
}

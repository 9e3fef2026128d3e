//! The order of the sources: the first that is configured wins, and one that fails ends the search.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use apim_emulator::{Fault, FaultAction, InjectedAnswer};
use serde_json::json;
use test_support::{item, run};

use crate::stage::{
    CLIENT, HOUR, NOBODY, Programs, SECRET, Stage, TENANT, assert_hidden, certificate, message, refused, reset, winner,
};

#[test]
fn without_any_source_each_is_listed_with_its_reason() {
    let stage = Stage::new();
    let programs = Programs::new();
    programs.add("azd", "", "ERROR: not logged in, run `azd auth login` to login", 1);
    let error = refused(
        &stage
            .options()
            .env("PATH", programs.folder())
            .env("AZURE_CLIENT_ID", CLIENT),
    );
    assert_eq!(error["code"], "CredentialUnavailable");
    let lines: Vec<&str> = message(&error).lines().collect();
    let expected = [
        "No credential was found. Tried, in this order:",
        "  EnvironmentCredential: not set: AZURE_TENANT_ID, AZURE_CLIENT_SECRET (or AZURE_CLIENT_CERTIFICATE_PATH).",
        "  WorkloadIdentityCredential: not set: AZURE_TENANT_ID, AZURE_FEDERATED_TOKEN_FILE.",
        "  ManagedIdentityCredential (IMDS): there is no metadata service at 127.0.0.1: ",
        "  Azure CLI: az not found on PATH.",
        "  Azure Developer CLI: ERROR: not logged in, run `azd auth login` to login.",
        "Connect with Connect-AzAccount or az login, set AZURE_ACCESS_TOKEN, ",
    ];
    assert_eq!(lines.len(), expected.len(), "{lines:#?}");
    for (line, start) in lines.iter().zip(expected) {
        assert!(line.starts_with(start), "{line:?} does not start with {start:?}");
    }
    assert_eq!(stage.sent().len(), 0, "nothing was sent");
}

#[test]
fn the_first_that_is_configured_wins() {
    let stage = Stage::new();
    let programs = Programs::new();
    programs.add_azure_cli(&stage.issue_token(HOUR));
    programs.add_azure_developer_cli(&stage.issue_token(HOUR));
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), "federated").expect("the token is written");
    // All are configured. Each step takes the first away.
    let mut options = stage
        .with_client_secret()
        .env("PATH", programs.folder())
        .env("AZURE_ACCESS_TOKEN", stage.issue_token(HOUR))
        .env("AZURE_CLIENT_CERTIFICATE_PATH", certificate("pkcs8.pem"))
        .env("AZURE_FEDERATED_TOKEN_FILE", file.path().display())
        .env("IDENTITY_ENDPOINT", format!("{}/msi/token", stage.http()))
        .env("IDENTITY_HEADER", "header")
        .env("AZURE_POD_IDENTITY_AUTHORITY_HOST", stage.http());
    let steps: [(&str, &[&str]); 8] = [
        ("AZURE_ACCESS_TOKEN", &["AZURE_ACCESS_TOKEN"]),
        ("EnvironmentCredential (client secret)", &["AZURE_CLIENT_SECRET"]),
        (
            "EnvironmentCredential (client certificate)",
            &["AZURE_CLIENT_CERTIFICATE_PATH"],
        ),
        ("WorkloadIdentityCredential", &["AZURE_FEDERATED_TOKEN_FILE"]),
        (
            "ManagedIdentityCredential (App Service)",
            &["IDENTITY_ENDPOINT", "IDENTITY_HEADER"],
        ),
        (
            "ManagedIdentityCredential (IMDS)",
            &["AZURE_POD_IDENTITY_AUTHORITY_HOST"],
        ),
        ("Azure CLI", &["PATH"]),
        ("Azure Developer CLI", &[]),
    ];
    for (expected, taken_away) in steps {
        assert_eq!(winner(&reset(&options)), expected);
        for name in taken_away {
            options = match *name {
                "AZURE_POD_IDENTITY_AUTHORITY_HOST" => options.env(name, NOBODY),
                "PATH" => {
                    let only_azd = Programs::new();
                    only_azd.add_azure_developer_cli(&stage.issue_token(HOUR));
                    let options = options.env(name, only_azd.folder());
                    assert_eq!(winner(&reset(&options)), "Azure Developer CLI");
                    return;
                }
                _ => options.without_env(name),
            };
        }
    }
}

#[test]
fn a_configured_source_that_fails_ends_the_search() {
    let stage = Stage::new();
    let programs = Programs::new();
    programs.add_azure_cli(&stage.issue_token(HOUR));
    stage.add_fault(Fault::new(
        "/oauth2/v2.0/token",
        FaultAction::Answer(InjectedAnswer {
            status: 401,
            body: Some(json!({
                "error": "invalid_client",
                "error_description": format!("AADSTS7000215: Invalid client secret provided, it was '{SECRET}'."),
                "error_codes": [7_000_215],
            })),
            ..InjectedAnswer::default()
        }),
    ));
    let options = stage.with_client_secret().env("PATH", programs.folder());
    let session = run(&options, [item(1)]);
    assert_hidden(&session, &[SECRET]);
    let fatal = session.of(test_support::Kind::Fatal);
    assert_eq!(fatal[0].code(), "AuthenticationFailed");
    let text = fatal[0].message();
    assert!(
        text.contains("EnvironmentCredential (client secret)") && text.contains("AADSTS7000215"),
        "{text}"
    );
    assert!(text.contains("not tried") && !text.contains('\n'), "{text}");
    assert_eq!(programs.calls("az"), [""; 0]);
    assert_eq!(
        stage.sent().len(),
        1,
        "the token endpoint was asked once, the service not at all"
    );
}

#[test]
fn an_unusable_certificate_ends_the_search_by_name() {
    let stage = Stage::new();
    let options = stage
        .options()
        .env("AZURE_TENANT_ID", TENANT)
        .env("AZURE_CLIENT_ID", CLIENT)
        .env("AZURE_CLIENT_CERTIFICATE_PATH", certificate("encrypted.pem"))
        .env("AZURE_CLIENT_CERTIFICATE_PASSWORD", "battery-staple");
    let error = refused(&options);
    assert_eq!(error["code"], "AuthenticationFailed");
    assert!(message(&error).contains("encrypted.pem"), "{error}");
    assert!(!message(&error).contains("battery-staple"), "{error}");
}

#[test]
fn a_busy_token_endpoint_is_asked_again() {
    let stage = Stage::new();
    stage.add_fault(Fault::new("/oauth2/v2.0/token", FaultAction::status(503)));
    reset(&stage.with_client_secret());
    assert_eq!(stage.token_requests().len(), 2);

    stage.clear_journal();
    stage.add_fault(Fault::new("/msi/token", FaultAction::status(500)));
    let options = stage
        .options()
        .env("IDENTITY_ENDPOINT", format!("{}/msi/token", stage.http()))
        .env("IDENTITY_HEADER", "header");
    reset(&options);
    assert_eq!(stage.token_requests().len(), 2);
}

#[test]
fn a_machine_without_metadata_service_is_recognised_quickly() {
    let stage = Stage::new();
    let programs = Programs::new();
    programs.add_azure_cli(&stage.issue_token(HOUR));
    // Connections are taken by the system and never answered.
    let silent = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let address = silent.local_addr().expect("an address");
    let start = Instant::now();
    let options = stage
        .options()
        .env("PATH", programs.folder())
        .env("AZURE_POD_IDENTITY_AUTHORITY_HOST", format!("http://{address}"));
    assert_eq!(winner(&reset(&options)), "Azure CLI");
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

#[test]
fn a_metadata_service_without_an_identity_is_passed_over() {
    let stage = Stage::new();
    let programs = Programs::new();
    programs.add_azure_cli(&stage.issue_token(HOUR));
    stage.add_fault(Fault::new(
        "/metadata/identity/oauth2/token?",
        FaultAction::Answer(InjectedAnswer {
            status: 400,
            body: Some(json!({ "error": "invalid_request", "error_description": "Identity not found" })),
            ..InjectedAnswer::default()
        }),
    ));
    let options = stage
        .options()
        .env("PATH", programs.folder())
        .env("AZURE_POD_IDENTITY_AUTHORITY_HOST", stage.http());
    assert_eq!(winner(&reset(&options)), "Azure CLI");
}

#[test]
fn azure_token_credentials_narrows_the_chain() {
    let stage = Stage::new();
    let programs = Programs::new();
    programs.add_azure_cli(&stage.issue_token(HOUR));
    let all = stage.with_client_secret().env("PATH", programs.folder());
    assert_eq!(
        winner(&reset(&all.clone().env("AZURE_TOKEN_CREDENTIALS", "dev"))),
        "Azure CLI"
    );
    assert_eq!(
        winner(&reset(
            &all.clone().env("AZURE_TOKEN_CREDENTIALS", "AzureCliCredential")
        )),
        "Azure CLI"
    );
    let prod = all
        .clone()
        .without_env("AZURE_CLIENT_SECRET")
        .env("AZURE_TOKEN_CREDENTIALS", "prod");
    let error = refused(&prod);
    assert!(!message(&error).contains("Azure CLI:"), "{error}");
    let (_, error) = test_support::Session::try_start(&all.env("AZURE_TOKEN_CREDENTIALS", "sometimes"))
        .err()
        .expect("the session does not start");
    assert_eq!(error["code"], "CredentialUnavailable");
    assert!(
        message(&error).contains("sometimes") && message(&error).contains("AzureCliCredential"),
        "{error}"
    );
}

#[test]
fn an_identity_endpoint_far_away_must_use_tls() {
    let stage = Stage::new();
    let options = stage
        .options()
        .env("IDENTITY_ENDPOINT", "http://identity.example.com/msi/token")
        .env("IDENTITY_HEADER", "header");
    let error = refused(&options);
    assert_eq!(error["code"], "AuthenticationFailed");
    assert!(
        message(&error).contains("IDENTITY_ENDPOINT") && message(&error).contains("https"),
        "{error}"
    );
}

#[test]
fn an_answer_without_end_is_cut_off() {
    let stage = Stage::new();
    let endless = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let address = endless.local_addr().expect("an address");
    // Ends with the process: it waits for connections, and holds nothing.
    std::thread::spawn(move || {
        for mut client in endless.incoming().flatten() {
            std::thread::spawn(move || {
                let _ = client.read(&mut [0; 4096]);
                let _ = client.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
                while client.write_all(&[b'x'; 4096]).is_ok() {}
            });
        }
    });
    let error = refused(
        &stage
            .options()
            .env("IDENTITY_ENDPOINT", format!("http://{address}/msi/token"))
            .env("IDENTITY_HEADER", "header"),
    );
    assert!(message(&error).contains("larger than 262144 bytes"), "{error}");
}

#[test]
fn a_life_of_absurd_length_is_an_error() {
    let stage = Stage::new();
    for (path, options) in [
        ("/oauth2/v2.0/token", stage.with_client_secret()),
        (
            "/msi/token",
            stage
                .options()
                .env("IDENTITY_ENDPOINT", format!("{}/msi/token", stage.http()))
                .env("IDENTITY_HEADER", "header"),
        ),
    ] {
        let body = json!({ "access_token": "t", "token_type": "Bearer", "expires_in": u64::MAX });
        stage.add_fault(
            Fault::new(
                path,
                FaultAction::Answer(InjectedAnswer {
                    status: 200,
                    body: Some(body),
                    ..InjectedAnswer::default()
                }),
            )
            .times(u32::MAX),
        );
        let error = refused(&options);
        assert_eq!(error["code"], "AuthenticationFailed", "{error}");
        assert!(message(&error).contains("not a token"), "{error}");
    }
}

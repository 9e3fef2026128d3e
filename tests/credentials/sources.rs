//! Each source of tokens gives one that the service accepts.

use test_support::random_token;
#[cfg(unix)]
use test_support::{Kind, Session, item};

use crate::stage::{CLIENT, HOUR, Programs, SECRET, Stage, TENANT, assert_hidden, certificate, reset, winner};
#[cfg(unix)]
use crate::stage::{azure_cli_answer, message, refused};

#[test]
fn access_token_variable() {
    let stage = Stage::new();
    let token = stage.issue_token(HOUR);
    let run = reset(&stage.options().env("AZURE_ACCESS_TOKEN", format!("{token}\n")));
    assert_eq!(winner(&run), "AZURE_ACCESS_TOKEN");
    assert_eq!(stage.token_requests().len(), 0);
    assert_hidden(&run, &[&token]);
}

#[test]
fn client_secret() {
    let stage = Stage::new();
    let run = reset(&stage.with_client_secret());
    assert_eq!(winner(&run), "EnvironmentCredential (client secret)");
    let requests = stage.token_requests();
    assert_eq!(requests.len(), 1, "{requests:?}");
    assert!(
        requests[0].starts_with(&format!("POST /{TENANT}/oauth2/v2.0/token ")),
        "{requests:?}"
    );
    assert!(requests[0].contains(&format!("client_id={CLIENT}")), "{requests:?}");
    assert!(
        requests[0].contains("client_secret=") && requests[0].contains("%2F.default"),
        "{requests:?}"
    );
    assert_hidden(&run, &[SECRET]);
}

#[test]
fn client_certificate() {
    for (file, password) in [
        ("pkcs8.pem", None),
        ("encrypted.pem", Some("correct-horse")),
        ("modern.pfx", Some("correct-horse")),
    ] {
        let stage = Stage::new();
        let options = stage
            .options()
            .env("AZURE_TENANT_ID", TENANT)
            .env("AZURE_CLIENT_ID", CLIENT)
            .env("AZURE_CLIENT_CERTIFICATE_PATH", certificate(file))
            .env("AZURE_CLIENT_CERTIFICATE_PASSWORD", password.unwrap_or_default());
        let run = reset(&options);
        assert_eq!(winner(&run), "EnvironmentCredential (client certificate)");
        let requests = stage.token_requests();
        assert_eq!(requests.len(), 1, "{requests:?}");
        assert!(requests[0].contains("client_assertion="), "{requests:?}");
        assert!(!requests[0].contains("client_secret="), "{requests:?}");
    }
}

#[test]
fn workload_identity() {
    let stage = Stage::new();
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    let federated = random_token();
    std::fs::write(file.path(), &federated).expect("the token is written");
    let options = stage
        .options()
        .env("AZURE_TENANT_ID", TENANT)
        .env("AZURE_CLIENT_ID", CLIENT)
        .env("AZURE_FEDERATED_TOKEN_FILE", file.path().display());
    let run = reset(&options);
    assert_eq!(winner(&run), "WorkloadIdentityCredential");
    let requests = stage.token_requests();
    assert!(requests[0].contains("client_assertion="), "{requests:?}");
    assert_hidden(&run, &[&federated]);
}

#[test]
fn managed_identity_of_app_service() {
    let stage = Stage::new();
    let options = stage
        .options()
        .env("IDENTITY_ENDPOINT", format!("{}/msi/token", stage.http()))
        .env("IDENTITY_HEADER", "app-service-header")
        .env("AZURE_CLIENT_ID", CLIENT);
    let run = reset(&options);
    assert_eq!(winner(&run), "ManagedIdentityCredential (App Service)");
    let requests = stage.token_requests();
    assert_eq!(requests.len(), 1, "{requests:?}");
    assert!(
        requests[0].starts_with("GET /msi/token?api-version=2019-08-01&resource="),
        "{requests:?}"
    );
    assert!(requests[0].ends_with(&format!("&client_id={CLIENT}")), "{requests:?}");
    assert_hidden(&run, &["app-service-header"]);
}

#[test]
fn managed_identity_of_a_virtual_machine() {
    let stage = Stage::new();
    let run = reset(&stage.options().env("AZURE_POD_IDENTITY_AUTHORITY_HOST", stage.http()));
    assert_eq!(winner(&run), "ManagedIdentityCredential (IMDS)");
    let requests = stage.token_requests();
    // The first finds out whether there is a metadata service; it carries no header and is refused.
    assert_eq!(requests.len(), 2, "{requests:?}");
    assert_eq!(requests[0], "GET /metadata/identity/oauth2/token");
    assert!(
        requests[1].starts_with("GET /metadata/identity/oauth2/token?api-version="),
        "{requests:?}"
    );
}

#[test]
fn azure_cli() {
    let stage = Stage::new();
    let token = stage.issue_token(HOUR);
    let programs = Programs::new();
    programs.add_azure_cli(&token);
    let run = reset(&stage.options().env("PATH", programs.folder()));
    assert_eq!(winner(&run), "Azure CLI");
    let calls = programs.calls("az");
    assert_eq!(calls.len(), 1, "{calls:?}");
    assert!(calls[0].starts_with("account get-access-token"), "{calls:?}");
    assert!(
        calls[0].ends_with(&format!("--scope {}/.default", stage.url())),
        "{calls:?}"
    );
    assert_hidden(&run, &[&token]);
}

#[test]
fn azure_developer_cli() {
    let stage = Stage::new();
    let token = stage.issue_token(HOUR);
    let programs = Programs::new();
    programs.add_azure_developer_cli(&token);
    let run = reset(&stage.options().env("PATH", programs.folder()));
    assert_eq!(winner(&run), "Azure Developer CLI");
    assert!(
        programs.calls("azd")[0].starts_with("auth token"),
        "{:?}",
        programs.calls("azd")
    );
    assert_hidden(&run, &[&token]);
}

#[cfg(unix)]
#[test]
fn the_command_line_programs_see_the_sessions_environment_and_no_other() {
    let stage = Stage::new();
    let programs = Programs::new();
    programs.script(
        "az",
        "echo \"folder is $AZURE_CONFIG_DIR, package is $CARGO_PKG_NAME.\" >&2\nexit 1\n",
    );
    let error = refused(
        &stage
            .options()
            .env("PATH", programs.folder())
            .env("AZURE_CONFIG_DIR", "my-config"),
    );
    assert!(
        message(&error).contains("Azure CLI: folder is my-config, package is ."),
        "{error}"
    );
}

#[cfg(unix)]
#[test]
fn a_federated_token_that_never_comes_stops_no_other_session() {
    let stage = Stage::new();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let fifo = folder.path().join("token");
    let made = std::process::Command::new("mkfifo")
        .arg(&fifo)
        .status()
        .expect("mkfifo runs");
    assert!(made.success());
    let options = stage
        .options()
        .env("AZURE_TENANT_ID", TENANT)
        .env("AZURE_CLIENT_ID", CLIENT)
        .env("AZURE_FEDERATED_TOKEN_FILE", fifo.display());
    let waiting: Vec<Session> = (0..3).map(|_| Session::start(&options)).collect();
    waiting.iter().for_each(|session| session.submit(&item(1)));
    let start = std::time::Instant::now();
    reset(&stage.with_client_secret());
    assert!(
        start.elapsed() < std::time::Duration::from_secs(9),
        "{:?}",
        start.elapsed()
    );
    for session in waiting {
        let events = session.rest();
        let fatal = events
            .iter()
            .find(|event| event.kind == Kind::Fatal)
            .expect("it has no token");
        assert!(fatal.message().contains("AZURE_FEDERATED_TOKEN_FILE"), "{}", fatal.text);
    }
}

#[cfg(unix)]
#[test]
fn a_program_that_leaves_a_child_with_its_output_open_delays_no_token() {
    let stage = Stage::new();
    let programs = Programs::new();
    let answer = azure_cli_answer(&stage.issue_token(HOUR));
    programs.script("az", &format!("/bin/sleep 1000 &\necho '{answer}'\n"));
    let start = std::time::Instant::now();
    reset(&stage.options().env("PATH", programs.folder()));
    assert!(
        start.elapsed() < std::time::Duration::from_secs(9),
        "{:?}",
        start.elapsed()
    );
}

#[cfg(unix)]
#[test]
fn programs_get_the_whole_environment_and_no_blank_variable() {
    let stage = Stage::new();
    let programs = Programs::new();
    programs.script(
        "az",
        "echo \"$REQUESTS_CA_BUNDLE $HTTP_PROXY $AZURE_CORE_OUTPUT ${AZURE_CLIENT_ID-unset}\" >&2\nexit 1\n",
    );
    let options = stage
        .options()
        .env("PATH", programs.folder())
        .env("REQUESTS_CA_BUNDLE", "/ca.pem")
        .env("HTTP_PROXY", "http://proxy")
        .env("AZURE_CORE_OUTPUT", "yaml")
        .env("AZURE_CLIENT_ID", "");
    let error = refused(&options);
    assert!(
        message(&error).contains("Azure CLI: /ca.pem http://proxy yaml unset"),
        "{error}"
    );
}

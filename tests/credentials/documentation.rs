//! The commands of `docs/authentication.md`, each section in a PowerShell of its own, with stand-ins for Az.Accounts,
//! `az` and `azd`.

use std::path::{Path, PathBuf};
use std::process::Command;

use test_support::{library_path, output_of, reset_path};

use crate::stage::{
    CLIENT, HOUR, NOBODY, Programs, SECRET, Stage, azure_cli_answer, azure_developer_cli_answer, certificate,
};

/// What a section's commands need around them, and which source must win.
struct Section {
    heading: &'static str,
    winner: &'static str,
    surroundings: fn(&Stage, &Home) -> Vec<(&'static str, String)>,
}

const SECTIONS: [Section; 8] = [
    Section {
        heading: "With Azure PowerShell",
        winner: "Az.Accounts",
        surroundings: |_, _| Vec::new(),
    },
    Section {
        heading: "With the Azure CLI",
        winner: "Azure CLI",
        surroundings: |_, _| Vec::new(),
    },
    Section {
        heading: "With the Azure Developer CLI",
        winner: "Azure Developer CLI",
        surroundings: |stage, home| {
            let answer = azure_developer_cli_answer(&stage.issue_token(HOUR));
            home.programs.script(
                "azd",
                &format!("case \"$*\" in 'auth token '*) echo '{answer}' ;; esac"),
            );
            home.programs
                .add("az", "", "Please run 'az login' to setup account.", 1);
            Vec::new()
        },
    },
    Section {
        heading: "With a client secret",
        winner: "EnvironmentCredential (client secret)",
        surroundings: |_, _| vec![("AZURE_CLIENT_SECRET", SECRET.to_owned())],
    },
    Section {
        heading: "With a client certificate",
        winner: "EnvironmentCredential (client certificate)",
        surroundings: |_, home| {
            std::fs::copy(certificate("pkcs8.pem"), home.path("agent.pem")).expect("the certificate is copied");
            Vec::new()
        },
    },
    Section {
        heading: "With a token from elsewhere",
        winner: "AZURE_ACCESS_TOKEN",
        surroundings: |_, _| Vec::new(),
    },
    Section {
        heading: "Of a virtual machine",
        winner: "ManagedIdentityCredential (IMDS)",
        surroundings: |stage, _| vec![("AZURE_POD_IDENTITY_AUTHORITY_HOST", stage.http().to_owned())],
    },
    Section {
        heading: "Of a function or web app",
        winner: "ManagedIdentityCredential (App Service)",
        surroundings: |stage, _| {
            vec![
                ("IDENTITY_ENDPOINT", format!("{}/msi/token", stage.http())),
                ("IDENTITY_HEADER", "header".to_owned()),
            ]
        },
    },
];

/// A user's home directory, with programs and modules.
struct Home {
    folder: tempfile::TempDir,
    programs: Programs,
}

impl Home {
    fn new(stage: &Stage) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let programs = Programs::new();
        // `az` writes the profile when somebody signs in; the one here is signed in already, and takes every command.
        std::fs::create_dir(folder.path().join(".azure")).expect("a folder is made");
        std::fs::write(
            folder.path().join(".azure/azureProfile.json"),
            "\u{feff}{\"subscriptions\":[{\"id\":\"00000000-0000-0000-0000-000000000001\",\"isDefault\":true}]}",
        )
        .expect("the profile is written");
        let token = stage.issue_token(HOUR);
        let answer = azure_cli_answer(&token);
        programs.script(
            "az",
            &format!(
                "case \"$*\" in
                    'account get-access-token '*'--query accessToken '*) echo '{token}' ;;
                    'account get-access-token '*) echo '{answer}' ;;
                    *'--query identity.principalId '*) echo '{CLIENT}' ;;
                esac"
            ),
        );
        let module = folder.path().join("modules/Az.Accounts");
        std::fs::create_dir_all(&module).expect("a folder is made");
        std::fs::write(
            module.join("Az.Accounts.psm1"),
            az_accounts(stage, &stage.issue_token(HOUR)),
        )
        .expect("the module is written");
        Self { folder, programs }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// A module with the names and shapes of Az.Accounts 5.
fn az_accounts(stage: &Stage, token: &str) -> String {
    format!(
        "
        $script:Context = $null
        function Connect-AzAccount {{ param($Subscription)
            $script:Context = [pscustomobject]@{{
                Account = [pscustomobject]@{{ Id = 'someone@example.com' }}
                Subscription = [pscustomobject]@{{ Id = $Subscription }}
                Tenant = [pscustomobject]@{{ Id = '33333333-3333-3333-3333-333333333333' }}
                Environment = [pscustomobject]@{{ ResourceManagerUrl = '{url}/'; ActiveDirectoryServiceEndpointResourceId = '{url}/' }}
            }}
        }}
        function Get-AzContext {{ param([Parameter()] $DefaultProfile) $script:Context }}
        function Get-AzAccessToken {{ [CmdletBinding()] param($ResourceUrl, $TenantId, $DefaultProfile)
            $secure = [securestring]::new()
            foreach ($character in '{token}'.ToCharArray()) {{ $secure.AppendChar($character) }}
            [pscustomobject]@{{ Token = $secure; ExpiresOn = [DateTimeOffset]::UtcNow.AddHours(1) }}
        }}
        ",
        url = stage.url()
    )
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The headings that have PowerShell commands below them, with the commands.
fn commands() -> Vec<(String, String)> {
    let text = std::fs::read_to_string(root().join("docs/authentication.md")).expect("the page is there");
    let mut sections: Vec<(String, String)> = Vec::new();
    let mut heading = String::new();
    let mut within = false;
    for line in text.lines() {
        if within {
            within = line != "```";
            let (_, commands) = sections.last_mut().expect("a section was begun");
            commands.push_str(if within { line } else { "" });
            commands.push('\n');
        } else if let Some(title) = line.strip_prefix('#') {
            heading = title.trim_start_matches('#').trim().to_owned();
        } else if line == "```powershell" {
            within = true;
            if sections.last().is_none_or(|(last, _)| *last != heading) {
                sections.push((heading.clone(), String::new()));
            }
        }
    }
    sections
}

#[test]
fn every_section_with_commands_is_run() {
    let found: Vec<String> = commands().into_iter().map(|(heading, _)| heading).collect();
    assert_eq!(found, SECTIONS.map(|section| section.heading));
}

#[test]
fn the_commands_of_each_section_reset_the_backend_by_the_source_that_they_set_up() {
    let commands = commands();
    let pwsh = xtask::pwsh::find().unwrap_or_else(|error| panic!("{error:#}"));
    for Section {
        heading,
        winner,
        surroundings,
    } in SECTIONS
    {
        let stage = Stage::new();
        let home = Home::new(&stage);
        let script = home.path("section.ps1");
        let (_, text) = commands
            .iter()
            .find(|(title, _)| title == heading)
            .expect("the section is on the page");
        std::fs::write(&script, format!("$ErrorActionPreference = 'Stop'\n{text}")).expect("the script is written");
        let mut command = pwsh.command();
        prepare(&mut command, &stage, &home);
        command.envs(surroundings(&stage, &home)).arg("-File").arg(&script);
        let output = output_of(&mut command);
        let said = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(output.status.success(), "{heading}: {said}");
        assert!(said.contains(&format!("Credentials: {winner}. ")), "{heading}: {said}");
        let resets: Vec<String> = stage
            .sent()
            .into_iter()
            .filter(|request| request.contains("/reconnect"))
            .collect();
        assert_eq!(resets, [format!("POST {}", reset_path(123))], "{heading}: {said}");
        assert!(
            !said.contains(SECRET) && !said.contains("eyJ"),
            "{heading} shows a secret: {said}"
        );
    }
}

/// Nothing of the user's who runs the test is left that could be a source of tokens, or lead elsewhere.
fn prepare(command: &mut Command, stage: &Stage, home: &Home) {
    const FOREIGN: [&str; 6] = ["AZURE_", "AZAPIM_", "AZD_", "IDENTITY_", "MSI_", "SSL_CERT_"];
    for (name, _) in std::env::vars_os() {
        let upper = name.to_string_lossy().to_uppercase();
        if upper.ends_with("_PROXY") || FOREIGN.iter().any(|prefix| upper.starts_with(prefix)) {
            command.env_remove(name);
        }
    }
    let staged = xtask::stage::staged().unwrap_or_else(|error| panic!("the modules cannot be staged: {error:#}"));
    let modules = std::env::join_paths([staged.modules.clone(), home.path("modules")]).expect("paths can be joined");
    command
        .envs(
            stage
                .environment()
                .into_iter()
                .filter(|(name, _)| matches!(*name, "AZURE_RESOURCE_MANAGER_ENDPOINT" | "SSL_CERT_FILE")),
        )
        .env("AZURE_AUTHORITY_HOST", stage.url())
        .env("AZURE_POD_IDENTITY_AUTHORITY_HOST", NOBODY)
        .env("AZAPIM_NATIVE_LIBRARY", library_path())
        .env("PSModulePath", modules)
        .env("PATH", home.programs.folder())
        .env("HOME", home.folder.path())
        .env("USERPROFILE", home.folder.path());
}

//! What an item may say, what is made of it, and what its error says, through the ABI.

use serde_json::{Value, json};
use test_support::{
    CannedServer, Options, Session, Status, TestEmulator, backend_id, describe, describe_text, item, run, subscription,
};

const ABOUT: &str = "Backend '1' of service 'contoso' in resource group 'Api-Default-WestUS'";

fn accepting() -> CannedServer {
    CannedServer::start(|_, request| match request.line.split(' ').next() {
        Some("POST") => CannedServer::answer("202 Accepted", &[], ""),
        _ => CannedServer::answer("200 OK", &[], r#"{"value":[]}"#),
    })
}

#[test]
fn backends_of_workspaces_have_paths_of_their_own() {
    let server = accepting();
    let service = backend_id(1, "").replace("/backends/", "");
    let names = json!({ "resourceGroup": "Api-Default-WestUS", "service": "contoso", "workspace": "team a" });
    let with = |members: Value| {
        let mut item = names.clone();
        for (name, value) in members.as_object().expect("an object") {
            item[name] = value.clone();
        }
        item
    };
    let items = [
        json!({ "id": format!("{service}/WORKSPACES/team a/backends/b") }),
        with(json!({ "backendId": "b" })),
        with(json!({ "action": "list" })),
    ];
    run(&server.options().window(1), items).assert_all_succeeded();
    let mut lines: Vec<String> = server.received().into_iter().map(|request| request.line).collect();
    let backends = format!("{service}/workspaces/team%20a/backends");
    let reset = format!("POST {backends}/b/reconnect?api-version=2024-05-01 HTTP/1.1");
    let list = format!("GET {backends}?api-version=2024-05-01 HTTP/1.1");
    lines.sort_unstable();
    assert_eq!(lines, [list, reset.clone(), reset]);

    let error = describe(&with(json!({ "backendId": "b", "workspace": "a:b" }))).expect_err("it is refused");
    assert_eq!(error["code"], "InvalidWorkspaceId");
    let about =
        "Backend 'b' of workspace 'a:b' of service 'contoso' in resource group 'Api-Default-WestUS': nothing was sent.";
    assert!(
        error["text"].as_str().is_some_and(|text| text.ends_with(about)),
        "{error}"
    );
    assert_eq!(error["data"]["Workspace"], "a:b");
}

#[test]
fn settings_with_az_names_are_sent_with_the_wires() {
    let server = accepting();
    let thumbprint = "00112233445566778899aabbccddeeff00112233";
    let mut changed = item(1);
    changed["settings"] = json!({
        "Protocol": "SOAP", "Url": "fabric:/app/service",
        "Credential": {
            "Certificate": [thumbprint, "an-id"], "Query": null, "Header": { "h": "v", "a": ["1", "2"] },
            "Authorization": { "Scheme": "Basic", "Parameter": "p" },
        },
        "Proxy": { "Url": "http://proxy", "ProxyCredentials": { "UserName": "u", "Password": "p" } },
    });
    run(&server.options(), [changed]).assert_all_succeeded();
    let body: Value = serde_json::from_str(&server.received()[0].body).expect("JSON");
    let expected = json!({ "properties": {
        "protocol": "soap", "url": "fabric:/app/service",
        "credentials": {
            "certificate": [thumbprint], "certificateIds": ["an-id"], "header": { "a": ["1", "2"], "h": ["v"] },
            "authorization": { "scheme": "Basic", "parameter": "p" },
        },
        "proxy": { "url": "http://proxy", "username": "u", "password": "p" },
    } });
    assert_eq!(body, expected);
}

#[test]
fn members_that_are_null_are_as_if_left_out() {
    let sparse = json!({
        "id": backend_id(1, 1), "action": null, "backendId": null, "after": null, "settings": null, "passThru": null,
        "workspace": null,
    });
    assert_eq!(describe(&sparse), describe(&item(1)));
}

#[test]
fn a_description_names_the_item_and_what_it_does() {
    let mut changed = item(1);
    changed["after"] = 300.into();
    changed["settings"] = json!({
        "Protocol": "http", "Url": "https://me:secret@contoso.com/a", "Credential": { "Header": { "h": "secret" } },
        "Proxy": { "Url": "http://px:8080", "UserName": "me", "Password": "secret" },
    });
    let description = json!({
        "target": "backend '1' of service 'contoso' in resource group 'Api-Default-WestUS'",
        "action": "Set Protocol to 'http', Url to 'https://****@contoso.com/a', Credential, Proxy to 'http://px:8080' and reset connection in 300 seconds",
        "backendId": "1", "service": "contoso", "resourceGroup": "Api-Default-WestUS", "subscription": subscription(1),
    });
    assert_eq!(describe(&changed), Ok(description));
}

#[test]
fn what_is_wrong_is_named_with_its_type() {
    for (members, code, says) in [
        (
            json!({ "after": "3" }),
            "InvalidItem",
            "'after' is a string. It must be a whole number.",
        ),
        (
            json!({ "passThru": 1 }),
            "InvalidItem",
            "'passThru' is a number. It must be true or false.",
        ),
        (
            json!({ "workspace": {} }),
            "InvalidItem",
            "'workspace' is an object. It must be a string.",
        ),
        (json!({ "operation": "get" }), "InvalidItem", "'operation'"),
        (
            json!({ "settings": 5 }),
            "InvalidItem",
            "settings is a number. It must be an object.",
        ),
        (
            json!({ "settings": { "Credential": { "Header": { "h": [[["deep"]]] } } } }),
            "InvalidCredential",
            "Credential.Header['h'] has an array in it.",
        ),
    ] {
        let mut wrong = item(1);
        for (name, value) in members.as_object().expect("an object") {
            wrong[name] = value.clone();
        }
        let error = describe(&wrong).expect_err("it is refused");
        assert_eq!(error["code"], code, "{error}");
        assert!(
            error["message"].as_str().is_some_and(|text| text.contains(says)),
            "{says}: {error}"
        );
    }
}

#[test]
fn secrets_in_the_wrong_place_are_not_quoted() {
    let secret = "hunter2-in-the-item";
    for text in [
        format!(r#"{{"{secret}":1}}"#),
        format!(r#"{{"settings":{{"{secret}":1}}}}"#),
        format!(r#"{{"settings":{{"Credential":{{"{secret}":"x"}}}}}}"#),
        format!(r#"{{"settings":{{"Credential":"{secret}"}}}}"#),
        format!(r#"{{"settings":{{"Credential":{{"Header":["{secret}"]}}}}}}"#),
        format!(r#"{{"settings":{{"Proxy":"http://user:{secret}@proxy"}}}}"#),
        format!(r#"{{"settings":{{"Proxy":{{"Url":"ftp://user:{secret}@proxy"}}}}}}"#),
        format!(r#"{{"settings":{{"Url":"ftp://user:{secret}@host"}}}}"#),
        format!(r#"{{"settings":{{"Url":"https://user:{secret}"#),
        format!(r#"{{"action":"{secret}"}}"#),
        format!(r#"{{"action":"list","nextLink":"ftp://user:{secret}@host/x"}}"#),
    ] {
        let error = describe_text(&text).expect_err("it is refused");
        assert!(!error.to_string().contains(secret), "{text}: {error}");
    }
}

#[test]
fn an_error_has_typed_data_and_a_text_to_display() {
    let emulator = TestEmulator::with_backends(2);
    let mut negative = item(1);
    negative["after"] = (-5).into();
    negative["settings"] = json!({ "Protocol": "http" });
    let run = run(&emulator.options().window(1), [item("missing"), negative]);
    let results = run.results();
    let data = &results[0].error()["data"];
    let known = [
        ("Code", json!("ResourceNotFound")),
        ("Status", json!(404)),
        ("Step", json!("reset")),
        ("Attempts", json!(1)),
        ("BackendId", json!("missing")),
        ("ServiceName", json!("contoso")),
        ("ResourceGroupName", json!("Api-Default-WestUS")),
        ("ResetState", json!("notDone")),
        ("ResetDone", json!(false)),
        ("SettingsChanged", json!(false)),
    ];
    for (name, value) in known {
        assert_eq!(data[name], value, "{name} in {data}");
    }
    for name in ["RequestId", "CorrelationId", "ClientRequestId"] {
        assert!(data[name].is_string(), "{name} in {data}");
    }
    assert_eq!((data.get("Workspace"), data.get("SettingsState")), (None, None));

    let error = results[1].error();
    assert_eq!(error["text"], error["message"], "the service has not answered");
    let message =
        format!("-5 seconds until the reset cannot be. Use 0 or more, up to 2147483647. {ABOUT}: nothing was sent.");
    assert_eq!(error["message"], message);
    let expected = json!({
        "Code": "InvalidTimeUntilReset", "BackendId": "1", "ServiceName": "contoso", "ResourceGroupName": "Api-Default-WestUS",
        "Attempts": 0, "SettingsState": "notDone", "ResetState": "notDone", "SettingsChanged": false, "ResetDone": false,
    });
    assert_eq!(error["data"], expected);
}

#[test]
fn a_member_of_an_unexpected_type_loses_nothing_of_the_services_error() {
    let body = r#"{"error":{"code":5,"message":"Told.","details":[{"code":1,"message":"More.","target":[]},null]}}"#;
    let server = CannedServer::start(move |_, _| CannedServer::answer("400 Bad Request", &[], body));
    let run = run(&server.options(), [item(1)]);
    let error = run.result().error();
    assert_eq!((&error["code"], &error["data"]["Code"]), (&json!("5"), &json!("5")));
    assert_eq!(
        error["message"],
        format!("Told. {ABOUT}: its connection was not reset.")
    );
    assert_eq!(error["details"], json!([{ "code": "1", "message": "More." }]));
}

#[test]
fn what_a_terminal_would_obey_reaches_no_text() {
    let body = "{\"error\":{\"code\":\"Bad\\u0007\",\"message\":\"\\u001b[2Jgone\\u009b\\r\\nnext\\u202e\",\"details\":[{\"message\":\"\\u001b]0;title\\u0007\"}]}}";
    let server = CannedServer::start(move |_, _| CannedServer::answer("400 Bad Request", &[], body));
    let traced = run(&server.options().trace("debug"), [item(1)]);
    let texts: Vec<String> = traced.events.iter().map(|event| event.text.clone()).collect();
    let described = describe_text("{\"resourceGroup\":\"\\u001bg\",\"service\":\"s\",\"backendId\":\"b\"}");
    let refused = described.expect_err("a name has no control characters").to_string();
    for text in texts.iter().chain([&refused]) {
        let json: Value = serde_json::from_str(text).expect("JSON");
        each_text(&json, &mut |text| {
            let obeyed = |c: char| c.is_control() && !matches!(c, '\n' | '\t') || c == '\u{202e}';
            assert!(!text.contains(obeyed), "{text:?}");
        });
    }
    let message = traced.result().message();
    assert!(
        message.starts_with("\u{fffd}[2Jgone\u{fffd}\nnext\u{fffd}"),
        "{message:?}"
    );
}

fn each_text(json: &Value, look: &mut impl FnMut(&str)) {
    match json {
        Value::String(text) => look(text),
        Value::Array(values) => values.iter().for_each(|value| each_text(value, look)),
        Value::Object(members) => members.values().for_each(|value| each_text(value, look)),
        _ => {}
    }
}

#[test]
fn the_log_shows_the_headers_that_are_harmless_and_masks_the_rest() {
    // Those of recorded answers, and two that may carry something.
    let shown = [
        ("Cache-Control", "no-cache"),
        ("Pragma", "no-cache"),
        ("Expires", "-1"),
        ("ETag", "\"AAAAAAAAB8Y=\""),
        ("Server", "Microsoft-HTTPAPI/2.0"),
        ("Strict-Transport-Security", "max-age=31536000; includeSubDomains"),
        ("X-Content-Type-Options", "nosniff"),
        ("x-ms-failure-cause", "service"),
        ("x-ms-request-id", "id-1"),
        ("x-ms-correlation-request-id", "id-2"),
        ("x-ms-routing-request-id", "WESTUS:20260101T000000Z:id-3"),
        ("x-ms-ratelimit-remaining-subscription-writes", "199"),
        ("x-ms-ratelimit-remaining-subscription-global-writes", "2999"),
        ("x-ms-ratelimit-remaining-subscription-resource-requests", "11"),
        ("X-MSEdge-Ref", "Ref A: 00 Ref B: 11"),
    ];
    let masked = [("Set-Cookie", "session=secret-1"), ("x-custom", "secret-2")];
    let all: Vec<_> = shown.into_iter().chain(masked).collect();
    let server = CannedServer::start(move |_, _| CannedServer::answer("202 Accepted", &all, ""));
    let run = run(&server.options().trace("debug"), [item(1)]);
    let log = run.log().concat();
    for (name, value) in shown {
        let line = format!("{:<30}: {value}\n", name.to_lowercase());
        assert!(log.contains(&line), "{line} is not in {log}");
    }
    assert!(log.contains("set-cookie") && !log.contains("secret"), "{log}");
}

#[test]
fn the_environment_is_the_block_and_nothing_else() {
    let emulator = TestEmulator::with_backends(1);
    let block = emulator.options().env("OTHER", "a=b=c").env("EMPTY", "").to_block();
    for block in [block.clone(), format!("\0\0=C:=C:\\\0nothing\0{block}\0\0")] {
        let session = Session::try_start_in("", Some(&block)).unwrap_or_else(|refused| panic!("{refused:?}"));
        session.submit(&item(1));
        assert_eq!(session.event().outcome(), "succeeded");
    }
    // An empty one says nothing: not where to go, nor with what. This process's own is not looked at.
    let session = Session::start(&Options::new());
    let named = json!({ "resourceGroup": "g", "service": "s", "backendId": "b" });
    session.submit(&named);
    assert_eq!(session.event().code(), "SubscriptionNotFound");
    // NULL is the process's own, which cannot be used in every place, but can be read.
    let own = Session::try_start_in(r#"{"credential":"caller","endpoint":"http://127.0.0.1:9"}"#, None);
    assert!(own.is_ok_and(|session| session.cancel() == Status::OK));
}

//! What is sent, when it is sent again, and what is made of the answers: read in the emulator's journal, and in a server
//! that answers as the emulator would not.

use apim_emulator::{BucketSize, Config, ErrorDetail, Fault, FaultAction, InjectedAnswer};
use serde_json::{Value, json};
use test_support::{
    CannedServer, Event, Kind, Options, Session, Status, TestEmulator, backend_id, backend_path, describe, item,
    item_in, random_token, reset_path, run, subscription,
};

/// The item with more members.
fn with(mut item: Value, members: Value) -> Value {
    let Value::Object(members) = members else {
        panic!("members are an object: {members}");
    };
    for (name, value) in members {
        item[name] = value;
    }
    item
}

fn emulator() -> TestEmulator {
    TestEmulator::with_backends(20)
}

fn post(backend: impl std::fmt::Display) -> String {
    format!("POST {}", reset_path(backend))
}

fn patch(backend: impl std::fmt::Display, properties: Value) -> String {
    format!(
        "PATCH {} {}",
        backend_path(backend),
        json!({ "properties": properties })
    )
}

fn get(backend: impl std::fmt::Display) -> String {
    format!("GET {}", backend_path(backend))
}

/// A fault that answers once.
fn answer(answer: InjectedAnswer) -> FaultAction {
    FaultAction::Answer(answer)
}

/// A refusal after which the next try may follow at once.
/// An answer that asks for the next try at once: in a millisecond, since 0 counts as not said.
fn passing(status: u16) -> FaultAction {
    answer(InjectedAnswer {
        status,
        retry_after: Some("0.001".into()),
        ..InjectedAnswer::default()
    })
}

mod requests {
    use super::*;

    #[test]
    fn a_reset_is_one_post_without_a_body() {
        let emulator = emulator();
        let run = run(&emulator.options(), [item(1)]);
        assert_eq!(run.result().json, json!({ "outcome": "succeeded", "attempts": 1 }));
        assert_eq!(emulator.sent(), [post(1)]);
        assert_eq!(emulator.journal()[0].status, 202);
        assert_eq!((run.progress.requests, run.progress.retries), (1, 0));
    }

    #[test]
    fn the_time_until_the_reset_is_a_duration_in_seconds() {
        let emulator = emulator();
        let times = [0, 3, 120, 86_401, i32::MAX];
        let items = times.map(|seconds| with(item(1), json!({ "after": seconds })));
        run(&emulator.options().window(1), items).assert_all_succeeded();
        let expected = times.map(|n| format!(r#"{} {{"properties":{{"after":"PT{n}S"}}}}"#, post(1)));
        assert_eq!(emulator.sent(), expected);
    }

    #[test]
    fn a_backend_is_found_by_its_parts_in_the_current_subscription() {
        let emulator = TestEmulator::start(Config {
            backends: 9,
            subscriptions: 3,
            ..Config::default()
        });
        let parts = json!({ "resourceGroup": "Api-Default-WestUS", "service": "contoso", "backendId": "7" });
        let path = |number| format!("POST {}/reconnect?api-version=2024-05-01", backend_id(number, 7));

        run(&emulator.options(), [parts.clone()]).assert_all_succeeded();
        assert_eq!(emulator.sent(), [path(1)], "the environment's");

        emulator.clear_journal();
        run(
            &emulator.options().with("subscription", subscription(2)),
            [parts.clone()],
        )
        .assert_all_succeeded();
        assert_eq!(emulator.sent(), [path(2)], "the session's");

        emulator.clear_journal();
        let own = with(parts, json!({ "subscription": subscription(3) }));
        run(&emulator.options().with("subscription", subscription(2)), [own]).assert_all_succeeded();
        assert_eq!(emulator.sent(), [path(3)], "the item's own");

        emulator.clear_journal();
        run(&emulator.options(), [item_in(3, 7)]).assert_all_succeeded();
        assert_eq!(emulator.sent(), [path(3)], "a resource id names its own");
    }

    #[test]
    fn a_resource_id_needs_no_current_subscription() {
        let emulator = emulator();
        let options = emulator.options().without_env("AZURE_SUBSCRIPTION_ID");
        run(&options, [item(1)]).assert_all_succeeded();
    }

    #[test]
    fn a_resource_id_is_read_in_any_case_and_may_be_named_twice() {
        let emulator = emulator();
        let id = backend_id(1, "12")
            .replace("resourceGroups", "RESOURCEGROUPS")
            .replace("Microsoft", "MICROSOFT");
        run(&emulator.options(), [json!({ "id": id, "backendId": "12" })]).assert_all_succeeded();
        assert_eq!(emulator.sent(), [post(12)]);
    }

    #[test]
    fn every_name_in_the_path_is_encoded_as_utf8() {
        let emulator = emulator();
        let parts = json!({
            "resourceGroup": "grüppe_(1)-x", "service": "contoso", "backendId": "a b%2F;=@'\"{}|^`~!$,()[]ü😀",
        });
        let run = run(&emulator.options(), [parts]);
        assert_eq!(
            run.result().code(),
            "ResourceGroupNotFound",
            "it is a name that could be"
        );
        let path = format!(
            "/subscriptions/{}/resourceGroups/gr%C3%BCppe_%281%29-x/providers/Microsoft.ApiManagement/service/contoso/backends/{}/reconnect",
            subscription(1),
            "a%20b%252F%3B%3D%40%27%22%7B%7D%7C%5E%60~%21%24%2C%28%29%5B%5D%C3%BC%F0%9F%98%80"
        );
        assert_eq!(emulator.sent(), [format!("POST {path}?api-version=2024-05-01")]);
    }

    #[test]
    fn an_endpoint_may_have_a_path_of_its_own() {
        let server = CannedServer::start(|_, _| CannedServer::answer("202 Accepted", &[], ""));
        let options = server.options().with("endpoint", format!("{}/arm/", server.url()));
        run(&options, [item(1)]).assert_all_succeeded();
        assert_eq!(
            server.received()[0].line,
            format!("POST /arm{} HTTP/1.1", reset_path(1))
        );
    }

    #[test]
    fn settings_are_patched_first_with_only_the_members_given() {
        let whole = json!({
            "protocol": "soap",
            "url": "https://contoso.com/awesomeapi",
            "credentials": {
                "certificate": ["00112233445566778899aabbccddeeff00112233"],
                "query": { "sv": ["x", "y"] },
                "header": { "x-key": ["1"] },
                "authorization": { "scheme": "Basic", "parameter": "abc" },
            },
            "proxy": { "url": "http://proxy:8080", "username": "me", "password": "secret" },
        });
        let parts = [
            json!({ "protocol": "http" }),
            json!({ "url": "http://ü.example/ä?b=c#d" }),
            json!({ "credentials": { "query": { "sv": ["x"] } } }),
            json!({ "credentials": { "authorization": { "scheme": "Basic", "parameter": "abc" } } }),
            json!({ "proxy": { "url": "http://proxy:8080" } }),
            whole,
        ];
        for settings in parts {
            let emulator = emulator();
            let changed = with(item(1), json!({ "settings": settings, "after": 5 }));
            run(&emulator.options(), [changed]).assert_all_succeeded();
            let journal = emulator.journal();
            let [first, second] = &journal[..] else {
                panic!("there are not two requests: {journal:?}");
            };
            assert_eq!(
                (first.method.as_str(), first.path.clone(), first.status),
                ("PATCH", backend_path(1), 200)
            );
            let body: Value = serde_json::from_str(&first.body).expect("a body of JSON");
            assert_eq!(body, json!({ "properties": settings }));
            assert_eq!((second.method.as_str(), second.path.clone()), ("POST", reset_path(1)));
            assert_eq!(second.body, r#"{"properties":{"after":"PT5S"}}"#);
        }
    }

    #[test]
    fn a_protocol_is_written_as_the_service_knows_it() {
        let emulator = emulator();
        let changed = with(item(1), json!({ "settings": { "protocol": "HTTP" } }));
        run(&emulator.options(), [changed]).assert_all_succeeded();
        assert_eq!(emulator.sent()[0], patch(1, json!({ "protocol": "http" })));
    }

    #[test]
    fn empty_settings_change_nothing() {
        let emulator = emulator();
        run(&emulator.options(), [with(item(1), json!({ "settings": {} }))]).assert_all_succeeded();
        assert_eq!(emulator.sent(), [post(1)]);
    }

    #[test]
    fn the_backend_is_read_after_the_reset_and_given_as_it_is() {
        let emulator = emulator();
        let all = json!({ "settings": { "url": "https://new.example/" }, "passThru": true });
        let run = run(&emulator.options(), [with(item(3), all)]);
        let sent = [patch(3, json!({ "url": "https://new.example/" })), post(3), get(3)];
        assert_eq!(emulator.sent(), sent);
        let backend = &run.result().json["backend"];
        assert_eq!(
            (&backend["id"], &backend["name"]),
            (&json!(backend_id(1, 3)), &json!("3"))
        );
        assert_eq!(backend["type"], "Microsoft.ApiManagement/service/backends");
        assert_eq!(backend["properties"]["url"], "https://new.example/");
    }

    #[test]
    fn a_backend_and_pages_of_backends_can_be_read() {
        let emulator = TestEmulator::start(Config {
            backends: 5,
            page_size: 2,
            ..Config::default()
        });
        let one = run(&emulator.options(), [with(item(3), json!({ "action": "get" }))]);
        assert_eq!(one.result().json["backend"]["name"], "3");

        let service = json!({ "action": "list", "resourceGroup": "Api-Default-WestUS", "service": "contoso" });
        let mut names = Vec::new();
        let mut next = Value::Null;
        loop {
            let page = if next.is_null() {
                service.clone()
            } else {
                json!({ "action": "list", "nextLink": next })
            };
            let run = run(&emulator.options(), [page]);
            let result = &run.result().json;
            names.extend(
                result["backends"]
                    .as_array()
                    .expect("a page")
                    .iter()
                    .map(|b| b["name"].clone()),
            );
            next = result["nextLink"].clone();
            if next.is_null() {
                break;
            }
        }
        assert_eq!(names, ["1", "2", "3", "4", "5"]);
        assert!(
            emulator
                .journal()
                .iter()
                .all(|entry| entry.method == "GET" && entry.status == 200)
        );
    }

    #[test]
    fn a_next_page_elsewhere_is_refused() {
        let (emulator, elsewhere) = (emulator(), emulator());
        for link in [
            format!("{}/subscriptions/{}/x", elsewhere.url(), subscription(1)),
            format!("{}/elsewhere", emulator.url()),
            "file:///etc/passwd".into(),
            "page 2".into(),
        ] {
            let run = run(&emulator.options(), [json!({ "action": "list", "nextLink": link })]);
            assert_eq!(run.result().code(), "InvalidItem", "{link}");
        }
        assert!(emulator.journal().is_empty() && elsewhere.journal().is_empty());
    }

    #[test]
    fn headers_are_those_that_are_documented() {
        let server = CannedServer::start(|_, request| match request.line.split(' ').next() {
            Some("POST") => CannedServer::answer("202 Accepted", &[], ""),
            _ => CannedServer::answer("200 OK", &[], "{}"),
        });
        let token = random_token();
        let options = server.options().env("AZURE_ACCESS_TOKEN", format!(" {token}\n"));
        let all = json!({ "settings": { "protocol": "http" }, "passThru": true });
        run(&options.window(1), [with(item(1), all), item(2)]).assert_all_succeeded();

        let received = server.received();
        assert_eq!(received.len(), 4);
        let mut ids: Vec<&str> = received
            .iter()
            .filter_map(|r| r.header("x-ms-client-request-id"))
            .collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 4, "each request has an id of its own: {ids:?}");
        for request in &received {
            assert_eq!(
                request.header("authorization"),
                Some(format!("Bearer {token}").as_str())
            );
            let agent = request.header("user-agent").expect("a user agent");
            let product = concat!("AzApiManagement.BackendConnection/", env!("CARGO_PKG_VERSION"), " (");
            assert!(agent.starts_with(product), "{agent}");
            let id = request.header("x-ms-client-request-id").expect("an id");
            assert_eq!((id.len(), id.matches('-').count()), (36, 4), "{id}");
            let patch = request.line.starts_with("PATCH");
            assert_eq!(request.header("if-match"), patch.then_some("*"), "{}", request.line);
            let content = patch.then_some("application/json; charset=utf-8");
            assert_eq!(request.header("content-type"), content, "{}", request.line);
            let known = [
                "accept",
                "authorization",
                "content-length",
                "content-type",
                "host",
                "if-match",
                "user-agent",
                "x-ms-client-request-id",
            ];
            for (name, _) in &request.headers {
                assert!(known.contains(&name.as_str()), "{name} is sent in {}", request.line);
            }
        }
    }
}

mod input {
    use super::*;

    /// An item that cannot be, the code of its error, and what its message must name.
    fn bad_items() -> Vec<(Value, &'static str, String)> {
        let id = |from: &str, to: &str| json!({ "id": backend_id(1, "123").replace(from, to) });
        let parts = |group: &str, service: &str, backend: &str| json!({ "resourceGroup": group, "service": service, "backendId": backend });
        let settings = |settings: Value| with(item(1), json!({ "settings": settings }));
        let credential = |credential: Value| settings(json!({ "credentials": credential }));
        let long = "x".repeat(91);
        let mut items = vec![
            (json!({ "id": "" }), "InvalidResourceId", "''"),
            (json!({ "id": "x" }), "InvalidResourceId", "'x'"),
            (id("/backends/123", ""), "InvalidResourceId", "/service/contoso'"),
            (id("backends", "apis"), "InvalidResourceId", "/apis/123"),
            (id("/123", "/123/"), "InvalidResourceId", "/123/"),
            (id("ApiManagement", "Compute"), "InvalidResourceId", "Microsoft.Compute"),
            (
                id("0000-000000000001", "1"),
                "InvalidSubscriptionId",
                "'00000000-0000-0000-1'",
            ),
            (
                id("WestUS", "West US"),
                "InvalidResourceGroupName",
                "'Api-Default-West US'",
            ),
            (id("contoso", "-contoso"), "InvalidServiceName", "'-contoso'"),
            (id("/123", "/a:b"), "InvalidBackendId", "'a:b'"),
            (with(item(1), json!({ "backendId": "2" })), "BackendIdMismatch", "'2'"),
            (parts("", "contoso", "1"), "InvalidResourceGroupName", "''"),
            (parts("group.", "contoso", "1"), "InvalidResourceGroupName", "'group.'"),
            (parts(&long, "contoso", "1"), "InvalidResourceGroupName", &long),
            (parts("a/b", "contoso", "1"), "InvalidResourceGroupName", "'a/b'"),
            (parts("group", "", "1"), "InvalidServiceName", "''"),
            (parts("group", "1contoso", "1"), "InvalidServiceName", "'1contoso'"),
            (parts("group", "contoso-", "1"), "InvalidServiceName", "'contoso-'"),
            (parts("group", "con_toso", "1"), "InvalidServiceName", "'con_toso'"),
            (parts("group", "süd", "1"), "InvalidServiceName", "'süd'"),
            (parts("group", &long, "1"), "InvalidServiceName", &long),
            (parts("group", "contoso", ""), "InvalidBackendId", "''"),
            (parts("group", "contoso", " \t"), "InvalidBackendId", r"' \t'"),
            (parts("group", "contoso", "."), "InvalidBackendId", "'.'"),
            (parts("group", "contoso", ".."), "InvalidBackendId", "'..'"),
            (parts("group", "contoso", "a\nb"), "InvalidBackendId", r"'a\nb'"),
            (parts("group", "contoso", &long), "InvalidBackendId", &long),
            (json!({ "backendId": "1" }), "InvalidResourceGroupName", "''"),
            (with(item(1), json!({ "after": -1 })), "InvalidTimeUntilReset", "-1"),
            (
                with(item(1), json!({ "after": i64::MIN })),
                "InvalidTimeUntilReset",
                "-9223372036854775808",
            ),
            (
                with(item(1), json!({ "after": 2_147_483_648_i64 })),
                "InvalidTimeUntilReset",
                "2147483648",
            ),
            (
                with(item(1), json!({ "after": 1.5 })),
                "InvalidItem",
                "'after' is a number. It must be a whole number",
            ),
            (
                with(item(1), json!({ "after": "3" })),
                "InvalidItem",
                "'after' is a string. It must be a whole number",
            ),
            (with(item(1), json!({ "unknown": 1 })), "InvalidItem", "'unknown'"),
            (with(item(1), json!({ "action": "delete" })), "InvalidItem", "'action'"),
            (with(item(1), json!({ "nextLink": "x" })), "InvalidItem", "nextLink"),
            (settings(json!({ "title": "x" })), "InvalidItem", "'title'"),
            (settings(json!({ "protocol": "" })), "InvalidProtocol", "''"),
            (settings(json!({ "protocol": "ftp" })), "InvalidProtocol", "'ftp'"),
            (settings(json!({ "url": "" })), "InvalidUrl", "0 characters"),
            (
                settings(json!({ "url": "contoso.com/api" })),
                "InvalidUrl",
                "'contoso.com/api'",
            ),
            (settings(json!({ "url": "/api" })), "InvalidUrl", "'/api'"),
            (
                settings(json!({ "url": "ftp://contoso.com" })),
                "InvalidUrl",
                "'ftp://contoso.com'",
            ),
            (
                settings(json!({ "url": "https:contoso.com" })),
                "InvalidUrl",
                "'https:contoso.com'",
            ),
            (settings(json!({ "url": "https://" })), "InvalidUrl", "'https://'"),
            (
                settings(json!({ "url": format!("https://{}", "x".repeat(2000)) })),
                "InvalidUrl",
                "2008 characters",
            ),
            (credential(json!({})), "InvalidCredential", "empty"),
            (credential(json!({ "certificate": [] })), "InvalidCredential", "empty"),
            (
                credential(json!({ "certificate": [" "] })),
                "InvalidCredential",
                "blank",
            ),
            (
                credential(json!({ "certificate": vec!["00112233445566778899aabbccddeeff00112233"; 33] })),
                "InvalidCredential",
                "33",
            ),
            (
                credential(json!({ "header": { "x-key": [] } })),
                "InvalidCredential",
                "'x-key'",
            ),
            (
                credential(json!({ "query": { "": ["x"] } })),
                "InvalidCredential",
                "no name",
            ),
            (
                credential(json!({ "header": { "x-key": 1 } })),
                "InvalidCredential",
                "Credential.Header['x-key'] is a number",
            ),
            (
                credential(json!({ "authorization": { "scheme": "Basic" } })),
                "InvalidCredential",
                "no parameter",
            ),
            (
                credential(json!({ "authorization": { "parameter": "x" } })),
                "InvalidCredential",
                "no scheme",
            ),
            (settings(json!({ "proxy": {} })), "InvalidProxy", "no URL"),
            (
                settings(json!({ "proxy": { "url": "proxy:8080" } })),
                "InvalidProxy",
                "'proxy:8080'",
            ),
            (
                settings(json!({ "proxy": { "url": "http://proxy", "password": "x" } })),
                "InvalidProxy",
                "user name",
            ),
        ]
        .into_iter()
        .map(|(item, code, names)| (item, code, names.to_owned()))
        .collect::<Vec<_>>();
        for character in "*#&+:<>?\\\u{7f}".chars() {
            let name = format!("a{character}b");
            let shown = format!("'{}'", name.escape_debug());
            items.push((parts("group", "contoso", &name), "InvalidBackendId", shown));
        }
        items
    }

    #[test]
    fn each_bad_item_fails_with_its_code_and_nothing_is_sent() {
        let emulator = emulator();
        let bad = bad_items();
        let run = run(&emulator.options(), bad.iter().map(|(item, ..)| item.clone()));
        for (result, (item, code, names)) in run.results().into_iter().zip(&bad) {
            assert_eq!(result.outcome(), "failed", "{item}");
            let error = result.error();
            assert_eq!(error["code"], *code, "{item}: {error}");
            assert!(result.message().contains(names.as_str()), "{names} is not in {error}");
            assert_eq!(error["category"], "InvalidArgument", "{item}");
            assert_eq!(
                (&error["fatal"], &error["data"]["Attempts"]),
                (&json!(false), &json!(0)),
                "{item}"
            );
            assert_eq!(error["data"].get("Status"), None, "{item}");
        }
        assert_eq!(emulator.sent(), [""; 0]);
        assert_eq!((run.progress.failed, run.progress.requests), (bad.len() as u64, 0));
    }

    #[test]
    fn the_check_of_an_item_says_the_same() {
        for (item, code, _) in bad_items() {
            let error = describe(&item).expect_err("it is refused");
            assert_eq!(error["code"], code, "{item}: {error}");
        }
    }

    #[test]
    fn a_bad_item_leaves_its_neighbours_alone() {
        let emulator = emulator();
        let run = run(&emulator.options(), [item(1), item("a:b"), item("missing"), item(2)]);
        let outcomes: Vec<&str> = run.results().into_iter().map(Event::outcome).collect();
        assert_eq!(outcomes, ["succeeded", "failed", "failed", "succeeded"]);
        assert_eq!(emulator.journal().len(), 3);
    }

    #[test]
    fn the_limits_themselves_are_allowed() {
        let parts = |group: String, service: String, backend: String| json!({ "resourceGroup": group, "service": service, "backendId": backend });
        for item in [
            parts("x".repeat(90), "x".repeat(50), "x".repeat(80)),
            parts("ü".repeat(90), "a".into(), "ü".repeat(80)),
            parts("(-._)x".into(), "a1-2".into(), "...".into()),
            with(
                item(1),
                json!({ "settings": { "url": format!("https://{}", "x".repeat(1992)) } }),
            ),
            with(
                item(1),
                json!({ "settings": { "credentials": { "certificate": vec!["x"; 32] } } }),
            ),
        ] {
            assert_eq!(describe(&item).map(drop), Ok(()), "{item}");
        }
    }

    #[test]
    fn without_a_subscription_only_items_that_need_one_fail() {
        let emulator = emulator();
        let parts = json!({ "resourceGroup": "Api-Default-WestUS", "service": "contoso", "backendId": "1" });
        for (options, code) in [
            (
                emulator.options().without_env("AZURE_SUBSCRIPTION_ID"),
                "SubscriptionNotFound",
            ),
            (
                emulator.options().env("AZURE_SUBSCRIPTION_ID", "Production"),
                "InvalidSubscriptionId",
            ),
            (
                emulator.options().with("subscription", "Production"),
                "InvalidSubscriptionId",
            ),
        ] {
            emulator.clear_journal();
            let run = run(&options, [parts.clone(), item(1)]);
            let results = run.results();
            assert_eq!((results[0].code(), results[1].outcome()), (code, "succeeded"));
            assert_eq!(emulator.sent(), [post(1)]);
        }
    }
}

mod retries {
    use super::*;

    #[test]
    fn what_may_pass_is_tried_again_until_it_has() {
        let emulator = emulator();
        let statuses = [408, 429, 500, 502, 503, 504];
        for (number, status) in statuses.into_iter().enumerate() {
            let fault = Fault::new(format!("/backends/{}/", number + 1), FaultAction::status(status));
            emulator.add_fault(fault.times(2));
        }
        let run = run(&emulator.options(), (1..=statuses.len()).map(item));
        run.assert_all_succeeded();
        for (number, status) in statuses.into_iter().enumerate() {
            let path = reset_path(number + 1);
            let journal = emulator.journal();
            let found: Vec<u16> = journal.iter().filter(|e| e.path == path).map(|e| e.status).collect();
            assert_eq!(found, [status, status, 202]);
        }
        assert_eq!((run.progress.retries, run.progress.refusals), (12, 2));
    }

    #[test]
    fn what_does_not_pass_is_given_up_after_the_last_try() {
        let emulator = emulator();
        emulator.add_fault(Fault::new("", passing(503)).times(u32::MAX));
        let run = run(&emulator.options().tries(3), [item(1)]);
        let error = run.result().error();
        assert_eq!(
            (&error["code"], &error["data"]["Status"]),
            (&json!("ServiceUnavailable"), &json!(503))
        );
        assert_eq!(
            (&error["category"], &error["data"]["Attempts"]),
            (&json!("ResourceUnavailable"), &json!(3))
        );
        assert_eq!(
            (&error["data"]["Step"], &error["fatal"]),
            (&json!("reset"), &json!(false))
        );
        assert_eq!(emulator.sent(), [post(1), post(1), post(1)]);
    }

    #[test]
    fn what_cannot_pass_is_not_tried_again() {
        for (status, code, category) in [
            (400, "BadRequest", "InvalidOperation"),
            (403, "AuthorizationFailed", "PermissionDenied"),
            (404, "ResourceNotFound", "ObjectNotFound"),
            (409, "Conflict", "ResourceUnavailable"),
            (412, "PreconditionFailed", "ResourceUnavailable"),
        ] {
            let emulator = emulator();
            emulator.add_fault(Fault::new("", passing(status)).times(u32::MAX));
            let run = run(&emulator.options(), [item(1)]);
            let error = run.result().error();
            assert_eq!((&error["code"], &error["category"]), (&json!(code), &json!(category)));
            assert_eq!(
                (&error["data"]["Status"], &error["data"]["Attempts"]),
                (&json!(status), &json!(1))
            );
            assert_eq!(emulator.journal().len(), 1, "{status}");
        }
    }

    #[test]
    fn a_reset_connection_is_tried_again() {
        for tls in [false, true] {
            let emulator = TestEmulator::start(Config {
                backends: 9,
                tls,
                ..Config::default()
            });
            emulator.add_fault(Fault::new("", FaultAction::Reset).times(2));
            run(&emulator.options(), [item(1)]).assert_all_succeeded();
            assert_eq!(emulator.sent(), [post(1), post(1), post(1)]);

            emulator.add_fault(Fault::new("", FaultAction::Reset).times(2));
            let run = run(&emulator.options().tries(2), [item(1)]);
            let error = run.result().error();
            assert_eq!(
                (&error["code"], &error["category"]),
                (&json!("ConnectionFailed"), &json!("ConnectionError"))
            );
            assert_eq!(error["data"]["Attempts"], 2);
        }
    }

    #[test]
    fn a_request_without_an_answer_is_tried_again() {
        let emulator = emulator();
        emulator.add_fault(Fault::new("/backends/1/", FaultAction::Stall));
        emulator.add_fault(Fault::new("/backends/2/", FaultAction::Stall).times(u32::MAX));
        let run = run(&emulator.options().timeout_seconds(1).tries(2), [item(1), item(2)]);
        let results = run.results();
        assert_eq!(results[0].outcome(), "succeeded");
        let error = results[1].error();
        assert_eq!(
            (&error["code"], &error["category"]),
            (&json!("TimedOut"), &json!("OperationTimeout"))
        );
        assert_eq!(error["data"]["Attempts"], 2);
        assert!(results[1].message().contains("AZAPIM_TIMEOUT_SECONDS"), "{error}");
    }

    #[test]
    fn nobody_listening_is_an_error_that_names_the_host() {
        let nobody = emulator().url().to_owned();
        let options = Options::new()
            .with("endpoint", nobody)
            .env("AZURE_ACCESS_TOKEN", random_token());
        let run = run(&options.tries(2), [item(1)]);
        let error = run.result().error();
        assert_eq!(
            (&error["code"], &error["data"]["Attempts"]),
            (&json!("ConnectionFailed"), &json!(2))
        );
        assert!(run.result().message().contains("127.0.0.1"), "{error}");
    }

    #[test]
    fn retry_after_wins_when_it_is_shorter() {
        let emulator = emulator();
        // By the backoff alone this would take days.
        emulator.add_fault(Fault::new("", passing(503)).times(19));
        run(&emulator.options().tries(20), [item(1)]).assert_all_succeeded();
        assert_eq!(emulator.journal().len(), 20);
    }

    #[test]
    fn retry_after_wins_when_it_is_longer() {
        for status in [429, 503] {
            let emulator = emulator();
            let later = InjectedAnswer {
                status,
                retry_after: Some("3600".into()),
                ..InjectedAnswer::default()
            };
            emulator.add_fault(Fault::new("", answer(later)));
            let session = Session::start(&emulator.options().trace("verbose"));
            session.submit(&item(1));
            let mut log = Vec::new();
            while log.iter().all(|event: &Event| !event.log().contains("3600")) {
                log.push(session.event());
            }
            assert!(
                log.iter()
                    .any(|event| event.log().contains(&format!("status {status}"))),
                "{log:?}"
            );
            assert_eq!(session.progress().succeeded, 0);
            assert_eq!(emulator.journal().len(), 1);
        }
    }

    #[test]
    fn a_wait_without_end_is_not_taken_at_its_word() {
        for status in [429, 503] {
            for seconds in [u64::MAX.to_string(), "9".repeat(30)] {
                let emulator = emulator();
                let later = InjectedAnswer {
                    status,
                    retry_after: Some(seconds),
                    ..InjectedAnswer::default()
                };
                emulator.add_fault(Fault::new("", answer(later)));
                let session = Session::start(&emulator.options().trace("verbose"));
                session.submit(&item(1));
                session.events_until(|| session.progress().in_flight == 0 && session.progress().queued == 1);
            }
        }
    }

    #[test]
    fn a_refusal_that_asks_for_no_wait_is_not_answered_at_once() {
        let emulator = emulator();
        let at_once = InjectedAnswer {
            status: 429,
            retry_after: Some("0".into()),
            ..InjectedAnswer::default()
        };
        emulator.add_fault(Fault::new("", answer(at_once)).times(2));
        let run = run(&emulator.options().trace("verbose"), [item(1)]);
        run.assert_all_succeeded();
        let waits: Vec<&str> = run
            .log()
            .into_iter()
            .filter(|line| line.contains("status 429"))
            .collect();
        assert_eq!(waits.len(), 2, "{waits:?}");
        assert!(waits.iter().all(|line| !line.contains("0.0 s")), "{waits:?}");
    }

    #[test]
    fn a_wait_asked_for_with_429_shows_in_the_progress() {
        let emulator = emulator();
        let later = InjectedAnswer {
            status: 429,
            retry_after: Some("3600".into()),
            ..InjectedAnswer::default()
        };
        emulator.add_fault(Fault::new("", answer(later)).times(u32::MAX));
        let session = Session::start(&emulator.options());
        session.submit(&item(1));
        session.events_until(|| session.progress().refusals == 1 && session.progress().queued == 1);
        let progress = session.progress();
        assert_eq!(progress.waiting, 1, "{progress:?}");
        assert!((3_500_000..=3_601_000).contains(&progress.wait_ms), "{progress:?}");
        assert_eq!((progress.refusals, progress.requests), (1, 1));
    }

    #[test]
    fn each_request_of_an_item_has_tries_of_its_own() {
        let emulator = emulator();
        for method in ["PATCH", "POST", "GET"] {
            emulator.add_fault(Fault::new("", passing(503)).method(method));
        }
        let all = json!({ "settings": { "protocol": "http" }, "passThru": true });
        run(&emulator.options().tries(2), [with(item(1), all)]).assert_all_succeeded();
        let methods: Vec<String> = emulator.journal().into_iter().map(|entry| entry.method).collect();
        assert_eq!(methods, ["PATCH", "PATCH", "POST", "POST", "GET", "GET"]);
    }

    #[test]
    fn redirects_are_not_followed() {
        let elsewhere = CannedServer::start(|_, _| CannedServer::answer("202 Accepted", &[], ""));
        let target = format!("{}/elsewhere", elsewhere.url());
        for status in ["301 Moved Permanently", "307 Temporary Redirect"] {
            let target = target.clone();
            let server = CannedServer::start(move |_, _| CannedServer::answer(status, &[("Location", &target)], ""));
            let run = run(&server.options(), [item(1)]);
            assert_eq!(run.result().outcome(), "failed");
            assert_eq!(
                run.result().error()["data"]["Status"],
                status[..3].parse::<u16>().expect("a number")
            );
            assert_eq!(server.received().len(), 1);
        }
        assert!(elsewhere.received().is_empty(), "the token was sent elsewhere");
    }
}

mod failures {
    use super::*;

    fn details() -> Vec<ErrorDetail> {
        vec![
            ErrorDetail {
                code: "ValidationError".into(),
                target: Some("url".into()),
                message: "The URL is refused.".into(),
            },
            ErrorDetail {
                code: "Other".into(),
                target: None,
                message: "And more.".into(),
            },
        ]
    }

    #[test]
    fn the_services_error_is_told_whole() {
        let emulator = emulator();
        let refusal = InjectedAnswer {
            status: 400,
            code: Some("ValidationError".into()),
            message: Some("One or more fields contain incorrect values:".into()),
            details: details(),
            ..InjectedAnswer::default()
        };
        emulator.add_fault(Fault::new("", answer(refusal)));
        let run = run(&emulator.options(), [item(1)]);
        let error = run.result().error();
        assert_eq!(error["code"], "ValidationError");
        let about =
            "Backend '1' of service 'contoso' in resource group 'Api-Default-WestUS': its connection was not reset.";
        assert_eq!(
            error["message"],
            format!("One or more fields contain incorrect values: {about}")
        );
        let id = error["data"]["RequestId"].as_str().expect("an id");
        let text = [
            "",
            "Error Code: ValidationError",
            "Error Message: One or more fields contain incorrect values:",
            &format!("Request Id: {id}"),
            "Error Details:",
            "\t[Code= ValidationError, Message= The URL is refused., Target= url]",
            "\t[Code= Other, Message= And more., Target= ]",
            about,
        ];
        assert_eq!(error["text"], text.join("\n"));
        assert_eq!(
            error["details"],
            json!([
                { "code": "ValidationError", "message": "The URL is refused.", "target": "url" },
                { "code": "Other", "message": "And more." },
            ])
        );
        for id in ["RequestId", "CorrelationId", "ClientRequestId"] {
            assert_eq!(error["data"][id].as_str().map(str::len), Some(36), "{id} in {error}");
        }
        assert_eq!(
            (&error["data"]["SettingsChanged"], &error["data"]["ResetDone"]),
            (&json!(false), &json!(false))
        );
    }

    #[test]
    fn request_ids_are_those_of_the_wire() {
        let server = CannedServer::start(|_, _| {
            let ids = [
                ("x-ms-request-id", "the-request"),
                ("x-ms-correlation-request-id", "the-correlation"),
            ];
            CannedServer::answer("404 Not Found", &ids, "")
        });
        let run = run(&server.options(), [item(1)]);
        let error = run.result().error();
        assert_eq!(
            (&error["data"]["RequestId"], &error["data"]["CorrelationId"]),
            (&json!("the-request"), &json!("the-correlation"))
        );
        let sent = &server.received()[0];
        assert_eq!(
            error["data"]["ClientRequestId"].as_str(),
            sent.header("x-ms-client-request-id")
        );
    }

    #[test]
    fn an_unknown_backend_is_the_services_own_error() {
        let emulator = emulator();
        let run = run(&emulator.options(), [item("missing")]);
        assert_eq!(run.result().code(), "ResourceNotFound");
        assert_eq!(run.result().error()["category"], "ObjectNotFound");
    }

    #[test]
    fn a_body_that_is_no_error_still_makes_one() {
        let told = "The service answered with status 409 (Conflict) and no message.";
        for (body, code, message) in [
            (json!(""), "Conflict", told),
            (json!("<html><body>Bad day</body></html>"), "Conflict", told),
            (json!("{\"error\":"), "Conflict", told),
            (json!([]), "Conflict", told),
            (json!({}), "Conflict", told),
            (json!(null), "Conflict", told),
            (json!({ "error": null }), "Conflict", told),
            (json!({ "error": "text" }), "Conflict", told),
            (json!({ "error": { "code": "", "message": "" } }), "Conflict", told),
            (
                json!({ "error": { "code": "Locked", "details": null } }),
                "Locked",
                told,
            ),
            (json!({ "error": { "message": "Wait." } }), "Conflict", "Wait."),
            (
                json!({ "code": "Locked", "message": "At the top.", "details": null }),
                "Locked",
                "At the top.",
            ),
        ] {
            let emulator = emulator();
            let refusal = InjectedAnswer {
                status: 409,
                body: Some(body.clone()),
                ..InjectedAnswer::default()
            };
            emulator.add_fault(Fault::new("", answer(refusal)));
            let run = run(&emulator.options(), [item(1)]);
            let about = "Backend '1' of service 'contoso' in resource group 'Api-Default-WestUS': its connection was not reset.";
            let message = format!("{message} {about}");
            assert_eq!(
                (run.result().code(), run.result().message()),
                (code, message.as_str()),
                "{body}"
            );
            assert_eq!(run.result().error()["data"]["Status"], 409);
        }
    }

    #[test]
    fn a_refused_change_sends_no_reset() {
        let emulator = emulator();
        emulator.add_fault(Fault::new("", FaultAction::status(400)).method("PATCH"));
        let changed = with(item(1), json!({ "settings": { "protocol": "http" } }));
        let run = run(&emulator.options(), [changed]);
        let error = run.result().error();
        assert_eq!(
            (&error["data"]["Step"], &error["data"]["SettingsChanged"]),
            (&json!("settings"), &json!(false))
        );
        assert_eq!(emulator.sent(), [patch(1, json!({ "protocol": "http" }))]);
    }

    #[test]
    fn a_change_without_its_reset_is_said() {
        let emulator = emulator();
        emulator.add_fault(Fault::new("/reconnect", FaultAction::status(400)));
        let changed = with(item(1), json!({ "settings": { "protocol": "http" }, "passThru": true }));
        let run = run(&emulator.options(), [changed]);
        let error = run.result().error();
        assert_eq!(
            (&error["data"]["Step"], &error["data"]["ResetDone"]),
            (&json!("reset"), &json!(false))
        );
        assert_eq!(error["data"]["SettingsChanged"], true);
        let said = "settings were changed, and its connection was not reset";
        assert!(run.result().message().contains(said), "{error}");
        assert_eq!(emulator.journal().len(), 2);
    }

    #[test]
    fn a_reset_without_its_output_is_said() {
        let emulator = emulator();
        emulator.add_fault(Fault::new("", FaultAction::status(403)).method("GET"));
        let run = run(&emulator.options(), [with(item(1), json!({ "passThru": true }))]);
        let error = run.result().error();
        assert_eq!(
            (&error["data"]["Step"], &error["data"]["ResetDone"]),
            (&json!("get"), &json!(true))
        );
        assert!(run.result().message().contains("its connection was reset"), "{error}");
    }

    #[test]
    fn an_answer_that_is_no_backend_is_an_error() {
        for body in ["", "<html></html>", "{\"id\":", "\u{feff}{}"] {
            let emulator = emulator();
            let nonsense = InjectedAnswer {
                status: 200,
                body: Some(body.into()),
                ..InjectedAnswer::default()
            };
            emulator.add_fault(Fault::new("", answer(nonsense)).method("GET"));
            let run = run(&emulator.options(), [with(item(1), json!({ "passThru": true }))]);
            let error = run.result().error();
            assert_eq!(
                (&error["code"], &error["category"]),
                (&json!("InvalidResponse"), &json!("InvalidResult"))
            );
            assert_eq!(
                (&error["data"]["ResetDone"], &error["data"]["Attempts"]),
                (&json!(true), &json!(1)),
                "{body}"
            );
            for id in ["RequestId", "CorrelationId", "ClientRequestId"] {
                assert!(error["data"][id].is_string(), "{id} is not in {error}");
            }
            assert!(run.result().message().contains("its connection was reset"), "{error}");
        }
    }

    #[test]
    fn an_answer_that_is_no_page_is_an_error() {
        for body in [json!({}), json!([]), json!({ "value": null }), json!({ "value": {} })] {
            let emulator = emulator();
            let nonsense = InjectedAnswer {
                status: 200,
                body: Some(body.clone()),
                ..InjectedAnswer::default()
            };
            emulator.add_fault(Fault::new("", answer(nonsense)).method("GET"));
            let service = json!({ "action": "list", "resourceGroup": "Api-Default-WestUS", "service": "contoso" });
            let run = run(&emulator.options(), [service]);
            assert_eq!(run.results()[0].json["error"]["code"], "InvalidResponse", "{body}");
        }
    }

    #[test]
    fn an_answer_that_is_cut_off_is_tried_again() {
        let server = CannedServer::start(|before, request| match (before, request.line.starts_with("GET")) {
            (1, true) => "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"id\":".into(),
            (_, true) => CannedServer::answer("200 OK", &[], "{\"id\":\"whole\"}"),
            (_, false) => CannedServer::answer("202 Accepted", &[], ""),
        });
        let run = run(&server.options(), [with(item(1), json!({ "passThru": true }))]);
        assert_eq!(run.result().json["backend"], json!({ "id": "whole" }));
        assert_eq!(server.received().len(), 3);
    }

    #[test]
    fn a_reset_that_was_accepted_is_not_sent_again_for_a_body_that_is_cut_off() {
        let server = CannedServer::start(|_, request| match request.line.split(' ').next() {
            Some("PATCH") => "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"id\":".into(),
            _ => "HTTP/1.1 202 Accepted\r\nContent-Length: 100\r\n\r\n{".into(),
        });
        let changed = with(item(1), json!({ "settings": { "protocol": "http" } }));
        run(&server.options(), [changed]).assert_all_succeeded();
        assert_eq!(server.received().len(), 2);
    }

    #[test]
    fn a_refusal_stands_though_its_body_is_cut_off_or_endless() {
        for body in ["Content-Length: 100\r\n\r\n{\"error\":".to_owned(), {
            let endless = "x".repeat(40 * 1024 * 1024);
            format!("Content-Length: {}\r\n\r\n{endless}", endless.len())
        }] {
            let server = CannedServer::start(move |_, _| format!("HTTP/1.1 404 Not Found\r\n{body}"));
            let run = run(&server.options(), [item(1)]);
            assert_eq!(run.result().code(), "NotFound");
            assert_eq!(server.received().len(), 1);
        }
    }

    #[test]
    fn an_error_of_megabytes_is_not_handed_on() {
        let long = "ü".repeat(1024 * 1024);
        let server = CannedServer::start(move |_, _| {
            let detail = json!({ "code": long, "message": long, "target": long });
            let error = json!({ "code": long, "message": long, "details": vec![detail; 3] });
            CannedServer::answer("400 Bad Request", &[], &json!({ "error": error }).to_string())
        });
        let run = run(&server.options(), [item(1)]);
        assert!(run.result().text.len() < 1024, "{} bytes", run.result().text.len());
        assert_eq!(
            (run.result().code(), &run.result().error()["data"]["Status"]),
            ("BadRequest", &json!(400))
        );
    }

    #[test]
    fn a_proxy_that_is_not_there_is_named() {
        let nobody = emulator().url().replace("http://", "http://user:s3cret@");
        let emulator = TestEmulator::start(Config {
            backends: 9,
            tls: true,
            ..Config::default()
        });
        let options = emulator.options().tries(1).env("HTTPS_PROXY", nobody);
        let through = run(&options, [item(1)]);
        assert_eq!(through.result().code(), "ConnectionFailed");
        let message = through.result().message();
        assert!(
            message.contains("HTTPS_PROXY") && !message.contains("s3cret"),
            "{message}"
        );
        run(&options.env("NO_PROXY", "127.0.0.1"), [item(1)]).assert_all_succeeded();
    }

    #[test]
    fn what_is_no_http_is_a_failed_connection() {
        let server = CannedServer::start(|_, _| "SSH-2.0-OpenSSH_9.2\r\n".into());
        let run = run(&server.options().tries(2), [item(1)]);
        assert_eq!(run.result().code(), "ConnectionFailed");
        assert_eq!(server.received().len(), 2);
    }

    #[test]
    fn a_certificate_that_is_not_trusted_dooms_every_item_and_says_what_to_do() {
        let tls = || {
            TestEmulator::start(Config {
                backends: 9,
                tls: true,
                ..Config::default()
            })
        };
        let (emulator, other) = (tls(), tls());
        let wrong = other.options().with("endpoint", emulator.url());
        let run = run(&wrong, [item(1)]);
        let [fatal] = run.of(Kind::Fatal)[..] else {
            panic!("{run:?}");
        };
        let error = fatal.error();
        assert_eq!(error["code"], "CertificateRejected", "{error}");
        assert_eq!(error["category"], "SecurityError");
        assert_eq!((&error["fatal"], &error["data"]["Attempts"]), (&json!(true), &json!(1)));
        assert!(fatal.message().contains("SSL_CERT_FILE"), "{error}");
        assert!(emulator.journal().is_empty());
    }
}

mod sign_in {
    use super::*;

    #[test]
    fn a_refused_token_is_asked_for_anew_once() {
        let emulator = TestEmulator::start(Config {
            backends: 9,
            require_tokens: vec!["good".into()],
            ..Config::default()
        });
        let session = Session::start(&emulator.options().caller_credential());
        session.submit(&item(1));
        let first = session.event();
        assert_eq!(first.json["refresh"], false);
        assert_eq!(session.answer_token(first.number, "old", 0), Status::OK);
        let second = session.event();
        assert_eq!(
            (second.kind, &second.json["refresh"]),
            (Kind::TokenRequest, &json!(true))
        );
        assert_eq!(session.answer_token(second.number, "good", 0), Status::OK);
        assert_eq!(session.event().outcome(), "succeeded");
        let statuses: Vec<u16> = emulator.journal().iter().map(|entry| entry.status).collect();
        assert_eq!(statuses, [401, 202]);
    }

    #[test]
    fn a_new_token_that_is_refused_too_is_fatal() {
        let emulator = TestEmulator::start(Config {
            backends: 9,
            require_tokens: vec!["good".into()],
            ..Config::default()
        });
        let session = Session::start(&emulator.options().caller_credential());
        session.submit(&item(1));
        for _ in 0..2 {
            let asked = session.event();
            assert_eq!(asked.kind, Kind::TokenRequest);
            assert_eq!(session.answer_token(asked.number, "bad", 0), Status::OK);
        }
        let result = session.event();
        let error = result.error();
        assert_eq!(
            (&error["code"], &error["data"]["Status"]),
            (&json!("InvalidAuthenticationToken"), &json!(401))
        );
        assert_eq!(
            (&error["category"], &error["fatal"]),
            (&json!("AuthenticationError"), &json!(true))
        );
        assert_eq!(emulator.journal().len(), 2);
    }

    #[test]
    fn each_request_of_an_item_may_ask_for_a_new_token() {
        let server = CannedServer::start(|before, _| match before {
            0 | 2 => CannedServer::answer("401 Unauthorized", &[], ""),
            1 => CannedServer::answer("200 OK", &[], "{}"),
            _ => CannedServer::answer("202 Accepted", &[], ""),
        });
        let session = Session::start(&server.options().caller_credential());
        session.submit(&with(item(1), json!({ "settings": { "protocol": "http" } })));
        for _ in 0..3 {
            let asked = session.event();
            assert_eq!(asked.kind, Kind::TokenRequest, "{asked:?}");
            assert_eq!(session.answer_token(asked.number, &random_token(), 0), Status::OK);
        }
        assert_eq!(session.event().outcome(), "succeeded");
    }

    #[test]
    fn a_subscription_of_another_tenant_dooms_no_other() {
        let server = CannedServer::start(|_, request| {
            if request.line.contains(&subscription(2)) {
                let error = json!({ "error": {
                    "code": "InvalidAuthenticationTokenTenant",
                    "message": "The access token is from the wrong issuer.",
                } });
                return CannedServer::answer("401 Unauthorized", &[], &error.to_string());
            }
            CannedServer::answer("202 Accepted", &[], "")
        });
        let run = run(&server.options().window(1), [item(1), item_in(2, 1), item(2)]);
        let results = run.results();
        assert_eq!((results[0].outcome(), results[2].outcome()), ("succeeded", "succeeded"));
        let error = results[1].error();
        assert_eq!(
            (&error["code"], &error["category"], &error["fatal"]),
            (
                &json!("InvalidAuthenticationTokenTenant"),
                &json!("AuthenticationError"),
                &json!(false)
            )
        );
        assert_eq!(server.received().len(), 3);
    }

    #[test]
    fn a_token_of_the_environment_that_is_refused_ends_the_session() {
        let emulator = TestEmulator::start(Config {
            backends: 9,
            require_tokens: vec!["good".into()],
            ..Config::default()
        });
        let run = run(&emulator.options().window(1), [item(1), item(2), item(3)]);
        let fatal = run.of(Kind::Fatal);
        let [fatal] = fatal[..] else {
            panic!("there is not one fatal event: {:?}", run.events);
        };
        assert_eq!(fatal.code(), "AuthenticationFailed");
        assert!(fatal.message().contains("AZURE_ACCESS_TOKEN"), "{fatal:?}");
        assert!(
            run.of(Kind::Result)
                .iter()
                .all(|result| result.outcome() == "cancelled")
        );
        assert_eq!(emulator.journal().len(), 1);
    }

    #[test]
    fn a_token_that_ends_in_the_middle_is_renewed_in_time() {
        let emulator = TestEmulator::start(Config {
            backends: 9,
            check_issued_tokens: true,
            ..Config::default()
        });
        let session = Session::start(&emulator.options().caller_credential());
        session.submit(&item(1));
        let asked = session.event();
        let soon = emulator.issue_token(std::time::Duration::from_secs(3600));
        // It says of itself that it ends this minute: it is used, and a new one is asked for meanwhile.
        let in_a_minute = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .expect("a clock after 1970")
            .as_secs() as i64
            + 60;
        assert_eq!(session.answer_token(asked.number, &soon, in_a_minute), Status::OK);
        assert_eq!(session.event().outcome(), "succeeded");
        // It is used up to half of its time; the one after it is asked for when that is over, or when it is refused.
        emulator.expire_tokens();
        session.submit(&item(2));
        let again = session.event();
        assert_eq!((again.kind, &again.json["refresh"]), (Kind::TokenRequest, &json!(true)));
        let fresh = emulator.issue_token(std::time::Duration::from_secs(3600));
        assert_eq!(session.answer_token(again.number, &fresh, 0), Status::OK);
        assert_eq!(session.event().outcome(), "succeeded");
    }
}

mod secrets {
    use super::*;

    const SECRETS: [&str; 8] = [
        "certificate-s3cret",
        "query-s3cret",
        "header-s3cret",
        "scheme-s3cret",
        "parameter-s3cret",
        "user-s3cret",
        "password-s3cret",
        "more-header-s3cret",
    ];

    fn changed(backend: impl std::fmt::Display, more: Value) -> Value {
        let settings = json!({
            "protocol": "http",
            "credentials": {
                "certificate": [SECRETS[0]],
                "query": { "key": [SECRETS[1]] },
                "header": { "x-key": [SECRETS[2], SECRETS[7]] },
                "authorization": { "scheme": SECRETS[3], "parameter": SECRETS[4] },
            },
            "proxy": { "url": "http://proxy:8080", "username": SECRETS[5], "password": SECRETS[6] },
        });
        with(with(item(backend), json!({ "settings": settings })), more)
    }

    #[track_caller]
    fn assert_clean(events: &[Event], token: &str) {
        assert!(events.len() > 5, "{events:?}");
        for event in events {
            for secret in SECRETS.iter().chain([&token]) {
                assert!(!event.text.contains(secret), "{secret} is in {}", event.text);
            }
        }
    }

    #[test]
    fn the_log_shows_every_request_and_answer_and_no_secret() {
        let emulator = emulator();
        emulator.add_fault(Fault::new("/backends/2?", FaultAction::status(400)));
        emulator.add_fault(Fault::new("/backends/3/", passing(503)));
        emulator.add_fault(Fault::new("/backends/4/", FaultAction::Reset));
        let items = [
            changed(1, json!({ "passThru": false })),
            changed(2, json!({})),
            changed(3, json!({ "after": 5 })),
            changed(4, json!({})),
            changed("missing", json!({})),
            changed("a:b", json!({})),
            changed(5, json!({ "after": -1 })),
            changed(6, json!({ "unknown": 1 })),
        ];
        let run = run(&emulator.options().trace("debug"), items);
        assert_clean(&run.events, emulator.token());
        let log = run.log().join("\n");
        let requests = log.matches("= HTTP REQUEST =").count();
        assert_eq!(requests as u64, run.progress.requests);
        assert_eq!(
            log.matches("= HTTP RESPONSE =").count(),
            requests - 1,
            "one connection was reset"
        );
        for shown in [
            "PATCH",
            "POST",
            &format!("{}{}", emulator.url(), reset_path(1)),
            "Bearer ****",
            "\"protocol\": \"http\"",
            "\"after\": \"PT5S\"",
            "\"password\": \"****\"",
            "202 Accepted",
            "404 Not Found",
            "x-ms-request-id",
        ]
        .iter()
        .map(|text| text.trim_start_matches("Bearer "))
        {
            assert!(log.contains(shown), "{shown} is not in the log:\n{log}");
        }
    }

    #[test]
    fn a_backend_that_is_read_is_given_whole_and_logged_masked() {
        let emulator = emulator();
        let run = run(
            &emulator.options().trace("debug"),
            [changed(1, json!({ "passThru": true }))],
        );
        let logged: Vec<Event> = run.of(Kind::Log).into_iter().cloned().collect();
        assert_clean(&logged, emulator.token());
        let backend = &run.of(Kind::Result)[0].json["backend"];
        assert_eq!(
            backend["properties"]["credentials"]["query"]["key"],
            json!([SECRETS[1]])
        );
    }

    #[test]
    fn headers_that_are_not_known_are_masked() {
        let server = CannedServer::start(|_, _| {
            let headers = [
                ("Set-Cookie", "session=cookie-s3cret"),
                ("X-New", "new-s3cret"),
                ("x-ms-request-id", "shown"),
            ];
            CannedServer::answer("404 Not Found", &headers, "text-s3cret that is no JSON")
        });
        let run = run(&server.options().trace("debug"), [item(1)]);
        let log = run.log().join("\n");
        assert!(log.contains("set-cookie") && log.contains("shown"), "{log}");
        for event in &run.events {
            assert!(!event.text.contains("s3cret"), "{}", event.text);
        }
    }

    #[test]
    fn a_token_of_the_host_is_never_shown() {
        let emulator = TestEmulator::start(Config {
            backends: 9,
            require_tokens: vec!["good".into()],
            ..Config::default()
        });
        let token = random_token();
        let session = Session::start(&emulator.options().caller_credential().trace("debug"));
        session.submit(&item(1));
        assert_eq!(session.finish(), Status::OK);
        let mut events = Vec::new();
        for event in std::iter::from_fn(|| match session.next(test_support::DEADLINE) {
            test_support::Next::Event(event) => Some(event),
            _ => None,
        }) {
            if event.kind == Kind::TokenRequest {
                assert_eq!(session.answer_token(event.number, &token, 0), Status::OK);
            }
            events.push(event);
        }
        assert_clean(&events, &token);
    }

    #[test]
    fn the_verbose_log_says_who_is_calling_and_stays_short() {
        let emulator = emulator();
        let quiet = run(&emulator.options(), [item(1)]);
        assert!(quiet.log().is_empty());
        let run = run(&emulator.options().trace("verbose"), [item(1), item(2)]);
        let [line] = run.log()[..] else {
            panic!("there is not one line: {:?}", run.log());
        };
        assert!(
            line.contains("AZURE_ACCESS_TOKEN") && line.contains(emulator.url()),
            "{line}"
        );
    }

    #[test]
    fn garbage_that_holds_secrets_is_not_quoted() {
        let emulator = emulator();
        let session = Session::start(&emulator.options());
        for text in [
            r#"{"settings":{"proxy":{"password":"password-s3cret"#,
            r#"{"settings":{"proxy":{"password":["password-s3cret"]}}}"#,
            r#"{"settings":{"password-s3cret":1}}"#,
            "password-s3cret",
        ] {
            assert_eq!(session.offer_text(text, std::time::Duration::ZERO), Status::READY);
            let result = session.event();
            assert_eq!(result.outcome(), "failed");
            assert!(!result.text.contains("s3cret"), "{}", result.text);
        }
    }
}

mod throttle_headers {
    use super::*;

    #[test]
    fn reads_and_writes_have_buckets_of_their_own() {
        let emulator = TestEmulator::start(Config {
            backends: 9,
            write_bucket: Some(BucketSize {
                capacity: 1,
                refill_per_second: 0.001,
            }),
            ..Config::default()
        });
        let session = Session::start(&emulator.options());
        session.submit(&item(1));
        session.submit(&item(2));
        session.submit(&with(item(3), json!({ "action": "get" })));
        session.events_until(|| session.progress().succeeded == 2);
        let sent = emulator.sent();
        assert!(sent.contains(&post(1)) && sent.contains(&get(3)), "{sent:?}");
    }
}

//! `cargo xtask parity`, with exchanges of its own.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

const SERVICE: &str =
    "/subscriptions/12345678-1234-1234-1234-123456789012/resourceGroups/g/providers/Microsoft.ApiManagement/service/s";

fn exchange(method: &str, path: &str, second: u32, left: u32, status: u16, answer: &str) -> Value {
    let kind = if method == "GET" { "reads" } else { "writes" };
    let mut headers = json!({
        "Cache-Control": "no-cache", "Pragma": "no-cache", "Expires": "-1", "Server": "Microsoft-HTTPAPI/2.0",
        "Strict-Transport-Security": "max-age=31536000; includeSubDomains", "X-Content-Type-Options": "nosniff",
        "Date": "some", "x-ms-request-id": "some", "x-ms-correlation-request-id": "some",
        "x-ms-routing-request-id": format!("R:20200101T0000{second:02}Z:id"), "Content-Length": answer.len().to_string(),
        "Content-Type": "application/json; charset=utf-8",
    });
    headers[format!("x-ms-ratelimit-remaining-subscription-{kind}")] = left.to_string().into();
    json!({
        "method": method, "uri": format!("https://management.azure.com{SERVICE}{path}?api-version=2021-08-01"),
        "requestHeaders": {}, "requestBody": "", "status": status, "responseHeaders": headers, "responseBody": answer,
    })
}

fn parity(name: &str, exchanges: &[Value]) -> Output {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("a.json"), json!(exchanges).to_string()).expect("a file");
    Command::new(env!("CARGO_BIN_EXE_xtask"))
        .arg("parity")
        .arg(folder)
        .output()
        .expect("the command runs")
}

#[test]
fn what_is_as_recorded_passes_and_all_else_is_named() {
    let backend = |title: &str| {
        format!(
            "{{\r\n  \"id\": \"{SERVICE}/backends/b\",\r\n  \"type\": \"Microsoft.ApiManagement/service/backends\",\r\n  \
             \"name\": \"b\",\r\n  \"properties\": {{\r\n    \"title\": {title},\r\n    \"description\": \"d\",\r\n    \
             \"url\": \"https://a.example\",\r\n    \"protocol\": \"http\"\r\n  }}\r\n}}"
        )
    };
    let mut put = exchange("PUT", "/backends/b", 1, 9, 201, &backend("null"));
    put["requestHeaders"]["Content-Type"] = "application/json".into();
    put["requestBody"] =
        json!({ "properties": { "description": "d", "url": "https://a.example", "protocol": "http" } })
            .to_string()
            .into();
    let mut got = exchange("GET", "/backends/b", 2, 9, 200, &backend("null"));
    for one in [&mut put, &mut got] {
        one["responseHeaders"]["ETag"] = "\"AAAAAAAAAAE=\"".into();
    }
    let missing = r#"{"error":{"code":"ResourceNotFound","message":"Backend not found.","details":null}}"#;
    let missing = exchange("GET", "/backends/none", 3, 8, 404, missing);
    // The order of the file is not that of the service.
    let same = parity("parity-same", &[missing.clone(), got.clone(), put.clone()]);
    let text = String::from_utf8_lossy(&same.stdout);
    assert!(same.status.success(), "{text}{}", String::from_utf8_lossy(&same.stderr));
    assert!(text.contains("3 exchanges replayed, 0 set up"), "{text}");

    got["responseBody"] = backend("\"TT\"").into();
    got["responseHeaders"]["X-New"] = "1".into();
    let other = parity("parity-other", &[put, got, missing]);
    let text = String::from_utf8_lossy(&other.stdout);
    assert!(!other.status.success(), "{text}");
    for part in ["\n  -header:x-new: ", "\n  body:properties.title: ", "2 unexplained"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

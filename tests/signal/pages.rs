//! The pages: what they are allowed, how they are kept, and in which form they come.

use hilum::signal::PAGES;

use crate::served::{ORIGIN, serve};

#[tokio::test]
async fn every_page_is_the_same_file_with_headers_that_close_everything_else() {
    let served = serve().await;
    for path in PAGES {
        let page = served.raw("GET", path, "", "").await;
        assert_eq!(page.status, 200, "{path}");
        for wanted in [
            "content-type: text/html; charset=utf-8",
            "cache-control: no-store",
            "referrer-policy: no-referrer",
            "x-content-type-options: nosniff",
            "cross-origin-opener-policy: same-origin",
            "cross-origin-resource-policy: same-origin",
            "default-src 'none'; script-src 'self'; style-src 'self';",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'; trusted-types 'none'",
            "camera=(self)",
            "geolocation=()",
        ] {
            assert!(page.head.contains(wanted), "{path} lacks {wanted}: {}", page.head);
        }
        assert!(!page.head.contains("unsafe-") && !page.head.contains("set-cookie"), "{path}");
        // The secret of a link is in the fragment and never comes here; a query is no page of ours either way.
        assert_eq!(served.raw("HEAD", path, "", "").await.status, 200);
    }
    let name = ORIGIN.strip_prefix("https://").unwrap();
    let named = served.at(name, "GET", "/j").await;
    assert!(named.contains(&format!("connect-src 'self' wss://{name};")), "{named}");
    let other = served.at("evil.example", "GET", "/j").await;
    assert!(!other.contains("evil.example"), "{other}");
}

#[tokio::test]
async fn what_a_page_loads_is_kept_for_good_and_comes_compressed() {
    let served = serve().await;
    let page = served.text("/", "").await;
    let start = page.find("/assets/").unwrap();
    let path: String = page[start..].chars().take_while(|c| *c != '"').collect();
    let plain = served.raw("GET", &path, "", "").await;
    assert!(plain.status == 200 && plain.head.contains("cache-control: public, max-age=31536000, immutable"));
    assert!(plain.head.contains("vary: accept-encoding") && !plain.head.contains("content-encoding"));
    let length = |head: &str| -> usize {
        head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse().unwrap()
    };
    let whole = length(&plain.head);
    for (accepted, encoding) in [("gzip, deflate, br, zstd", "br"), ("gzip", "gzip")] {
        let head = served.head(&path, &format!("accept-encoding: {accepted}\r\n")).await;
        assert!(head.contains(&format!("content-encoding: {encoding}")) && length(&head) < whole, "{head}");
    }
    let head = served.head(&path, "accept-encoding: br;q=0\r\n").await;
    assert!(!head.contains("content-encoding"));
    assert_eq!(served.raw("GET", "/assets/nothing.js", "", "").await.status, 404);
}

#[tokio::test]
async fn the_modules_for_pages_of_others_are_served_under_names_that_stay() {
    let served = serve().await;
    for module in ["rtc", "safety", "signal"] {
        let file = served.raw("GET", &format!("/modules/{module}.js"), "", "").await;
        let wanted =
            ["content-type: text/javascript", "cache-control: no-cache", "cross-origin-resource-policy: same-origin"];
        assert!(
            file.status == 200 && wanted.iter().all(|header| file.head.contains(header)),
            "{module}: {}",
            file.head
        );
    }
    assert_eq!(served.raw("GET", "/modules/nothing.js", "", "").await.status, 404);
}

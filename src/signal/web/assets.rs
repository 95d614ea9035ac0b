//! The web client's files, as `npm run build` has written them below `dist`. Generated: do not edit.

/// One file, with the copies that were compressed at build time.
pub(super) struct Asset {
    /// Where it is served, from the root.
    pub path: &'static str,
    /// Its content type.
    pub kind: &'static str,
    /// The file as it is.
    pub plain: &'static [u8],
    /// Compressed by Brotli.
    pub brotli: &'static [u8],
    /// Compressed by gzip.
    pub gzip: &'static [u8],
}

/// All of them. A path below `/assets` holds a hash of its content, so it never changes.
pub(super) const ASSETS: &[Asset] = &[
    Asset {
        path: "/assets/app-Y6B6ABOA.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/app-Y6B6ABOA.js"),
        brotli: include_bytes!("dist/assets/app-Y6B6ABOA.js.br"),
        gzip: include_bytes!("dist/assets/app-Y6B6ABOA.js.gz"),
    },
    Asset {
        path: "/assets/ar-MEZVFCCH.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/ar-MEZVFCCH.js"),
        brotli: include_bytes!("dist/assets/ar-MEZVFCCH.js.br"),
        gzip: include_bytes!("dist/assets/ar-MEZVFCCH.js.gz"),
    },
    Asset {
        path: "/assets/check-TWFBQGEX.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/check-TWFBQGEX.js"),
        brotli: include_bytes!("dist/assets/check-TWFBQGEX.js.br"),
        gzip: include_bytes!("dist/assets/check-TWFBQGEX.js.gz"),
    },
    Asset {
        path: "/assets/chunk-2NRZNE2P.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/chunk-2NRZNE2P.js"),
        brotli: include_bytes!("dist/assets/chunk-2NRZNE2P.js.br"),
        gzip: include_bytes!("dist/assets/chunk-2NRZNE2P.js.gz"),
    },
    Asset {
        path: "/assets/chunk-B4HJVCUA.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/chunk-B4HJVCUA.js"),
        brotli: include_bytes!("dist/assets/chunk-B4HJVCUA.js.br"),
        gzip: include_bytes!("dist/assets/chunk-B4HJVCUA.js.gz"),
    },
    Asset {
        path: "/assets/chunk-ORXBHLO7.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/chunk-ORXBHLO7.js"),
        brotli: include_bytes!("dist/assets/chunk-ORXBHLO7.js.br"),
        gzip: include_bytes!("dist/assets/chunk-ORXBHLO7.js.gz"),
    },
    Asset {
        path: "/assets/chunk-WHD46KGU.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/chunk-WHD46KGU.js"),
        brotli: include_bytes!("dist/assets/chunk-WHD46KGU.js.br"),
        gzip: include_bytes!("dist/assets/chunk-WHD46KGU.js.gz"),
    },
    Asset {
        path: "/assets/chunk-ZFT5C6NH.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/chunk-ZFT5C6NH.js"),
        brotli: include_bytes!("dist/assets/chunk-ZFT5C6NH.js.br"),
        gzip: include_bytes!("dist/assets/chunk-ZFT5C6NH.js.gz"),
    },
    Asset {
        path: "/assets/de-OKQ3KZMM.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/de-OKQ3KZMM.js"),
        brotli: include_bytes!("dist/assets/de-OKQ3KZMM.js.br"),
        gzip: include_bytes!("dist/assets/de-OKQ3KZMM.js.gz"),
    },
    Asset {
        path: "/assets/en-PWNHHZN7.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/en-PWNHHZN7.js"),
        brotli: include_bytes!("dist/assets/en-PWNHHZN7.js.br"),
        gzip: include_bytes!("dist/assets/en-PWNHHZN7.js.gz"),
    },
    Asset {
        path: "/assets/es-63CK3OPA.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/es-63CK3OPA.js"),
        brotli: include_bytes!("dist/assets/es-63CK3OPA.js.br"),
        gzip: include_bytes!("dist/assets/es-63CK3OPA.js.gz"),
    },
    Asset {
        path: "/assets/patient-YMVFYHOB.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/patient-YMVFYHOB.js"),
        brotli: include_bytes!("dist/assets/patient-YMVFYHOB.js.br"),
        gzip: include_bytes!("dist/assets/patient-YMVFYHOB.js.gz"),
    },
    Asset {
        path: "/assets/staff-5CXVVJ2E.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/staff-5CXVVJ2E.js"),
        brotli: include_bytes!("dist/assets/staff-5CXVVJ2E.js.br"),
        gzip: include_bytes!("dist/assets/staff-5CXVVJ2E.js.gz"),
    },
    Asset {
        path: "/assets/start-O5WOHP2C.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/start-O5WOHP2C.js"),
        brotli: include_bytes!("dist/assets/start-O5WOHP2C.js.br"),
        gzip: include_bytes!("dist/assets/start-O5WOHP2C.js.gz"),
    },
    Asset {
        path: "/assets/status-5YW2G7GR.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/status-5YW2G7GR.js"),
        brotli: include_bytes!("dist/assets/status-5YW2G7GR.js.br"),
        gzip: include_bytes!("dist/assets/status-5YW2G7GR.js.gz"),
    },
    Asset {
        path: "/assets/style-CQKYZBZA.css",
        kind: "text/css; charset=utf-8",
        plain: include_bytes!("dist/assets/style-CQKYZBZA.css"),
        brotli: include_bytes!("dist/assets/style-CQKYZBZA.css.br"),
        gzip: include_bytes!("dist/assets/style-CQKYZBZA.css.gz"),
    },
    Asset {
        path: "/assets/technical-7ISWGN7R.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/technical-7ISWGN7R.js"),
        brotli: include_bytes!("dist/assets/technical-7ISWGN7R.js.br"),
        gzip: include_bytes!("dist/assets/technical-7ISWGN7R.js.gz"),
    },
    Asset {
        path: "/index.html",
        kind: "text/html; charset=utf-8",
        plain: include_bytes!("dist/index.html"),
        brotli: include_bytes!("dist/index.html.br"),
        gzip: include_bytes!("dist/index.html.gz"),
    },
    Asset {
        path: "/modules/rtc.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/modules/rtc.js"),
        brotli: include_bytes!("dist/modules/rtc.js.br"),
        gzip: include_bytes!("dist/modules/rtc.js.gz"),
    },
    Asset {
        path: "/modules/safety.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/modules/safety.js"),
        brotli: include_bytes!("dist/modules/safety.js.br"),
        gzip: include_bytes!("dist/modules/safety.js.gz"),
    },
    Asset {
        path: "/modules/signal.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/modules/signal.js"),
        brotli: include_bytes!("dist/modules/signal.js.br"),
        gzip: include_bytes!("dist/modules/signal.js.gz"),
    },
];

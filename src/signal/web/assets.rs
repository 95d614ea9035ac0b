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
        path: "/assets/app-TYAKEQSX.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/app-TYAKEQSX.js"),
        brotli: include_bytes!("dist/assets/app-TYAKEQSX.js.br"),
        gzip: include_bytes!("dist/assets/app-TYAKEQSX.js.gz"),
    },
    Asset {
        path: "/assets/ar-MEZVFCCH.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/ar-MEZVFCCH.js"),
        brotli: include_bytes!("dist/assets/ar-MEZVFCCH.js.br"),
        gzip: include_bytes!("dist/assets/ar-MEZVFCCH.js.gz"),
    },
    Asset {
        path: "/assets/check-OLB7LYCG.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/check-OLB7LYCG.js"),
        brotli: include_bytes!("dist/assets/check-OLB7LYCG.js.br"),
        gzip: include_bytes!("dist/assets/check-OLB7LYCG.js.gz"),
    },
    Asset {
        path: "/assets/chunk-47IGFLDT.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/chunk-47IGFLDT.js"),
        brotli: include_bytes!("dist/assets/chunk-47IGFLDT.js.br"),
        gzip: include_bytes!("dist/assets/chunk-47IGFLDT.js.gz"),
    },
    Asset {
        path: "/assets/chunk-MCPVGQVS.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/chunk-MCPVGQVS.js"),
        brotli: include_bytes!("dist/assets/chunk-MCPVGQVS.js.br"),
        gzip: include_bytes!("dist/assets/chunk-MCPVGQVS.js.gz"),
    },
    Asset {
        path: "/assets/chunk-ORXBHLO7.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/chunk-ORXBHLO7.js"),
        brotli: include_bytes!("dist/assets/chunk-ORXBHLO7.js.br"),
        gzip: include_bytes!("dist/assets/chunk-ORXBHLO7.js.gz"),
    },
    Asset {
        path: "/assets/chunk-RGNTUHOP.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/chunk-RGNTUHOP.js"),
        brotli: include_bytes!("dist/assets/chunk-RGNTUHOP.js.br"),
        gzip: include_bytes!("dist/assets/chunk-RGNTUHOP.js.gz"),
    },
    Asset {
        path: "/assets/chunk-XEXU7VMD.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/chunk-XEXU7VMD.js"),
        brotli: include_bytes!("dist/assets/chunk-XEXU7VMD.js.br"),
        gzip: include_bytes!("dist/assets/chunk-XEXU7VMD.js.gz"),
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
        path: "/assets/patient-TXZKSZRL.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/patient-TXZKSZRL.js"),
        brotli: include_bytes!("dist/assets/patient-TXZKSZRL.js.br"),
        gzip: include_bytes!("dist/assets/patient-TXZKSZRL.js.gz"),
    },
    Asset {
        path: "/assets/staff-RZL4U6R2.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/staff-RZL4U6R2.js"),
        brotli: include_bytes!("dist/assets/staff-RZL4U6R2.js.br"),
        gzip: include_bytes!("dist/assets/staff-RZL4U6R2.js.gz"),
    },
    Asset {
        path: "/assets/start-DA247AOW.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/start-DA247AOW.js"),
        brotli: include_bytes!("dist/assets/start-DA247AOW.js.br"),
        gzip: include_bytes!("dist/assets/start-DA247AOW.js.gz"),
    },
    Asset {
        path: "/assets/status-XPD3J24H.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/status-XPD3J24H.js"),
        brotli: include_bytes!("dist/assets/status-XPD3J24H.js.br"),
        gzip: include_bytes!("dist/assets/status-XPD3J24H.js.gz"),
    },
    Asset {
        path: "/assets/style-CQKYZBZA.css",
        kind: "text/css; charset=utf-8",
        plain: include_bytes!("dist/assets/style-CQKYZBZA.css"),
        brotli: include_bytes!("dist/assets/style-CQKYZBZA.css.br"),
        gzip: include_bytes!("dist/assets/style-CQKYZBZA.css.gz"),
    },
    Asset {
        path: "/assets/technical-R5KHBLRW.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/technical-R5KHBLRW.js"),
        brotli: include_bytes!("dist/assets/technical-R5KHBLRW.js.br"),
        gzip: include_bytes!("dist/assets/technical-R5KHBLRW.js.gz"),
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

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
        path: "/assets/app-L424S3SU.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/app-L424S3SU.js"),
        brotli: include_bytes!("dist/assets/app-L424S3SU.js.br"),
        gzip: include_bytes!("dist/assets/app-L424S3SU.js.gz"),
    },
    Asset {
        path: "/assets/ar-MEZVFCCH.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/ar-MEZVFCCH.js"),
        brotli: include_bytes!("dist/assets/ar-MEZVFCCH.js.br"),
        gzip: include_bytes!("dist/assets/ar-MEZVFCCH.js.gz"),
    },
    Asset {
        path: "/assets/check-CEXZAM5R.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/check-CEXZAM5R.js"),
        brotli: include_bytes!("dist/assets/check-CEXZAM5R.js.br"),
        gzip: include_bytes!("dist/assets/check-CEXZAM5R.js.gz"),
    },
    Asset {
        path: "/assets/chunk-2NRZNE2P.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/chunk-2NRZNE2P.js"),
        brotli: include_bytes!("dist/assets/chunk-2NRZNE2P.js.br"),
        gzip: include_bytes!("dist/assets/chunk-2NRZNE2P.js.gz"),
    },
    Asset {
        path: "/assets/chunk-CGEQ73BB.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/chunk-CGEQ73BB.js"),
        brotli: include_bytes!("dist/assets/chunk-CGEQ73BB.js.br"),
        gzip: include_bytes!("dist/assets/chunk-CGEQ73BB.js.gz"),
    },
    Asset {
        path: "/assets/chunk-H4RRVSIQ.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/chunk-H4RRVSIQ.js"),
        brotli: include_bytes!("dist/assets/chunk-H4RRVSIQ.js.br"),
        gzip: include_bytes!("dist/assets/chunk-H4RRVSIQ.js.gz"),
    },
    Asset {
        path: "/assets/chunk-N43YI4Q6.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/chunk-N43YI4Q6.js"),
        brotli: include_bytes!("dist/assets/chunk-N43YI4Q6.js.br"),
        gzip: include_bytes!("dist/assets/chunk-N43YI4Q6.js.gz"),
    },
    Asset {
        path: "/assets/chunk-XLVSF3WJ.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/chunk-XLVSF3WJ.js"),
        brotli: include_bytes!("dist/assets/chunk-XLVSF3WJ.js.br"),
        gzip: include_bytes!("dist/assets/chunk-XLVSF3WJ.js.gz"),
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
        path: "/assets/patient-N3N4OCSU.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/patient-N3N4OCSU.js"),
        brotli: include_bytes!("dist/assets/patient-N3N4OCSU.js.br"),
        gzip: include_bytes!("dist/assets/patient-N3N4OCSU.js.gz"),
    },
    Asset {
        path: "/assets/staff-SMIZTOF2.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/staff-SMIZTOF2.js"),
        brotli: include_bytes!("dist/assets/staff-SMIZTOF2.js.br"),
        gzip: include_bytes!("dist/assets/staff-SMIZTOF2.js.gz"),
    },
    Asset {
        path: "/assets/start-O5WOHP2C.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/start-O5WOHP2C.js"),
        brotli: include_bytes!("dist/assets/start-O5WOHP2C.js.br"),
        gzip: include_bytes!("dist/assets/start-O5WOHP2C.js.gz"),
    },
    Asset {
        path: "/assets/status-CHO3HO6F.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/status-CHO3HO6F.js"),
        brotli: include_bytes!("dist/assets/status-CHO3HO6F.js.br"),
        gzip: include_bytes!("dist/assets/status-CHO3HO6F.js.gz"),
    },
    Asset {
        path: "/assets/style-CQKYZBZA.css",
        kind: "text/css; charset=utf-8",
        plain: include_bytes!("dist/assets/style-CQKYZBZA.css"),
        brotli: include_bytes!("dist/assets/style-CQKYZBZA.css.br"),
        gzip: include_bytes!("dist/assets/style-CQKYZBZA.css.gz"),
    },
    Asset {
        path: "/assets/technical-2LYVLJAA.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/technical-2LYVLJAA.js"),
        brotli: include_bytes!("dist/assets/technical-2LYVLJAA.js.br"),
        gzip: include_bytes!("dist/assets/technical-2LYVLJAA.js.gz"),
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

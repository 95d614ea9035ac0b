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

/// All of them. Every path but that of the page holds a hash of its content, so it never changes.
pub(super) const ASSETS: &[Asset] = &[
    Asset {
        path: "/assets/app-H4RWKMDA.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/app-H4RWKMDA.js"),
        brotli: include_bytes!("dist/assets/app-H4RWKMDA.js.br"),
        gzip: include_bytes!("dist/assets/app-H4RWKMDA.js.gz"),
    },
    Asset {
        path: "/assets/ar-QM2B5NP7.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/ar-QM2B5NP7.js"),
        brotli: include_bytes!("dist/assets/ar-QM2B5NP7.js.br"),
        gzip: include_bytes!("dist/assets/ar-QM2B5NP7.js.gz"),
    },
    Asset {
        path: "/assets/check-QBFPIL64.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/check-QBFPIL64.js"),
        brotli: include_bytes!("dist/assets/check-QBFPIL64.js.br"),
        gzip: include_bytes!("dist/assets/check-QBFPIL64.js.gz"),
    },
    Asset {
        path: "/assets/chunk-2JEKGPMU.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/chunk-2JEKGPMU.js"),
        brotli: include_bytes!("dist/assets/chunk-2JEKGPMU.js.br"),
        gzip: include_bytes!("dist/assets/chunk-2JEKGPMU.js.gz"),
    },
    Asset {
        path: "/assets/chunk-6HADNLBB.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/chunk-6HADNLBB.js"),
        brotli: include_bytes!("dist/assets/chunk-6HADNLBB.js.br"),
        gzip: include_bytes!("dist/assets/chunk-6HADNLBB.js.gz"),
    },
    Asset {
        path: "/assets/chunk-QCT26XII.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/chunk-QCT26XII.js"),
        brotli: include_bytes!("dist/assets/chunk-QCT26XII.js.br"),
        gzip: include_bytes!("dist/assets/chunk-QCT26XII.js.gz"),
    },
    Asset {
        path: "/assets/chunk-VECYIF7D.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/chunk-VECYIF7D.js"),
        brotli: include_bytes!("dist/assets/chunk-VECYIF7D.js.br"),
        gzip: include_bytes!("dist/assets/chunk-VECYIF7D.js.gz"),
    },
    Asset {
        path: "/assets/de-2JIMMUSI.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/de-2JIMMUSI.js"),
        brotli: include_bytes!("dist/assets/de-2JIMMUSI.js.br"),
        gzip: include_bytes!("dist/assets/de-2JIMMUSI.js.gz"),
    },
    Asset {
        path: "/assets/en-ZYX43IYU.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/en-ZYX43IYU.js"),
        brotli: include_bytes!("dist/assets/en-ZYX43IYU.js.br"),
        gzip: include_bytes!("dist/assets/en-ZYX43IYU.js.gz"),
    },
    Asset {
        path: "/assets/es-RYL5FAZY.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/es-RYL5FAZY.js"),
        brotli: include_bytes!("dist/assets/es-RYL5FAZY.js.br"),
        gzip: include_bytes!("dist/assets/es-RYL5FAZY.js.gz"),
    },
    Asset {
        path: "/assets/patient-4USSREGR.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/patient-4USSREGR.js"),
        brotli: include_bytes!("dist/assets/patient-4USSREGR.js.br"),
        gzip: include_bytes!("dist/assets/patient-4USSREGR.js.gz"),
    },
    Asset {
        path: "/assets/staff-5LJMBLGD.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/staff-5LJMBLGD.js"),
        brotli: include_bytes!("dist/assets/staff-5LJMBLGD.js.br"),
        gzip: include_bytes!("dist/assets/staff-5LJMBLGD.js.gz"),
    },
    Asset {
        path: "/assets/start-H2H7U3O5.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/start-H2H7U3O5.js"),
        brotli: include_bytes!("dist/assets/start-H2H7U3O5.js.br"),
        gzip: include_bytes!("dist/assets/start-H2H7U3O5.js.gz"),
    },
    Asset {
        path: "/assets/style-VIDVZDOE.css",
        kind: "text/css; charset=utf-8",
        plain: include_bytes!("dist/assets/style-VIDVZDOE.css"),
        brotli: include_bytes!("dist/assets/style-VIDVZDOE.css.br"),
        gzip: include_bytes!("dist/assets/style-VIDVZDOE.css.gz"),
    },
    Asset {
        path: "/assets/technical-ZSU5GLAN.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/technical-ZSU5GLAN.js"),
        brotli: include_bytes!("dist/assets/technical-ZSU5GLAN.js.br"),
        gzip: include_bytes!("dist/assets/technical-ZSU5GLAN.js.gz"),
    },
    Asset {
        path: "/index.html",
        kind: "text/html; charset=utf-8",
        plain: include_bytes!("dist/index.html"),
        brotli: include_bytes!("dist/index.html.br"),
        gzip: include_bytes!("dist/index.html.gz"),
    },
];

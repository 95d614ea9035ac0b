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
        path: "/assets/app-G2YLUOZW.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/app-G2YLUOZW.js"),
        brotli: include_bytes!("dist/assets/app-G2YLUOZW.js.br"),
        gzip: include_bytes!("dist/assets/app-G2YLUOZW.js.gz"),
    },
    Asset {
        path: "/assets/ar-QM2B5NP7.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/ar-QM2B5NP7.js"),
        brotli: include_bytes!("dist/assets/ar-QM2B5NP7.js.br"),
        gzip: include_bytes!("dist/assets/ar-QM2B5NP7.js.gz"),
    },
    Asset {
        path: "/assets/check-2JRBJIAQ.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/check-2JRBJIAQ.js"),
        brotli: include_bytes!("dist/assets/check-2JRBJIAQ.js.br"),
        gzip: include_bytes!("dist/assets/check-2JRBJIAQ.js.gz"),
    },
    Asset {
        path: "/assets/chunk-2JEKGPMU.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/chunk-2JEKGPMU.js"),
        brotli: include_bytes!("dist/assets/chunk-2JEKGPMU.js.br"),
        gzip: include_bytes!("dist/assets/chunk-2JEKGPMU.js.gz"),
    },
    Asset {
        path: "/assets/chunk-3PLIBE62.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/chunk-3PLIBE62.js"),
        brotli: include_bytes!("dist/assets/chunk-3PLIBE62.js.br"),
        gzip: include_bytes!("dist/assets/chunk-3PLIBE62.js.gz"),
    },
    Asset {
        path: "/assets/chunk-5TSTYQ3M.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/chunk-5TSTYQ3M.js"),
        brotli: include_bytes!("dist/assets/chunk-5TSTYQ3M.js.br"),
        gzip: include_bytes!("dist/assets/chunk-5TSTYQ3M.js.gz"),
    },
    Asset {
        path: "/assets/chunk-ADLG2QJ5.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/chunk-ADLG2QJ5.js"),
        brotli: include_bytes!("dist/assets/chunk-ADLG2QJ5.js.br"),
        gzip: include_bytes!("dist/assets/chunk-ADLG2QJ5.js.gz"),
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
        path: "/assets/patient-XKTI3ABH.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/patient-XKTI3ABH.js"),
        brotli: include_bytes!("dist/assets/patient-XKTI3ABH.js.br"),
        gzip: include_bytes!("dist/assets/patient-XKTI3ABH.js.gz"),
    },
    Asset {
        path: "/assets/staff-FJ7TLLW5.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/staff-FJ7TLLW5.js"),
        brotli: include_bytes!("dist/assets/staff-FJ7TLLW5.js.br"),
        gzip: include_bytes!("dist/assets/staff-FJ7TLLW5.js.gz"),
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
        path: "/assets/technical-GMCEQMDR.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/technical-GMCEQMDR.js"),
        brotli: include_bytes!("dist/assets/technical-GMCEQMDR.js.br"),
        gzip: include_bytes!("dist/assets/technical-GMCEQMDR.js.gz"),
    },
    Asset {
        path: "/index.html",
        kind: "text/html; charset=utf-8",
        plain: include_bytes!("dist/index.html"),
        brotli: include_bytes!("dist/index.html.br"),
        gzip: include_bytes!("dist/index.html.gz"),
    },
];

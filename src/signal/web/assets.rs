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
        path: "/assets/app-45QAGCAD.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/app-45QAGCAD.js"),
        brotli: include_bytes!("dist/assets/app-45QAGCAD.js.br"),
        gzip: include_bytes!("dist/assets/app-45QAGCAD.js.gz"),
    },
    Asset {
        path: "/assets/ar-L2TDZM4Z.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/ar-L2TDZM4Z.js"),
        brotli: include_bytes!("dist/assets/ar-L2TDZM4Z.js.br"),
        gzip: include_bytes!("dist/assets/ar-L2TDZM4Z.js.gz"),
    },
    Asset {
        path: "/assets/check-Q4RVE5X4.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/check-Q4RVE5X4.js"),
        brotli: include_bytes!("dist/assets/check-Q4RVE5X4.js.br"),
        gzip: include_bytes!("dist/assets/check-Q4RVE5X4.js.gz"),
    },
    Asset {
        path: "/assets/chunk-4GI6TYEY.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/chunk-4GI6TYEY.js"),
        brotli: include_bytes!("dist/assets/chunk-4GI6TYEY.js.br"),
        gzip: include_bytes!("dist/assets/chunk-4GI6TYEY.js.gz"),
    },
    Asset {
        path: "/assets/chunk-DJREF75W.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/chunk-DJREF75W.js"),
        brotli: include_bytes!("dist/assets/chunk-DJREF75W.js.br"),
        gzip: include_bytes!("dist/assets/chunk-DJREF75W.js.gz"),
    },
    Asset {
        path: "/assets/chunk-HKGCQYIF.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/chunk-HKGCQYIF.js"),
        brotli: include_bytes!("dist/assets/chunk-HKGCQYIF.js.br"),
        gzip: include_bytes!("dist/assets/chunk-HKGCQYIF.js.gz"),
    },
    Asset {
        path: "/assets/chunk-HKUTX2HG.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/chunk-HKUTX2HG.js"),
        brotli: include_bytes!("dist/assets/chunk-HKUTX2HG.js.br"),
        gzip: include_bytes!("dist/assets/chunk-HKUTX2HG.js.gz"),
    },
    Asset {
        path: "/assets/chunk-JPNBYL37.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/chunk-JPNBYL37.js"),
        brotli: include_bytes!("dist/assets/chunk-JPNBYL37.js.br"),
        gzip: include_bytes!("dist/assets/chunk-JPNBYL37.js.gz"),
    },
    Asset {
        path: "/assets/chunk-VKJIN7FB.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/chunk-VKJIN7FB.js"),
        brotli: include_bytes!("dist/assets/chunk-VKJIN7FB.js.br"),
        gzip: include_bytes!("dist/assets/chunk-VKJIN7FB.js.gz"),
    },
    Asset {
        path: "/assets/de-LHXYAJLG.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/de-LHXYAJLG.js"),
        brotli: include_bytes!("dist/assets/de-LHXYAJLG.js.br"),
        gzip: include_bytes!("dist/assets/de-LHXYAJLG.js.gz"),
    },
    Asset {
        path: "/assets/en-TS6CLQ23.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/en-TS6CLQ23.js"),
        brotli: include_bytes!("dist/assets/en-TS6CLQ23.js.br"),
        gzip: include_bytes!("dist/assets/en-TS6CLQ23.js.gz"),
    },
    Asset {
        path: "/assets/es-7YE7YJBX.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/es-7YE7YJBX.js"),
        brotli: include_bytes!("dist/assets/es-7YE7YJBX.js.br"),
        gzip: include_bytes!("dist/assets/es-7YE7YJBX.js.gz"),
    },
    Asset {
        path: "/assets/patient-QMGG566O.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/patient-QMGG566O.js"),
        brotli: include_bytes!("dist/assets/patient-QMGG566O.js.br"),
        gzip: include_bytes!("dist/assets/patient-QMGG566O.js.gz"),
    },
    Asset {
        path: "/assets/staff-ZQ5XROPL.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/staff-ZQ5XROPL.js"),
        brotli: include_bytes!("dist/assets/staff-ZQ5XROPL.js.br"),
        gzip: include_bytes!("dist/assets/staff-ZQ5XROPL.js.gz"),
    },
    Asset {
        path: "/assets/start-CTRYOGZP.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/start-CTRYOGZP.js"),
        brotli: include_bytes!("dist/assets/start-CTRYOGZP.js.br"),
        gzip: include_bytes!("dist/assets/start-CTRYOGZP.js.gz"),
    },
    Asset {
        path: "/assets/status-BU6H7DRV.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/status-BU6H7DRV.js"),
        brotli: include_bytes!("dist/assets/status-BU6H7DRV.js.br"),
        gzip: include_bytes!("dist/assets/status-BU6H7DRV.js.gz"),
    },
    Asset {
        path: "/assets/style-EBNVKAXK.css",
        kind: "text/css; charset=utf-8",
        plain: include_bytes!("dist/assets/style-EBNVKAXK.css"),
        brotli: include_bytes!("dist/assets/style-EBNVKAXK.css.br"),
        gzip: include_bytes!("dist/assets/style-EBNVKAXK.css.gz"),
    },
    Asset {
        path: "/assets/technical-VN7MOVXB.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/technical-VN7MOVXB.js"),
        brotli: include_bytes!("dist/assets/technical-VN7MOVXB.js.br"),
        gzip: include_bytes!("dist/assets/technical-VN7MOVXB.js.gz"),
    },
    Asset {
        path: "/index.html",
        kind: "text/html; charset=utf-8",
        plain: include_bytes!("dist/index.html"),
        brotli: include_bytes!("dist/index.html.br"),
        gzip: include_bytes!("dist/index.html.gz"),
    },
];

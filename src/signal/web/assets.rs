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
        path: "/assets/app-53XIFDWS.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/app-53XIFDWS.js"),
        brotli: include_bytes!("dist/assets/app-53XIFDWS.js.br"),
        gzip: include_bytes!("dist/assets/app-53XIFDWS.js.gz"),
    },
    Asset {
        path: "/assets/ar-L2TDZM4Z.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/ar-L2TDZM4Z.js"),
        brotli: include_bytes!("dist/assets/ar-L2TDZM4Z.js.br"),
        gzip: include_bytes!("dist/assets/ar-L2TDZM4Z.js.gz"),
    },
    Asset {
        path: "/assets/check-3JJLSZVB.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/check-3JJLSZVB.js"),
        brotli: include_bytes!("dist/assets/check-3JJLSZVB.js.br"),
        gzip: include_bytes!("dist/assets/check-3JJLSZVB.js.gz"),
    },
    Asset {
        path: "/assets/chunk-HKUTX2HG.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/chunk-HKUTX2HG.js"),
        brotli: include_bytes!("dist/assets/chunk-HKUTX2HG.js.br"),
        gzip: include_bytes!("dist/assets/chunk-HKUTX2HG.js.gz"),
    },
    Asset {
        path: "/assets/chunk-IEU72IQ5.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/chunk-IEU72IQ5.js"),
        brotli: include_bytes!("dist/assets/chunk-IEU72IQ5.js.br"),
        gzip: include_bytes!("dist/assets/chunk-IEU72IQ5.js.gz"),
    },
    Asset {
        path: "/assets/chunk-JC2BJCBV.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/chunk-JC2BJCBV.js"),
        brotli: include_bytes!("dist/assets/chunk-JC2BJCBV.js.br"),
        gzip: include_bytes!("dist/assets/chunk-JC2BJCBV.js.gz"),
    },
    Asset {
        path: "/assets/chunk-JPNBYL37.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/chunk-JPNBYL37.js"),
        brotli: include_bytes!("dist/assets/chunk-JPNBYL37.js.br"),
        gzip: include_bytes!("dist/assets/chunk-JPNBYL37.js.gz"),
    },
    Asset {
        path: "/assets/chunk-NCOBPIQT.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/chunk-NCOBPIQT.js"),
        brotli: include_bytes!("dist/assets/chunk-NCOBPIQT.js.br"),
        gzip: include_bytes!("dist/assets/chunk-NCOBPIQT.js.gz"),
    },
    Asset {
        path: "/assets/chunk-QKKVAGXL.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/chunk-QKKVAGXL.js"),
        brotli: include_bytes!("dist/assets/chunk-QKKVAGXL.js.br"),
        gzip: include_bytes!("dist/assets/chunk-QKKVAGXL.js.gz"),
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
        path: "/assets/patient-C3HLNJXK.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/patient-C3HLNJXK.js"),
        brotli: include_bytes!("dist/assets/patient-C3HLNJXK.js.br"),
        gzip: include_bytes!("dist/assets/patient-C3HLNJXK.js.gz"),
    },
    Asset {
        path: "/assets/staff-LYMDQ5OG.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/staff-LYMDQ5OG.js"),
        brotli: include_bytes!("dist/assets/staff-LYMDQ5OG.js.br"),
        gzip: include_bytes!("dist/assets/staff-LYMDQ5OG.js.gz"),
    },
    Asset {
        path: "/assets/start-UP3QQEXG.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/start-UP3QQEXG.js"),
        brotli: include_bytes!("dist/assets/start-UP3QQEXG.js.br"),
        gzip: include_bytes!("dist/assets/start-UP3QQEXG.js.gz"),
    },
    Asset {
        path: "/assets/status-TMJQ4HMZ.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/status-TMJQ4HMZ.js"),
        brotli: include_bytes!("dist/assets/status-TMJQ4HMZ.js.br"),
        gzip: include_bytes!("dist/assets/status-TMJQ4HMZ.js.gz"),
    },
    Asset {
        path: "/assets/style-KLD7XPZ7.css",
        kind: "text/css; charset=utf-8",
        plain: include_bytes!("dist/assets/style-KLD7XPZ7.css"),
        brotli: include_bytes!("dist/assets/style-KLD7XPZ7.css.br"),
        gzip: include_bytes!("dist/assets/style-KLD7XPZ7.css.gz"),
    },
    Asset {
        path: "/assets/technical-UITGN6X3.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/technical-UITGN6X3.js"),
        brotli: include_bytes!("dist/assets/technical-UITGN6X3.js.br"),
        gzip: include_bytes!("dist/assets/technical-UITGN6X3.js.gz"),
    },
    Asset {
        path: "/index.html",
        kind: "text/html; charset=utf-8",
        plain: include_bytes!("dist/index.html"),
        brotli: include_bytes!("dist/index.html.br"),
        gzip: include_bytes!("dist/index.html.gz"),
    },
];

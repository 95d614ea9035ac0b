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
        path: "/assets/app-7S2YS7TJ.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/app-7S2YS7TJ.js"),
        brotli: include_bytes!("dist/assets/app-7S2YS7TJ.js.br"),
        gzip: include_bytes!("dist/assets/app-7S2YS7TJ.js.gz"),
    },
    Asset {
        path: "/assets/ar-P2IUJF4N.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/ar-P2IUJF4N.js"),
        brotli: include_bytes!("dist/assets/ar-P2IUJF4N.js.br"),
        gzip: include_bytes!("dist/assets/ar-P2IUJF4N.js.gz"),
    },
    Asset {
        path: "/assets/check-FWLNK2B6.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/check-FWLNK2B6.js"),
        brotli: include_bytes!("dist/assets/check-FWLNK2B6.js.br"),
        gzip: include_bytes!("dist/assets/check-FWLNK2B6.js.gz"),
    },
    Asset {
        path: "/assets/chunk-2R3JXGOB.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/chunk-2R3JXGOB.js"),
        brotli: include_bytes!("dist/assets/chunk-2R3JXGOB.js.br"),
        gzip: include_bytes!("dist/assets/chunk-2R3JXGOB.js.gz"),
    },
    Asset {
        path: "/assets/chunk-HKUTX2HG.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/chunk-HKUTX2HG.js"),
        brotli: include_bytes!("dist/assets/chunk-HKUTX2HG.js.br"),
        gzip: include_bytes!("dist/assets/chunk-HKUTX2HG.js.gz"),
    },
    Asset {
        path: "/assets/chunk-MQWLYPZE.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/chunk-MQWLYPZE.js"),
        brotli: include_bytes!("dist/assets/chunk-MQWLYPZE.js.br"),
        gzip: include_bytes!("dist/assets/chunk-MQWLYPZE.js.gz"),
    },
    Asset {
        path: "/assets/chunk-XJOA3DIC.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/chunk-XJOA3DIC.js"),
        brotli: include_bytes!("dist/assets/chunk-XJOA3DIC.js.br"),
        gzip: include_bytes!("dist/assets/chunk-XJOA3DIC.js.gz"),
    },
    Asset {
        path: "/assets/chunk-ZGDQQ7B2.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/chunk-ZGDQQ7B2.js"),
        brotli: include_bytes!("dist/assets/chunk-ZGDQQ7B2.js.br"),
        gzip: include_bytes!("dist/assets/chunk-ZGDQQ7B2.js.gz"),
    },
    Asset {
        path: "/assets/de-KG4YRCPN.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/de-KG4YRCPN.js"),
        brotli: include_bytes!("dist/assets/de-KG4YRCPN.js.br"),
        gzip: include_bytes!("dist/assets/de-KG4YRCPN.js.gz"),
    },
    Asset {
        path: "/assets/en-26ZXUE2N.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/en-26ZXUE2N.js"),
        brotli: include_bytes!("dist/assets/en-26ZXUE2N.js.br"),
        gzip: include_bytes!("dist/assets/en-26ZXUE2N.js.gz"),
    },
    Asset {
        path: "/assets/es-GYFKPOJI.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/es-GYFKPOJI.js"),
        brotli: include_bytes!("dist/assets/es-GYFKPOJI.js.br"),
        gzip: include_bytes!("dist/assets/es-GYFKPOJI.js.gz"),
    },
    Asset {
        path: "/assets/patient-UCEWODCL.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/patient-UCEWODCL.js"),
        brotli: include_bytes!("dist/assets/patient-UCEWODCL.js.br"),
        gzip: include_bytes!("dist/assets/patient-UCEWODCL.js.gz"),
    },
    Asset {
        path: "/assets/staff-XCYK3MFT.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/staff-XCYK3MFT.js"),
        brotli: include_bytes!("dist/assets/staff-XCYK3MFT.js.br"),
        gzip: include_bytes!("dist/assets/staff-XCYK3MFT.js.gz"),
    },
    Asset {
        path: "/assets/start-ISX2DDBB.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/start-ISX2DDBB.js"),
        brotli: include_bytes!("dist/assets/start-ISX2DDBB.js.br"),
        gzip: include_bytes!("dist/assets/start-ISX2DDBB.js.gz"),
    },
    Asset {
        path: "/assets/status-4H5F7ULC.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/status-4H5F7ULC.js"),
        brotli: include_bytes!("dist/assets/status-4H5F7ULC.js.br"),
        gzip: include_bytes!("dist/assets/status-4H5F7ULC.js.gz"),
    },
    Asset {
        path: "/assets/style-BIMJHOOX.css",
        kind: "text/css; charset=utf-8",
        plain: include_bytes!("dist/assets/style-BIMJHOOX.css"),
        brotli: include_bytes!("dist/assets/style-BIMJHOOX.css.br"),
        gzip: include_bytes!("dist/assets/style-BIMJHOOX.css.gz"),
    },
    Asset {
        path: "/assets/technical-J7PCGVGS.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/technical-J7PCGVGS.js"),
        brotli: include_bytes!("dist/assets/technical-J7PCGVGS.js.br"),
        gzip: include_bytes!("dist/assets/technical-J7PCGVGS.js.gz"),
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

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
        path: "/assets/app-NEXDTDM2.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/app-NEXDTDM2.js"),
        brotli: include_bytes!("dist/assets/app-NEXDTDM2.js.br"),
        gzip: include_bytes!("dist/assets/app-NEXDTDM2.js.gz"),
    },
    Asset {
        path: "/assets/ar-MEZVFCCH.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/ar-MEZVFCCH.js"),
        brotli: include_bytes!("dist/assets/ar-MEZVFCCH.js.br"),
        gzip: include_bytes!("dist/assets/ar-MEZVFCCH.js.gz"),
    },
    Asset {
        path: "/assets/check-DN3ZIZNI.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/check-DN3ZIZNI.js"),
        brotli: include_bytes!("dist/assets/check-DN3ZIZNI.js.br"),
        gzip: include_bytes!("dist/assets/check-DN3ZIZNI.js.gz"),
    },
    Asset {
        path: "/assets/chunk-2JBWCFNB.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/chunk-2JBWCFNB.js"),
        brotli: include_bytes!("dist/assets/chunk-2JBWCFNB.js.br"),
        gzip: include_bytes!("dist/assets/chunk-2JBWCFNB.js.gz"),
    },
    Asset {
        path: "/assets/chunk-2NRZNE2P.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/chunk-2NRZNE2P.js"),
        brotli: include_bytes!("dist/assets/chunk-2NRZNE2P.js.br"),
        gzip: include_bytes!("dist/assets/chunk-2NRZNE2P.js.gz"),
    },
    Asset {
        path: "/assets/chunk-3RL6CL44.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/chunk-3RL6CL44.js"),
        brotli: include_bytes!("dist/assets/chunk-3RL6CL44.js.br"),
        gzip: include_bytes!("dist/assets/chunk-3RL6CL44.js.gz"),
    },
    Asset {
        path: "/assets/chunk-AQDEMMY5.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/chunk-AQDEMMY5.js"),
        brotli: include_bytes!("dist/assets/chunk-AQDEMMY5.js.br"),
        gzip: include_bytes!("dist/assets/chunk-AQDEMMY5.js.gz"),
    },
    Asset {
        path: "/assets/chunk-MWLYFAAS.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/chunk-MWLYFAAS.js"),
        brotli: include_bytes!("dist/assets/chunk-MWLYFAAS.js.br"),
        gzip: include_bytes!("dist/assets/chunk-MWLYFAAS.js.gz"),
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
        path: "/assets/patient-ZOUVBA7A.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/patient-ZOUVBA7A.js"),
        brotli: include_bytes!("dist/assets/patient-ZOUVBA7A.js.br"),
        gzip: include_bytes!("dist/assets/patient-ZOUVBA7A.js.gz"),
    },
    Asset {
        path: "/assets/staff-XAPYTXB4.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/staff-XAPYTXB4.js"),
        brotli: include_bytes!("dist/assets/staff-XAPYTXB4.js.br"),
        gzip: include_bytes!("dist/assets/staff-XAPYTXB4.js.gz"),
    },
    Asset {
        path: "/assets/start-O5WOHP2C.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/start-O5WOHP2C.js"),
        brotli: include_bytes!("dist/assets/start-O5WOHP2C.js.br"),
        gzip: include_bytes!("dist/assets/start-O5WOHP2C.js.gz"),
    },
    Asset {
        path: "/assets/status-BTV4UMEH.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/status-BTV4UMEH.js"),
        brotli: include_bytes!("dist/assets/status-BTV4UMEH.js.br"),
        gzip: include_bytes!("dist/assets/status-BTV4UMEH.js.gz"),
    },
    Asset {
        path: "/assets/style-BIMJHOOX.css",
        kind: "text/css; charset=utf-8",
        plain: include_bytes!("dist/assets/style-BIMJHOOX.css"),
        brotli: include_bytes!("dist/assets/style-BIMJHOOX.css.br"),
        gzip: include_bytes!("dist/assets/style-BIMJHOOX.css.gz"),
    },
    Asset {
        path: "/assets/technical-XTFDF4GF.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/technical-XTFDF4GF.js"),
        brotli: include_bytes!("dist/assets/technical-XTFDF4GF.js.br"),
        gzip: include_bytes!("dist/assets/technical-XTFDF4GF.js.gz"),
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

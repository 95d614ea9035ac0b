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
        path: "/assets/app-7OSZP3ZA.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/app-7OSZP3ZA.js"),
        brotli: include_bytes!("dist/assets/app-7OSZP3ZA.js.br"),
        gzip: include_bytes!("dist/assets/app-7OSZP3ZA.js.gz"),
    },
    Asset {
        path: "/assets/ar-LZ7E6IBL.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/ar-LZ7E6IBL.js"),
        brotli: include_bytes!("dist/assets/ar-LZ7E6IBL.js.br"),
        gzip: include_bytes!("dist/assets/ar-LZ7E6IBL.js.gz"),
    },
    Asset {
        path: "/assets/check-FZEONZ5Z.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/check-FZEONZ5Z.js"),
        brotli: include_bytes!("dist/assets/check-FZEONZ5Z.js.br"),
        gzip: include_bytes!("dist/assets/check-FZEONZ5Z.js.gz"),
    },
    Asset {
        path: "/assets/chunk-HKUTX2HG.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/chunk-HKUTX2HG.js"),
        brotli: include_bytes!("dist/assets/chunk-HKUTX2HG.js.br"),
        gzip: include_bytes!("dist/assets/chunk-HKUTX2HG.js.gz"),
    },
    Asset {
        path: "/assets/chunk-HRICLP66.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/chunk-HRICLP66.js"),
        brotli: include_bytes!("dist/assets/chunk-HRICLP66.js.br"),
        gzip: include_bytes!("dist/assets/chunk-HRICLP66.js.gz"),
    },
    Asset {
        path: "/assets/chunk-HVZOV2AO.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/chunk-HVZOV2AO.js"),
        brotli: include_bytes!("dist/assets/chunk-HVZOV2AO.js.br"),
        gzip: include_bytes!("dist/assets/chunk-HVZOV2AO.js.gz"),
    },
    Asset {
        path: "/assets/chunk-IUJ53FHQ.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/chunk-IUJ53FHQ.js"),
        brotli: include_bytes!("dist/assets/chunk-IUJ53FHQ.js.br"),
        gzip: include_bytes!("dist/assets/chunk-IUJ53FHQ.js.gz"),
    },
    Asset {
        path: "/assets/chunk-MZ65J54S.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/chunk-MZ65J54S.js"),
        brotli: include_bytes!("dist/assets/chunk-MZ65J54S.js.br"),
        gzip: include_bytes!("dist/assets/chunk-MZ65J54S.js.gz"),
    },
    Asset {
        path: "/assets/de-RO4U65H7.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/de-RO4U65H7.js"),
        brotli: include_bytes!("dist/assets/de-RO4U65H7.js.br"),
        gzip: include_bytes!("dist/assets/de-RO4U65H7.js.gz"),
    },
    Asset {
        path: "/assets/en-FRTFJUGH.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/en-FRTFJUGH.js"),
        brotli: include_bytes!("dist/assets/en-FRTFJUGH.js.br"),
        gzip: include_bytes!("dist/assets/en-FRTFJUGH.js.gz"),
    },
    Asset {
        path: "/assets/es-7DZBYI3J.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/es-7DZBYI3J.js"),
        brotli: include_bytes!("dist/assets/es-7DZBYI3J.js.br"),
        gzip: include_bytes!("dist/assets/es-7DZBYI3J.js.gz"),
    },
    Asset {
        path: "/assets/patient-UN2LOBFB.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/patient-UN2LOBFB.js"),
        brotli: include_bytes!("dist/assets/patient-UN2LOBFB.js.br"),
        gzip: include_bytes!("dist/assets/patient-UN2LOBFB.js.gz"),
    },
    Asset {
        path: "/assets/staff-SATWPEVI.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/staff-SATWPEVI.js"),
        brotli: include_bytes!("dist/assets/staff-SATWPEVI.js.br"),
        gzip: include_bytes!("dist/assets/staff-SATWPEVI.js.gz"),
    },
    Asset {
        path: "/assets/start-5C57XNCY.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/start-5C57XNCY.js"),
        brotli: include_bytes!("dist/assets/start-5C57XNCY.js.br"),
        gzip: include_bytes!("dist/assets/start-5C57XNCY.js.gz"),
    },
    Asset {
        path: "/assets/status-C4XGJTWL.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/status-C4XGJTWL.js"),
        brotli: include_bytes!("dist/assets/status-C4XGJTWL.js.br"),
        gzip: include_bytes!("dist/assets/status-C4XGJTWL.js.gz"),
    },
    Asset {
        path: "/assets/style-KGXKF66S.css",
        kind: "text/css; charset=utf-8",
        plain: include_bytes!("dist/assets/style-KGXKF66S.css"),
        brotli: include_bytes!("dist/assets/style-KGXKF66S.css.br"),
        gzip: include_bytes!("dist/assets/style-KGXKF66S.css.gz"),
    },
    Asset {
        path: "/assets/technical-FYE6VSYU.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/technical-FYE6VSYU.js"),
        brotli: include_bytes!("dist/assets/technical-FYE6VSYU.js.br"),
        gzip: include_bytes!("dist/assets/technical-FYE6VSYU.js.gz"),
    },
    Asset {
        path: "/index.html",
        kind: "text/html; charset=utf-8",
        plain: include_bytes!("dist/index.html"),
        brotli: include_bytes!("dist/index.html.br"),
        gzip: include_bytes!("dist/index.html.gz"),
    },
];

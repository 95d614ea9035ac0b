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
        path: "/assets/app-2ONCS5VK.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/app-2ONCS5VK.js"),
        brotli: include_bytes!("dist/assets/app-2ONCS5VK.js.br"),
        gzip: include_bytes!("dist/assets/app-2ONCS5VK.js.gz"),
    },
    Asset {
        path: "/assets/ar-X44P45BC.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/ar-X44P45BC.js"),
        brotli: include_bytes!("dist/assets/ar-X44P45BC.js.br"),
        gzip: include_bytes!("dist/assets/ar-X44P45BC.js.gz"),
    },
    Asset {
        path: "/assets/check-UURNVNND.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/check-UURNVNND.js"),
        brotli: include_bytes!("dist/assets/check-UURNVNND.js.br"),
        gzip: include_bytes!("dist/assets/check-UURNVNND.js.gz"),
    },
    Asset {
        path: "/assets/chunk-CM2V6OW6.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/chunk-CM2V6OW6.js"),
        brotli: include_bytes!("dist/assets/chunk-CM2V6OW6.js.br"),
        gzip: include_bytes!("dist/assets/chunk-CM2V6OW6.js.gz"),
    },
    Asset {
        path: "/assets/chunk-DVHY6TFT.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/chunk-DVHY6TFT.js"),
        brotli: include_bytes!("dist/assets/chunk-DVHY6TFT.js.br"),
        gzip: include_bytes!("dist/assets/chunk-DVHY6TFT.js.gz"),
    },
    Asset {
        path: "/assets/chunk-JLBNCGXM.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/chunk-JLBNCGXM.js"),
        brotli: include_bytes!("dist/assets/chunk-JLBNCGXM.js.br"),
        gzip: include_bytes!("dist/assets/chunk-JLBNCGXM.js.gz"),
    },
    Asset {
        path: "/assets/chunk-V3E2CBLG.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/chunk-V3E2CBLG.js"),
        brotli: include_bytes!("dist/assets/chunk-V3E2CBLG.js.br"),
        gzip: include_bytes!("dist/assets/chunk-V3E2CBLG.js.gz"),
    },
    Asset {
        path: "/assets/de-AEAIBQN5.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/de-AEAIBQN5.js"),
        brotli: include_bytes!("dist/assets/de-AEAIBQN5.js.br"),
        gzip: include_bytes!("dist/assets/de-AEAIBQN5.js.gz"),
    },
    Asset {
        path: "/assets/en-DM77TODV.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/en-DM77TODV.js"),
        brotli: include_bytes!("dist/assets/en-DM77TODV.js.br"),
        gzip: include_bytes!("dist/assets/en-DM77TODV.js.gz"),
    },
    Asset {
        path: "/assets/es-B75PVWBL.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/es-B75PVWBL.js"),
        brotli: include_bytes!("dist/assets/es-B75PVWBL.js.br"),
        gzip: include_bytes!("dist/assets/es-B75PVWBL.js.gz"),
    },
    Asset {
        path: "/assets/patient-O7Q2QPJX.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/patient-O7Q2QPJX.js"),
        brotli: include_bytes!("dist/assets/patient-O7Q2QPJX.js.br"),
        gzip: include_bytes!("dist/assets/patient-O7Q2QPJX.js.gz"),
    },
    Asset {
        path: "/assets/staff-NRCPPBPO.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/staff-NRCPPBPO.js"),
        brotli: include_bytes!("dist/assets/staff-NRCPPBPO.js.br"),
        gzip: include_bytes!("dist/assets/staff-NRCPPBPO.js.gz"),
    },
    Asset {
        path: "/assets/start-JWWDXV3L.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/start-JWWDXV3L.js"),
        brotli: include_bytes!("dist/assets/start-JWWDXV3L.js.br"),
        gzip: include_bytes!("dist/assets/start-JWWDXV3L.js.gz"),
    },
    Asset {
        path: "/assets/style-H6CPFGK6.css",
        kind: "text/css; charset=utf-8",
        plain: include_bytes!("dist/assets/style-H6CPFGK6.css"),
        brotli: include_bytes!("dist/assets/style-H6CPFGK6.css.br"),
        gzip: include_bytes!("dist/assets/style-H6CPFGK6.css.gz"),
    },
    Asset {
        path: "/assets/technical-XA33ERD6.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/technical-XA33ERD6.js"),
        brotli: include_bytes!("dist/assets/technical-XA33ERD6.js.br"),
        gzip: include_bytes!("dist/assets/technical-XA33ERD6.js.gz"),
    },
    Asset {
        path: "/index.html",
        kind: "text/html; charset=utf-8",
        plain: include_bytes!("dist/index.html"),
        brotli: include_bytes!("dist/index.html.br"),
        gzip: include_bytes!("dist/index.html.gz"),
    },
];

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
        path: "/assets/app-ZOYCIMSD.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/app-ZOYCIMSD.js"),
        brotli: include_bytes!("dist/assets/app-ZOYCIMSD.js.br"),
        gzip: include_bytes!("dist/assets/app-ZOYCIMSD.js.gz"),
    },
    Asset {
        path: "/assets/ar-VI2W6OYB.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/ar-VI2W6OYB.js"),
        brotli: include_bytes!("dist/assets/ar-VI2W6OYB.js.br"),
        gzip: include_bytes!("dist/assets/ar-VI2W6OYB.js.gz"),
    },
    Asset {
        path: "/assets/check-SAFIZDPA.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/check-SAFIZDPA.js"),
        brotli: include_bytes!("dist/assets/check-SAFIZDPA.js.br"),
        gzip: include_bytes!("dist/assets/check-SAFIZDPA.js.gz"),
    },
    Asset {
        path: "/assets/chunk-BDIPQNZX.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/chunk-BDIPQNZX.js"),
        brotli: include_bytes!("dist/assets/chunk-BDIPQNZX.js.br"),
        gzip: include_bytes!("dist/assets/chunk-BDIPQNZX.js.gz"),
    },
    Asset {
        path: "/assets/chunk-DHKUTZF4.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/chunk-DHKUTZF4.js"),
        brotli: include_bytes!("dist/assets/chunk-DHKUTZF4.js.br"),
        gzip: include_bytes!("dist/assets/chunk-DHKUTZF4.js.gz"),
    },
    Asset {
        path: "/assets/chunk-HKUTX2HG.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/chunk-HKUTX2HG.js"),
        brotli: include_bytes!("dist/assets/chunk-HKUTX2HG.js.br"),
        gzip: include_bytes!("dist/assets/chunk-HKUTX2HG.js.gz"),
    },
    Asset {
        path: "/assets/chunk-IESFV3I3.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/chunk-IESFV3I3.js"),
        brotli: include_bytes!("dist/assets/chunk-IESFV3I3.js.br"),
        gzip: include_bytes!("dist/assets/chunk-IESFV3I3.js.gz"),
    },
    Asset {
        path: "/assets/chunk-UAK3P2YY.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/chunk-UAK3P2YY.js"),
        brotli: include_bytes!("dist/assets/chunk-UAK3P2YY.js.br"),
        gzip: include_bytes!("dist/assets/chunk-UAK3P2YY.js.gz"),
    },
    Asset {
        path: "/assets/de-7MQWSDDZ.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/de-7MQWSDDZ.js"),
        brotli: include_bytes!("dist/assets/de-7MQWSDDZ.js.br"),
        gzip: include_bytes!("dist/assets/de-7MQWSDDZ.js.gz"),
    },
    Asset {
        path: "/assets/en-FKYHFTOX.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/en-FKYHFTOX.js"),
        brotli: include_bytes!("dist/assets/en-FKYHFTOX.js.br"),
        gzip: include_bytes!("dist/assets/en-FKYHFTOX.js.gz"),
    },
    Asset {
        path: "/assets/es-6RXTMAFK.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/es-6RXTMAFK.js"),
        brotli: include_bytes!("dist/assets/es-6RXTMAFK.js.br"),
        gzip: include_bytes!("dist/assets/es-6RXTMAFK.js.gz"),
    },
    Asset {
        path: "/assets/patient-OGOUBM6C.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/patient-OGOUBM6C.js"),
        brotli: include_bytes!("dist/assets/patient-OGOUBM6C.js.br"),
        gzip: include_bytes!("dist/assets/patient-OGOUBM6C.js.gz"),
    },
    Asset {
        path: "/assets/staff-SKOJTRFY.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/staff-SKOJTRFY.js"),
        brotli: include_bytes!("dist/assets/staff-SKOJTRFY.js.br"),
        gzip: include_bytes!("dist/assets/staff-SKOJTRFY.js.gz"),
    },
    Asset {
        path: "/assets/start-VTBEZVNZ.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/start-VTBEZVNZ.js"),
        brotli: include_bytes!("dist/assets/start-VTBEZVNZ.js.br"),
        gzip: include_bytes!("dist/assets/start-VTBEZVNZ.js.gz"),
    },
    Asset {
        path: "/assets/status-EYGFZADR.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/status-EYGFZADR.js"),
        brotli: include_bytes!("dist/assets/status-EYGFZADR.js.br"),
        gzip: include_bytes!("dist/assets/status-EYGFZADR.js.gz"),
    },
    Asset {
        path: "/assets/style-THEKXVLC.css",
        kind: "text/css; charset=utf-8",
        plain: include_bytes!("dist/assets/style-THEKXVLC.css"),
        brotli: include_bytes!("dist/assets/style-THEKXVLC.css.br"),
        gzip: include_bytes!("dist/assets/style-THEKXVLC.css.gz"),
    },
    Asset {
        path: "/assets/technical-XKSMXLXO.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/technical-XKSMXLXO.js"),
        brotli: include_bytes!("dist/assets/technical-XKSMXLXO.js.br"),
        gzip: include_bytes!("dist/assets/technical-XKSMXLXO.js.gz"),
    },
    Asset {
        path: "/index.html",
        kind: "text/html; charset=utf-8",
        plain: include_bytes!("dist/index.html"),
        brotli: include_bytes!("dist/index.html.br"),
        gzip: include_bytes!("dist/index.html.gz"),
    },
];

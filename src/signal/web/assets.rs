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
        path: "/assets/app-U7HITPE7.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/app-U7HITPE7.js"),
        brotli: include_bytes!("dist/assets/app-U7HITPE7.js.br"),
        gzip: include_bytes!("dist/assets/app-U7HITPE7.js.gz"),
    },
    Asset {
        path: "/assets/ar-4UWQS3TD.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/ar-4UWQS3TD.js"),
        brotli: include_bytes!("dist/assets/ar-4UWQS3TD.js.br"),
        gzip: include_bytes!("dist/assets/ar-4UWQS3TD.js.gz"),
    },
    Asset {
        path: "/assets/check-NBDNYE2H.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/check-NBDNYE2H.js"),
        brotli: include_bytes!("dist/assets/check-NBDNYE2H.js.br"),
        gzip: include_bytes!("dist/assets/check-NBDNYE2H.js.gz"),
    },
    Asset {
        path: "/assets/chunk-G2PYEU5I.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/chunk-G2PYEU5I.js"),
        brotli: include_bytes!("dist/assets/chunk-G2PYEU5I.js.br"),
        gzip: include_bytes!("dist/assets/chunk-G2PYEU5I.js.gz"),
    },
    Asset {
        path: "/assets/chunk-HKUTX2HG.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/chunk-HKUTX2HG.js"),
        brotli: include_bytes!("dist/assets/chunk-HKUTX2HG.js.br"),
        gzip: include_bytes!("dist/assets/chunk-HKUTX2HG.js.gz"),
    },
    Asset {
        path: "/assets/chunk-KU3RIVLY.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/chunk-KU3RIVLY.js"),
        brotli: include_bytes!("dist/assets/chunk-KU3RIVLY.js.br"),
        gzip: include_bytes!("dist/assets/chunk-KU3RIVLY.js.gz"),
    },
    Asset {
        path: "/assets/chunk-NVPF57MF.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/chunk-NVPF57MF.js"),
        brotli: include_bytes!("dist/assets/chunk-NVPF57MF.js.br"),
        gzip: include_bytes!("dist/assets/chunk-NVPF57MF.js.gz"),
    },
    Asset {
        path: "/assets/chunk-OGLJX2BX.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/chunk-OGLJX2BX.js"),
        brotli: include_bytes!("dist/assets/chunk-OGLJX2BX.js.br"),
        gzip: include_bytes!("dist/assets/chunk-OGLJX2BX.js.gz"),
    },
    Asset {
        path: "/assets/de-DFG3HS4M.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/de-DFG3HS4M.js"),
        brotli: include_bytes!("dist/assets/de-DFG3HS4M.js.br"),
        gzip: include_bytes!("dist/assets/de-DFG3HS4M.js.gz"),
    },
    Asset {
        path: "/assets/en-NPDMWTOV.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/en-NPDMWTOV.js"),
        brotli: include_bytes!("dist/assets/en-NPDMWTOV.js.br"),
        gzip: include_bytes!("dist/assets/en-NPDMWTOV.js.gz"),
    },
    Asset {
        path: "/assets/es-BZO2DHTD.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/es-BZO2DHTD.js"),
        brotli: include_bytes!("dist/assets/es-BZO2DHTD.js.br"),
        gzip: include_bytes!("dist/assets/es-BZO2DHTD.js.gz"),
    },
    Asset {
        path: "/assets/patient-NQLVPSPS.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/patient-NQLVPSPS.js"),
        brotli: include_bytes!("dist/assets/patient-NQLVPSPS.js.br"),
        gzip: include_bytes!("dist/assets/patient-NQLVPSPS.js.gz"),
    },
    Asset {
        path: "/assets/staff-HESAEKGZ.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/staff-HESAEKGZ.js"),
        brotli: include_bytes!("dist/assets/staff-HESAEKGZ.js.br"),
        gzip: include_bytes!("dist/assets/staff-HESAEKGZ.js.gz"),
    },
    Asset {
        path: "/assets/start-WPVH4QX5.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/start-WPVH4QX5.js"),
        brotli: include_bytes!("dist/assets/start-WPVH4QX5.js.br"),
        gzip: include_bytes!("dist/assets/start-WPVH4QX5.js.gz"),
    },
    Asset {
        path: "/assets/status-35MXOHJT.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/status-35MXOHJT.js"),
        brotli: include_bytes!("dist/assets/status-35MXOHJT.js.br"),
        gzip: include_bytes!("dist/assets/status-35MXOHJT.js.gz"),
    },
    Asset {
        path: "/assets/style-BBUGGYHN.css",
        kind: "text/css; charset=utf-8",
        plain: include_bytes!("dist/assets/style-BBUGGYHN.css"),
        brotli: include_bytes!("dist/assets/style-BBUGGYHN.css.br"),
        gzip: include_bytes!("dist/assets/style-BBUGGYHN.css.gz"),
    },
    Asset {
        path: "/assets/technical-VYOBPCZ4.js",
        kind: "text/javascript; charset=utf-8",
        plain: include_bytes!("dist/assets/technical-VYOBPCZ4.js"),
        brotli: include_bytes!("dist/assets/technical-VYOBPCZ4.js.br"),
        gzip: include_bytes!("dist/assets/technical-VYOBPCZ4.js.gz"),
    },
    Asset {
        path: "/index.html",
        kind: "text/html; charset=utf-8",
        plain: include_bytes!("dist/index.html"),
        brotli: include_bytes!("dist/index.html.br"),
        gzip: include_bytes!("dist/index.html.gz"),
    },
];

//! The look of all pages that are written as one file: it prints well, follows the reader's light or dark setting, and
//! loads nothing.

/// The style sheet.
pub(crate) const STYLE: &str = "
:root{color-scheme:light dark;--ink:#1a1d21;--soft:#5b6570;--line:#d6dbe1;--bad:#9b1c1c;--good:#14632f;--warn:#8a5300;
--paper:#fff;--head:#f2f4f7;--fill:#fff8e1;
--p0:#2f6f4f;--p1:#c9a227;--p2:#b5483a;--p3:#7a3b69;--p4:#8a94a0;--p5:#3f6fb5}
@media screen and (prefers-color-scheme:dark){:root{--ink:#e6e9ed;--soft:#a3adb8;--line:#3b434c;--bad:#ff9b94;
--good:#7ed3a0;--warn:#f0b95c;--paper:#15181c;--head:#22272d;--fill:#2f2a1a;--p0:#4c9a73;--p1:#d9b84a;--p2:#d9705f;
--p3:#b06a9b;--p4:#6d7884;--p5:#6f9be0}}
*{box-sizing:border-box}
body{font:15px/1.5 system-ui,'Liberation Sans',Arial,sans-serif;color:var(--ink);background:var(--paper);
margin:0 auto;max-width:1100px;padding:2rem}
h1{font-size:1.6rem;margin:0 0 .3rem}
h2{font-size:1.2rem;margin:2rem 0 .6rem;border-bottom:2px solid var(--ink);padding-bottom:.2rem}
h3{font-size:1rem;margin:1.2rem 0 .3rem}.soft{color:var(--soft)}
code{font:13px/1.4 ui-monospace,'Liberation Mono',monospace;overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%;margin:.4rem 0}
caption{text-align:left;color:var(--soft);font-size:.87rem;padding:.2rem 0}
th,td{border:1px solid var(--line);padding:.3rem .5rem;text-align:left;vertical-align:top;overflow-wrap:break-word}
th{background:var(--head);font-weight:600;overflow-wrap:normal}
td.n{text-align:right;white-space:nowrap}td.w{white-space:nowrap}td.t{white-space:pre-line}
tfoot td{font-weight:600;border-top:2px solid var(--ink)}tr:target{outline:3px solid var(--warn)}
dl.head{display:grid;grid-template-columns:max-content 1fr;gap:.1rem 1rem;margin:.6rem 0}
dl.head dt{color:var(--soft)}dl.head dd{margin:0;overflow-wrap:anywhere}
.box{border:2px solid;border-radius:6px;padding:.8rem 1rem;margin:1rem 0}
.nil{border-color:var(--good)}.found{border-color:var(--bad)}.refused{border-color:var(--warn)}
.box strong{font-size:1.1rem}.counts{color:var(--bad);font-weight:600}.open{color:var(--warn);font-weight:600}
.fill{display:block;min-height:2.2em;border:2px dashed var(--warn);background:var(--fill);color:var(--warn);
padding:.1rem .4rem;font-size:.8rem}
a{color:inherit}article{break-inside:avoid-page;border-top:1px solid var(--line);padding-top:.3rem}
nav ol{columns:3 14rem;padding-left:1.4rem}figure{margin:.6rem 0;break-inside:avoid-page}
svg{max-width:100%;height:auto;font:12px system-ui,'Liberation Sans',Arial,sans-serif;fill:var(--ink)}
svg .axis{stroke:var(--line)}svg .step{stroke:var(--p5);stroke-width:2;fill:none}svg .dot{fill:var(--p5)}
svg .target{stroke:var(--good);stroke-width:2;stroke-dasharray:6 4}
svg .begin{stroke:var(--soft);stroke-dasharray:2 4}svg .edge{stroke:var(--paper)}
svg .hatch{stroke:var(--paper);stroke-width:1.5;fill:none}
svg .in{paint-order:stroke;stroke:var(--paper);stroke-width:3px;font-weight:600}
svg .p0{fill:var(--p0)}svg .p1{fill:var(--p1)}svg .p2{fill:var(--p2)}svg .p3{fill:var(--p3)}
svg .p4{fill:var(--p4)}svg .p5{fill:var(--p5)}
.sign{display:grid;grid-template-columns:1fr 1fr 1fr;gap:2rem;margin-top:3rem}
.sign div{border-top:1px solid var(--ink);padding-top:.2rem}
@media print{body{max-width:none;padding:0;font-size:10pt}h2{break-after:avoid}tr{break-inside:avoid}
thead{display:table-header-group}tfoot{display:table-row-group}nav{display:none}a{text-decoration:none}
*{print-color-adjust:exact}@page{margin:18mm 15mm}}
";

"""The style sheet for everything that `html` writes."""

from .markup import Html

__all__ = ["STYLE"]

# `&` is the element around everything, named twice, so that these rules win over those of JupyterLab, VS Code
# and nbviewer for the elements of an output. Colours follow the text colour of the page, so no theme is needed
# for light and dark.
_SHEET = """
.artifact-store{--artifact-store-accent:#2468c8;--artifact-store-warn:#9a5b00;
--artifact-store-good:#1a7031;--artifact-store-bad:#b3261e;
--artifact-store-line:color-mix(in srgb,currentColor 18%,transparent);
--artifact-store-wash:color-mix(in srgb,currentColor 6%,transparent);
--artifact-store-soft:color-mix(in srgb,currentColor 72%,transparent);
font:14px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif;color:inherit;max-width:64rem;margin:.25rem 0 .75rem;
overflow-wrap:anywhere;text-align:left}
[data-jp-theme-light="false"] .artifact-store,.vscode-dark .artifact-store,.vscode-high-contrast .artifact-store,
[data-theme="dark"] .artifact-store{--artifact-store-accent:#82b1ff;--artifact-store-warn:#f0b429;
--artifact-store-good:#7bd88f;--artifact-store-bad:#ff8a80}
.artifact-store a{color:var(--artifact-store-accent);text-decoration:underline}
& *{box-sizing:border-box}
& :is(p,pre,dl,figure){margin:.5rem 0;padding:0}
& :is(pre,code){font:12.5px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;color:inherit;background:none;
padding:0}
& .artifact-store-title strong{font-size:17px;font-weight:650;margin-right:.35rem}
& .artifact-store-type{display:inline-block;padding:0 .5rem;border:1px solid var(--artifact-store-line);
border-radius:1rem;font-size:12px;margin-right:.35rem}
& .artifact-store-alias{display:inline-block;padding:0 .5rem;border:1px solid var(--artifact-store-accent);
color:var(--artifact-store-accent);border-radius:1rem;font-size:12px;font-weight:600;margin-right:.35rem}
& .artifact-store-title time,& .artifact-store-note{color:var(--artifact-store-soft);font-size:12.5px}
& .artifact-store-problem{border-left:3px solid var(--artifact-store-warn);padding-left:.6rem}
& .artifact-store-facts{display:flex;flex-wrap:wrap;gap:.15rem 1.25rem;overflow:visible}
& .artifact-store-facts div{display:flex;gap:.4rem;min-width:0}
& :is(dt,dd){float:none;width:auto;margin:0;padding:0;font-weight:400;min-width:0}
& .artifact-store-state{font-weight:600}
& .artifact-store-good{color:var(--artifact-store-good)}
& .artifact-store-bad{color:var(--artifact-store-bad)}
& .artifact-store-busy{color:var(--artifact-store-accent)}
& .artifact-store-held{color:var(--artifact-store-warn)}
& .artifact-store-message{display:block;white-space:pre-wrap;max-height:10rem;overflow:auto}
& dt{color:var(--artifact-store-soft);flex:none}
& .artifact-store-changes{display:flex;flex-wrap:wrap;gap:.3rem .5rem;margin:.5rem 0;align-items:baseline}
& .artifact-store-changes span{color:var(--artifact-store-soft)}
& .artifact-store-changes ul{display:flex;flex-wrap:wrap;gap:.3rem .5rem;list-style:none;margin:0;padding:0}
& .artifact-store-changes li{margin:0;padding:0 .55rem;border-radius:1rem;background:var(--artifact-store-wash);
border:1px solid var(--artifact-store-line)}
& .artifact-store-trend{max-width:40rem}
svg.artifact-store-plot{display:block;width:100%;max-width:40rem;height:116px;overflow:visible}
& figcaption{color:var(--artifact-store-soft);font-size:12.5px}
& .artifact-store-image img{max-width:100%;max-height:32rem;height:auto;display:block}
& .artifact-store-details{margin:.5rem 0}
& .artifact-store-details summary{cursor:pointer;font-weight:600}
& .artifact-store-scroll{overflow:auto;width:fit-content;max-width:100%;max-height:26rem;
border:1px solid var(--artifact-store-line);border-radius:6px;margin:.4rem 0}
& .artifact-store-profile .artifact-store-scroll{max-height:14.5rem}
& table{border-collapse:separate;border-spacing:0;margin:0;width:auto;font-size:13px;color:inherit;
font-variant-numeric:tabular-nums;background:none;table-layout:auto}
& tr:nth-child(n){background:none}
& :is(th,td){text-align:left;padding:.22rem .7rem;border:0;border-bottom:1px solid var(--artifact-store-line);
vertical-align:top;max-width:28rem;line-height:1.5;white-space:pre-wrap;overflow-wrap:normal;word-break:normal}
& tr:last-child td{border-bottom:0}
& th{font-weight:600;white-space:nowrap}
& .artifact-store-profile td{white-space:nowrap;overflow:hidden;text-overflow:ellipsis}
& .artifact-store-scroll th{position:sticky;top:0;z-index:1;
background:color-mix(in srgb,currentColor 7%,var(--jp-layout-color0,var(--vscode-editor-background,Canvas)))}
& .artifact-store-figure{text-align:right}
& .artifact-store-null{color:var(--artifact-store-soft);font-style:italic}
& :is(.artifact-store-text,.artifact-store-json){white-space:pre-wrap;max-height:26rem;overflow:auto}
& .artifact-store-details .artifact-store-json{border-left:2px solid var(--artifact-store-line);padding-left:.75rem}
& .artifact-store-lines{container-type:inline-size;max-height:26rem;overflow:auto;
border:1px solid var(--artifact-store-line);border-radius:6px;
margin:.4rem 0}
& .artifact-store-lines table{width:100%;table-layout:fixed}
& .artifact-store-lines td{max-width:none;border:0;padding:.05rem .5rem;overflow-wrap:anywhere;
font:12.5px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
& .artifact-store-lines col:nth-child(odd){width:3.5rem}
& .artifact-store-lines tr:not(.artifact-store-hunk) td:nth-child(odd){text-align:right;
color:var(--artifact-store-soft);user-select:none}
& .artifact-store-hunk td{color:var(--artifact-store-soft);background:var(--artifact-store-wash)}
& :is(del,ins){text-decoration:none;color:inherit;background:none}
& td.artifact-store-del{background:color-mix(in srgb,#d33 12%,transparent)}
& td.artifact-store-ins{background:color-mix(in srgb,#2a2 12%,transparent)}
& mark{color:inherit;border-radius:3px;font-weight:600}
& .artifact-store-del mark{background:color-mix(in srgb,#d33 32%,transparent)}
& .artifact-store-ins mark{background:color-mix(in srgb,#2a2 32%,transparent)}
& .artifact-store-del del::before{content:"-"}
& .artifact-store-ins ins::before{content:"+"}
@container (max-width:40rem){
& .artifact-store-lines :is(table,tbody,.artifact-store-hunk,.artifact-store-hunk td){display:block}
& .artifact-store-lines tr:not(.artifact-store-hunk){display:grid;grid-template-columns:3.5rem 1fr}
& .artifact-store-lines td:empty{display:none}}
& .artifact-store-progress{display:flex;gap:.6rem;align-items:center}
& progress{width:min(24rem,50%);height:.8rem;accent-color:var(--artifact-store-accent)}
& .artifact-store-markdown{max-height:40rem;overflow:auto}
& .artifact-store-markdown>:first-child{margin-top:0}
& .artifact-store-markdown :is(ul,ol){margin:.5rem 0;padding-left:1.75em}
& .artifact-store-markdown blockquote{border-left:3px solid var(--artifact-store-line);margin:.5rem 0;
padding:0 0 0 .75rem}
& .artifact-store-markdown code{background:var(--artifact-store-wash);padding:0 .25em;border-radius:3px}
& .artifact-store-markdown pre{background:var(--artifact-store-wash);padding:.6rem .75rem;border-radius:6px;
overflow:auto}
& .artifact-store-markdown pre code{background:none;padding:0}
& .artifact-store-markdown img{max-width:100%}
& .artifact-store-markdown :is(h3,h4,h5,h6){font-size:15px;font-weight:650;margin:.8rem 0 .3rem;line-height:1.3}
& .artifact-store-markdown h3{font-size:18px}
& .artifact-store-markdown h4{font-size:16px}
& .artifact-store-reference{border-top:1px solid var(--artifact-store-line);margin-top:.75rem;padding-top:.5rem;
font-size:12.5px}
& .artifact-store-copy{user-select:all;-webkit-user-select:all;background:var(--artifact-store-wash);
padding:.25rem .5rem;border-radius:5px;display:inline-block}
"""
STYLE = Html.trusted(_SHEET.replace("&", ".artifact-store.artifact-store"))

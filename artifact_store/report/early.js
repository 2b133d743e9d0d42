// Before anything is drawn: that there is a script, and the colours that were chosen.
"use strict";
document.documentElement.classList.add("with-script");
try { // a browser may refuse a file its storage
  const theme = localStorage.getItem("artifact-store-theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch { /* the colours of the system, then */ }

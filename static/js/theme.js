// Blocking and first: sets the saved theme before anything is painted. The rest of the theme's behaviour is in app.js.
(function (root) {
  try {
    var saved = localStorage.getItem("theme");
    if (saved === "light" || saved === "dark") root.dataset.theme = saved;
  } catch (error) { /* storage may be forbidden: the system's theme stays */ }
})(document.documentElement);

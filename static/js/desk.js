/* Single-key shortcuts of the case page. Everything they do can be done without them; see templates/web/desk/_keys.html. */
(function () {
  "use strict";
  var typing = /^(input|textarea|select)$/i;
  var harmless = /^(radio|checkbox|button|submit)$/i;

  function inField(element) {
    return element.isContentEditable || (typing.test(element.tagName) && !harmless.test(element.type || ""));
  }
  function follow(selector) {
    var link = document.querySelector(selector);
    if (link) { link.click(); }
  }
  function focus(element) {
    if (element) { element.focus(); element.scrollIntoView({ block: "nearest" }); }
  }

  var keys = {
    j: function () { follow('a[data-key="j"]'); },
    k: function () { follow('a[data-key="k"]'); },
    d: function () {
      var panel = document.getElementById("panel");
      focus(panel.querySelector('input[name="decision"]:checked, input[name="decision"]') || panel.querySelector("h2"));
    },
    n: function () { focus(document.getElementById("body")); },
    "?": function () {
      var list = document.getElementById("keys");
      list.open = true;
      focus(list.querySelector("summary"));
    }
  };

  document.addEventListener("keydown", function (event) {
    if (event.defaultPrevented || event.isComposing) { return; }
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      var button = document.querySelector('#decision [data-key="next"]');
      if (button && button.form.contains(event.target)) { event.preventDefault(); button.click(); }
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || inField(event.target)) { return; }
    var act = keys[event.key.toLowerCase()];
    if (act) { event.preventDefault(); act(); }
  });
})();

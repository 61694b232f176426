"use strict";
{% include "tables.js" %}
// After the first paint: a page of a thousand images is read before it is played with.
requestAnimationFrame(() => setTimeout(() => {
  const section = document.getElementById("gallery");
  if (!section) return;
{% include "common.js" %}
{% include "live.js" %}
{% include "detail.js" %}
{% include "list.js" %}
{% include "state.js" %}
}, 0));

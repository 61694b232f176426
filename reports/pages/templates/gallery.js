"use strict";
// After the first paint: a page of a thousand images is read before it is played with.
requestAnimationFrame(() => setTimeout(() => {
  const section = document.getElementById("gallery");
  if (!section) return;
  const data = JSON.parse(document.getElementById("gallery-data").textContent);
  const PAGE = 24;
  const by = (id) => document.getElementById(`gallery-${id}`);
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const colours = bytes(data.colours);
  const state = { shown: [], pages: 1, open: -1 };

  const make = (name, properties = {}, children = []) => {
    const element = Object.assign(document.createElement(name), properties);
    element.append(...children);
    return element;
  };
  const drawn = (name, attributes) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  };
  const number = (value) => (value === null || value === undefined ? "undefined" : value.toFixed(3));
  // Numbers of the classes whose maps have a role: right and wrong, or present for each class of several.
  const withRole = (image, role) => Object.keys(image.roles).map(Number).filter((k) => image.roles[k] === role);
  const shows = (image) => Object.keys(image.roles).map(Number).filter((k) => image.roles[k] !== "wrong");
  const wanted = (image) => (by("role").value === "wrong" ? withRole(image, "wrong")[0] : shows(image)[0]);
  const score = (image, method, layer, target, metric) => {
    const values = image.scores[`${method}|${layer}|${target}`];
    const value = values ? values[data.metrics.findIndex((m) => m.name === metric)] : null;
    return value === undefined ? null : value;
  };

  // The map over the picture: maps are scaled to their own maximum, for display only.
  const paint = (canvas, image, method, layer, target, opacity) => {
    const [height, width] = data.size, context = canvas.getContext("2d");
    Object.assign(canvas, { width, height });
    const picture = new Image();
    picture.onload = () => {
      context.globalAlpha = 1;
      context.drawImage(picture, 0, 0, width, height);
      const text = method ? image.maps[`${method}|${layer}|${target}`] : "";
      if (!text || text.startsWith(" ")) return;
      const shape = data.layers.find((l) => l.name === layer), values = bytes(text);
      const small = make("canvas", { width: shape.width, height: shape.height });
      const pixels = new ImageData(shape.width, shape.height);
      values.forEach((v, i) => pixels.data.set([colours[3 * v], colours[3 * v + 1], colours[3 * v + 2], 255], 4 * i));
      small.getContext("2d").putImageData(pixels, 0, 0);
      context.globalAlpha = opacity;
      context.imageSmoothingEnabled = true;
      context.drawImage(small, 0, 0, width, height);
    };
    picture.src = `data:image/webp;base64,${image.picture}`;
  };

  const select = () => {
    const label = by("class").value, correct = by("correct").value, key = by("sort").value;
    const method = by("method").value, layer = by("layer").value, sign = by("order").value === "up" ? 1 : -1;
    const chosen = data.images.map((image, index) => index).filter((index) => {
      const image = data.images[index], right = shows(image).includes(data.classes.indexOf(image.predicted));
      return (!label || image.label === label) && (!correct || (correct === "yes") === right)
        && !(by("role").value === "wrong" && !withRole(image, "wrong").length);
    });
    const value = (index) => {
      const image = data.images[index];
      if (key === "name") return null;
      if (key === "disagreement") return image.disagreement[layer] ?? null;
      return score(image, method, layer, wanted(image), key);
    };
    const values = new Map(chosen.map((index) => [index, value(index)]));
    chosen.sort((a, b) => {
      const x = values.get(a), y = values.get(b);
      if (x === null || y === null) return (x === null) - (y === null) || (key === "name" ? sign : 1) * (a - b);
      return sign * (x - y) || a - b;
    });
    state.shown = chosen;
    state.pages = 1;
    list(values);
  };

  const list = (values) => {
    const method = by("method").value, layer = by("layer").value;
    const cards = state.shown.slice(0, PAGE * state.pages).map((index) => {
      const image = data.images[index], canvas = make("canvas"), value = values.get(index);
      paint(canvas, image, method, layer, wanted(image), 0.55);
      const text = `${image.label}, called ${image.predicted}` + (value === null ? "" : `; ${number(value)}`);
      const button = make("button", { type: "button" }, [canvas, make("b", { textContent: image.title }), make("span", { textContent: text })]);
      button.dataset.index = index;
      button.onclick = () => { location.hash = `image=${encodeURIComponent(image.id)}`; };
      return make("li", {}, [button]);
    });
    by("cards").replaceChildren(...cards);
    const sample = data.images.length < data.total ? `; this page holds ${data.images.length} of the run's ${data.total}, and ranks and percentiles are among them` : "";
    by("count").textContent = `${cards.length} of ${state.shown.length} images${sample}`;
    by("more").hidden = cards.length === state.shown.length;
    by("more").onclick = () => { state.pages += 1; list(values); };
  };

  // Share of the images on which the same role's map scores no more.
  const percentile = (value, method, layer, role, target, metric) => {
    const all = data.images.map((image) => {
      const there = withRole(image, role);
      if (!there.length || (role === "present" && !there.includes(target))) return null;
      return score(image, method, layer, role === "present" ? target : there[0], metric);
    }).filter((v) => v !== null);
    return all.length ? Math.round(100 * all.filter((v) => v <= value).length / all.length) : null;
  };

  const curves = (image, layer, target) => data.curves.map((title, place) => {
    const [width, height] = [260, 150];
    const svg = drawn("svg", { viewBox: `0 0 ${width + 40} ${height + 40}`, role: "img", "aria-label": `probability of ${data.classTitles[target]}: ${title}` });
    svg.append(drawn("rect", { x: 30, y: 10, width, height, class: "frame" }));
    [0, 0.5, 1].forEach((v) => {
      const text = drawn("text", { x: 26, y: 14 + height * (1 - v), "text-anchor": "end" });
      text.textContent = v;
      svg.append(text);
    });
    let lines = 0;
    data.methods.forEach((method, m) => {
      const text = image.curves[`${method.name}|${layer}|${target}|${place}`];
      if (!text) return;
      const values = bytes(text);
      const points = [...values].map((v, i) => `${30 + width * i / (values.length - 1)},${10 + height * (1 - v / 255)}`);
      svg.append(drawn("polyline", { points: points.join(" "), class: `line line${m % 6}` }));
      lines += 1;
    });
    const caption = make("figcaption", { textContent: `${title}: p(${data.classTitles[target]}) against the share of pixels` });
    return lines ? make("figure", {}, [svg, caption]) : null;
  }).filter(Boolean);

  const detail = () => {
    const image = data.images[state.open], layer = by("layer").value, opacity = by("blend").value / 100;
    by("title").textContent = image.title;
    const chances = data.classTitles.map((name, k) => `${name} ${image.probability[k].toFixed(3)}`).join(", ");
    by("about").textContent = `shows ${image.label}, called ${image.predicted} (${chances}); maps at ${data.layers.find((l) => l.name === layer).title}`;
    const panels = [["picture", null, 0]];
    data.classTitles.forEach((name, k) => data.methods.forEach((m) => {
      if (image.maps[`${m.name}|${layer}|${k}`]) panels.push([`${m.title}, ${name}`, m.name, k]);
    }));
    by("panels").replaceChildren(...panels.map(([title, method, target]) => {
      const canvas = make("canvas");
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", `${title} of ${image.title}`);
      paint(canvas, image, method, layer, target, opacity);
      const text = method ? image.maps[`${method}|${layer}|${target}`] : null, why = text && text.startsWith(" ");
      return make("figure", {}, [canvas, make("figcaption", { textContent: why ? `${title}:${text}` : title })]);
    }));
    const target = Number(by("target").value);
    const role = image.roles[target];
    const head = make("tr", {}, ["metric", ...data.methods.flatMap((m) => [m.title, "percentile"])].map((textContent) => make("th", { textContent, scope: "col" })));
    const rows = data.metrics.map((metric) => {
      const cells = data.methods.flatMap((m) => {
        const value = score(image, m.name, layer, target, metric.name);
        const place = value === null ? null : percentile(value, m.name, layer, role, target, metric.name);
        return [number(value), place === null ? "" : `${place} %`];
      });
      const known = data.methods.some((m) => score(image, m.name, layer, target, metric.name) !== null);
      const title = metric.better === "none" ? metric.title : `${metric.title} (${metric.better} is better)`;
      return known ? make("tr", {}, [make("th", { textContent: title, scope: "row" }), ...cells.map((textContent) => make("td", { textContent, className: "number" }))]) : null;
    }).filter(Boolean);
    by("scores").replaceChildren(make("thead", {}, [head]), make("tbody", {}, rows));
    by("curves").replaceChildren(...curves(image, layer, target));
    const keys = data.methods.map((m, i) => make("span", { className: `key line${i % 6}`, textContent: m.title }));
    by("keys").replaceChildren(...keys);
  };

  const open = (index) => {
    const image = data.images[index];
    if (state.open !== index) {
      by("target").replaceChildren();
      options("target", Object.entries(image.roles).map(([k, role]) => [k, `${data.classTitles[k]} (${role})`]));
      by("target").value = shows(image)[0];
    }
    state.open = index;
    detail();
    if (!by("detail").open) by("detail").showModal();
  };
  const step = (by_) => {
    const place = state.shown.indexOf(state.open), next = state.shown[place + by_];
    if (next !== undefined) location.hash = `image=${encodeURIComponent(data.images[next].id)}`;
  };
  const follow = () => {
    const found = /^#image=(.*)$/.exec(location.hash);
    const index = found ? data.images.findIndex((image) => image.id === decodeURIComponent(found[1])) : -1;
    if (index >= 0) open(index);
    else if (by("detail").open) by("detail").close();
  };

  const options = (id, entries) => by(id).append(...entries.map(([value, textContent]) => make("option", { value, textContent })));
  options("class", [["", "all"], ...[...new Set(data.images.map((image) => image.label))].sort().map((label) => [label, label])]);
  options("method", data.methods.map((m) => [m.name, m.title]));
  options("layer", data.layers.map((l) => [l.name, l.title]));
  options("sort", [["name", "name"], ...(data.methods.length > 1 ? [["disagreement", "disagreement of the first two methods"]] : []), ...data.metrics.map((m) => [m.name, m.title])]);
  ["class", "correct", "role", "method", "layer", "sort", "order"].forEach((id) => { by(id).onchange = select; });
  by("blend").oninput = detail;
  by("target").onchange = detail;
  by("previous").onclick = () => step(-1);
  by("next").onclick = () => step(1);
  by("close").onclick = () => by("detail").close();
  by("detail").addEventListener("close", () => { history.replaceState(null, "", location.pathname + location.search + "#gallery"); state.open = -1; });
  by("detail").addEventListener("keydown", (event) => {
    if (["INPUT", "SELECT"].includes(event.target.tagName)) return;
    if (event.key === "ArrowLeft") step(-1);
    if (event.key === "ArrowRight") step(1);
  });
  window.addEventListener("hashchange", follow);
  section.hidden = false;
  if (location.hash === "#gallery") section.scrollIntoView();
  select();
  follow();
}, 0));

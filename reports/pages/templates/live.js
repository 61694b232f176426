  // The slider: the pixels that a map marks first are deleted from the picture, or inserted into what it is deleted onto.
  const BLUR = 5; // pixels on each side of a box, nearly RISE's kernel
  const orders = new Map();

  // Value of every pixel of a map: bilinear, as the run upsamples it.
  const upsampled = (values, shape, height, width) => {
    const found = new Float32Array(height * width);
    const at = (place, size, cells) => {
      const real = Math.min(Math.max((place + 0.5) * cells / size - 0.5, 0), cells - 1), low = Math.floor(real);
      return [low, Math.min(low + 1, cells - 1), real - low];
    };
    const across = Array.from({ length: width }, (_, x) => at(x, width, shape.width));
    for (let y = 0; y < height; y += 1) {
      const [top, bottom, down] = at(y, height, shape.height);
      for (let x = 0; x < width; x += 1) {
        const [left, right, aside] = across[x];
        const above = values[top * shape.width + left] * (1 - aside) + values[top * shape.width + right] * aside;
        const below = values[bottom * shape.width + left] * (1 - aside) + values[bottom * shape.width + right] * aside;
        found[y * width + x] = above * (1 - down) + below * down;
      }
    }
    return found;
  };
  // Rank of every pixel, 0 the first; pixels with the same value in an order that looks random and is always the same.
  const ranked = (image, method, layer, target) => {
    const key = `${image.id}|${method}|${layer}|${target}`;
    if (orders.has(key)) return orders.get(key);
    const text = image.maps[`${method}|${layer}|${target}`];
    if (!text || text.startsWith(" ")) return null;
    const [height, width] = data.size, shape = data.layers.find((l) => l.name === layer);
    const values = upsampled(bytes(text), shape, height, width);
    const mixed = (i) => Math.imul(i ^ (i >>> 7), 2654435761) >>> 0;
    const order = Array.from(values.keys()).sort((a, b) => values[b] - values[a] || mixed(a) - mixed(b));
    const ranks = new Uint32Array(order.length);
    order.forEach((pixel, rank) => { ranks[pixel] = rank; });
    if (orders.size > 40) orders.clear();
    orders.set(key, ranks);
    return ranks;
  };

  const meanColour = (pixels) => {
    if (data.mean) return data.mean.map((v) => 255 * v);
    const sums = [0, 0, 0];
    for (let i = 0; i < pixels.length; i += 4) for (let c = 0; c < 3; c += 1) sums[c] += pixels[i + c];
    return sums.map((v) => v / (pixels.length / 4));
  };
  // What pixels are deleted onto: one colour, or the picture under a box of 11 x 11, outside of which is the mean colour.
  const substrate = (pixels, height, width, kind) => {
    const mean = meanColour(pixels), found = new Float32Array(height * width * 3);
    for (let i = 0; i < height * width; i += 1) for (let c = 0; c < 3; c += 1) found[3 * i + c] = kind === "mean" ? mean[c] : pixels[4 * i + c] - mean[c];
    if (kind === "mean") return found;
    const blurred = (source, lines, length, step, skip) => {
      const out = new Float32Array(source.length), size = 2 * BLUR + 1;
      for (let line = 0; line < lines; line += 1) for (let c = 0; c < 3; c += 1) {
        let sum = 0;
        for (let i = -BLUR; i < length; i += 1) {
          if (i + BLUR < length) sum += source[3 * (line * skip + (i + BLUR) * step) + c];
          if (i - BLUR - 1 >= 0) sum -= source[3 * (line * skip + (i - BLUR - 1) * step) + c];
          if (i >= 0) out[3 * (line * skip + i * step) + c] = sum / size;
        }
      }
      return out;
    };
    const twice = blurred(blurred(found, height, width, 1, width), width, height, width, 1);
    for (let i = 0; i < twice.length; i += 1) twice[i] += mean[i % 3];
    return twice;
  };

  // What is shown at this moment: direction and substrate, that of a stored curve where there is one.
  const current = () => data.substrates[Number(by("curve").value)] ?? { direction: "deletion", substrate: "blur" };
  const share = () => Number(by("pixels").value) / 100;
  const liveMethods = (image, layer, target) => compared().filter((m) => ranked(image, m, layer, target)).slice(0, data.methods.length > FEW ? 2 : FEW);

  const redraw = (canvas, pixels, under, ranks) => {
    const [height, width] = data.size, deleted = current().direction === "deletion", top = share() * ranks.length;
    const out = new ImageData(width, height);
    for (let i = 0; i < ranks.length; i += 1) {
      const marked = ranks[i] < top, kept = deleted ? !marked : marked;
      for (let c = 0; c < 3; c += 1) out.data[4 * i + c] = kept ? pixels[4 * i + c] : under[3 * i + c];
      out.data[4 * i + 3] = 255;
    }
    canvas.getContext("2d").putImageData(out, 0, 0);
  };
  // Probability on a stored curve at a share of the pixels.
  const onCurve = (values, at) => {
    const real = at * (values.length - 1), low = Math.min(Math.floor(real), values.length - 2);
    return (values[low] + (values[low + 1] - values[low]) * (real - low)) / 255;
  };
  const live = (image, layer, target) => {
    const [height, width] = data.size, methods = liveMethods(image, layer, target);
    const places = methods.map((method) => [method, named(make("canvas", { width, height }), "")]);
    by("lives").replaceChildren(...places.map(([method, canvas]) => make("figure", {}, [canvas, make("figcaption", { textContent: titleOf(method) })])));
    const kind = current().substrate === "mean" ? "mean" : "blur";
    const blurred = "the picture blurred by a box of 11 x 11", { substrate: asked, title = "" } = current();
    const onto = kind === "mean" ? "Pixels go to the mean colour" : asked === "blur" ? `Pixels go to ${blurred}` : `The run's pixels went to ${title}, here they go to ${blurred}`;
    by("fill").textContent = `${onto}. Drawn by this page; the dots and the curves are the run's.`;
    state.live = null;
    loaded(image, (picture) => {
      const scratch = make("canvas", { width, height }), context = scratch.getContext("2d", { willReadFrequently: true });
      context.drawImage(picture, 0, 0, width, height);
      const { data: pixels } = context.getImageData(0, 0, width, height), under = substrate(pixels, height, width, kind);
      state.live = () => {
        const verb = current().direction === "deletion" ? "deleted" : "inserted";
        for (const [method, canvas] of places) {
          redraw(canvas, pixels, under, ranked(image, method, layer, target));
          canvas.setAttribute("aria-label", `${image.title}: the top ${by("pixels").value} % of the pixels by ${titleOf(method)} ${verb}`);
        }
        moveDots(image, layer, target, verb);
      };
      state.live();
    });
  };
  // The dots on the chosen curve, and the same in words.
  const moveDots = (image, layer, target, verb) => {
    const at = share(), said = [];
    for (const dot of by("curves").querySelectorAll("circle")) {
      const chosen = dot.dataset.place === by("curve").value;
      dot.setAttribute("visibility", chosen ? "visible" : "hidden");
      const values = bytes(image.curves[`${dot.dataset.method}|${layer}|${target}|${dot.dataset.place}`]), p = onCurve(values, at);
      dot.setAttribute("cx", 30 + 260 * at);
      dot.setAttribute("cy", 10 + 150 * (1 - p));
      if (chosen) said.push(`${titleOf(dot.dataset.method)} ${p.toFixed(2)}`);
    }
    const p = said.length ? `: probability of ${data.classTitles[target]} by ${said.join(", ")}` : "";
    by("said").textContent = `${by("pixels").value} % ${verb}${p}`;
  };

// A trace is drawn bond by bond, far ones first and fainter, and turned by the pointer or the arrow keys.
for (const svg of document.querySelectorAll("svg.trace")) {
  const bonds = JSON.parse(svg.dataset.chains).flatMap((pieces, chain) =>
    pieces.flatMap((piece) => piece.slice(1).map((end, index) => ({ chain, ends: [piece[index], end] }))));
  const reach = svg.viewBox.baseVal.width / 2;
  let axes = [[1, 0, 0], [0, 1, 0], [0, 0, 1]];
  const draw = () => {
    const place = (p) => axes.map((axis) => axis[0] * p[0] + axis[1] * p[1] + axis[2] * p[2]);
    const placed = bonds.map(({ chain, ends }) => {
      const [from, to] = ends.map(place);
      return { chain, from, to, away: (from[2] + to[2]) / 2 };
    }).sort((a, b) => b.away - a.away);
    svg.replaceChildren(...placed.map(({ chain, from, to, away }) => {
      const line = document.createElementNS("http://www.w3.org/2000/svg", "line");
      const near = 0.5 - away / (2 * reach);
      const attributes = { class: `chain${chain}`, x1: from[0], y1: from[1], x2: to[0], y2: to[1], "stroke-opacity": 0.3 + 0.7 * near };
      for (const [name, value] of Object.entries(attributes)) line.setAttribute(name, value);
      return line;
    }));
  };
  const turn = (right, down) => {
    const [cy, sy, cx, sx] = [Math.cos(right), Math.sin(right), Math.cos(down), Math.sin(down)];
    const [x, y, z] = axes;
    const mix = (a, b, p, q) => a.map((value, index) => p * value + q * b[index]);
    const [newX, behind] = [mix(x, z, cy, -sy), mix(x, z, sy, cy)];
    axes = [newX, mix(y, behind, cx, -sx), mix(y, behind, sx, cx)];
    draw();
  };
  svg.addEventListener("pointerdown", (event) => svg.setPointerCapture(event.pointerId));
  svg.addEventListener("pointermove", (event) => {
    if (event.buttons) turn(event.movementX / 80, event.movementY / 80);
  });
  svg.tabIndex = 0;
  svg.addEventListener("keydown", (event) => {
    const [right, down] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key] ?? [0, 0];
    if (!right && !down) return;
    event.preventDefault();
    turn(right / 8, down / 8);
  });
  draw();
}

// Looks at a page as it is laid out in a frame, and writes what is wrong with it into the document around
// it, where a test can read it.
const wrong = [];
const told = (element) => `${element.tagName} "${element.textContent.trim().replace(/\s+/g, ' ').slice(0, 60)}"`;

const channels = (text) => text.match(/[\d.]+/g).map(Number);
const luminance = ([red, green, blue]) => {
  const linear = [red, green, blue].map((it) => it / 255)
    .map((it) => (it <= 0.04045 ? it / 12.92 : ((it + 0.055) / 1.055) ** 2.4));
  return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
};
const behind = (element) => {
  for (let it = element; it; it = it.parentElement) {
    const colour = channels(getComputedStyle(it).backgroundColor);
    if (colour.length < 4 || colour[3] === 1) return colour;
  }
  return [255, 255, 255];
};

let texts = 0;
for (const element of document.body.querySelectorAll('*')) {
  const own = [...element.childNodes].some((it) => it.nodeType === 3 && it.textContent.trim());
  if (!own || element.tagName === 'title' || !element.checkVisibility()) continue;
  const place = element.getBoundingClientRect();
  if (place.width <= 1) continue; // For those who listen only.
  texts += 1;
  if (place.right > innerWidth + 0.5 || place.left < -0.5) wrong.push(`outside: ${told(element)}`);
  if (element.scrollWidth > element.clientWidth + 1 && element.clientWidth > 0 && !(element instanceof SVGElement)) {
    wrong.push(`cut off: ${told(element)}`);
  }
  const style = getComputedStyle(element);
  const ink = luminance(channels(element instanceof SVGElement ? style.fill : style.color));
  const paper = luminance(behind(element));
  const contrast = (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
  if (contrast < 4.5) wrong.push(`contrast ${contrast.toFixed(2)}: ${told(element)}`);
}

for (const group of document.querySelectorAll('.ticks')) {
  const labels = [...group.querySelectorAll('text')].map((it) => [it, it.getBoundingClientRect()]);
  labels.forEach(([one, a], at) => labels.slice(at + 1).forEach(([two, b]) => {
    const apart = a.right <= b.left || b.right <= a.left || a.bottom <= b.top || b.bottom <= a.top;
    if (!apart) wrong.push(`on each other: ${told(one)} and ${told(two)}`);
  }));
}

if (document.documentElement.scrollWidth > innerWidth) wrong.push(`${document.documentElement.scrollWidth} wide`);
const scheme = matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
const probe = parent.document.createElement('pre');
probe.id = window.name;
probe.textContent = [`${innerWidth} wide, ${scheme}, ${texts} texts`, ...wrong].join('\n');
parent.document.body.append(probe);

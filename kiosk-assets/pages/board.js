// The board in a browser: shows the drawing that its box sends, and never passes an old one off as the present.
// A drawing is shown in whole or not at all. What stands on it is found by the names that it gives its parts (`data-part`).
'use strict';

const OLD_MS = 5000, PALE_MS = 60000, GONE_MS = 300000;
// The box sends a sign of life every 2 s; a line that is silent for so long is taken up anew.
const SILENT_MS = 7000;
const INDIGO = '#16325C';
const ASK = '受付でご確認ください';

const places = { board: document.getElementById('board'), call: document.getElementById('call') };
const query = new URLSearchParams(location.search);
const asked = query.get('layout');
const isUpright = matchMedia('(orientation: portrait)').matches;
const layout = asked === 'portrait' || (asked !== 'landscape' && isUpright) ? 'portrait' : 'landscape';
const film = query.get('film') === 'off' ? 'off' : 'beside';

// The newest board, the call over it, and whether that board is known to be behind: a call cut off by a broken line.
let shown = { board: null, call: null, cut: false };
let life = { mono: 0, wall: 0 };
let source = null, retry = null, drawn = '', due = false, tries = 0;

// The machine may have slept, or its clock may have been set: the longer of the two ages counts.
function age() {
  return life.mono ? Math.max(performance.now() - life.mono, Date.now() - life.wall) : 0;
}
function alive() {
  life = { mono: performance.now(), wall: Date.now() };
  tries = 0;
}
function level() {
  const ms = age();
  return ms >= GONE_MS ? 3 : ms >= PALE_MS || shown.cut ? 2 : ms >= OLD_MS ? 1 : 0;
}

function parsed(text) {
  const svg = new DOMParser().parseFromString(text, 'image/svg+xml').documentElement;
  const isGood = svg.localName === 'svg' && !svg.querySelector('parsererror, script, foreignObject');
  return isGood ? document.importNode(svg, true) : null;
}
const ground = (svg) => svg.querySelector('rect')?.getAttribute('fill') ?? '#F7F4ED';
// A call's ground is indigo, a board's is paper (LOOKS, section 5).
const isCall = (svg) => ground(svg) === INDIGO;

// By night, and on the dark side of dusk.
const isDark = (svg) => parseInt(ground(svg).slice(1, 3), 16) < 128;

const parts = (svg, ...names) => [...svg.querySelectorAll(names.map((name) => `[data-part="${name}"]`).join())];
function make(name, attributes, text = '') {
  const at = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes)) at.setAttribute(key, value);
  at.textContent = text;
  return at;
}

// Where the message stands: the row under the strip; beside the title where the strip is the last row.
function messageRow(svg) {
  const { width, height } = svg.viewBox.baseVal;
  const number = (at, name) => Number(at.getAttribute(name) ?? 0);
  const [strip] = parts(svg, 'strip');
  const bottom = strip ? number(strip, 'y') + number(strip, 'height') : height - 88;
  if (bottom >= height) return { x: 400, y: 16, width: 1220, height: 88 };
  return { x: 0, y: bottom, width: strip ? number(strip, 'width') : width, height: width > height ? 88 : 92 };
}

function sayOld(svg, clock) {
  const row = messageRow(svg);
  const band = make('g', { 'data-stale': '1' });
  band.append(make('rect', { ...row, fill: '#FFE3A0' }));
  const said = `${clock ? `${clock} 現在の表示です` : '今の表示ではありません'}（更新が止まっています）`;
  const size = Math.min(52, Math.floor((row.width - 80) / said.length / 4) * 4);
  const y = row.y + Math.round(row.height / 2 + size * 0.36);
  band.append(make('text', { x: row.x + 40, y, 'font-size': size, 'font-weight': 700, fill: '#17212B' }, said));
  svg.append(band);
}

// A tile whose number is too old to be shown: no state, not called, and where to ask.
function emptyTile(number, ink) {
  const tile = number.closest('[data-part="tile"]');
  const right = Number(tile.dataset.right);
  const size = Math.min(64, Math.floor((right - 40) / ASK.length));
  parts(tile, 'state').forEach((at) => at.remove());
  for (const at of [...tile.querySelectorAll('rect, text')]) {
    const isWide = Number(at.getAttribute('width')) > 100 && Number(at.getAttribute('height')) > 100;
    if (isWide) at.remove();
    else if (at.localName === 'rect' && at.getAttribute('fill') === '#FFD166') at.setAttribute('fill', ink.second);
    else if (at.localName === 'text') at.setAttribute('fill', ink.first);
  }
  number.replaceWith(make('text', {
    x: right, y: number.getAttribute('y'), 'font-size': size, 'text-anchor': 'end', fill: ink.first,
  }, ASK));
}

function dress(svg, to) {
  const ink = isDark(svg) ? { first: '#F1ECE1', second: '#B4BFCA' } : { first: '#17212B', second: '#3F4B57' };
  const time = parts(svg, 'clock')[0]?.textContent;
  // A clock that stands still says a wrong time: its hands go too.
  parts(svg, 'clock', 'hands').forEach((at) => at.remove());
  if (to >= 2) {
    parts(svg, 'band').forEach((at) => at.remove());
    for (const at of parts(svg, 'number', 'numbers', 'count')) {
      at.setAttribute('fill', at.getAttribute('fill') === '#FFFFFF' ? '#D5E0EE' : ink.second);
    }
  }
  if (to === 3) {
    parts(svg, 'number').forEach((at) => emptyTile(at, ink));
    parts(svg, 'absent', 'next', 'count', 'wait', 'today').forEach((at) => at.remove());
  }
  sayOld(svg, time);
}

// Another language, and each step of dusk, comes in softly: what is the same in both drawings does not move
// (LOOKS, sections 3 and 8).
const FADE_MS = 300;
const isCalm = matchMedia('(prefers-reduced-motion: reduce)');
function put(place, svg, isSoft) {
  const old = place.lastElementChild;
  const isOther = old && (old.dataset.lang !== svg.dataset.lang || ground(old) !== ground(svg));
  const fades = isSoft && isOther && !isCalm.matches;
  place.replaceChildren(...(fades ? [old, svg] : [svg]));
  if (fades) svg.animate([{ opacity: 0 }, { opacity: 1 }], FADE_MS).finished.then(() => old.remove(), () => {});
}

// Draws the latest, once per frame of the browser: what was sent meanwhile is never shown.
function draw() {
  due = false;
  if (level() && shown.call) shown = { ...shown, call: null, cut: true };
  const to = level();
  const key = `${to}|${shown.call ?? ''}|${shown.board ?? ''}`;
  if (key === drawn) return;
  drawn = key;
  document.documentElement.dataset.stale = to;
  const latest = shown.board && parsed(shown.board);
  // That reception is over is not true of another day: such a board only says where to ask.
  const svg = to === 3 && latest && parts(latest, 'rest').length ? null : latest;
  if (svg) {
    if (to) dress(svg, to);
    document.body.style.background = ground(svg);
    put(places.board, svg, !to);
  } else if (to) {
    const blank = make('svg', { viewBox: '0 0 1920 1080', 'font-family': "'BIZ UDPGothic'" });
    blank.append(make('rect', { width: 1920, height: 1080, fill: '#F7F4ED' }));
    blank.append(make('text', { x: 960, y: 560, 'font-size': 112, 'text-anchor': 'middle', fill: '#17212B' }, ASK));
    sayOld(blank, null);
    put(places.board, blank);
  }
  const call = shown.call && parsed(shown.call);
  call?.querySelector('rect[stroke="#FFD166"]')?.classList.add('breathes');
  if (call) put(places.call, call);
  places.call.hidden = !call;
}
function drawSoon() {
  if (!due) requestAnimationFrame(draw);
  due = true;
}

function take(event) {
  const svg = parsed(event.data);
  if (!svg) return;
  const wasOld = level() > 0;
  alive();
  if (!isCall(svg)) shown = { board: event.data, call: null, cut: false };
  // A call that was under way when the line came back is not begun again: the board behind it follows in seconds.
  else shown = wasOld ? { ...shown, cut: true } : { ...shown, call: event.data };
  drawSoon();
}

function hangUp() {
  source?.close();
  clearTimeout(retry);
  source = retry = null;
}
function again() {
  hangUp();
  // Many boards lose their box at the same moment: each comes back at a time of its own.
  const most = Math.min(8000, 500 * 2 ** tries++);
  retry = setTimeout(connect, 200 + Math.random() * most);
}
function connect() {
  hangUp();
  if (document.hidden) return;
  if (!life.mono) alive();
  const mine = new EventSource(`/api/v1/board/events?layout=${layout}&film=${film}`);
  mine.since = performance.now();
  mine.addEventListener('board', take);
  mine.addEventListener('alive', () => { alive(); drawSoon(); });
  mine.addEventListener('error', () => { if (mine === source) again(); });
  source = mine;
}

function watch() {
  if (level() !== Number(document.documentElement.dataset.stale)) drawSoon();
  if (source && age() > SILENT_MS && performance.now() - source.since > SILENT_MS) again();
}

// A board that nobody sees holds no line open, and says how old it is when it is seen again.
document.addEventListener('visibilitychange', () => {
  if (document.hidden) return hangUp();
  connect();
  drawSoon();
  stayLit();
});

function stayLit() {
  if (document.fullscreenElement) navigator.wakeLock?.request('screen').catch(() => {});
}
// Neither is allowed without a touch.
document.addEventListener('click', () => {
  document.documentElement.requestFullscreen?.().then(stayLit, stayLit);
});

document.documentElement.dataset.stale = 0;
setInterval(watch, 250);
const faces = ['400 64px "BIZ UDPGothic"', '700 64px "BIZ UDPGothic"', '700 64px "BIZ UDGothic"'];
// The first drawing waits for its faces, so that it does not change under the eyes.
Promise.race([Promise.all(faces.map((face) => document.fonts.load(face, '105'))), new Promise((go) => setTimeout(go, 3000))])
  .then(connect, connect);

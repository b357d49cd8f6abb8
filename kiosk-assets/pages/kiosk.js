// The kiosk: one touch, one number. Nothing ends silently, and whatever was said goes away by itself.
'use strict';

const LOCK_MS = 2000, SCAN_MS = 200, IDLE_MS = 30000, TAKE_MS = 6000, NOTE_MS = 60000, POLL_MS = 4000, ANSWER_MS = 6000;
// A printer that has said nothing for so long is not waited for.
const PRINT_MS = 15000;
const $ = (id) => document.getElementById(id);
const words = JSON.parse($('words').textContent);
const site = document.documentElement.dataset.site;
const device = `kiosk/${(new URLSearchParams(location.search).get('place') ?? '1').replace(/[^\w.-]/g, '').slice(0, 30) || '1'}`;

let board = null, chosen = { lang: 'ja', people: 1, text: false };
let locked = false, arriving = false, idle = null, going = null, turn = 0, prefixes = [];

const say = (key, values = {}) => words[chosen.lang][key].replace(/\{(\w+)\}/g, (_, name) => values[name] ?? '');
const name = (text, lang = chosen.lang) => text?.[lang] ?? text?.ja ?? '';
function make(tag, text = '', className = '') {
  const at = document.createElement(tag);
  at.textContent = text;
  if (className) at.className = className;
  return at;
}

// A press has one key, under which it may be sent again: the box carries it out once.
async function send(path, body, key = crypto.randomUUID(), tries = 2) {
  const headers = { 'Content-Type': 'application/json', 'Idempotency-Key': key, 'Machiai-Device': device };
  try {
    const signal = AbortSignal.timeout(ANSWER_MS);
    const response = await fetch(path, { method: 'POST', headers, body: JSON.stringify(body), signal });
    return { status: response.status, body: await response.json() };
  } catch {
    return tries > 1 ? send(path, body, key, tries - 1) : { status: 0, body: {} };
  }
}
async function ask(path) {
  try {
    const response = await fetch(path, { signal: AbortSignal.timeout(ANSWER_MS) });
    return { status: response.status, body: await response.json() };
  } catch {
    return { status: 0, body: {} };
  }
}

async function refresh() {
  const { status, body } = await ask('/api/v1/board');
  $('off').hidden = status === 200;
  if (status !== 200) return;
  board = body;
  draw();
}

function draw() {
  document.documentElement.lang = { zh: 'zh-Hans' }[chosen.lang] ?? chosen.lang;
  for (const at of document.querySelectorAll('[data-word]')) {
    const key = at.dataset.word === 'text' && chosen.text ? 'text_on' : at.dataset.word;
    at.textContent = say(key);
    if (key.endsWith('_2')) at.lang = chosen.lang === 'ja' ? 'en' : 'ja';
  }
  for (const at of document.querySelectorAll('[data-lang]')) at.setAttribute('aria-pressed', at.dataset.lang === chosen.lang);
  for (const at of document.querySelectorAll('[data-people]')) at.setAttribute('aria-pressed', Number(at.dataset.people) === chosen.people);
  $('text').setAttribute('aria-pressed', chosen.text);
  if (!board) return;
  $('clinic').textContent = name(board.clinic);
  $('clock').textContent = board.clock ?? '';
  $('practice').hidden = !board.rehearsal;
  // Payment and tests are gone to from a room, never from the kiosk.
  const lines = board.lines.filter((line) => line.kind === 'consultation' || line.kind === 'reception');
  document.body.dataset.lines = [1, 2, 4, 8].find((most) => lines.length <= most) ?? 8;
  const kept = new Map([...$('lines').children].map((at) => [at.dataset.line, at]));
  $('lines').replaceChildren(...lines.map((line) => drawLine(line, kept.get(String(line.line)) ?? newLine(line.line))));
}

function newLine(line) {
  const at = make('button');
  at.dataset.line = line;
  const arrow = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  arrow.setAttribute('viewBox', '0 0 112 112');
  arrow.setAttribute('aria-hidden', 'true');
  for (const [tag, part] of [['circle', { cx: 56, cy: 56, r: 54 }], ['path', { d: 'M26 49h36L46 33l10-10 33 33-33 33-10-10 16-16H26z' }]]) {
    const shape = document.createElementNS(arrow.namespaceURI, tag);
    for (const [key, value] of Object.entries(part)) shape.setAttribute(key, value);
    arrow.append(shape);
  }
  at.append(make('strong'), make('em'), arrow, make('span', '', 'wait'));
  at.addEventListener('click', () => touch(line));
  return at;
}

function drawLine(line, at) {
  const [strong, em, , wait] = at.children;
  const title = name(line.name);
  at.className = `line ${line.color}${title.length > (chosen.lang === 'en' ? 7 : 5) ? ' long' : ''}`;
  at.setAttribute('aria-disabled', !line.open);
  strong.textContent = title;
  em.textContent = chosen.lang === 'ja' ? line.name.en ?? '' : line.name.ja === title ? '' : line.name.ja;
  em.lang = chosen.lang === 'ja' ? 'en' : 'ja';
  const parts = line.open ? [say('wait', { n: '\u0001' }), waitOf(line.wait)] : [hours(), ['', '']];
  const [before, after] = String(parts[0]).split('\u0001');
  const first = make('span', before);
  if (after !== undefined) first.append(make('b', String(line.n_waiting)), after);
  const [lead, band, rest] = parts[1];
  const second = make('span', lead);
  if (band) second.append(make('b', band), rest);
  wait.replaceChildren(first, second);
  return at;
}

// Words before the figures, the figures, words after them.
function waitOf(wait) {
  if (wait.state !== 'band') return [say({ nobody: 'nobody', paused: 'paused' }[wait.state] ?? 'computing'), ''];
  const band = wait.from_min === wait.to_min ? `${wait.to_min}` : `${wait.from_min}〜${wait.to_min}`;
  const [before, after] = say('band', { b: '\u0001' }).split('\u0001');
  return [before, band, after];
}

function hours() {
  const { phase, from, session, next } = board.phase;
  if (phase === 'before') return say('opens', { from, session: name(session) });
  if (phase === 'between') return say('over_next', { from, session: name(next) });
  return say({ closed: 'closed', suspended: 'suspended' }[phase] ?? 'shut');
}

// Shows something over the page until it is answered or its time is over.
function over(parts, ms, then = reset) {
  clearTimeout(going);
  $('over').replaceChildren(...parts);
  $('over').setAttribute('aria-label', $('over').querySelector('h2, .big')?.textContent ?? '');
  $('over').hidden = false;
  $('over').querySelector('button')?.focus({ preventScroll: true });
  if (ms) going = setTimeout(then, ms);
}
function back() {
  clearTimeout(going);
  turn++;
  $('over').hidden = true;
  $('over').replaceChildren();
}
function reset() {
  back();
  chosen = { lang: 'ja', people: 1, text: false };
  draw();
}
function button(key, act, className = 'main') {
  const at = make('button', say(key), className);
  at.addEventListener('click', act);
  return at;
}
function sayFault(title, detail) {
  const box = make('div', '', 'fault');
  box.append(make('h2', title), make('p', detail));
  over([box, button('back', back)], 10000, back);
}

async function touch(lineNo) {
  const line = board.lines.find((line) => line.line === lineNo);
  if (!line) return;
  if (!line.open) return sayFault(`${name(line.name)}　${hours()}`, say('ask'));
  if (locked) return;
  locked = true;
  const unlock = new Promise((go) => setTimeout(go, LOCK_MS));
  const slow = setTimeout(() => over([make('h2', say('wait_please'))]), 700);
  const body = { channel: 'kiosk', family: chosen.people, lang: chosen.lang, text_call: chosen.text };
  const { status, body: answer } = await send(`/api/v1/lines/${site}-${lineNo}/tickets`, body);
  clearTimeout(slow);
  if (status === 200) given(line, answer);
  else if (status === 0) sayFault(say('ask'), say('lost'));
  else refused(line, answer);
  refresh();
  await unlock;
  locked = false;
}

function refused(line, answer) {
  const own = { line_closed: () => (answer.values?.opens ? say('opens', { from: answer.values.opens }) : say('shut')), full_for_now: () => say('full'), pressed_twice: () => say('wait_please') }[answer.code];
  const told = own ? own() : { ja: answer.title_ja, en: answer.title }[chosen.lang] ?? say('off');
  sayFault(`${name(line.name)}　${told}`, say('ask'));
}

function numberOf(tickets) {
  const labels = tickets.map((ticket) => ticket.label);
  const text = labels.length > 1 ? `${labels[0]}–${labels[labels.length - 1]}` : labels[0];
  const letters = /[A-Z]/.test(text) || labels[0].length > 3;
  return make('div', text, `big${text.length > 4 ? ' many' : ''}${letters ? ' letters' : ''}`);
}

function given(line, answer) {
  const tickets = answer.tickets;
  const mine = ++turn;
  const tone = make('div', '', `tone ${line.color}`);
  tone.setAttribute('aria-hidden', 'true');
  const head = [make('p', name(line.name)), numberOf(tickets)];
  const noted = () => {
    const codes = make('div', '', 'codes');
    codes.append(...tickets.filter((ticket) => ticket.url).map(({ visit, label }) => {
      const code = make('img');
      code.src = `/api/v1/visits/${visit}/qr.svg`;
      code.alt = `QR ${label}`;
      return code;
    }));
    over([...head, codes, make('h2', say('keep')), make('p', say('no_paper'), 'second'), button('noted', reset)], NOTE_MS);
  };
  if (!answer.happened.includes('PrintBegun')) return noted();
  over([...head, make('h2', say('take')), make('p', chosen.text ? say('text_on') : say('called_by'), 'second')], PRINT_MS + TAKE_MS);
  watchPaper(tickets, mine, performance.now(), noted);
}

// Follows the paper of each ticket: whoever got none is told to note the number, and asked to say so.
async function watchPaper(tickets, mine, began, noted) {
  const found = await Promise.all(tickets.map(({ label }) => ask(`/api/v1/visits?label=${encodeURIComponent(label)}`)));
  if (mine !== turn) return;
  const prints = found.map(({ body }) => body.print);
  const waited = performance.now() - began;
  if (prints.some((print) => print === 'refused' || print === 'unconfirmed')) return noted();
  const isDone = prints.every((print) => print === 'printed');
  if (!isDone && waited > PRINT_MS) return noted();
  if (isDone && waited >= TAKE_MS) return reset();
  setTimeout(() => mine === turn && watchPaper(tickets, mine, began, noted), isDone ? TAKE_MS - waited : 500);
}

function openKeys() {
  let typed = '';
  const shown = make('div', '', 'typed letters');
  const keys = make('div');
  keys.id = 'keys';
  const press = (key) => {
    typed = key === '⌫' ? typed.slice(0, -1) : (typed + key).slice(0, 6);
    shown.textContent = typed;
  };
  for (const key of [...prefixes, ...'1234567890', '⌫']) {
    const at = make('button', key);
    at.addEventListener('click', () => press(key));
    keys.append(at);
  }
  const choice = make('div', '', 'choice');
  choice.append(button('back', back, 'main quiet'), button('arrive', () => typed && arrive(`label=${encodeURIComponent(typed)}`, typed)));
  over([make('h2', say('type')), shown, keys, choice], IDLE_MS);
}

// Somebody who holds a number is here: typed, or read from the code on a ticket or a telephone.
async function arrive(which, typed) {
  if (arriving) return;
  arriving = true;
  const found = await ask(`/api/v1/visits?${which}`);
  const { state, label = typed } = found.body;
  if (found.status === 0) sayFault(say('off'), say('ask'));
  else if (found.status !== 200) sayFault(label, say('unknown'));
  else if (state !== 'not_arrived') sayFault(label, say(state === 'waiting' ? 'known' : 'not_now'));
  else {
    const { status, body } = await send(`/api/v1/visits/${found.body.visit}/arrive`, {});
    if (status === 200) over([numberOf([{ label }]), make('h2', say('arrived')), make('p', say('called_by'), 'second')], TAKE_MS);
    else sayFault(label, { ja: body.title_ja, en: body.title }[chosen.lang] ?? say('ask'));
  }
  arriving = false;
}

function choose(change) {
  chosen = { ...chosen, ...change };
  draw();
}
for (const at of document.querySelectorAll('[data-lang]')) at.addEventListener('click', () => choose({ lang: at.dataset.lang }));
for (const at of document.querySelectorAll('[data-people]')) at.addEventListener('click', () => choose({ people: Number(at.dataset.people) }));
$('text').addEventListener('click', () => choose({ text: !chosen.text }));
$('come').addEventListener('click', openKeys);
// Whoever left has left nothing behind for the next.
for (const event of ['pointerdown', 'keydown']) {
  addEventListener(event, () => {
    clearTimeout(idle);
    idle = setTimeout(() => $('over').hidden && reset(), IDLE_MS);
  });
}
addEventListener('contextmenu', (event) => event.preventDefault());

// A scanner types what it reads, quicker than fingers, and ends with Enter: the address on a ticket ends in its token.
let typed = '', typedAt = 0;
addEventListener('keydown', (event) => {
  if (event.timeStamp - typedAt > SCAN_MS) typed = '';
  typedAt = event.timeStamp;
  if (event.key !== 'Enter') {
    if (event.key.length === 1) typed = (typed + event.key).slice(-300);
    return;
  }
  const token = typed.match(/[2-9A-HJ-NP-Z]{16}$/)?.[0];
  typed = '';
  if (!token) return;
  event.preventDefault();
  arrive(`token=${token}`, '');
});

// The plain forms give way to buttons that can do more.
document.body.dataset.scripted = '';
$('lines').replaceChildren();
draw();
refresh();
setInterval(refresh, POLL_MS);
ask('/api/v1/settings').then(({ body }) => {
  prefixes = [...new Set((body.lines ?? []).flatMap((line) => [...(line.prefix ?? '')]))];
});

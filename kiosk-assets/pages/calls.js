// Consultation calls: what runs, a month's reservations, and how each amount came about. It asks again every ten seconds.
'use strict';

const ANSWER_MS = 5000;
const ASK_EVERY_MS = 10000;
const $ = (id) => document.getElementById(id);
const query = new URLSearchParams(location.search);
const words = JSON.parse($('words').textContent);
let lang = [query.get('lang'), localStorage.getItem('lang'), 'ja'].find((it) => it in words);
let shown = null;
const unfolded = new Set();

const locale = () => (lang === 'en' ? 'en-GB' : 'ja-JP');
function say(key, values = {}) {
  const text = key.split('.').reduce((at, name) => at?.[name], words[lang]) ?? key;
  return String(text).replace(/\{(\w+)\}/g, (_, name) => values[name] ?? '');
}
function make(tag, text = '', className = '', ...inside) {
  const at = document.createElement(tag);
  at.textContent = text;
  if (className) at.className = className;
  at.append(...inside);
  return at;
}
const time = (ms) => new Intl.DateTimeFormat(locale(), { timeZone: 'Asia/Tokyo', month: 'numeric', day: 'numeric', hour: 'numeric', minute: '2-digit' }).format(ms);
const exact = (ms) => new Intl.DateTimeFormat(locale(), { timeZone: 'Asia/Tokyo', hour: 'numeric', minute: '2-digit', second: '2-digit' }).format(ms);
const yen = (n) => say('yen', { n: n.toLocaleString('en') });
const long = (ms) => say('length', { m: Math.floor(ms / 60000), s: Math.floor((ms % 60000) / 1000) });
const key = () => Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, '0')).join('');
const device = localStorage.getItem('device') ?? 'calls';

async function ask(path, body) {
  try {
    const headers = { 'content-type': 'application/json', 'idempotency-key': key(), 'machiai-device': device };
    const asked = body ? { method: 'POST', headers, body: JSON.stringify(body) } : {};
    const response = await fetch(`/api/v1/${path}`, { ...asked, signal: AbortSignal.timeout(ANSWER_MS) });
    const said = await response.json();
    $('note').hidden = response.ok;
    if (!response.ok) $('note').textContent = (lang === 'ja' && said.title_ja) || said.title;
    return response.ok ? said : null;
  } catch {
    $('note').hidden = false;
    $('note').textContent = say('offline');
    return null;
  }
}
function table(heads, rows, kinds = []) {
  const head = make('thead', '', '', make('tr', '', '', ...heads.map((text, nth) => Object.assign(make('th', text, kinds[nth]), { scope: 'col' }))));
  const body = make('tbody', '', '', ...rows.map((row) => make('tr', '', '', ...row.map((text, nth) => {
    const at = nth === 0 ? Object.assign(make('th'), { scope: 'row' }) : make('td', '', kinds[nth]);
    at.append(...[text].flat().map((it) => (it instanceof Node ? it : make('span', it))));
    at.dataset.head = heads[nth];
    return at;
  }))));
  const at = make('table', '', '', head, body);
  // On a narrow screen rows are drawn as blocks, which would take the table from a screen reader.
  const roles = { table: [at], rowgroup: [head, body], row: at.querySelectorAll('tr'), columnheader: head.querySelectorAll('th'), rowheader: body.querySelectorAll('th'), cell: at.querySelectorAll('td') };
  for (const [role, all] of Object.entries(roles)) for (const of of all) of.setAttribute('role', role);
  return at;
}
const block = (caption, ...inside) => make('section', '', 'block', make('h2', caption), ...inside);
const heads = (...keys) => keys.map((it) => say(it));

// A year back from the month that is shown, and what follows it.
function months() {
  const all = Array.from({ length: 14 }, (_, nth) => beside(shown.month, 1 - nth));
  const name = new Intl.DateTimeFormat(locale(), { year: 'numeric', month: 'long', timeZone: 'UTC' });
  $('month').replaceChildren(...all.map((month) => Object.assign(make('option', name.format(new Date(`${month}-01`))), { value: month })));
  $('month').value = shown.month;
}
function running() {
  const calls = shown.open.map((call) => {
    const stop = make('button', say('stop'));
    stop.onclick = async () => {
      const { reservation, endpoint, connection } = call;
      if (await ask('calls/disconnect', { reservation, endpoint, connection, reason: 'by_hand' })) load();
    };
    const kind = [call.test && say('test'), call.by_hand && say('hand')].filter(Boolean).join('・');
    return make('li', '', '', make('b', call.reservation ?? say('nobodys')), make('span', `${call.endpoint} ${say('since', { at: exact(call.start.at_ms) })}`), make('i', kind), stop);
  });
  $('open').replaceChildren(...(calls.length ? calls : [make('li', say('nobody'))]));
}
function details(it) {
  const said = shown.said[it.reservation];
  const lines = it.connections.map((call) => {
    const end = call.standing === 'running' ? say('running') : say(`ends.${call.standing.ended ?? 'none'}`);
    return [exact(call.from_ms), call.standing === 'running' ? '–' : exact(call.from_ms + call.length_ms), long(call.length_ms), end, `${call.endpoint}${call.side === 'patient' ? `（${say('patient')}）` : ''}`];
  });
  const others = it.others.map((other) => [shown.tariffs[lang][other.tariff] ?? other.tariff, say('units', { n: other.units }), yen(other.yen)]);
  const marks = said.marks.map((mark) => make('p', `${say('recording')} ${exact(mark.at_ms)} ${say(`marks.${mark.mark}`)}${mark.place ? ` ${mark.place}` : ''}`));
  const policy = it.booked?.policy ? [make('p', `${say('policy')}: ${it.booked.policy}`)] : [];
  return make('div', '', 'details', make('h3', say('how')), make('p', said.how[lang], 'how'), make('p', `${say('tariff')}: ${shown.tariffs[lang][it.tariff] ?? it.tariff} ${say('version', { n: it.version })}`), ...policy,
    make('h3', say('line')), table(heads('from', 'to', 'long', 'end', 'endpoint'), lines, ['', '', 'n']), ...marks,
    make('h3', say('others')), table(heads('tariff', 'units', 'amount'), others, ['', 'n', 'n']));
}
function reservation(it) {
  const remarks = shown.said[it.reservation].remarks[lang];
  const at = make('details', '', '', make('summary', '', '', make('b', it.reservation), make('span', it.booked ? time(it.booked.starts_at_ms) : say('unknown')), make('span', long(it.connected_ms)), make('strong', it.unbilled ? say('unbilled') : yen(it.yen))), ...remarks.map((text) => make('p', text, 'care')), details(it));
  at.open = unfolded.has(it.reservation);
  at.ontoggle = () => unfolded[at.open ? 'add' : 'delete'](it.reservation);
  return at;
}
function differences() {
  if (!shown.differences.length) return [];
  const rows = shown.differences.map((it) => [it.reservation, say(`vendors.${it.vendor}`), long(it.ours_ms), it.n_half ? `${long(it.theirs_ms)} ${say('half', { n: it.n_half })}` : long(it.theirs_ms)]);
  return [block(say('differ'), make('p', say('differ_text'), 'care'), table(heads('reservation', 'vendor', 'ours', 'theirs'), rows))];
}
function loose() {
  if (!shown.unassigned.length) return [];
  const forms = shown.unassigned.map((call) => {
    const to = Object.assign(make('input'), { required: true, maxLength: 40, ariaLabel: say('reservation') });
    const form = make('form', '', 'assign', make('span', `${time(call.from_ms)}　${long(call.length_ms)}　${call.endpoint}`), to, make('button', say('assign')));
    form.onsubmit = async (event) => {
      event.preventDefault();
      if (await ask('calls/assign', { endpoint: call.endpoint, connection: call.connection, to: to.value.trim() })) load();
    };
    return form;
  });
  return [block(say('loose'), make('p', say('loose_text'), 'hint'), ...forms)];
}
function month() {
  const all = shown.reservations;
  const figure = (name, value) => make('p', '', '', make('span', name), make('b', value));
  const sums = make('div', '', 'sums', figure(say('n'), say('times', { n: all.length })), figure(say('sum'), yen(shown.yen)), ...shown.taxes.map((tax) => figure(say('tax', { rate: tax.permille / 10 }), yen(tax.tax_yen))), figure(say('total'), yen(shown.total_yen)));
  const list = block(say('list'), ...(all.length ? all.map(reservation) : [make('p', say('nothing'))]));
  $('month-of').replaceChildren(sums, ...differences(), ...loose(), list);
}
function draw() {
  document.documentElement.lang = lang;
  for (const at of document.querySelectorAll('[data-word]')) at.textContent = say(at.dataset.word);
  $('lang').textContent = say('other');
  document.title = say('title');
  if (!shown) return;
  months();
  running();
  // Nobody's typing is taken away.
  if (!$('month-of').contains(document.activeElement) || document.activeElement.tagName !== 'INPUT') month();
}
async function load(wanted = $('month').value) {
  const said = await ask(`calls${wanted ? `?month=${encodeURIComponent(wanted)}` : ''}`);
  if (said) shown = said;
  draw();
}
function beside(month, by) {
  const [year, of] = month.split('-').map(Number);
  return new Date(Date.UTC(year, of - 1 + by)).toISOString().slice(0, 7);
}
const other = (by) => load(beside($('month').value, by));
$('older').onclick = () => other(-1);
$('newer').onclick = () => other(1);
$('month').onchange = () => $('month').value && load();
$('choose').onsubmit = (event) => event.preventDefault();
$('begin').onsubmit = async (event) => {
  event.preventDefault();
  const of = $('begin').elements.reservation;
  if (await ask('calls/connect', { reservation: of.value.trim(), by_hand: true })) {
    of.value = '';
    load();
  }
};
$('lang').onclick = () => { lang = lang === 'ja' ? 'en' : 'ja'; localStorage.setItem('lang', lang); draw(); };
draw();
load(query.get('month') ?? '');
setInterval(() => document.hidden || load(), ASK_EVERY_MS);

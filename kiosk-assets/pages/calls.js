// Consultation calls: what runs, a day's or a month's reservations, how each amount came about, and how good the line is.
// It asks again every ten seconds.
'use strict';

const ANSWER_MS = 5000;
const ASK_EVERY_MS = 10000;
const TRY_MS = 120000;
const STRIP_TICKS = [1, 5, 10, 30, 60, 360, 1440];
let shown = null;
let line = null;
let view = query.has('month') ? 'month' : 'day';
let day = query.get('day') ?? '';
const unfolded = new Set();

const time = shownAs({ month: 'numeric', day: 'numeric', hour: 'numeric', minute: '2-digit' });
const dayOf = (ms) => new Intl.DateTimeFormat('sv-SE', { timeZone: 'Asia/Tokyo' }).format(ms);
const exact = shownAs({ hour: 'numeric', minute: '2-digit', second: '2-digit' });
const yen = (n) => say('yen', { n: n.toLocaleString('en') });
const long = (ms) => say('length', { m: Math.floor(ms / 60000), s: Math.floor((ms % 60000) / 1000) });
const key = () => Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, '0')).join('');
const device = localStorage.getItem('device') ?? 'calls';

async function ask(path, body, most = ANSWER_MS) {
  try {
    const headers = { 'content-type': 'application/json', 'idempotency-key': key(), 'machiai-device': device };
    const asked = body ? { method: 'POST', headers, body: JSON.stringify(body) } : {};
    const response = await fetch(`/api/v1/${path}`, { ...asked, signal: AbortSignal.timeout(most) });
    const said = await response.json();
    tell(response.ok ? '' : refusal(said));
    return response.ok ? said : null;
  } catch {
    tell(say('offline'));
    return null;
  }
}
// A year back from the month that is shown, and what follows it.
function chooser() {
  const all = Array.from({ length: 14 }, (_, nth) => beside(shown.month, 1 - nth));
  const name = new Intl.DateTimeFormat(locale(), { year: 'numeric', month: 'long', timeZone: 'UTC' });
  $('month').replaceChildren(...all.map((month) => Object.assign(make('option', name.format(new Date(`${month}-01`))), { value: month })));
  $('month').value = shown.month;
  if (document.activeElement !== $('day')) $('day').value = day;
  for (const of of ['day', 'month']) {
    $(`of-${of}`).hidden = view !== of;
    $(`by-${of}`).setAttribute('aria-pressed', view === of);
  }
  for (const to of ['older', 'newer']) $(to).textContent = say(`${to}.${view}`);
}
// Each end's connections from the first to the last, by the monotonic clock: a lane for each device.
function strip(it) {
  const places = shown.said[it.reservation].line;
  const whole = Math.max(1000, ...places.map((place) => place.to_ms));
  const share = (ms) => `${(ms * 100) / whole}%`;
  const tick = STRIP_TICKS.find((min) => whole / (min * 60000) <= 24) ?? 1440;
  const lanes = new Map();
  it.connections.forEach((call, nth) => {
    const { from_ms: from, to_ms: to } = places[nth];
    const at = make('span', to - from > whole / 10 ? say('minutes', { m: Math.round((to - from) / 60000) }) : '', 'at');
    if (call.side === 'patient') at.classList.add('patient');
    if (call.test) at.classList.add('test');
    if (call.flags.some((flag) => flag === 'silent' || flag === 'restarted')) at.classList.add('cut');
    if (call.standing === 'running') at.classList.add('runs');
    Object.assign(at.style, { left: share(from), width: share(to - from) });
    const lane = `${call.side} ${call.endpoint}`;
    lanes.set(lane, [...(lanes.get(lane) ?? []), at]);
  });
  const ours = it.connections.filter((call) => call.side !== 'patient');
  const [from, to] = [Math.min(...it.connections.map((call) => call.from_ms)), Math.max(...it.connections.map((call) => call.from_ms + call.length_ms))].map(exact);
  const drawn = make('span', '', 'lanes', ...[...lanes.values()].map((all) => make('span', '', 'lane', ...all)));
  drawn.style.setProperty('--tick', share(tick * 60000));
  const at = make('span', '', 'strip', make('span', from), drawn, make('span', to));
  at.setAttribute('role', 'img');
  at.ariaLabel = say('at_glance', { from, to, n: ours.length });
  return at;
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
  const named = ({ tariff, version }) => `${shown.tariffs[lang][tariff] ?? tariff} ${say('version', { n: version })}`;
  const others = it.others.map((other) => [named(other), say('units', { n: other.units }), yen(other.yen)]);
  const marks = said.marks.map((mark) => make('p', `${say('recording')} ${exact(mark.at_ms)} ${say(`marks.${mark.mark}`)}${mark.place ? ` ${mark.place}` : ''}`));
  const policy = it.booked?.policy ? [make('p', `${say('policy')}: ${it.booked.policy}`)] : [];
  return make('div', '', 'details', make('h3', say('how')), make('p', said.how[lang], 'how'), make('p', `${say('tariff')}: ${named(it)}`), ...policy,
    make('h3', say('line')), table(heads('from', 'to', 'long', 'end', 'endpoint'), lines, ['', '', 'n']), ...marks,
    make('h3', say('others')), table(heads('tariff', 'units', 'amount'), others, ['', 'n', 'n']));
}
function reservation(it) {
  const remarks = shown.said[it.reservation].remarks[lang];
  const at = make('details', '', '', make('summary', '', '', make('b', it.reservation), make('span', it.booked ? time(it.booked.starts_at_ms) : say('unknown')), make('span', long(it.connected_ms)), make('strong', it.unbilled ? say('unbilled') : yen(it.yen)), ...(it.connections.length ? [strip(it)] : [])), ...remarks.map((text) => make('p', text, 'care')), details(it));
  at.open = unfolded.has(it.reservation);
  at.ontoggle = () => unfolded[at.open ? 'add' : 'delete'](it.reservation);
  return at;
}
// A reservation is of the day on which it starts, and of those on which it was connected.
const isOfDay = (it) => view === 'month' || [it.booked?.starts_at_ms, ...it.connections.map((call) => call.from_ms)].some((ms) => ms !== undefined && dayOf(ms) === day);
function differences(all) {
  const of = view === 'month' ? shown.differences : shown.differences.filter((it) => all.some((rated) => rated.reservation === it.reservation) || !shown.said[it.reservation]);
  if (!of.length) return [];
  const rows = of.map((it) => [it.reservation, say(`vendors.${it.vendor}`), long(it.ours_ms), it.n_half ? `${long(it.theirs_ms)} ${say('half', { n: it.n_half })}` : long(it.theirs_ms)]);
  return [block(say('differ'), make('p', say('differ_text'), 'care'), table(heads('reservation', 'vendor', 'ours', 'theirs'), rows))];
}
function loose() {
  const all = shown.unassigned.filter((call) => view === 'month' || dayOf(call.from_ms) === day);
  if (!all.length) return [];
  const forms = all.map((call) => {
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
function records() {
  const all = shown.reservations.filter(isOfDay);
  const figure = (name, value) => make('p', '', '', make('span', name), make('b', value));
  const figures = [figure(say('n'), say('times', { n: all.length }))];
  if (view === 'month') {
    figures.push(figure(say('sum'), yen(shown.yen)), ...shown.taxes.map((tax) => figure(say('tax', { rate: tax.permille / 10 }), yen(tax.tax_yen))), figure(say('total'), yen(shown.total_yen)));
  } else {
    // Tax is rounded once for an invoice: a day has none.
    figures.push(figure(say('sum'), yen(all.reduce((sum, it) => sum + (it.unbilled ? 0 : it.yen), 0))));
  }
  const list = block(say('list'), ...(all.length ? all.map(reservation) : [make('p', say(`nothing.${view}`))]));
  $('month-of').replaceChildren(...differences(all), make('div', '', 'sums', ...figures), ...loose(), list);
}
function quality() {
  $('quality').hidden = !line?.has_hub;
  if (!line || $('try').disabled) return;
  const asks = $('try').dataset.anyhow && line.call_is_up;
  $('try').textContent = say(asks ? 'try_anyhow' : 'try');
  const told = [make('p', say('untried'))];
  if (line.last) {
    const min = Math.floor((line.now_ms - line.last.at_ms) / 60000);
    const ago = min < 1 ? say('tried.now') : min < 120 ? say('tried.min', { n: min }) : say('tried.hour', { n: Math.floor(min / 60) });
    told.splice(0, 1, ...line.said[lang].map((text) => make('p', text)), make('p', ago));
  }
  $('line').className = !line.last ? '' : line.last.fault ? 'fails' : line.is_enough ? 'enough' : 'short';
  $('line').replaceChildren(...told);
}
async function tryLine() {
  // Whoever is told that a call is up presses once more.
  const anyhow = Boolean($('try').dataset.anyhow);
  if (line.call_is_up && !anyhow) {
    $('try').dataset.anyhow = '1';
    return quality();
  }
  delete $('try').dataset.anyhow;
  $('try').disabled = true;
  $('try').textContent = say('trying');
  const said = await ask('line/try', { during_call: anyhow }, TRY_MS);
  $('try').disabled = false;
  line = said ?? line;
  quality();
}
function draw() {
  sayAround(say('title'));
  if (!shown) return;
  chooser();
  running();
  quality();
  // Nobody's typing is taken away.
  if (!$('month-of').contains(document.activeElement) || document.activeElement.tagName !== 'INPUT') records();
}
async function load(wanted = view === 'day' ? day.slice(0, 7) : $('month').value) {
  const said = await ask(`calls${wanted ? `?month=${encodeURIComponent(wanted)}` : ''}`);
  if (said) [shown, line] = [said, (await ask('line')) ?? line];
  day ||= shown ? dayOf(shown.now_ms) : '';
  draw();
}
function beside(month, by) {
  const [year, of] = month.split('-').map(Number);
  return new Date(Date.UTC(year, of - 1 + by)).toISOString().slice(0, 7);
}
function other(by) {
  if (view === 'month') return load(beside($('month').value, by));
  return goTo(new Date(Date.parse(day) + by * 86400000).toISOString().slice(0, 10));
}
function goTo(other) {
  day = other;
  return load();
}
function look(by) {
  [view, day] = [by, by === 'day' && shown && day.slice(0, 7) !== shown.month ? `${shown.month}-01` : day];
  return load(by === 'month' ? day.slice(0, 7) : undefined);
}
$('older').onclick = () => other(-1);
$('newer').onclick = () => other(1);
$('by-day').onclick = () => look('day');
$('by-month').onclick = () => look('month');
$('day').onchange = () => $('day').value && goTo($('day').value);
$('month').onchange = () => $('month').value && load();
$('try').onclick = tryLine;
$('choose').onsubmit = (event) => event.preventDefault();
$('begin').onsubmit = async (event) => {
  event.preventDefault();
  const of = $('begin').elements.reservation;
  if (await ask('calls/connect', { reservation: of.value.trim(), by_hand: true })) {
    of.value = '';
    load();
  }
};
draw();
load(query.get('month') ?? day.slice(0, 7));
setInterval(() => document.hidden || load(), ASK_EVERY_MS);

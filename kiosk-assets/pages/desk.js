// The desk: shows the fold, sends one command per press with the numbers it showed, and resends nothing by itself.
'use strict';

const ANSWER_MS = 2000, POLL_MS = 10000, TINT_MS = 2000, NOTE_MS = 8000;
const $ = (id) => document.getElementById(id);
const all = (selector) => [...document.querySelectorAll(selector)];
const query = new URLSearchParams(location.search);
const words = JSON.parse($('words').textContent);
const site = document.documentElement.dataset.site;
const place = (query.get('place') ?? '').replace(/[^\w./-]/g, '').slice(0, 32);
const device = `desk/${place || 'new'}`;
// Under /rehearsal everything is asked of a copy of the day; only who works here is the real clinic's.
const root = location.pathname.startsWith('/rehearsal/') ? '/rehearsal' : '';
const api = (path) => `${path === 'me' ? '' : root}/api/v1/${path}`;

let lang = [query.get('lang'), localStorage.getItem('lang'), 'ja'].find((it) => it in words);
let view = null, status = null, settings = null, me = null, chosen = null;
// What was pressed here and can be taken back, what the room's buttons showed, and when a press was last under way.
let mine = [], shown = {}, held = null, pressedAt = -1e9, isOn = true;
const late = new Map();

// Made once: a format takes longer to make than all the rest of a drawing.
const clockFace = new Intl.DateTimeFormat('ja-JP', { timeZone: 'Asia/Tokyo', hour: 'numeric', minute: '2-digit' });

function say(key, values = {}) {
  return words[lang][key].replace(/\{(\w+)\}/g, (_, name) => values[name] ?? '');
}
const name = (text) => (lang === 'en' && text?.en) || (text?.ja ?? '');
const lineOf = (no) => view.lines.find((line) => line.line === no);
const roomHere = () => view.rooms.find((room) => room.room === place);
const actOf = (kind) => words[lang].acts[kind ?? 'issued'] ?? kind;
function make(tag, text = '', className = '') {
  const at = document.createElement(tag);
  at.textContent = text;
  if (className) at.className = className;
  return at;
}
function write(at, text) {
  if (at.textContent !== text) at.textContent = text;
}

// What is true.

async function get(path) {
  const response = await fetch(api(path), { signal: AbortSignal.timeout(ANSWER_MS) });
  if (root && response.status === 409) return offerRehearsal();
  if (!response.ok && response.status !== 404) throw new Error(path);
  return response.ok ? response.json() : null;
}
let asking = null, isStale = false, nPressing = 0;
function refresh() {
  isStale = true;
  // A press shows its own answer first, and then asks for the rest once.
  if (nPressing) return null;
  asking ??= look().finally(() => { asking = null; });
  return asking;
}
async function look() {
  while (isStale) {
    isStale = false;
    try {
      const before = view;
      view = await get('desk');
      line(true);
      if (isOver) return;
      draw();
      tellOthers(before);
      // What stands beside the queue looks as well.
      document.dispatchEvent(new Event('fresh'));
    } catch {
      line(false);
    }
  }
}
async function poll() {
  if (isOver) return;
  try {
    [status, settings, me] = await Promise.all(['status', 'settings', 'me'].map(get));
  } catch {
    line(false);
  }
  await refresh();
}

let source = null;
function listen() {
  source?.close();
  source = null;
  if (document.hidden || isOver) return;
  source = new EventSource(api('desk/events'));
  source.addEventListener('changed', refresh);
  source.addEventListener('error', () => {
    source?.close();
    refresh();
    setTimeout(listen, 500 + Math.random() * 1500);
  });
}

// While the line is broken every act is off; nothing is kept to be sent later.
function line(is) {
  if (is !== isOn && !is) setTimeout(function again() { if (!isOn) poll().then(() => setTimeout(again, 1000)); }, 1000);
  isOn = is;
  $('off').hidden = is;
  for (const at of [$('main'), ...all('dialog')]) at.inert = !is;
  if (!is) return;
  if (late.size) note(say('back_on'), false);
  for (const [at, nodes] of late) {
    at.classList.remove('late');
    at.replaceChildren(...nodes);
  }
  late.clear();
}

// Presses.

let noting = null;
function note(text, isBad = true) {
  clearTimeout(noting);
  $('note').hidden = !text;
  $('note').className = isBad ? 'note bad' : 'note';
  // Shown anew, it lies over an open question too.
  $('note').hidePopover?.();
  if (text) $('note').showPopover?.();
  write($('note'), text);
  noting = setTimeout(() => { $('note').hidden = true; }, NOTE_MS);
}
async function press(button, path, body = {}, keeps = true) {
  if (button.disabled) return null;
  button.disabled = true;
  nPressing += 1;
  pressedAt = performance.now();
  let answer = null;
  try {
    const headers = { 'Content-Type': 'application/json', 'Idempotency-Key': crypto.randomUUID(), 'Machiai-Device': device };
    const signal = AbortSignal.timeout(ANSWER_MS);
    const response = await fetch(api(path), { method: 'POST', headers, body: JSON.stringify(body), signal });
    const said = await response.json();
    if (response.ok) answer = said;
    if (said.code === 'sign_in_first') location = '/sign-in';
    note(response.ok ? '' : (lang === 'ja' && said.title_ja) || said.title);
    if (answer && keeps) remember(answer);
    if (answer && showAnswer(answer, path.startsWith('rooms/'))) await isPainted();
  } catch {
    late.set(button, [...button.childNodes]);
    button.classList.add('late');
    button.replaceChildren(say('late'));
    line(false);
  }
  pressedAt = performance.now();
  nPressing -= 1;
  await refresh();
  button.disabled = false;
  const room = view && roomHere();
  if (room) drawRoom(room);
  return answer;
}
// What an answer says of this room stands on its card at once; the main button waits until all of the desk is known.
function showAnswer({ visits = [] }, isOfRoom) {
  const room = view && roomHere();
  const told = new Map(visits.map((row) => [row.visit, row]));
  const known = new Set(room?.now.map((row) => row.visit));
  if (!room || !visits.some((row) => isOfRoom || known.has(row.visit))) return false;
  const come = isOfRoom ? [...told.values()].filter((row) => !known.has(row.visit)) : [];
  room.now = [...room.now.map((row) => told.get(row.visit) ?? row), ...come].filter((row) => isAny(row, 'called', 'in_room'));
  // Who comes next is not in the answer.
  room.next = null;
  $('next').disabled = true;
  drawCard(room);
  return true;
}
// What was just drawn is seen before more is asked for; a page that nobody sees paints nothing.
const isPainted = () => new Promise((go) => {
  requestAnimationFrame(() => setTimeout(go));
  setTimeout(go, 100);
});
function remember({ tickets = [], visits = [] }) {
  const [ticket] = tickets;
  const row = visits[visits.length - 1];
  if (ticket) mine.push({ visit: ticket.visit, label: ticket.label, kind: null });
  else if (row) mine.push({ visit: row.visit, label: row.label, kind: row.last_act });
}
async function undo(button, what) {
  const answer = await press(button, `visits/${what.visit}/undo`, {}, false);
  mine = mine.filter((act) => act.visit !== what.visit || act.kind !== what.kind);
  if (answer) draw();
}
const act = (button, row, what, body) => press(button, `visits/${row.visit}/${what}`, body, what !== 'reprint');

// Somebody who was not here is, and it is said where that puts them.
async function comes(button, row, word) {
  const answer = await act(button, row, word);
  if (answer && row.on_coming?.late) note(say('put', { label: row.label, where: whereTo(row.on_coming) }), false);
}

// The numbers a finger went down on are the ones it meant.
function showing(button, ...names) {
  const from = held?.button === button ? held.shown : shown;
  held = null;
  return Object.fromEntries(names.map((name) => [name, from[name]]));
}
function inRoom(id, path, ...names) {
  const button = $(id);
  button.addEventListener('pointerdown', () => { held = { button, shown }; });
  button.addEventListener('click', () => press(button, `rooms/${encodeURIComponent(place)}/${path}`, showing(button, ...names)));
}

// Drawing: what a finger may be on is changed, never replaced.

function lay(list, nodes) {
  const wanted = new Set(nodes);
  for (const at of [...list.children]) if (!wanted.has(at)) at.remove();
  let place = list.firstElementChild;
  for (const at of nodes) {
    if (at === place) place = place.nextElementSibling;
    else list.insertBefore(at, place);
  }
}
function rows(list, items, word, press) {
  const kept = new Map([...list.children].map((at) => [at.dataset.key, at]));
  lay(list, items.map((item) => {
    let at = kept.get(item.visit);
    if (!at) {
      at = make('div', '', 'row');
      at.dataset.key = item.visit;
      const button = make('button');
      button.addEventListener('click', () => press(button, at.item));
      at.append(make('b'), make('span', '', 'marks'), make('span', '', 't'), button);
    }
    at.item = item;
    const isFirst = !word && item.label === shown.next;
    const look = JSON.stringify([item, lang, isFirst]);
    if (at.look === look) return at;
    at.look = look;
    const [label, marks, waited, button] = at.children;
    write(label, item.label);
    const wanted = marksOf(item);
    if (wanted.join() !== [...marks.children].map((mark) => mark.textContent).join()) marks.replaceChildren(...wanted.map((mark) => make('i', mark)));
    write(waited, !word ? say('min', { n: item.waited_min }) : item.on_coming?.late ? whereTo(item.on_coming) : item.booked_for ? say('m_booked', { t: item.booked_for }) : '');
    if (!late.has(button)) write(button, word ? say(word) : '⋯');
    button.setAttribute('aria-label', `${item.label} ${word ? say(word) : '⋯'}`);
    at.classList.toggle('first', isFirst);
    return at;
  }));
}
function marksOf(row) {
  return [
    row.channel === 'emergency' && say('m_urgent'), row.booked_for && say('m_booked', { t: row.booked_for }), row.late && say('m_late'),
    row.family && say('m_family', { n: row.family.of }), row.lang !== 'ja' && row.lang.toUpperCase(), row.text_call && say('m_text'),
    isUnprinted(row) && say('m_unprinted'),
  ].filter(Boolean);
}
// Where somebody who comes now is put.
const whereTo = ({ after }) => (after ? say('behind', { after }) : say('in_front'));
const isUnprinted = (row) => row.print === 'refused' || row.print === 'unconfirmed';

function draw() {
  if (document.documentElement.dataset.said !== lang) sayAll();
  const room = roomHere();
  if (!room && place !== 'reception') return choosePlace();
  drawBar(room);
  $('room').hidden = !room;
  $('reception').hidden = Boolean(room);
  if (room) drawRoom(room);
  else drawRooms();
  drawOrder(room ? room.lines : [(chosen ??= view.lines[0]?.line)]);
  drawUndo(room);
}
function sayAll() {
  Object.assign(document.documentElement, { lang }).dataset.said = lang;
  for (const at of all('[data-word]')) if (!late.has(at)) write(at, say(at.dataset.word));
}
function choosePlace() {
  const places = [['reception', say('reception')], ...view.rooms.map((room) => [room.room, name(room.name)])];
  if ($('main').dataset.places === JSON.stringify(places)) return;
  $('main').dataset.places = JSON.stringify(places);
  offer(say('choose'), places.map(([id, text]) => [text, () => { location.search = new URLSearchParams({ place: id, lang }); }]));
}
// A page that only asks one thing.
function offer(title, choices) {
  $('main').className = 'choose';
  document.querySelector('.bar').hidden = true;
  $('main').replaceChildren(make('h1', title), ...choices.map(([text, act]) => {
    const at = make('button', text, 'next');
    at.addEventListener('click', () => act(at));
    return at;
  }));
  source?.close();
}

// The rehearsal: the same page on a copy of the day.

let isOver = false;
const realDesk = () => `/desk${location.search}`;
function offerRehearsal() {
  isOver = true;
  $('rehearsal').hidden = true;
  offer(say('no_rehearsal'), [[say('rehearse_now'), rehearse], [say('to_real'), () => { location = realDesk(); }]]);
  return null;
}
async function rehearse(button) {
  button.disabled = true;
  const begun = await fetch('/api/v1/rehearsal/start', { method: 'POST' }).catch(() => null);
  if (begun?.ok) return location.reload();
  button.disabled = false;
  if (begun?.status === 401) location = '/sign-in';
  note(say('late'));
}
function sessionOf(line) {
  const session = view.sessions.find(([id]) => id === line.session);
  return line.paused ? say('s_paused') : say(`s_${line.reception}`, { session: name(session?.[1]) });
}
function drawBar(room) {
  const lines = view.lines.filter((line) => !room || room.lines.includes(line.line));
  write($('place'), room ? name(room.name) : say('reception'));
  const sessions = lines.map(sessionOf);
  const isOne = lines.length > 1 && sessions.every((text) => text === sessions[0]);
  write($('sessions'), isOne ? sessions[0] : lines.length > 2 ? say('lines') : lines.map((line, nth) => `${name(line.name)}　${sessions[nth]}`).join('／'));
  const n = view.unprinted.length, has = settings?.printers.length;
  write($('paper'), n ? say('unprinted', { n }) : say(has === 0 ? 'no_printer' : 'printer'));
  $('paper').className = n ? 'bad' : has ? 'ok' : '';
  lay($('troubles'), [...(status?.troubles ?? []).map((code) => words[lang].faults[code] ?? code), ...refusedLately()].map((text) => make('span', text, 'bad')));
  $('unsure').hidden = !unsure().length;
  write($('unsure'), say('unsure'));
  $('program').hidden = root || !status?.program.length;
  write($('program'), say('program_look', { n: status?.program.length }));
  if (status) write($('clock'), clockFace.format(status.now_ms));
  write($('person'), me?.person ? say('person', me.person) : say('nobody_here'));
  write($('lang'), say('other'));
}
const joined = (list) => (list.length > 1 ? `${list[0].label}–${list[list.length - 1].label}` : list[0]?.label ?? '');
// Who is called or in the room: the numbers that its buttons mean.
function drawCard(room) {
  const [first] = room.now;
  const now = joined(room.now);
  shown = { now: first?.label ?? '', next: room.next ?? '' };
  write($('state'), say(first ? first.state : 'empty'));
  write($('of'), name(lineOf(first?.line ?? room.lines[0])?.name));
  write($('now'), now || '–');
  $('now').className = `n${now.length > 4 ? ' many' : ''}${/[A-Z]|^\d{4}$/.test(now) ? ' letters' : ''}`;
  write($('times'), [first?.called_at && say('at_called', { t: first.called_at }), first?.entered_at && say('at_entered', { t: first.entered_at })].filter(Boolean).join('\n'));
}
function drawRoom(room) {
  drawCard(room);
  const [first] = room.now;
  const now = joined(room.now), next = room.next ?? '';
  const isCalled = first?.state === 'called';
  const key = first ? (isCalled ? (next ? 'do_absent' : 'do_leave') : next ? 'do_next' : 'do_end') : next ? 'do_call' : 'nobody';
  const [title, detail] = late.has($('next')) ? [] : $('next').children;
  if (title) write(title, say(key === 'nobody' ? 'nobody' : 'next'));
  if (detail) write(detail, key === 'nobody' ? '' : say(key, { now, next }));
  write($('enter'), say(first && !isCalled ? 'entered' : 'enter'));
  const isBusy = (id) => late.has($(id));
  const off = { next: key === 'nobody', recall: !isCalled, enter: !isCalled, absent: !isCalled, finish: !first, pay: !first || !ofKind('payment').length, aside: !first };
  for (const [id, is] of Object.entries(off)) if (!isBusy(id)) $(id).disabled = is;
}
function drawRooms() {
  shown = {};
  const kept = new Map([...$('rooms').children].map((at) => [at.dataset.key, at]));
  lay($('rooms'), view.rooms.map((room) => {
    const at = kept.get(room.room) ?? make('div', '', 'row');
    if (!at.children.length) at.append(make('span'), make('b', '', 't'), make('i'));
    at.dataset.key = room.room;
    write(at.children[0], name(room.name));
    write(at.children[1], joined(room.now) || '–');
    write(at.children[2], say(room.now[0]?.state ?? 'empty'));
    return at;
  }));
}
function drawOrder(nos) {
  const lines = nos.map(lineOf).filter(Boolean);
  const of = (what) => lines.flatMap((line) => line[what]);
  const tabs = $('reception').hidden ? [] : view.lines;
  const kept = new Map([...$('tabs').children].map((at) => [at.dataset.key, at]));
  lay($('tabs'), tabs.map((line) => {
    const at = kept.get(String(line.line)) ?? make('button');
    at.dataset.key = line.line;
    at.onclick = () => { chosen = line.line; draw(); };
    at.setAttribute('aria-pressed', line.line === chosen);
    write(at, `${name(line.name)} ${line.waiting.length}`);
    return at;
  }));
  write($('waiting'), say('n_waiting', { n: of('waiting').length }));
  write($('wait'), lines.length === 1 ? waitOf(lines[0].wait) : '');
  rows($('list'), of('waiting'), null, (button, row) => openVisit(row.label));
  for (const [id, what, word] of [['absent', 'absent', 'return'], ['coming', 'not_arrived', 'arrive'], ['held', 'on_hold', 'release']]) {
    write($(`${id}-n`), say(`n_${id}`, { n: of(what).length }));
    rows($(`${id}-list`), of(what), word, (button, row) => comes(button, row, word));
  }
  $('held').hidden = !of('on_hold').length;
}
function waitOf(wait) {
  if (wait.state !== 'band') return { nobody: '', paused: say('paused') }[wait.state] ?? say('computing');
  return say('band', { b: wait.from_min === wait.to_min ? wait.to_min : `${wait.from_min}〜${wait.to_min}` });
}
const everyone = (of) => [...(of?.rooms ?? []).flatMap((room) => room.now.map((row) => ({ ...row, room }))), ...(of?.lines ?? []).flatMap((line) => [...line.waiting, ...line.absent, ...line.not_arrived, ...line.on_hold])];
let last = null;
function drawUndo(room) {
  const rows = new Map(everyone(view).map((row) => [row.visit, row]));
  // What somebody did since can no longer be taken back from here; a view from before the press says nothing of it.
  mine = mine.slice(-20).filter((act) => {
    const row = rows.get(act.visit);
    const isLast = row?.last_act === act.kind;
    act.isSeen ||= isLast;
    return !row || isLast || !act.isSeen;
  });
  const row = room?.now[room.now.length - 1];
  last = mine[mine.length - 1] ?? (row && { visit: row.visit, label: row.label, kind: row.last_act });
  for (const at of all('.undo')) {
    if (late.has(at)) continue;
    at.disabled = !last;
    write(at, last ? say('undo', { label: last.label, act: actOf(last.kind) }) : say('no_undo'));
  }
}
// Who did the last thing to somebody: the place of the device, and the person signed in there.
function whoDid({ last_by: by }) {
  const [kind, at] = by?.device.split('/') ?? [];
  const room = view.rooms.find((room) => room.room === at);
  const place = room ? name(room.name) : at === 'reception' ? say('reception') : kind === 'kiosk' ? say('kiosk') : say('another');
  return by?.person ? say('whose', { place, name: by.person }) : place;
}
let telling = null;
function tellOthers(before) {
  if (!before || performance.now() - pressedAt < 1000) return;
  const key = (row) => `${row.state}${row.line}${row.last_act}`;
  const were = new Map(everyone(before).map((row) => [row.visit, key(row)]));
  for (const row of everyone(view).filter((row) => were.get(row.visit) !== key(row))) {
    for (const at of all('.row')) if (at.dataset.key === row.visit || at.dataset.key === row.room?.room) tint(at);
    write($('news'), say(row.state === 'called' ? 'told_called' : 'told', { who: whoDid(row), label: row.label, act: actOf(row.last_act) }));
    $('news').hidden = false;
    clearTimeout(telling);
    telling = setTimeout(() => { $('news').hidden = true; }, 2 * TINT_MS);
  }
}
function tint(at) {
  at.classList.add('told');
  setTimeout(() => at.classList.remove('told'), TINT_MS);
}

// Menus and forms.

// Each item: its text, and what it does with its own button; the menu closes when that is done.
function menu(title, text, items) {
  write($('menu-title'), title);
  write($('menu-text'), text);
  const close = [say('leave'), () => {}, 'quiet'];
  $('menu').lastElementChild.replaceChildren(...[...items, close].map(([text, act, className = '']) => {
    const at = make('button', text, className);
    at.addEventListener('click', async () => {
      const opened = await act(at);
      if (opened !== 'menu' && !late.has(at)) $('menu').close();
    });
    return at;
  }));
  if (!$('menu').open) $('menu').showModal();
  return 'menu';
}
const ofKind = (kind) => (settings?.lines ?? []).filter((line) => line.kind === kind);
const isAny = (row, ...states) => states.includes(row.state);

async function openVisit(label) {
  const row = await get(`visits?label=${encodeURIComponent(label)}`).catch(() => undefined);
  if (!row) return note(say(row === null ? 'unknown' : 'late'));
  const simple = (key, what = key) => [say(key), (at) => act(at, row, what)];
  const others = (lineOf(row.line)?.waiting ?? []).filter((other) => other.visit !== row.visit);
  const items = [
    isAny(row, 'not_arrived') && simple('arrive'), isAny(row, 'absent') && simple('return'), isAny(row, 'on_hold') && simple('release'),
    isAny(row, 'waiting') && [say('first'), () => chooseFirst(row)], isAny(row, 'waiting', 'not_arrived', 'called', 'absent') && simple('hold'), simple('reprint'),
    isAny(row, 'waiting', 'not_arrived', 'called', 'absent', 'on_hold') && [say('move'), () => chooseLine(row, 'move')],
    isAny(row, 'waiting') && others.length > 0 && [say('join'), () => chooseOther(row, others)],
    !isAny(row, 'finished', 'cancelled', 'left_over') && [say('cancel'), () => chooseReason(row)],
    [say('undo_act', { act: actOf(row.last_act) }), (at) => undo(at, { visit: row.visit, kind: row.last_act })],
  ].filter(Boolean);
  const who = row.erased ? say('erased') : row.personal?.name && say('of_name', { name: row.personal.name });
  const states = words[lang].states;
  return menu(`${row.label}　${states[row.state]}　${name(lineOf(row.line)?.name)}`, [who, row.print_trouble && words[lang].paper[row.print_trouble], row.personal?.note].filter(Boolean).join('\n'), items);
}
const chooseReason = (row) => menu(say('why', row), '', ['patient', 'no_show', 'mistake', 'other'].map((reason) => [say(`c_${reason}`), (at) => act(at, row, 'cancel', { reason })]));
const chooseFirst = (row) => menu(say('why_first', row), '', ['unwell', 'child', 'mistake', 'none'].map((reason) => [say(`f_${reason}`), (at) => act(at, row, 'first', reason === 'none' ? {} : { note: say(`f_${reason}`) })]));
const chooseLine = (row, what) => menu(say('where', row), '', view.lines.filter((line) => line.line !== row.line).map((line) => [name(line.name), (at) => act(at, row, what, { to: line.line })]));
const chooseOther = (row, others) => menu(say('with', row), '', others.map((other) => [other.label, (at) => press(at, 'families', { visits: [row.visit, other.visit] })]));

// Everyone in the room goes on together.
async function each(button, what, body) {
  for (const row of roomHere()?.now ?? []) await act(button, row, what, body);
}
const toLines = (lines) => lines.map((line) => [say('send', { line: name(line.name) }), (at) => each(at, 'send', { to: line.line })]);
// What a box of buttons or a reader was refused within the last seconds: it cannot say why itself.
function refusedLately() {
  const lately = Object.entries(status?.devices ?? {}).filter(([, device]) => device.refused && status.now_ms - device.refused.at_ms < 10000);
  return lately.map(([place, { refused }]) => say('device_refused', { place, why: refused[lang] ?? refused.ja }));
}
// What should be right before the first patient comes.
function checksNow() {
  const has = (code) => status?.troubles.includes(code);
  const checks = [
    ['printer', !view.unprinted.length && settings?.printers.length > 0], ['board', root || (status?.n_boards > 0 && !has('board_not_drawn'))],
    ['time', !has('clock_lost')], ['records', !['journal_damaged', 'disk_full', 'disk_refuses', 'ballast_gone', 'backup_failed'].some(has)],
  ];
  return checks.map(([key, is]) => `${is ? '✓' : '✕'} ${say(is ? `k_${key}` : `x_${key}`)}`).join('\n');
}
// Who is left when a line closes: nobody is dropped, and each has something to be done for.
function chooseClose(line) {
  const unpaid = ofKind('payment').flatMap(({ line: no }) => { const at = lineOf(no); return at ? [...at.waiting, ...at.absent] : []; });
  const left = [['waiting', line.waiting], ['absent', line.absent], ['coming', line.not_arrived], ['held', line.on_hold], ['unpaid', unpaid]];
  const told = left.filter(([, rows]) => rows.length).map(([key, rows]) => `${say(`n_${key}`, { n: rows.length })}　${rows.map((row) => row.label).join(' ')}\n　${say(`left_${key}`)}`);
  return menu(say('closing', { line: name(line.name) }), told.join('\n') || say('left_nobody'), [[say('close_now'), (at) => press(at, `lines/${site}-${line.line}/close`, {}, false)]]);
}
function openLines() {
  const room = roomHere();
  menu(say('lines'), checksNow(), view.lines.filter((line) => !room || room.lines.includes(line.line)).flatMap((line) => {
    const values = { line: name(line.name), n: line.waiting.length };
    const post = (key, what = key, body = {}) => [say(key, values), (at) => press(at, `lines/${site}-${line.line}/${what}`, body, false)];
    if (line.reception === 'open') return [[say('close', values), () => chooseClose(line)], line.paused ? post('resume') : post('pause')];
    return view.sessions.map(([session, text]) => post.call((values.session = name(text)), 'open', 'open', { session }));
  }));
}
const openPaper = () => menu(say('unprinted', { n: view.unprinted.length }), say('unprinted_text'), view.unprinted.map((row) => [`${row.label}　${words[lang].paper[row.print_trouble] ?? ''}　→ ${say('reprint')}`, (at) => act(at, row, 'reprint')]));

function form(id, opener, fill, send) {
  const dialog = $(id), fields = dialog.querySelector('form');
  $(opener).addEventListener('click', () => {
    fields.reset();
    const lines = roomHere()?.lines ?? [chosen];
    const select = fields.elements.line;
    select?.replaceChildren(...view.lines.map((line) => new Option(name(line.name), line.line)));
    if (select) select.value = lines[0];
    fill(fields.elements);
    dialog.showModal();
  });
  fields.querySelector('.quiet').addEventListener('click', () => dialog.close());
  fields.addEventListener('submit', async (event) => {
    event.preventDefault();
    const go = fields.querySelector('.go');
    const done = await send(go, fields.elements);
    // What was refused stays to be put right.
    if (done !== null) dialog.close();
    if (done?.tickets) note(say('given', { label: done.tickets.map((ticket) => ticket.label).join('・') }), false);
  });
}
form('taking', 'take', () => {}, (at, { line, family, name, booked, lang, text }) => {
  const today = view.day ?? new Date(status.now_ms + 9 * 3600e3).toISOString().slice(0, 10);
  const time = booked.value && { booked_for_ms: Date.parse(`${today}T${booked.value}:00+09:00`) };
  const body = { channel: time ? 'booked' : 'desk', family: Number(family.value), lang: lang.value, text_call: text.checked, name: name.value || null, ...time };
  return press(at, `lines/${site}-${line.value}/tickets`, body);
});
form('finding', 'find', () => {}, async (at, { label }) => {
  $('finding').close();
  await openVisit(label.value.trim().toUpperCase());
});
form('urging', 'urgent', () => {}, (at, { line, note }) => press(at, `lines/${site}-${line.value}/emergency`, { note: note.value || null }));
// Numbers that the box does not know of may be on paper.
const unsure = () => view.lines.filter((line) => line.unsure !== null);
form('numbering', 'unsure', ({ line }) => { line.replaceChildren(...unsure().map((at) => new Option(name(at.name), at.line))); }, (at, { line, last }) => press(at, `lines/${site}-${line.value}/numbers`, { to: Number(last.value) + 1 }, false));
form('saying', 'message', ({ text }) => { text.value = view.message ?? ''; }, (at, { text }) => press(at, 'message', { text: text.value }, false));

inRoom('next', 'call', 'now', 'next');
inRoom('recall', 'recall', 'now');
inRoom('enter', 'enter', 'now');
inRoom('absent', 'absent', 'now');
inRoom('finish', 'finish', 'now');
$('pay').addEventListener('click', () => {
  const lines = ofKind('payment');
  return lines.length > 1 ? menu(say('pay'), '', toLines(lines)) : each($('pay'), 'send', { to: lines[0].line });
});
$('aside').addEventListener('click', () => {
  const isCalled = roomHere()?.now[0]?.state === 'called';
  menu(say('aside'), '', [...toLines(ofKind('test')), ...(isCalled ? [[say('hold'), (at) => each(at, 'hold')]] : [])]);
});
for (const at of all('.undo')) at.addEventListener('click', () => last && undo(at, last));
// Who works here: another by a touch on the name and today's PIN, and the pages beside this one.
let switchingTo = null;
function openPerson() {
  const others = (me?.others ?? []).filter((staff) => staff.staff !== me.person?.staff);
  const to = (key, address) => [say(key), () => { location = address; }];
  const isManager = me?.at_the_box || me?.person?.role === 'manager';
  return menu(me?.person?.name ?? say('nobody_here'), '', [
    ...others.map((staff) => [say('switch_to', staff), () => askPin(staff)]), to('sign_in_page', '/sign-in'),
    root ? [say('again'), rehearse] : to('rehearse', `/rehearsal/desk${location.search}`),
    to('to_program', '/desk/program'), to('to_calls', '/desk/calls'), to('to_report', '/report'), to('to_health', '/desk/health'), ...(isManager ? [to('to_manager', '/manager'), to('to_people', '/people')] : []),
  ]);
}
function askPin(staff) {
  switchingTo = staff.staff;
  write($('switching').querySelector('h2'), say('switch_to', staff));
  $('switching').querySelector('form').reset();
  $('switching').showModal();
}
$('switching').querySelector('.quiet').addEventListener('click', () => $('switching').close());
$('switching').querySelector('form').addEventListener('submit', async (event) => {
  event.preventDefault();
  const body = new URLSearchParams({ staff: switchingTo, pin: event.target.elements.pin.value });
  const told = await fetch('/sign-in/switch', { method: 'POST', body, redirect: 'manual' }).catch(() => null);
  $('switching').close();
  // Done is answered with another page, which stays where it is.
  if (told?.type !== 'opaqueredirect') note(say(told ? 'wrong_pin' : 'late'));
  await poll();
});
$('person').addEventListener('click', openPerson);
$('sessions').addEventListener('click', openLines);
$('paper').addEventListener('click', openPaper);
$('lang').addEventListener('click', () => {
  lang = lang === 'ja' ? 'en' : 'ja';
  localStorage.setItem('lang', lang);
  draw();
});
$('note').addEventListener('click', () => note(''));
document.addEventListener('visibilitychange', () => {
  listen();
  if (!document.hidden) poll();
});
document.addEventListener('resume', poll);

$('rehearsal').hidden = !root;
$('rehearsal').querySelector('a').href = realDesk();
document.body.classList.toggle('rehearsing', Boolean(root));
poll().then(listen);
setInterval(() => !document.hidden && poll(), POLL_MS);

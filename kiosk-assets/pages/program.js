// The program's page: what airs now and why, the tables to approve, and what stands in an item's stead.
'use strict';

const ANSWER_MS = 5000, NOTE_MS = 10000, POLL_MS = 15000;
const $ = (id) => document.getElementById(id);
const query = new URLSearchParams(location.search);
const words = JSON.parse($('words').textContent), reasons = JSON.parse($('reasons').textContent);
let lang = [query.get('lang'), localStorage.getItem('lang'), 'ja'].find((it) => it in words);
let view = null, noting = null;

const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? '');
const say = (key, values = {}) => fill(words[lang][key] ?? key, values);
function make(tag, { text, ...more } = {}, ...inside) {
  const at = Object.assign(document.createElement(tag), more);
  if (text !== undefined) at.textContent = text;
  at.append(...inside);
  return at;
}
const button = (text, press, className = '') => {
  const at = make('button', { text, className });
  at.addEventListener('click', () => press(at));
  return at;
};
const inLang = (text) => (lang === 'en' && text.en) || text.ja;

// Instants and days of the clinic, whatever the clock of the tablet.
const face = (options) => (ms) => new Intl.DateTimeFormat(lang === 'en' ? 'en-GB' : 'ja-JP', { timeZone: 'Asia/Tokyo', ...options }).format(ms);
const day = (ms) => face({ month: 'long', day: 'numeric', weekday: 'short' })(ms);
const time = (ms) => face({ hour: '2-digit', minute: '2-digit' })(ms);
const dayAndTime = (ms) => `${day(ms)} ${time(ms)}`;
// A deadline at midnight is the end of the day before.
const lastOf = (ms) => day(ms - 1);
const deadline = (ms) => (time(ms) === '00:00' ? `${lastOf(ms)} 24:00` : dayAndTime(ms));
const length = (ms) => `${Math.floor(ms / 60000)}:${String(Math.round(ms / 1000) % 60).padStart(2, '0')}`;

// What is true.

async function ask(path, body) {
  const post = body && { method: 'POST', headers: { 'Content-Type': 'application/json', 'Idempotency-Key': crypto.randomUUID(), 'Machiai-Device': 'program' }, body: JSON.stringify(body) };
  try {
    const response = await fetch(`/api/v1/${path}`, { ...post, signal: AbortSignal.timeout(ANSWER_MS) });
    const said = await response.json();
    if (response.ok) return said;
    if (response.status === 401) location = '/sign-in';
    note((lang === 'ja' && said.title_ja) || said.title);
  } catch {
    note(say('offline'));
  }
  return null;
}
async function refresh() {
  view = (await ask('program')) ?? view;
  if (view) draw();
}
async function change(at, command, told) {
  at.disabled = true;
  const done = await ask('program', command);
  await refresh();
  at.disabled = false;
  if (done) note(told ?? '', false);
  return done;
}
function note(text, isBad = true) {
  clearTimeout(noting);
  $('note').hidden = !text;
  $('note').className = isBad ? 'note bad' : 'note';
  // Shown anew, it lies over an open question too.
  $('note').hidePopover?.();
  if (text) $('note').showPopover?.();
  $('note').textContent = text;
  noting = setTimeout(() => { $('note').hidden = true; }, NOTE_MS);
}

// Words.

const contentOf = (hash) => view.contents.find((it) => it.content === hash);
const titleOf = (hash) => contentOf(hash)?.title ?? say('unknown');
function reasonOf(reason, frame) {
  const text = fill(reasons[lang].why[reason.code] ?? reason.code, reason.values);
  return frame ? fill(reasons[lang].on_air[frame], { why: text }) : text;
}
function nowOf(on) {
  const what = { film: () => titleOf(on.content), notice: () => say('notice_on', { what: inLang(on.text) }), emergency: () => say('emergency_on', { what: inLang(on.text) }) }[on.what];
  return what ? what() : say(on.what);
}

// Drawing.

function draw() {
  document.documentElement.lang = lang;
  for (const at of document.querySelectorAll('[data-word]')) at.textContent = say(at.dataset.word);
  $('lang').textContent = say('other');
  drawNow();
  $('tables').replaceChildren(...view.tables.map(drawTable));
  if (!view.tables.length) $('tables').append(make('section', {}, make('p', { text: say('no_tables') })));
  const own = view.contents.filter((it) => ['introduction', 'notice', 'own'].includes(it.kind));
  $('own').replaceChildren(...own.map(drawOwn));
  if (!own.length) $('own').append(make('li', { text: say('no_own') }));
  for (const [name, value] of Object.entries(view.monitor)) if (document.activeElement !== $('lit').elements[name]) $('lit').elements[name].value = value;
  const { refused, n_waiting: n, can_prepare } = view.store;
  $('waiting').hidden = can_prepare && !n;
  $('waiting').textContent = say(can_prepare ? 'waiting' : 'cannot_prepare', { n });
  $('files').hidden = !refused.length;
  $('refused').replaceChildren(...refused.map((file) => make('li', {}, make('span', { className: 'no-picture' }), make('div', {}, make('b', { text: file.name ?? say('no_name') }), make('small', { className: 'bad', text: file[lang] })))));
}
function drawNow() {
  const now = nowOf(view.on_air);
  $('what').textContent = view.monitors.length ? now : say('no_monitor', { what: now });
  $('why').textContent = reasonOf(view.on_air.why, view.on_air.frame);
  $('urgent').hidden = !view.notice;
  if (view.notice) $('urgent').textContent = say('notice_until', { at: time(view.notice.until), what: inLang(view.notice.text) });
  $('unnotice').hidden = !view.notice;
  $('emergency').hidden = Boolean(view.emergency);
  $('all-clear').hidden = !view.emergency;
}
function drawTable(table) {
  const isRunning = table.from <= view.now_ms;
  const isWhole = table.is_approved && !table.lacks;
  const isLate = table.lacks?.code === 'vendor_late';
  const state = isWhole ? 'approved' : table.is_approved ? 'partly' : table.is_open ? 'open' : isLate ? 'late' : 'missed';
  const substitutes = view.contents.filter((it) => it.kind === 'substitute' && !it.rests).map((it) => it.title);
  const items = table.slots.flatMap((slot) => slot.items.map((item) => ({ slot, item })));
  const isChanged = items.some(({ item }) => !item.is_kept);
  const replaced = items.filter(({ item }) => item.with).map(({ slot, item }) => ({ slot: slot.slot, item: item.item, with: item.with }));
  const at = make('section', { className: `table ${state}` });
  const week = make('h2', { text: say('week', { from: day(table.from), to: lastOf(table.to) }) });
  at.append(make('header', {}, week, make('b', { className: 'state', text: say(state) }), make('span', { text: `${say(isRunning ? 'running' : 'coming')}　${say('deadline', { at: deadline(table.deadline) })}` })));
  const told = [];
  if (table.is_approved && table.approved) told.push(say('by', { who: table.approved.by ?? say('desk'), at: dayAndTime(table.approved.at) }));
  if (table.lacks) told.push(reasonOf(table.lacks, !isRunning ? 'coming' : substitutes.length ? 'substitute' : 'card'));
  if (table.is_beside) told.push(say('beside'));
  if (!isWhole) told.push(say(table.is_open ? 'unless' : 'instead', { what: substitutes.join('・') || say('no_substitute') }));
  at.append(...told.map((text) => make('p', { text })));
  const acts = make('div', { className: 'acts' });
  if (table.is_open && (!isWhole || isChanged)) acts.append(button(say(isChanged ? 'approve_changed' : 'approve'), (it) => change(it, { do: 'approve', table: table.table, revision: table.revision, replaced }), 'go'));
  if (table.is_open && table.is_approved) acts.append(button(say('withdraw'), (it) => change(it, { do: 'withdraw_approval', table: table.table })));
  if (acts.children.length) at.append(acts);
  for (const slot of table.slots) at.append(...drawSlot(table, slot));
  return at;
}
function drawSlot(table, slot) {
  const days = slot.days.length ? slot.days.map((of) => words[lang].days[of]).join('・') : say('every_day');
  const list = make('ol', {}, ...slot.items.map((item) => drawItem(table, slot, item)));
  return [make('h3', { text: say('slot', { days, from: slot.from, to: slot.to }) }), list];
}
function picture(hash) {
  const has = view.pictures.includes(hash);
  return has ? make('img', { src: `/api/v1/program/contents/${hash}/picture`, alt: '', width: 160, height: 90, loading: 'lazy' }) : make('span', { className: 'no-picture' });
}
function chip(it) {
  return make('i', { className: it?.kind ?? '', text: it ? `${words[lang].kinds[it.kind]}　${length(it.duration_ms)}` : '' });
}
function drawItem(table, slot, item) {
  const shown = item.with ?? item.content;
  const of = { table: table.table, slot: slot.slot, item: item.item };
  const told = [item.with && say('was', { what: titleOf(item.content) }), item.rests ? reasonOf(item.rests, 'skipped') : null].filter(Boolean);
  const text = make('div', {}, make('b', { text: titleOf(shown) }), chip(contentOf(shown)), ...told.map((text) => make('small', { text, className: text === told.at(-1) && item.rests?.is_trouble ? 'bad' : '' })));
  const acts = make('div', { className: 'acts' });
  if (table.is_open) {
    const replace = button(say('replace'), () => choose(of, shown));
    replace.setAttribute('aria-label', `${titleOf(shown)} ${say('replace')}`);
    acts.append(replace);
    if (item.with) acts.append(button(say('put_back'), (at) => change(at, { do: 'replace', ...of, with: null }, say('replaced_now'))));
  }
  return make('li', { className: item.is_kept ? '' : 'changed' }, picture(shown), text, acts);
}
function drawOwn(it) {
  const told = [it.own ? say('period', { from: it.own.from, to: it.own.until }) : say('always'), say(it.own?.every_loop ? 'in_every' : 'in_named')];
  if (it.rests) told.push(reasonOf(it.rests, 'skipped'));
  const acts = make('div', { className: 'acts' }, button(say('set_period'), () => chooseDays(it)));
  if (it.own) acts.append(button(say('rest'), (at) => change(at, { do: 'rest_own', content: it.content })));
  return make('li', {}, picture(it.content), make('div', {}, make('b', { text: it.title }), chip(it), make('small', { text: told.join('　') })), acts);
}

// Choosing.

function choose(of, shown) {
  $('choosing-title').textContent = say('choose', { what: titleOf(shown) });
  const may = view.contents.filter((it) => it.may_replace && it.content !== shown && (!it.rests || ['outside_own_period', 'content_missing'].includes(it.rests.code)));
  $('choosing-text').textContent = say(may.length ? 'choose_text' : 'nothing');
  $('choices').replaceChildren(...may.map((it) => {
    const at = button('', async (pressed) => {
      if (await change(pressed, { do: 'replace', ...of, with: it.content }, say('replaced_now'))) $('choosing').close();
    });
    at.append(picture(it.content), make('b', { text: it.title }), chip(it));
    return at;
  }));
  $('choosing').showModal();
}
// What each kind of notice asks for beside its text, and what is sent for it.
const NOTICES = {
  notice: { look: 'urgent', asks: ['until'], go: 'show', send: ({ text, minutes }) => ({ do: 'set_notice', text, until: view.now_ms + minutes * 60000 }) },
  emergency: { look: 'emergency', asks: [], go: 'emergency_now', send: ({ text }) => ({ do: 'begin_emergency', text }) },
  write: { look: 'plain', asks: ['headline', 'photo', 'seconds'], go: 'keep', send: ({ headline, text, photo, seconds }) => ({ do: 'keep_notice', title: headline.ja, duration_ms: seconds * 1000, scene: { template: 'notice', headline, text, ...(photo && { photo }) } }) },
};
function typed({ ja, en, headline_ja, headline_en, photo, minutes, seconds }) {
  const both = (one, other) => ({ ja: one.value.trim(), ...(other.value.trim() && { en: other.value.trim() }) });
  return { text: both(ja, en), headline: both(headline_ja, headline_en), photo: photo.value, minutes: Number(minutes.value), seconds: Number(seconds.value) };
}
let previewing = 0;
async function preview({ look, asks }, form) {
  const [img, said] = $('preview').children;
  const { text, headline, photo } = typed(form.elements);
  const nth = previewing += 1;
  if (!text.ja || (asks.includes('headline') && !headline.ja)) return;
  const body = JSON.stringify({ look, text, layout: 'landscape', ...(asks.includes('headline') && { headline }), ...(asks.includes('photo') && photo && { photo }) });
  const headers = { 'Content-Type': 'application/json' };
  const response = await fetch('/api/v1/program/notice/preview', { method: 'POST', headers, body, signal: AbortSignal.timeout(ANSWER_MS) }).catch(() => null);
  const told = response && await (response.ok ? response.text() : response.json());
  // Something else was typed meanwhile.
  if (nth !== previewing || !told) return;
  [img.hidden, said.hidden] = [!response.ok, response.ok];
  if (response.ok) Object.assign(img, { src: `data:image/svg+xml,${encodeURIComponent(told)}`, alt: say('preview_of') });
  else said.textContent = (lang === 'ja' && told.title_ja) || told.title;
  form.querySelector('.go').disabled = !response.ok;
}
function compose(key) {
  const { asks, go, send } = NOTICES[key];
  const form = $('saying').querySelector('form'), button = form.querySelector('.go');
  form.reset();
  previewing += 1;
  for (const at of $('preview').children) at.hidden = true;
  $('saying-title').textContent = say(key);
  $('saying-text').textContent = say(`${key}_text`);
  const photos = view.contents.filter((it) => it.kind === 'own' && view.pictures.includes(it.content));
  form.elements.photo.replaceChildren(make('option', { value: '', text: say('no_photo') }), ...photos.map((it) => make('option', { value: it.content, text: it.title })));
  for (const part of ['headline', 'until', 'photo', 'seconds']) $(part).hidden = !asks.includes(part);
  form.elements.headline_ja.required = asks.includes('headline');
  for (const option of form.elements.minutes.options) option.textContent = option.value < 60 ? say('minutes', { n: option.value }) : say('hours', { n: option.value / 60 });
  button.textContent = say(go);
  button.disabled = false;
  button.classList.toggle('gone', key === 'emergency');
  form.oninput = () => preview(NOTICES[key], form);
  form.onsubmit = async (event) => {
    event.preventDefault();
    const sent = send(typed(form.elements));
    if (!await change(button, sent)) return;
    $('saying').close();
    // What was just written is to air some day.
    const written = view.contents.find((it) => it.kind === 'notice' && it.title === sent.title && !it.own);
    if (written) chooseDays(written);
  };
  $('saying').showModal();
}
function chooseDays(it) {
  const form = $('airing').querySelector('form');
  const today = new Date(view.now_ms + 9 * 3600e3).toISOString().slice(0, 10);
  $('airing-title').textContent = it.title;
  form.elements.from.value = it.own?.from ?? today;
  form.elements.until.value = it.own?.until ?? today;
  form.elements.every.checked = it.own?.every_loop ?? true;
  form.onsubmit = async (event) => {
    event.preventDefault();
    const { from, until, every } = form.elements;
    const command = { do: 'air_own', content: it.content, from: from.value, until: until.value, every_loop: every.checked };
    if (await change(form.querySelector('.go'), command)) $('airing').close();
  };
  $('airing').showModal();
}
$('lit').addEventListener('submit', (event) => {
  event.preventDefault();
  const { before_min, after_min } = event.target.elements;
  change(event.target.querySelector('button'), { do: 'set_monitor_hours', before_min: Number(before_min.value), after_min: Number(after_min.value) }, say('kept'));
});
for (const key of Object.keys(NOTICES)) $(key).addEventListener('click', () => compose(key));
$('unnotice').addEventListener('click', () => change($('unnotice'), { do: 'withdraw_notice' }));
$('all-clear').addEventListener('click', () => change($('all-clear'), { do: 'end_emergency' }));
for (const at of document.querySelectorAll('dialog')) at.querySelector('.quiet').addEventListener('click', () => at.close());
$('note').addEventListener('click', () => note(''));
$('lang').addEventListener('click', () => {
  lang = lang === 'ja' ? 'en' : 'ja';
  localStorage.setItem('lang', lang);
  draw();
});

const events = new EventSource('/api/v1/desk/events');
events.addEventListener('changed', refresh);
document.addEventListener('visibilitychange', () => !document.hidden && refresh());
setInterval(() => !document.hidden && refresh(), POLL_MS);
refresh();

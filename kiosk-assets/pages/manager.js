// The manager's page: one document of settings as forms; every change is looked at before it is kept, and can be undone.
'use strict';

const ANSWER_MS = 5000, NOTE_MS = 20000, TRY_AFTER_MS = 250;
const $ = (id) => document.getElementById(id);
const query = new URLSearchParams(location.search);
const words = JSON.parse($('words').textContent);
let lang = [query.get('lang'), localStorage.getItem('lang'), 'ja'].find((it) => it in words);
const device = `manager/${localStorage.getItem('manager') ?? Math.random().toString(36).slice(2, 6)}`;
localStorage.setItem('manager', device.slice(8));

// What stands, what is typed, which settings were seen, and the part in front.
let base = null, doc = null, about = null, part = location.hash.slice(1), undoing = null;

const locale = () => (lang === 'en' ? 'en-GB' : 'ja-JP');
function say(key, values = {}) {
  const text = key.split('.').reduce((at, name) => at?.[name], words[lang]) ?? key;
  return String(text).replace(/\{(\w+)\}/g, (_, name) => values[name] ?? '');
}
const field = (path) => words[lang].f[path] ?? path;
const name = (text) => (lang === 'en' && text?.en) || (text?.ja ?? '');
const copy = (value) => structuredClone(value);
function make(tag, { text, ...more } = {}, ...inside) {
  const at = Object.assign(document.createElement(tag), more);
  if (text !== undefined) at.textContent = text;
  at.append(...inside);
  return at;
}
// Equal whatever the order of keys; what is not there is as good as null.
function flat(value) {
  return JSON.stringify(value, (_, it) => (it && typeof it === 'object' && !Array.isArray(it)
    ? Object.fromEntries(Object.entries(it).filter(([, of]) => of != null).sort()) : it));
}
const same = (a, b) => flat(a ?? null) === flat(b ?? null);

// Fields: what each record is made of. A path, a kind, and what the kind needs.

const int = (min, max, more = {}) => ({ kind: 'int', min, max, ...more });
const maybe = (min, max) => int(min, max, { optional: true });
const choice = (...values) => ({ kind: 'choice', values });
const NAMES = [['name.ja', { kind: 'text', required: true }], ['name.en', { kind: 'text' }], ['name.zh', { kind: 'text' }], ['name.ko', { kind: 'text' }]];
const WHY = ['ja', 'en', 'zh', 'ko'].map((of) => [`why.${of}`, { kind: 'text', empty: of === 'ja' }]);
const RULES = ['reservation_total', 'span', 'per_connection', 'windows', 'merge_gap'];
const ID = { kind: 'text', required: true, fixed: true, pattern: '[A-Za-z0-9._\\/\\-]{1,40}' };
const TIME = { kind: 'text', required: true, isTime: true, pattern: '([0-9]|[0-3][0-9]|4[0-7]):[0-5][0-9]|48:00' };
const DAY = { kind: 'text', required: true, type: 'date' };
const window_ = (of) => [[`${of}.opens_min`, int(-1440, 1440)], [`${of}.closes_min`, int(-1440, 1440)], [`${of}.predicted_end_min`, maybe(-1440, 1440)]];
// The page says "minutes before the start"; the document counts from the start.
const before = (fields) => fields.map(([path, of]) => [path, path.endsWith('opens_min') ? { ...of, sign: -1 } : of]);
const SHAPES = {
  site: [['name', [...NAMES, ['address', { kind: 'text', long: true }], ['patient_url', { kind: 'text', type: 'url', long: true }], ['era_years', { kind: 'bool' }]]]],
  lines: [
    ['name', [['line', int(1, 65535, { fixed: true })], ...NAMES, ['color', choice('indigo', 'green', 'plum', 'brown', 'slate')], ['kind', choice('reception', 'consultation', 'test', 'payment')]]],
    ['numbers', [['prefix', { kind: 'text', pattern: '[A-Z]{0,2}', empty: true }], ['figures', int(1, 4)], ['first_number', int(1, 9999)], ['last_number', int(1, 9999)], ['first', { kind: 'firsts' }], ['skip_endings', { kind: 'ints' }], ['keep_every', maybe(2, 999)]]],
    ['windows', before([...window_('desk'), ...window_('remote')])],
    ['turns', [['minutes', int(1, 240)], ['interleave', { kind: 'pair' }], ['breaks', { kind: 'rows', shape: [['from', TIME], ['to', TIME]], fresh: () => ({ from: '12:00', to: '13:00' }) }]]],
  ],
  rooms: [['name', [['room', ID], ...NAMES, ['short', { kind: 'text' }], ['lines', { kind: 'lines', required: true }], ['order', int(0, 999)], ['arrow', choice('none', 'left', 'right', 'up', 'back')], ['say', { kind: 'said' }]]]],
  sessions: [['', [['session', ID], ['from', TIME], ['to', TIME], ...NAMES]]],
  week: [['', [['days', { kind: 'days' }], ['nth', { kind: 'nth' }], ['sessions', { kind: 'sessions' }]]]],
  closures: [['', [['from', DAY], ['to', DAY], ...WHY]]],
  openings: [['', [['day', DAY], ['sessions', { kind: 'sessions' }]]]],
  holidays: [['', [['day', DAY], ['holiday', { kind: 'bool' }]]]],
  rules: [
    ['absent', [['absent_back', maybe(0, 999)], ['absent_again_min', int(0, 1440)], ['absent_again_times', int(0, 99)], ['late_back', maybe(0, 999)], ['booked_grace_min', int(0, 1440)]]],
    ['estimate', [['count_not_arrived', { kind: 'bool' }], ['count_late', { kind: 'bool' }], ['family_most', int(1, 20)]]],
    ['day', [['day_starts', TIME], ['erase_after_h', int(0, 8760)], ['restore_jump', int(0, 1000)], ['double_press_ms', int(0, 60000)]]],
  ],
  tariffs: [
    ['price', [['from', { ...DAY, fixed: true, as: 'tariff.from' }], ['tariff.unit_yen', int(0, 1000000)], ['tariff.unit_min', int(1, 1440)], ['tariff.rule', { ...choice(...RULES), wide: true }], ['tariff.gap_min', int(0, 1440, { when: (it) => it.tariff.rule === 'merge_gap' })], ['tariff.tax_permille', int(0, 999, { per: 10 })]]],
    ['named', [['tariff.name', { ...ID, fixed: false }], ['tariff.version', int(1, 4294967295)]]],
  ],
  printers: [['name', [['printer', ID], ['address', { kind: 'text', required: true, long: true, as: 'printer.address' }], ['profile', { kind: 'profiles' }], ['lines', { kind: 'lines', as: 'printer.lines' }]]]],
};
const unused = (all, key, stem) => { let n = 1; while (all.some((it) => it[key] === stem + n)) n += 1; return stem + n; };
// A tariff's name and version stand for its numbers for ever: a new one is another version of its kind's.
const nameOf = (rule) => rule.replace('_', '-');
const version = (of) => Math.max(1, ...[...base.tariffs, ...doc.tariffs].filter(({ tariff }) => tariff.name === of).map(({ tariff }) => tariff.version)) + 1;
function freshDay() {
  const [year, month] = about.today.split('-').map(Number);
  const firsts = Array.from({ length: doc.tariffs.length + 1 }, (_, n) => new Date(Date.UTC(year, month + n)).toISOString().slice(0, 10));
  return firsts.find((day) => !doc.tariffs.some((it) => it.from === day));
}
const FRESH = {
  lines: () => ({ line: Math.max(0, ...doc.lines.map((it) => it.line)) + 1, name: { ja: '' }, color: 'indigo', kind: 'consultation', figures: 1, first: {}, first_number: 1, last_number: 999, minutes: 6, desk: { opens_min: -30, closes_min: 30 }, remote: { opens_min: -30, closes_min: -30 } }),
  rooms: () => ({ room: unused(doc.rooms, 'room', 'room'), name: { ja: '' }, lines: [], order: Math.max(0, ...doc.rooms.map((it) => it.order)) + 1, arrow: 'none' }),
  printers: () => ({ printer: unused(doc.printers, 'printer', 'printer'), address: '', profile: about.profiles[0] }),
  tariffs: () => ({ from: freshDay(), tariff: { name: 'reservation-total', version: version('reservation-total'), rule: 'reservation_total', unit_min: 30, unit_yen: 100, gap_min: 10, tax_permille: 100 } }),
  sessions: () => ({ session: unused(doc.hours.sessions, 'session', 'session'), name: { ja: '' }, from: '9:00', to: '12:00' }),
  week: () => ({ days: [], sessions: [] }),
  closures: () => ({ from: about.today, to: about.today, why: { ja: '' } }),
  openings: () => ({ day: about.today, sessions: [] }),
  holidays: () => ({ day: about.today, holiday: true }),
};
const PARTS = ['site', 'lines', 'rooms', 'hours', 'closed', 'rules', 'printers', 'tariffs', 'history'];
const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];

function read(record, path) {
  return path.split('.').reduce((at, key) => at?.[key], record);
}
function put(record, path, value) {
  const keys = path.split('.'), last = keys.pop();
  let at = record;
  for (const key of keys) at = at[key] ??= {};
  if (value === null || value === undefined) delete at[last];
  else at[last] = value;
  changed();
}

// Forms.

let n_fields = 0;
function labelled(text, at, className = '') {
  at.id ||= `field-${n_fields += 1}`;
  const fault = make('p', { className: 'fault', id: `${at.id}-fault`, hidden: true });
  at.setAttribute('aria-describedby', fault.id);
  // Nobody is told of a fault while the first letters are typed; who mends one sees it go.
  at.addEventListener('change', () => complain(at));
  at.addEventListener('input', () => fault.hidden || complain(at));
  return make('div', { className: `field ${className}` }, make('label', { text, htmlFor: at.id }), at, fault);
}
const FAULTS = ['badInput', 'valueMissing', 'rangeUnderflow', 'rangeOverflow', 'stepMismatch', 'patternMismatch'];
// Says beside a field what is wrong with it: what the rules told, or else what the field itself finds.
function complain(at, told = '') {
  const fault = $(`${at.id}-fault`), why = FAULTS.find((it) => at.validity[it]);
  if (!fault) return;
  const text = told || (why ? say(`fault.${why}`, { min: at.min, max: at.max, step: at.step }) : '');
  at.ariaInvalid = text ? 'true' : null;
  Object.assign(fault, { textContent: text, hidden: !text });
}
function grouped(text, ...inside) {
  return make('fieldset', { className: 'field wide' }, make('legend', { text }), ...inside);
}
const KINDS = {
  text(record, path, of, text, isNew) {
    const at = make('input', { name: path, type: of.type ?? 'text', value: read(record, path) ?? '', required: !!of.required, autocomplete: 'off' });
    if (at.type === 'text') at.maxLength = of.long ? 200 : 60;
    if (of.pattern) at.pattern = of.pattern;
    if (of.isTime) at.placeholder = '8:30';
    at.readOnly = !!of.fixed && !isNew;
    at.oninput = () => put(record, path, at.value || (of.empty || of.required ? '' : null));
    return labelled(text, at, of.long ? 'wide' : '');
  },
  int(record, path, of, text, isNew) {
    const sign = of.sign ?? 1, per = of.per ?? 1, value = read(record, path);
    const at = make('input', { name: path, type: 'number', step: 1 / per, min: of.min / per, max: of.max / per, value: value == null ? '' : (value / per) * sign, required: !of.optional });
    at.readOnly = !!of.fixed && !isNew;
    at.oninput = () => put(record, path, at.value === '' ? null : (per === 1 ? at.valueAsNumber : Math.round(at.valueAsNumber * per)) * sign || 0);
    return labelled(text, at);
  },
  bool(record, path, of, text) {
    const at = make('input', { name: path, type: 'checkbox', checked: !!read(record, path) });
    at.onchange = () => put(record, path, at.checked);
    return labelled(text, at, 'tick');
  },
  choice(record, path, of, text) {
    const at = make('select', { name: path }, ...of.values.map((value) => make('option', { value, text: words[lang].c[value] ?? value })));
    at.value = read(record, path);
    at.onchange = () => put(record, path, at.value);
    return labelled(text, at, of.wide ? 'wide' : '');
  },
  profiles: (record, path, of, text) => KINDS.choice(record, path, { values: about.profiles }, text),
  ints(record, path, of, text) {
    const at = make('input', { value: (read(record, path) ?? []).join(', '), pattern: ' *([0-9]{1,2}( *[,、] *[0-9]{1,2})*)? *', autocomplete: 'off' });
    at.oninput = () => { const all = at.value.match(/\d+/g); put(record, path, all && all.map(Number)); };
    return labelled(text, at);
  },
  // A set of boxes that are ticked; the order in which they stand is kept.
  many(record, path, of, text) {
    const boxes = of.options.map(([value, label]) => {
      const box = make('input', { type: 'checkbox', checked: (read(record, path) ?? []).includes(value) });
      box.onchange = () => {
        const rest = (read(record, path) ?? []).filter((it) => it !== value);
        const all = box.checked ? [...rest, value] : rest;
        const order = of.options.map(([it]) => it);
        put(record, path, of.sorted ? all.sort((a, b) => order.indexOf(a) - order.indexOf(b)) : all);
        of.after?.();
      };
      return make('label', { className: 'box' }, box, make('span', { text: label }));
    });
    return grouped(text, ...boxes);
  },
  lines: (record, path, of, text) => KINDS.many(record, path, { options: doc.lines.map((line) => [line.line, `${line.line} ${name(line.name)}`]) }, text),
  sessions: (record, path, of, text) => KINDS.many(record, path, { sorted: true, options: doc.hours.sessions.map((it) => [it.session, name(it.name)]), after: drawWeek }, text),
  days: (record, path, of, text) => KINDS.many(record, path, { sorted: true, options: DAYS.map((day) => [day, words[lang].c[day]]), after: drawWeek }, text),
  nth: (record, path, of, text) => KINDS.many(record, path, { sorted: true, options: [1, 2, 3, 4, 5].map((n) => [n, say('w.nth', { n })]), after: drawWeek }, text),
  firsts(record, path, of, text) {
    const inside = doc.hours.sessions.map((it) => KINDS.int(record.first ??= {}, it.session, maybe(1, 9999), name(it.name)));
    return inside.length ? grouped(text, ...inside) : '';
  },
  // A text that may be none: the Japanese stands for it.
  said(record, path, of, text) {
    const all = ['ja', 'en'].map((key) => {
      const at = make('input', { name: `${path}.${key}`, type: 'text', maxLength: 60, value: read(record, path)?.[key] ?? '', autocomplete: 'off' });
      at.oninput = () => {
        const [ja, en] = all.map((it) => it.value);
        all[0].required = en !== '';
        put(record, path, ja === '' && en === '' ? null : { ...read(record, path), ja, en: en || null });
      };
      return at;
    });
    return grouped(text, make('div', { className: 'fields' }, ...all.map((at) => labelled(field(at.name), at))));
  },
  pair(record, path, of, text) {
    const numbers = ['booked', 'walk_in'].map((key) => {
      const at = make('input', { type: 'number', min: 1, max: 99, step: 1, value: record[path]?.[key] ?? '' });
      at.oninput = () => {
        const [booked, walk_in] = numbers.map((it) => it.value);
        for (const it of numbers) it.required = booked !== '' || walk_in !== '';
        put(record, path, booked === '' && walk_in === '' ? null : { booked: Number(booked), walk_in: Number(walk_in) });
      };
      return at;
    });
    return grouped(text, ...numbers.map((at, nth) => labelled(field(`interleave.${['booked', 'walk_in'][nth]}`), at)));
  },
  rows(record, path, of, text) {
    const redraw = () => {
      const rows = (record[path] ?? []).map((row, nth) => make('div', { className: 'row-of' },
        ...of.shape.map(([key, kind]) => KINDS[kind.kind](row, key, kind, field(key))),
        button('remove', () => { record[path].splice(nth, 1); if (!record[path].length) delete record[path]; changed(); again(redraw()); }, 'breaks')));
      return grouped(text, ...rows, button('add', () => { (record[path] ??= []).push(of.fresh()); changed(); again(redraw()); }, 'breaks'));
    };
    let at = redraw();
    const again = (next) => { at.replaceWith(next); at = next; };
    return at;
  },
};
function button(key, act, one) {
  const at = make('button', { type: 'button', className: 'quiet', text: say(key, { what: one ? say(`one.${one}`) : '' }) });
  at.onclick = act;
  return at;
}
function fieldsOf(groups, record, isNew) {
  return groups.map(([group, fields]) => {
    const inside = fields.map(([path, of]) => {
      const at = KINDS[of.kind](record, path, of, field(of.as ?? path), isNew);
      if (of.when) at.fit = () => { at.hidden = !of.when(record); };
      at.fit?.();
      return at;
    });
    const grid = make('div', { className: 'fields' }, ...inside);
    return groups.length > 1 ? make('fieldset', { className: 'group' }, make('legend', { text: say(`group.${group}`) }), grid) : grid;
  });
}
const KEY = { lines: 'line', rooms: 'room', printers: 'printer', sessions: 'session', tariffs: 'from' };
const called = (kind, it) => (kind === 'printers' ? it.printer : kind === 'tariffs' ? say('from_on', { day: date(it.from) }) : name(it.name));
const titles = {
  lines: (it) => `${it.line}　${name(it.name)}`, rooms: (it) => name(it.name), printers: (it) => `${it.printer}　${it.address}`,
  tariffs: (it) => [called('tariffs', it), words[lang].c[it.tariff.rule], say('price', { unit_min: it.tariff.unit_min ?? '–', unit_yen: it.tariff.unit_yen ?? '–' })].join('　'),
  sessions: (it) => `${name(it.name)}　${it.from}–${it.to}`,
  week: (it) => [it.nth?.length ? it.nth.map((n) => say('w.nth', { n })).join('・') : say('w.every'), list(it.days, words[lang].c), '：', it.sessions.length ? list(it.sessions, sessionNames()) : say('w.off')].join(' '),
  closures: (it) => `${span(it)}　${name(it.why)}`, openings: (it) => `${it.day}　${list(it.sessions, sessionNames())}`, holidays: (it) => `${it.day}　${say(it.holiday ? 'yes' : 'no')}`,
};
const date = (day) => day && new Intl.DateTimeFormat(locale(), { dateStyle: 'long', timeZone: 'UTC' }).format(new Date(day));
const list = (all, names) => all.map((it) => names[it] ?? it).join('・');
const span = (it) => (it.from === it.to ? it.from : `${it.from} 〜 ${it.to}`);
const sessionNames = () => Object.fromEntries([...(base?.hours.sessions ?? []), ...doc.hours.sessions].map((it) => [it.session, name(it.name)]));
const open = new Set();
function records(kind, all, old) {
  const rows = all.map((record, nth) => {
    const isNew = !old.some((it) => (KEY[kind] ? it[KEY[kind]] === record[KEY[kind]] : same(it, record)));
    const mark = `${kind}-${KEY[kind] ? record[KEY[kind]] : nth}`;
    const summary = make('summary', { text: titles[kind](record).trim() || say('new', { what: say(`one.${kind}`) }) });
    if (kind === 'lines') summary.className = record.color;
    const more = kind === 'week' && nth > 0 ? [button('up', () => { all.splice(nth - 1, 0, ...all.splice(nth, 1)); changed(); draw(); })] : [];
    const more_of = BESIDE[kind]?.(record, isNew);
    const gone = button('remove', () => { all.splice(nth, 1); changed(); draw(); $('form').querySelector(`[data-add=${kind}]`)?.focus(); }, kind);
    gone.classList.add('gone');
    const at = make('details', { open: open.has(mark) || (isNew && !!KEY[kind]) }, summary, ...fieldsOf(SHAPES[kind], record, isNew), more_of?.at ?? '', make('p', { className: 'acts' }, ...more, gone));
    at.dataset.mark = mark;
    at.ontoggle = () => (at.open ? open.add(mark) : open.delete(mark));
    const follow = () => {
      summary.textContent = titles[kind](record).trim();
      if (kind === 'lines') summary.className = record.color;
      for (const one of at.querySelectorAll('.field')) one.fit?.();
      more_of?.follow(at);
    };
    // A choice is told of after it was taken in.
    for (const told of ['input', 'change']) at.addEventListener(told, follow);
    more_of?.follow(at);
    return at;
  });
  const add = button('add', () => {
    all.push(FRESH[kind]());
    open.add(`${kind}-${KEY[kind] ? all.at(-1)[KEY[kind]] : all.length - 1}`);
    changed();
    draw();
    [...$('form').querySelectorAll(`[data-kind=${kind}] > details`)].at(-1)?.querySelector('input:not([readonly])')?.focus();
  }, kind);
  add.dataset.add = kind;
  const at = make('div', { className: 'records' }, ...rows, add);
  at.dataset.kind = kind;
  return at;
}
// What a tariff would give: the box tries it on calls that are made up, as often as it changes. What it answered is kept
// for a form that is drawn again, which would grow under somebody's finger if it asked first.
const answers = new Map();
function tried(record, isNew) {
  const at = make('div', { className: 'tried', ariaLive: 'polite' });
  let [asked, waits] = ['', null];
  const time = (ms) => Math.round(ms / 60000);
  const stretch = (of) => make('span', { text: say('connected', { from: time(of.from_ms), to: time(of.to_ms) }) });
  const row = (it) => make('li', {}, make('b', {}, ...it.stretches.map(stretch)), make('span', { text: it.how[lang] }), make('strong', { text: say('yen', { n: it.yen.toLocaleString('en') }) }));
  const show = (all) => at.replaceChildren(make('h3', { text: say('tried') }), make('ul', {}, ...all.map(row)));
  const seek = async (wanted) => {
    const { isOk, said } = await ask(`calls/example?${wanted}`);
    if (isOk) answers.set(wanted, said);
    if (isOk && wanted === asked) show(said);
  };
  const follow = (all) => {
    const { tariff } = record;
    // The name goes with the kind, until somebody gives it another.
    const named = nameOf(tariff.rule);
    if (isNew && tariff.name !== named && RULES.map(nameOf).includes(tariff.name)) {
      Object.assign(tariff, { version: version(named), name: named });
      for (const key of ['name', 'version']) all.querySelector(`[name="tariff.${key}"]`).value = tariff[key];
    }
    const wanted = String(new URLSearchParams(tariff));
    if (wanted === asked || all.querySelector('input:invalid')) return;
    asked = wanted;
    clearTimeout(waits);
    if (answers.has(wanted)) show(answers.get(wanted));
    else waits = setTimeout(() => seek(wanted), at.hasChildNodes() ? TRY_AFTER_MS : 0);
  };
  return { at, follow };
}
const BESIDE = { tariffs: tried };
const hint = (key) => make('p', { className: 'hint', text: say(`text.${key}`) });
const section = (key, ...inside) => make('section', {}, make('h3', { text: say(`group.${key}`) }), ...inside);
const BODIES = {
  site: () => [hint('site'), ...fieldsOf(SHAPES.site, doc.site)],
  lines: () => [hint('lines'), records('lines', doc.lines, base.lines)],
  rooms: () => [hint('rooms'), records('rooms', doc.rooms, base.rooms)],
  hours: () => [section('sessions', records('sessions', doc.hours.sessions, base.hours.sessions)),
    section('week', hint('week'), make('div', { id: 'week' }), records('week', doc.hours.week, base.hours.week)),
    section('holidays', KINDS.bool(doc.hours, 'open_on_holidays', {}, field('open_on_holidays')), records('holidays', doc.hours.holidays, base.hours.holidays))],
  closed: () => [todayCard(), section('closures', records('closures', doc.hours.closures, base.hours.closures)), section('openings', records('openings', doc.hours.openings, base.hours.openings))],
  rules: () => [hint('rules'), ...fieldsOf(SHAPES.rules, doc.rules)],
  printers: () => [hint('printers'), records('printers', doc.printers, base.printers)],
  tariffs: () => [hint('tariffs'), records('tariffs', doc.tariffs, base.tariffs)],
  history: () => [hint('history'), ...about.history.map(earlier), about.history.length ? '' : make('p', { text: say('no_history') })],
};

// The week as it hangs on the door: a later rule overrules an earlier one.
function drawWeek() {
  const at = $('week');
  if (!at) return;
  const cell = (session, day) => {
    const rules = doc.hours.week.filter((rule) => rule.days.includes(day));
    const always = rules.findLastIndex((rule) => !rule.nth?.length);
    const held = always >= 0 && rules[always].sessions.includes(session.session);
    const others = rules.slice(always + 1).filter((rule) => rule.sessions.includes(session.session) !== held);
    const notes = others.map((rule) => `${rule.nth.map((n) => say('w.nth', { n })).join('・')} ${rule.sessions.includes(session.session) ? '●' : say('w.off')}`);
    return make('td', { text: held ? '●' : '－' }, ...notes.map((text) => make('small', { text })));
  };
  const head = make('tr', {}, make('td'), ...DAYS.map((day) => make('th', { scope: 'col', text: words[lang].c[day] })));
  const rows = doc.hours.sessions.map((session) => make('tr', {}, make('th', { scope: 'row', text: titles.sessions(session) }), ...DAYS.map((day) => cell(session, day))));
  at.replaceChildren(make('table', { className: 'week' }, head, ...rows));
}
function todayCard() {
  const closure = base.hours.closures.find((it) => it.from <= about.today && about.today <= it.to);
  const isMine = closure && closure.from === closure.to;
  const today = new Intl.DateTimeFormat(locale(), { month: 'long', day: 'numeric', weekday: 'short', timeZone: 'UTC' }).format(new Date(about.today));
  const card = make('section', { className: 'today' }, make('h3', {}, make('span', { text: `${say('today', { day: today })}　` }), make('b', { text: say(closure ? 'shut_today' : 'open_today') })));
  card.append(make('p', { className: 'hint', text: closure && !isMine ? say('in_closure', closure) : say('shut_text') }));
  if (!closure) {
    const at = button('shut', () => {
      const wanted = copy(base);
      wanted.hours.openings = wanted.hours.openings.filter((it) => it.day !== about.today);
      wanted.hours.closures.push({ from: about.today, to: about.today, why: { ja: '' } });
      preview(wanted);
    });
    at.id = 'shut';
    card.append(at);
  } else if (isMine) {
    const at = button('unshut', () => {
      const wanted = copy(base);
      wanted.hours.closures = wanted.hours.closures.filter((it) => !same(it, closure));
      keep(wanted);
    });
    at.id = 'unshut';
    at.className = 'go';
    card.append(at);
  }
  return card;
}

// Changes in words.

const CHOICES = ['color', 'kind', 'arrow', 'rule'];
function where(path) {
  const [first, id, ...rest] = path;
  const record = (all) => all?.find((it) => String(it[KEY[first === 'hours' ? id : first]]) === (first === 'hours' ? rest[0] : id));
  const label = (of) => field(first === 'printers' && words[lang].f[`printer.${of}`] ? `printer.${of}` : of);
  if (first === 'hours' && id === 'sessions') return [say('part.hours'), name((record(doc.hours.sessions) ?? record(base.hours.sessions))?.name), label(rest.slice(1).join('.'))];
  if (KEY[first]) {
    const it = record(doc[first]) ?? record(base[first]);
    return [say(`part.${first}`), it ? called(first, it) : id, rest[0] === 'first' && rest[1] ? `${field('first')}　${sessionNames()[rest[1]] ?? rest[1]}` : label(rest.join('.'))];
  }
  return [say(`part.${first}`), label([id, ...rest].join('.'))];
}
function worded(value, path) {
  const last = path.at(-1), lineNames = Object.fromEntries([...base.lines, ...doc.lines].map((it) => [it.line, name(it.name)]));
  if (value === null || value === '' || (Array.isArray(value) && !value.length)) return say('none');
  if (typeof value === 'boolean') return say(value ? 'yes' : 'no');
  if (last === 'say') return [value.ja, value.en].filter(Boolean).join('　');
  if (typeof value === 'number' && last === 'opens_min') return String(-value);
  if (last === 'tax_permille') return `${value / 10}%`;
  if (CHOICES.includes(last)) return words[lang].c[value] ?? value;
  if (last === 'lines' && Array.isArray(value)) return list(value, lineNames);
  if (last === 'week') return value.map(titles.week).join(' / ');
  if (last === 'breaks') return value.map((it) => `${it.from}–${it.to}`).join('・');
  if (last === 'interleave') return `${value.booked}：${value.walk_in}`;
  if (Array.isArray(value)) return value.join('・');
  const kind = path.length === 2 && KEY[path[0]] ? path[0] : path.length === 3 && path[1] === 'sessions' ? 'sessions' : last;
  return titles[kind] && typeof value === 'object' ? titles[kind](value).trim() : String(value);
}
function inWords({ path, from, to }) {
  const isWhole = [from, to].some((it) => it && typeof it === 'object' && !Array.isArray(it)) && (from === null || to === null);
  const at = make('li', {}, make('b', { text: where(path).filter(Boolean).join('　') }));
  const what = isWhole
    ? [make(to === null ? 'del' : 'ins', { text: worded(to ?? from, path) }), ` ${say(to === null ? 'removed' : 'added')}`]
    : [make('del', { text: worded(from, path) }), ` ${say('to')} `, make('ins', { text: worded(to, path) })];
  at.append(make('span', {}, ...what));
  return at;
}
const who = (by) => by.person ?? by.device;
const clock = (ms) => new Intl.DateTimeFormat(locale(), { timeZone: 'Asia/Tokyo', month: 'numeric', day: 'numeric', hour: 'numeric', minute: '2-digit' }).format(ms);
function placed({ place, code, values }, kind) {
  const [first, ...id] = place.split(' ');
  const key = `${first}s`, all = doc[key] ?? [];
  const it = KEY[key] && all.find((of) => String(of[KEY[key]]) === id.join(' '));
  const at = it ? called(key, it) || `${say(`one.${key}`)} ${id.join(' ')}` : say(`part.${KEY[key] ? key : first}`);
  const named = { ...values, session: sessionNames()[values.session] || values.session, other: sessionNames()[values.other] || values.other };
  return make('li', {}, make('b', { text: at }), make('span', { text: say(`${kind}.${code}`, named) }));
}
// The field that a problem is about, where there is one; most codes are named after theirs.
const ABOUT = { tariff_version: 'tariff.version', tariff: 'tariff.unit_min', name: 'name.ja', double_press: 'double_press_ms', numbers: 'last_number' };
function fieldOf({ place, code }) {
  const [first, ...id] = place.split(' '), kind = `${first}s`;
  const within = KEY[kind] ? `[data-mark="${CSS.escape(`${kind}-${id.join(' ')}`)}"]` : `.part[data-part="${first}"]`;
  const wanted = code === 'twice' ? KEY[kind] : ABOUT[code] ?? code;
  return [...$('form').querySelectorAll(`${within} [name="${wanted}"]`)].at(-1);
}
function uncover(at) {
  show(at.closest('.part').dataset.part);
  for (let over = at.parentElement; over; over = over.parentElement) if (over.tagName === 'DETAILS') over.open = true;
  at.focus();
}
function earlier(change) {
  const at = make('article', {}, make('h3', { text: say('by', { at: clock(change.at), who: who(change.by) }) }), make('ul', {}, ...change.changes.map(inWords)));
  if (change.n_more) at.append(make('p', { text: say('more', { n: change.n_more }) }));
  if (change.can_undo) at.append(button('take_back', () => undo(change.id)));
  else at.append(make('p', { className: 'hint', text: say('changed_since') }));
  return at;
}

// Asking the box.

async function ask(path, body, headers = {}) {
  const options = { signal: AbortSignal.timeout(ANSWER_MS) };
  if (body) Object.assign(options, { method: 'POST', body: JSON.stringify(body), headers: { 'Content-Type': 'application/json', ...headers } });
  try {
    const response = await fetch(`/api/v1/${path}`, options);
    const said = await response.json();
    if (!response.ok) tell((lang === 'ja' && said.title_ja) || said.title, true);
    return { isOk: response.ok, said };
  } catch {
    tell(say('offline'), true);
    return { isOk: false, said: null };
  }
}
const press = (path, body, headers = {}) => ask(path, body, { 'Idempotency-Key': crypto.randomUUID(), 'Machiai-Device': device, ...headers });
async function load() {
  const { isOk, said } = await ask('manager');
  if (!isOk) return false;
  // What is typed and not kept goes on top of what stands now.
  doc = doc && base ? merged(base, doc, said.settings) : copy(said.settings);
  about = said;
  base = said.settings;
  draw();
  return true;
}
// Three sides: what was, what is typed, what stands. What was typed wins where both changed.
function merged(was, mine, theirs) {
  if (same(mine, was)) return copy(theirs);
  if (same(theirs, was)) return copy(mine);
  const id = (it) => it?.line ?? it?.room ?? it?.printer ?? it?.session ?? (it?.tariff && it.from);
  const isNamed = [was, mine, theirs].every((all) => Array.isArray(all) && all.every((it) => it && typeof it === 'object' && id(it) !== undefined && it.days === undefined));
  if (isNamed) {
    const find = (all, key) => all.find((it) => id(it) === key);
    const keys = [...new Set([...theirs, ...mine].map(id))];
    return keys.map((key) => merged(find(was, key) ?? null, find(mine, key) ?? null, find(theirs, key) ?? null)).filter(Boolean);
  }
  if ([was, mine, theirs].some((it) => !it || typeof it !== 'object' || Array.isArray(it))) return copy(mine);
  const keys = new Set([...Object.keys(mine), ...Object.keys(theirs)]);
  return Object.fromEntries([...keys].map((key) => [key, merged(was[key] ?? null, mine[key] ?? null, theirs[key] ?? null)]).filter(([, it]) => it !== null));
}
async function preview(wanted) {
  const { isOk, said } = await ask('settings/preview', { settings: wanted, seen: about.seen });
  if (!isOk) return;
  const told = $('told');
  told.replaceChildren();
  const isBad = said.problems.length > 0, { stale } = said;
  $('preview-title').textContent = say(stale ? 'title_stale' : isBad ? 'title_bad' : said.changes.length ? 'title' : 'title_none');
  if (stale) told.append(make('p', { className: 'bad', text: say('stale', { at: clock(stale.at), who: who(stale.by) }) }));
  if (isBad) told.append(make('ul', { className: 'bad' }, ...said.problems.map((it) => placed(it, 'bad'))));
  const faulty = said.problems.map((it) => [fieldOf(it), it]).filter(([at]) => at);
  for (const [at, it] of faulty) complain(at, say(`bad.${it.code}`, it.values));
  $('preview').onclose = () => faulty[0]?.[0].isConnected && uncover(faulty[0][0]);
  if (said.warnings.length) told.append(make('h3', { text: say('warnings') }), make('ul', { className: 'care' }, ...said.warnings.map((it) => placed(it, 'care'))));
  if (!stale && !isBad) told.append(make('ul', { className: 'changes' }, ...said.changes.map(inWords)));
  $('keep').hidden = !stale && (isBad || !said.changes.length);
  $('keep').textContent = say(stale ? 'rebase' : 'keep');
  $('keep').onclick = async () => {
    $('preview').close();
    if (!stale) keep(wanted);
    else if (await load()) preview(doc);
  };
  $('preview').showModal();
}
async function keep(wanted) {
  const { isOk, said } = await press('settings', wanted, { 'If-Match': `"${about.seen}"` });
  if (!isOk) {
    if (said?.code === 'settings_changed') preview(wanted);
    return;
  }
  if (same(wanted, doc)) doc = null;
  if (await load()) tell(say('kept'), false, about.history[0]?.id);
}
async function undo(id) {
  const { isOk } = await press('settings/undo', { change: id });
  await load();
  if (isOk) tell(say('undone'), false);
}

// The page.

let noting = null;
function tell(text, isBad, change = null) {
  clearTimeout(noting);
  undoing = change;
  $('note').hidden = false;
  $('note').className = isBad ? 'said bad' : 'said';
  $('note').setAttribute('role', isBad ? 'alert' : 'status');
  $('note').firstChild.textContent = text;
  $('back').hidden = !change;
  noting = setTimeout(() => { $('note').hidden = true; }, NOTE_MS);
}
const isChanged = () => !same(doc, base);
function changed() {
  $('foot').hidden = !isChanged();
}
function show(next) {
  part = PARTS.includes(next) ? next : 'site';
  for (const at of document.querySelectorAll('nav a')) at.ariaCurrent = at.dataset.part === part ? 'page' : null;
  for (const at of $('form').children) at.hidden = at.dataset.part !== part;
}
function draw() {
  document.documentElement.lang = lang;
  document.title = say('settings');
  for (const at of document.querySelectorAll('[data-word]')) at.textContent = say(at.dataset.word);
  for (const at of document.querySelectorAll('[data-label]')) at.ariaLabel = say(at.dataset.label);
  $('lang').textContent = say('other');
  $('lang').lang = lang === 'ja' ? 'en' : 'ja';
  if (!doc) return;
  $('clinic').textContent = name(base.site.name);
  const links = PARTS.map((key) => { const at = make('a', { href: `#${key}`, text: say(`part.${key}`) }); at.dataset.part = key; return at; });
  document.querySelector('nav').replaceChildren(make('div', {}, ...links));
  n_fields = 0;
  $('form').replaceChildren(...PARTS.map((key) => {
    const at = make('section', { className: 'part' }, make('h2', { text: say(`part.${key}`) }), ...BODIES[key]());
    at.dataset.part = key;
    return at;
  }));
  drawWeek();
  show(part);
  changed();
}
function check() {
  const bad = $('form').querySelector('input:invalid, select:invalid');
  if (!bad) return preview(doc);
  for (const at of $('form').querySelectorAll('input:invalid, select:invalid')) complain(at);
  tell(say('bad.field', { field: bad.labels?.[0]?.textContent ?? '' }), true);
  uncover(bad);
  return null;
}
$('check').onclick = check;
// What was said belongs to the act before; a change that can be undone stays said for its time.
$('form').addEventListener('input', () => { $('note').hidden ||= !undoing; });
$('form').onsubmit = (event) => { event.preventDefault(); check(); };
$('drop').onclick = () => { doc = copy(base); draw(); tell(say('dropped'), false); };
$('leave').onclick = () => $('preview').close();
$('back').onclick = () => { if (undoing) undo(undoing); };
$('lang').onclick = () => { lang = lang === 'ja' ? 'en' : 'ja'; localStorage.setItem('lang', lang); draw(); };
addEventListener('hashchange', () => { show(location.hash.slice(1)); scrollTo(0, 0); });
addEventListener('beforeunload', (event) => { if (doc && isChanged()) event.preventDefault(); });
load();

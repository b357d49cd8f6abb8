// The day's report: a page to be read and printed. It asks once and changes nothing.
'use strict';

const ANSWER_MS = 5000;
const $ = (id) => document.getElementById(id);
const query = new URLSearchParams(location.search);
const words = JSON.parse($('words').textContent);
let lang = [query.get('lang'), localStorage.getItem('lang'), 'ja'].find((it) => it in words);
let report = null;

const locale = () => (lang === 'en' ? 'en-GB' : 'ja-JP');
function say(key, values = {}) {
  const text = key.split('.').reduce((at, name) => at?.[name], words[lang]) ?? key;
  return String(text).replace(/\{(\w+)\}/g, (_, name) => values[name] ?? '');
}
const name = (text) => (lang === 'en' && text?.en) || (text?.ja ?? '');
function make(tag, text = '', className = '', ...inside) {
  const at = document.createElement(tag);
  at.textContent = text;
  if (className) at.className = className;
  at.append(...inside);
  return at;
}
const date = (day) => new Intl.DateTimeFormat(locale(), { dateStyle: 'full', timeZone: 'UTC' }).format(new Date(day));
const clock = (ms) => new Intl.DateTimeFormat(locale(), { timeZone: 'Asia/Tokyo', dateStyle: 'short', timeStyle: 'short' }).format(ms);

function table(caption, heads, rows, kinds = []) {
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
  return make('div', '', 'block', make('h2', caption), at);
}
const sum = (counts) => Object.values(counts).reduce((all, n) => all + n, 0);
function lines() {
  const rows = report.lines.map((line) => {
    const open = line.open.map((it) => `${it.session ? `${name(it.session)} ` : ''}${it.from}–${it.to ?? say('still')}`);
    const how = Object.entries(line.issued).map(([channel, n]) => `${say(`channels.${channel}`)} ${n}`).join('　');
    const { waits } = line;
    return [make('b', name(line.name), line.color), open.map((text) => make('span', text, 'of')), [make('b', String(sum(line.issued))), ...(how ? [make('small', how)] : [])], String(line.n_seen), String(line.n_cancelled), String(line.n_left),
      waits ? say('minutes', { n: waits.median_min }) : '–', waits ? say('minutes', { n: waits.longest_min }) : '–', waits ? say('share', { n: waits.n_short, of: waits.n }) : '–'];
  });
  const heads = ['line', 'open', 'issued', 'seen', 'cancelled', 'left', 'median', 'longest', 'short'].map((key) => say(key));
  return table(say('lines'), heads, rows, ['', '', '', 'n', 'n', 'n', 'n', 'n', 'n']);
}
function left() {
  if (!report.left.length) return make('div', '', 'block', make('h2', say('left_title')), make('p', say('left_none')));
  const rows = report.left.map((it) => [make('b', it.label), name(it.line), it.unpaid ? say('unpaid') : say(`states.${it.state}`), it.since, say(`do.${it.unpaid ? 'unpaid' : it.state}`)]);
  const at = table(`${say('left_title')}　${say('people', { n: rows.length })}`, ['number', 'line', 'state', 'since', 'todo'].map((key) => say(key)), rows);
  at.classList.add('left');
  return at;
}
function cancelled() {
  const rows = report.cancelled.map((it) => [make('b', it.label), name(it.line), it.at, say(`reasons.${it.reason ?? 'undone'}`)]);
  return table(`${say('cancelled_title')}　${say('times', { n: rows.length })}`, ['number', 'line', 'when', 'reason'].map((key) => say(key)), rows);
}
function list(caption, pairs) {
  return make('div', '', 'block', make('h2', caption), make('dl', '', '', ...pairs.flatMap(([key, value]) => [make('dt', key), make('dd', value)])));
}
function paper() {
  const { n_printed, refused, unconfirmed, unprinted } = report.paper;
  const why = (counts) => Object.entries(counts).map(([trouble, n]) => `${say(`paper.${trouble}`)} ${n}`).join('　');
  const row = (key, counts) => [say(key), sum(counts) ? `${say('times', { n: sum(counts) })}（${why(counts)}）` : say('times', { n: 0 })];
  return list(say('paper_title'), [[say('printed'), say('times', { n: n_printed })], row('refused', refused), row('unconfirmed', unconfirmed), ...(unprinted.length ? [[say('unprinted'), unprinted.join('　')]] : [])]);
}
function sheet() {
  const head = make('div', '', 'sheet-head', make('p', name(report.clinic)), make('h2', date(report.day)), make('p', say('as_of', { at: clock(report.as_of) })));
  if (!report.is_over) head.append(make('p', say('running')));
  if (report.rehearsal) head.append(make('p', say('practice'), 'practice'));
  if (!report.n_tickets && !report.lines.some((line) => line.open.length)) return [head, make('p', say('nothing'))];
  const figures = [['tickets', report.n_tickets], ['finished', report.n_finished], ['cancelled', report.cancelled.length], ['left', report.left.length]];
  const sums = make('div', '', 'sums', ...figures.map(([key, n]) => make('p', '', '', make('span', say(key)), make('b', String(n)))));
  const also = list(say('other_title'), [[say('undone'), say('times', { n: report.n_undone })], [say('set'), say('times', { n: report.n_settings })]]);
  const sign = make('p', '', 'sign', make('span', say('sign')));
  return [head, sums, lines(), left(), ...(report.cancelled.length ? [cancelled()] : []), paper(), also, sign];
}
function draw() {
  document.documentElement.lang = lang;
  for (const at of document.querySelectorAll('[data-word]')) at.textContent = say(at.dataset.word);
  $('lang').textContent = say('other');
  if (!report) return;
  document.title = `${say('report')} ${report.day}`;
  const days = report.days.includes(report.day) ? report.days : [report.day, ...report.days];
  $('day').replaceChildren(...days.map((day) => Object.assign(make('option', date(day)), { value: day })));
  $('day').value = report.day;
  const nth = days.indexOf(report.day);
  for (const [at, day] of [[$('older'), days[nth + 1]], [$('newer'), days[nth - 1]]]) {
    at.disabled = !day;
    at.onclick = () => load(day);
  }
  $('main').replaceChildren(...sheet());
}
async function load(day) {
  try {
    const response = await fetch(`/api/v1/report${day ? `?day=${encodeURIComponent(day)}` : ''}`, { signal: AbortSignal.timeout(ANSWER_MS) });
    const said = await response.json();
    $('note').hidden = response.ok;
    if (!response.ok) $('note').textContent = (lang === 'ja' && said.title_ja) || said.title;
    else report = said;
    if (day && response.ok) history.replaceState(null, '', `/report?day=${encodeURIComponent(day)}`);
  } catch {
    $('note').hidden = false;
    $('note').textContent = say('offline');
  }
  draw();
}
$('day').onchange = () => load($('day').value);
$('choose').onsubmit = (event) => event.preventDefault();
$('print').onclick = () => print();
$('lang').onclick = () => { lang = lang === 'ja' ? 'en' : 'ja'; localStorage.setItem('lang', lang); draw(); };
draw();
load(query.get('day'));

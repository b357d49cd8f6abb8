// The day's report: a page to be read and printed. It asks once and changes nothing.
'use strict';

const ANSWER_MS = 5000;
let report = null;

const name = (text) => (lang === 'en' && text?.en) || (text?.ja ?? '');
const date = (day) => new Intl.DateTimeFormat(locale(), { dateStyle: 'full', timeZone: 'UTC' }).format(new Date(day));
const clock = shownAs({ dateStyle: 'short', timeStyle: 'short' });

const sum = (counts) => Object.values(counts).reduce((all, n) => all + n, 0);
function lines() {
  const rows = report.lines.map((line) => {
    const open = line.open.map((it) => `${it.session ? `${name(it.session)} ` : ''}${it.from}–${it.to ?? say('still')}`);
    const how = Object.entries(line.issued).map(([channel, n]) => `${say(`channels.${channel}`)} ${n}`).join('　');
    const { waits } = line;
    return [make('b', name(line.name), line.color), open.map((text) => make('span', text, 'of')), [make('b', String(sum(line.issued))), ...(how ? [make('small', how)] : [])], String(line.n_seen), String(line.n_cancelled), String(line.n_left),
      waits ? say('minutes', { n: waits.median_min }) : '–', waits ? say('minutes', { n: waits.longest_min }) : '–', waits ? say('share', { n: waits.n_short, of: waits.n }) : '–'];
  });
  const shown = heads('line', 'open', 'issued', 'seen', 'cancelled', 'left', 'median', 'longest', 'short');
  return block(say('lines'), table(shown, rows, ['', '', '', 'n', 'n', 'n', 'n', 'n', 'n']));
}
function left() {
  if (!report.left.length) return block(say('left_title'), make('p', say('left_none')));
  const rows = report.left.map((it) => [make('b', it.label), name(it.line), it.unpaid ? say('unpaid') : say(`states.${it.state}`), it.since, say(`do.${it.unpaid ? 'unpaid' : it.state}`)]);
  const at = block(`${say('left_title')}　${say('people', { n: rows.length })}`, table(heads('number', 'line', 'state', 'since', 'todo'), rows));
  at.classList.add('left');
  return at;
}
function cancelled() {
  const rows = report.cancelled.map((it) => [make('b', it.label), name(it.line), it.at, say(`reasons.${it.reason ?? 'undone'}`)]);
  return block(`${say('cancelled_title')}　${say('times', { n: rows.length })}`, table(heads('number', 'line', 'when', 'reason'), rows));
}
function list(caption, pairs) {
  return block(caption, make('dl', '', '', ...pairs.flatMap(([key, value]) => [make('dt', key), make('dd', value)])));
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
  sayAround(report ? `${say('report')} ${report.day}` : say('report'));
  if (!report) return;
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
    tell(response.ok ? '' : refusal(said));
    if (response.ok) report = said;
    if (day && response.ok) history.replaceState(null, '', `/report?day=${encodeURIComponent(day)}`);
  } catch {
    tell(say('offline'));
  }
  draw();
}
$('day').onchange = () => load($('day').value);
$('choose').onsubmit = (event) => event.preventDefault();
$('print').onclick = () => print();
draw();
load(query.get('day'));

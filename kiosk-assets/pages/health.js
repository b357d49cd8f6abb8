// How the box does, and what support did: looked at when the page is opened, and when somebody asks again.
'use strict';

const ANSWER_MS = 60000;
let [report, orders] = [null, []];

const clock = shownAs({ month: 'numeric', day: 'numeric', hour: '2-digit', minute: '2-digit' });

function finding(found) {
  const said = found[lang];
  const at = make('li', '', found.grade, make('b', say(found.grade), 'grade'), make('span', say(`checks.${found.check}`), 'check'), make('p', said.what, 'what'));
  if (said.then) at.append(make('p', '', 'then', make('b', say('do')), make('span', said.then)));
  return at;
}
function findings() {
  const bad = report.findings.filter((found) => found.grade !== 'ok');
  const well = report.findings.filter((found) => found.grade === 'ok');
  const n = (grade) => bad.filter((found) => found.grade === grade).length;
  const sums = ['broken', 'note'].filter((grade) => n(grade)).map((grade) => say(`n_${grade}`, { n: n(grade) }));
  const head = make('div', '', 'sheet-head', make('h2', sums.join('　') || say('all_well')), make('p', say('as_of', { at: clock(report.at_ms) })));
  const rest = make('details', '', '', make('summary', say('well', { n: well.length })), make('ul', '', 'findings', ...well.map(finding)));
  return [head, make('ul', '', 'findings', ...bad.map(finding)), rest];
}
function support() {
  const row = (order) => {
    const said = order[lang];
    const came = said.came || say(`stands.${order.stands}`);
    return make('li', '', order.stands, make('p', `${said.until}　${said.who}`, 'when'), make('p', `${said.what}`, 'what'), make('p', `${said.what_for}　「${order.why}」`, 'why'), make('p', came, 'came'));
  };
  return block(say('support'), orders.length ? make('ul', '', 'orders', ...orders.map(row)) : make('p', say('no_support')));
}
function draw() {
  sayAround(say('health'));
  $('main').replaceChildren(...(report ? [...findings(), support()] : [make('p', say('looking'), 'looking')]));
}
async function load() {
  $('again').disabled = true;
  try {
    const ask = async (path) => {
      const response = await fetch(`/api/v1/${path}`, { signal: AbortSignal.timeout(ANSWER_MS) });
      const said = await response.json();
      if (said.code === 'sign_in_first') location = '/sign-in';
      if (!response.ok) throw new Error(refusal(said));
      return said;
    };
    [report, orders] = await Promise.all([ask('health'), ask('support')]);
    tell('');
  } catch (cause) {
    tell(cause.name === 'Error' ? cause.message : say('offline'));
  }
  $('again').disabled = false;
  draw();
}
$('again').addEventListener('click', load);
draw();
load();

// What pages of figures share: their words in the language that was chosen, and the parts that they are made of.
// It stands before the page's own script, which has a `draw`.
'use strict';

const $ = (id) => document.getElementById(id);
const query = new URLSearchParams(location.search);
const words = JSON.parse($('words').textContent);
let lang = [query.get('lang'), localStorage.getItem('lang'), 'ja'].find((it) => it in words);

const locale = () => (lang === 'en' ? 'en-GB' : 'ja-JP');
function say(key, values = {}) {
  const text = key.split('.').reduce((at, name) => at?.[name], words[lang]) ?? key;
  return String(text).replace(/\{(\w+)\}/g, (_, name) => values[name] ?? '');
}
const heads = (...keys) => keys.map((it) => say(it));
// An instant as a clock of the clinic shows it, wherever the tablet thinks that it is.
const shownAs = (options) => (ms) => new Intl.DateTimeFormat(locale(), { timeZone: 'Asia/Tokyo', ...options }).format(ms);

function make(tag, text = '', className = '', ...inside) {
  const at = document.createElement(tag);
  at.textContent = text;
  if (className) at.className = className;
  at.append(...inside);
  return at;
}
const block = (caption, ...inside) => make('section', '', 'block', make('h2', caption), ...inside);
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
// Says what stands on the page whatever is shown there.
function sayAround(title) {
  document.documentElement.lang = lang;
  document.title = title;
  for (const at of document.querySelectorAll('[data-word]')) at.textContent = say(at.dataset.word);
  $('lang').textContent = say('other');
}
// Tells what went wrong, or takes it away.
function tell(text) {
  Object.assign($('note'), { textContent: text ?? '', hidden: !text });
}
// Returns what the box said of a refusal.
const refusal = (said) => (lang === 'ja' && said.title_ja) || said.title;
$('lang').onclick = () => {
  lang = lang === 'ja' ? 'en' : 'ja';
  localStorage.setItem('lang', lang);
  draw();
};

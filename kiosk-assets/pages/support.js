// What support asks of the clinic, on the desk: who, what, why and until when; yes, no, and a yes taken back.
'use strict';

let orders = [];
const ofSupport = (key) => words[lang].support[key];
const hasSupport = (order) => order.stands === 'asks' || order.can_withdraw;

function supportRow(order) {
  const said = order[lang] ?? order.ja;
  // Folded: whoever is in the middle of calling somebody reads it later.
  const row = make('details', '', `order ${order.stands}`);
  const head = make('summary');
  head.append(make('b', ofSupport(order.stands)), make('span', said.who));
  const list = make('dl');
  for (const [key, text] of [['who', said.who], ['what', said.what], ['why', `${said.what_for}　「${order.why}」`], ['until', said.until]]) {
    list.append(make('dt', ofSupport(key)), make('dd', text));
  }
  const acts = make('div', '', 'acts');
  const act = (word, answer, className) => {
    const button = make('button', ofSupport(word), className);
    button.addEventListener('click', async () => {
      await press(button, `support/${order.asked}/${answer}`, {}, false);
      await askSupport();
    });
    acts.append(button);
  };
  if (order.stands === 'asks') {
    act('yes', 'yes', 'go');
    act('no', 'no', 'quiet');
    if (order.for_managers) acts.append(make('small', ofSupport('manager')));
  } else {
    act('withdraw', 'withdrawn', 'quiet');
  }
  const open = make('div', '', 'open');
  open.append(list, acts);
  row.append(head, open);
  return row;
}
function drawSupport() {
  const wanted = orders.filter(hasSupport);
  const look = JSON.stringify([wanted, lang]);
  if ($('support').look === look) return;
  $('support').look = look;
  $('support').hidden = !wanted.length;
  $('support').setAttribute('aria-label', ofSupport('title'));
  $('support').replaceChildren(...wanted.map(supportRow));
}
async function askSupport() {
  // A rehearsal is nobody's to look into.
  if (root) return;
  try {
    const response = await fetch('/api/v1/support', { signal: AbortSignal.timeout(ANSWER_MS) });
    if (response.ok) orders = await response.json();
  } catch {
    // The desk itself says that the box is not reached.
  }
  drawSupport();
}
document.addEventListener('fresh', askSupport);

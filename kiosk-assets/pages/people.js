// Who works here and which devices come in: for managers.
'use strict';

const ANSWER_MS = 15000;
const $ = (id) => document.getElementById(id);
const ROLES = { reception: '受付 Reception', nurse: '看護師 Nurse', doctor: '医師 Doctor', manager: '管理者 Manager' };
const KINDS = { desk: '職員の端末 Desk', kiosk: '発券機 Kiosk', board: '待合の画面 Board' };

function make(tag, text = '', className = '') {
  const at = document.createElement(tag);
  at.textContent = text;
  if (className) at.className = className;
  return at;
}
function say(text) {
  $('note').hidden = !text;
  $('note').textContent = text;
  if (text) $('note').scrollIntoView({ block: 'center' });
}

async function ask(path, body) {
  const post = body && { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) };
  try {
    const response = await fetch(`/api/v1/${path}`, { ...post, signal: AbortSignal.timeout(ANSWER_MS) });
    const said = await response.json();
    if (response.ok) return said;
    if (response.status === 401 || response.status === 403) $('sign-in').hidden = false;
    else say(`${said.title_ja ?? ''}　${said.title ?? ''}`);
  } catch {
    say('届いていません　Not delivered');
  }
  return null;
}

async function refresh() {
  const staff = await ask('staff');
  if (!staff) return;
  const [devices, settings] = [await ask('devices'), await ask('settings')];
  $('work').hidden = false;
  $('sign-in').hidden = true;
  $('staff').replaceChildren(...staff.map((one) => row(`${one.name}`, `${one.staff}　${ROLES[one.role] ?? one.role}`, [
    ['変える', `Change ${one.name}`, () => fill(one)],
    ['外す', `Remove ${one.name}`, () => confirm(`${one.name} さんを外しますか`) && act(`staff/${encodeURIComponent(one.staff)}/remove`, {})],
  ])));
  $('devices').replaceChildren(...(devices ?? []).map((one) => row(one.place, KINDS[one.kind] ?? one.kind, [
    ['外す', `Unpair ${one.device}`, () => confirm(`${one.device} を外しますか`) && act('devices/unpair', { device: one.device })],
  ])));
  $('places').replaceChildren(...['reception', ...(settings?.rooms ?? []).map((room) => room.room)].map((place) => {
    const at = make('option');
    at.value = place;
    return at;
  }));
}
function row(title, detail, acts) {
  const at = make('li');
  at.append(make('b', title), make('span', detail), ...acts.map(([text, label, press]) => {
    const button = make('button', text);
    button.setAttribute('aria-label', `${text} ${label}`);
    button.addEventListener('click', press);
    return button;
  }));
  return at;
}
function fill({ staff, name, role }) {
  for (const [field, value] of Object.entries({ staff, name, role, password: '' })) $('person').elements[field].value = value;
  $('person').elements.name.focus();
}
async function act(path, body) {
  say('');
  const done = await ask(path, body);
  await refresh();
  return done;
}

function onSubmit(id, send) {
  $(id).addEventListener('submit', async (event) => {
    event.preventDefault();
    const button = $(id).querySelector('button');
    button.disabled = true;
    await send(Object.fromEntries(new FormData($(id))));
    button.disabled = false;
  });
}
onSubmit('person', async ({ password, ...person }) => {
  if (await act('staff', password ? { ...person, password } : person)) $('person').reset();
});
onSubmit('end', () => confirm('全員のサインインを終わらせますか　Sign everybody out?') && act('sign-ins/end', {}));
onSubmit('pair', async (place) => {
  const opened = await act('devices/pair', place);
  $('opened').hidden = !opened;
  if (!opened) return;
  const lines = [['端末で開くページ Open on the device', opened.addresses.join('　')], [`${opened.minutes} 分以内に入れるコード Code`, opened.code], ['証明書の指紋 Fingerprint', opened.fingerprint]];
  $('opened').replaceChildren(...lines.flatMap(([term, text]) => [make('p', term), make('b', text)]));
});
refresh();

// The doctor's end of a consultation call: connects, beats, and disconnects when it is closed, or when the page beside it
// is gone that opened it. It begins by itself only for a page that the clinic named, and for an address that no other
// page opened.
'use strict';

(() => {
  const BEAT_EVERY_MS = 10000;
  const ANSWER_MS = 4000;
  const LOOK_EVERY_MS = 1000;
  const form = document.getElementById('call');
  const words = JSON.parse(document.getElementById('words').textContent);
  const pages = JSON.parse(document.body.dataset.pages);
  const [said, leave, test] = ['said', 'leave', 'test'].map((id) => document.getElementById(id));
  let call = null;
  // The page that opened this one: of a page that is gone `opener` says nothing any more.
  const by = opener;
  // Its origin, once it has spoken.
  let beside = null;
  const tellBeside = () => beside && by.postMessage({ machiai: 'state', on: Boolean(call), text: said.textContent }, beside);
  const tell = (text) => {
    said.textContent = text;
    tellBeside();
  };
  const say = (key, ms = 0) => tell(words[key].replace('{m}', Math.floor(ms / 60000)).replace('{s}', Math.floor((ms % 60000) / 1000)));
  const draw = () => Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, '0')).join('');
  const device = localStorage.getItem('device') ?? 'doctor-pc';

  const send = (act, more = {}, how = {}) => {
    const { reservation, connection } = call;
    const headers = { 'content-type': 'application/json', 'idempotency-key': draw(), 'machiai-device': device };
    const body = JSON.stringify({ ...(reservation && { reservation }), connection, ...more });
    return fetch(`/api/v1/calls/${act}`, { method: 'POST', headers, body, ...how });
  };
  const begin = async (isTest) => {
    call = { reservation: form.elements.reservation.value.trim(), connection: draw(), isTest, since: call?.since ?? performance.now() };
    await ask(isTest ? 'test' : 'connect');
    show();
  };
  const ask = async (act, more) => {
    try {
      const response = await send(act, more, { signal: AbortSignal.timeout(ANSWER_MS) });
      if (response.ok) return say(call.isTest ? 'on_test' : 'on', performance.now() - call.since);
      const told = await response.json();
      // The box took this connection for over: what goes on is another one.
      if (act === 'heartbeat' && told.code === 'call_not_running') return begin(call.isTest);
      // This machine's clock is wrong; the box counts by its own, and needs none of ours.
      if (act === 'heartbeat' && told.code === 'from_the_future') {
        call.isAstray = true;
        return ask('heartbeat');
      }
      if (act !== 'heartbeat' && told.code !== 'busy') call = null;
      tell(told.title_ja);
    } catch {
      say('again');
    }
  };
  const show = () => {
    leave.hidden = !call;
    for (const at of [form.elements.connect, test, form.elements.reservation]) at.disabled = Boolean(call);
    tellBeside();
  };
  const end = async (reason) => {
    const response = await send('disconnect', { reason }).catch(() => null);
    if (!response) return say('again');
    call = null;
    say('over');
    show();
  };
  form.onsubmit = (event) => {
    event.preventDefault();
    begin(false);
  };
  test.onclick = () => begin(true);
  leave.onclick = () => end('left');
  addEventListener('pagehide', () => call && send('disconnect', { reason: 'page_closed' }, { keepalive: true }));
  setInterval(() => call && ask('heartbeat', call.isAstray ? {} : { sent_ms: Date.now() }), BEAT_EVERY_MS);

  form.elements.reservation.value = new URLSearchParams(location.search).get('reservation') ?? '';
  say('off');
  if (document.body.dataset.begins) begin(false);
  if (!by) return;
  addEventListener('message', (event) => {
    if (event.source !== by || !pages.includes(event.origin) || event.data?.machiai !== 'begin') return;
    beside = event.origin;
    if (call) return tellBeside();
    form.elements.reservation.value = String(event.data.reservation ?? '');
    if (form.reportValidity()) begin(false);
  });
  // A page that crashed closes nothing.
  setInterval(() => call && by.closed && end('page_closed').then(() => close()), LOOK_EVERY_MS);
  for (const page of pages) by.postMessage({ machiai: 'ready' }, page);
})();

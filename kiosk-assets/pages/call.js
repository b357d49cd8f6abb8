// The doctor's end of a consultation call, beside any video product: connects, beats, and disconnects when it is closed.
//
// On another page this one line opens the box's page beside it, and closes it with its own:
//   <script src="http://127.0.0.1:8110/assets/call.js" data-reservation="R001"></script>
'use strict';

(() => {
  const BEAT_EVERY_MS = 10000;
  const ANSWER_MS = 4000;
  const script = document.currentScript;
  const form = document.getElementById('call');
  if (!form) {
    const asked = new URLSearchParams({ reservation: script.dataset.reservation ?? '', auto: '1' });
    const beside = window.open(`${new URL(script.src).origin}/call?${asked}`, 'machiai-call', 'width=420,height=420');
    addEventListener('pagehide', () => beside?.close());
    return;
  }
  const words = JSON.parse(document.getElementById('words').textContent);
  const [said, leave, test] = ['said', 'leave', 'test'].map((id) => document.getElementById(id));
  const say = (key, ms = 0) => {
    said.textContent = words[key].replace('{m}', Math.floor(ms / 60000)).replace('{s}', Math.floor((ms % 60000) / 1000));
  };
  const draw = () => Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, '0')).join('');
  const device = localStorage.getItem('device') ?? 'doctor-pc';
  let call = null;

  const tell = (act, more = {}, how = {}) => {
    const { reservation, connection } = call;
    const headers = { 'content-type': 'application/json', 'idempotency-key': draw(), 'machiai-device': device };
    const body = JSON.stringify({ ...(reservation && { reservation }), connection, ...more });
    return fetch(`/api/v1/calls/${act}`, { method: 'POST', headers, body, ...how });
  };
  const begin = async (isTest) => {
    call = { reservation: form.elements.reservation.value.trim(), connection: draw(), isTest, since: call?.since ?? performance.now() };
    await send(isTest ? 'test' : 'connect');
    show();
  };
  const send = async (act, more) => {
    try {
      const response = await tell(act, more, { signal: AbortSignal.timeout(ANSWER_MS) });
      if (response.ok) {
        say(call.isTest ? 'on_test' : 'on', performance.now() - call.since);
        return;
      }
      const told = await response.json();
      said.textContent = told.title_ja;
      // The box took this connection for over: what goes on is another one.
      if (act === 'heartbeat' && told.code === 'call_not_running') await begin(call.isTest);
      else if (act !== 'heartbeat' && told.code !== 'busy') call = null;
    } catch {
      say('again');
    }
  };
  const show = () => {
    leave.hidden = !call;
    for (const at of [form.elements.connect, test, form.elements.reservation]) at.disabled = Boolean(call);
  };
  form.onsubmit = (event) => {
    event.preventDefault();
    begin(false);
  };
  test.onclick = () => begin(true);
  leave.onclick = async () => {
    const response = await tell('disconnect', { reason: 'left' }).catch(() => null);
    if (!response) return say('again');
    call = null;
    say('over');
    show();
  };
  addEventListener('pagehide', () => call && tell('disconnect', { reason: 'page_closed' }, { keepalive: true }));
  setInterval(() => call && send('heartbeat', { sent_ms: Date.now() }), BEAT_EVERY_MS);
  const query = new URLSearchParams(location.search);
  form.elements.reservation.value = query.get('reservation') ?? '';
  say('off');
  if (query.get('auto')) begin(false);
})();

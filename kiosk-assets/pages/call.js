// On the page of any video product this one line lets the doctor have a consultation call noted by the clinic's box:
//   <script src="http://127.0.0.1:8110/assets/call.js" data-reservation="R001"></script>
//
// It puts a button there, since browsers open windows for a click alone. The window is the box's own page: nothing of the
// box is sent to this one but whether the call is noted, and that only where the clinic named this page. With `data-box`
// the file may lie anywhere.
'use strict';

(() => {
  const script = document.currentScript;
  const box = new URL(script.dataset.box ?? script.src).origin;
  const reservation = script.dataset.reservation ?? '';
  const words = {
    ja: { begin: '通話を記録する', look: '記録の窓をご確認ください', blocked: '窓を開けません。このページのポップアップを許可してください' },
    en: { begin: 'Note this call', look: 'See the window that opened', blocked: 'No window could open: allow pop-ups on this page' },
  }[script.dataset.lang === 'en' ? 'en' : 'ja'];
  const button = document.createElement('button');
  button.type = 'button';
  button.dataset.machiai = '';
  button.textContent = words.begin;
  button.style.cssText = 'position:fixed;right:16px;bottom:16px;z-index:2147483647;min-height:52px;padding:6px 20px;border:2px solid #16325C;border-radius:12px;background:#fff;color:#16325C;font:700 18px sans-serif;cursor:pointer';
  let beside = null;
  button.onclick = () => {
    if (beside && !beside.closed) return beside.focus();
    const asked = new URLSearchParams(reservation && { reservation });
    beside = open(`${box}/call/open?${asked}`, 'machiai-call', 'popup,width=440,height=480');
    button.textContent = beside ? words.look : words.blocked;
  };
  addEventListener('message', (event) => {
    if (event.origin !== box || event.source !== beside || !beside) return;
    if (event.data?.machiai === 'ready') beside.postMessage({ machiai: 'begin', reservation }, box);
    if (event.data?.machiai === 'state') button.textContent = event.data.text;
  });
  // Whoever leaves this page has left the call.
  addEventListener('pagehide', () => beside?.close());
  document.body ? document.body.append(button) : addEventListener('DOMContentLoaded', () => document.body.append(button));
})();

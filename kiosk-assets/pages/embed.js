// A clinic's waiting status on the clinic's own page:
//   <div data-machiai="1001"></div><script src="https://HUB/embed.js" async></script>
"use strict";
(() => {
  const hub = new URL(document.currentScript.src).origin;
  const show = async (place) => {
    let lines;
    try {
      const answer = await fetch(`${hub}/api/v1/sites/${encodeURIComponent(place.dataset.machiai)}`);
      if (!answer.ok) return;
      const status = await answer.json();
      lines = status.waiting.map((line) => `${line.name}　${line.open ? `お待ち ${line.n_waiting}人` : "受付時間外"}`);
      if (status.out_of_reach) lines.push("ただいまクリニックと通信できません。実際とは違うことがあります。");
    } catch {
      lines = ["ただいま表示できません。"];
    }
    const list = document.createElement("ul");
    for (const text of lines) list.appendChild(document.createElement("li")).textContent = text;
    place.replaceChildren(list);
  };
  const all = () => document.querySelectorAll("[data-machiai]").forEach(show);
  all();
  setInterval(all, 30000);
})();

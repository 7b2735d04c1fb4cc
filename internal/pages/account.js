// Keeps the lists of the account page as they are now. Without it the page is whole, and as
// old as it looks.
(() => {
  'use strict';
  const own = '/.cardea/';
  const here = own + 'account';
  const root = document.getElementById('account');
  if (!root || !window.fetch || !window.EventSource || !window.DOMParser) return;
  const visible = () => document.visibilityState !== 'hidden';
  let gone = false;

  const leave = () => {
    if (gone) return;
    gone = true;
    location.replace(own + 'signed-out?return=' + encodeURIComponent(here));
  };

  // The exact time, as clocks here show it.
  const clocks = where => {
    for (const t of where.querySelectorAll('time')) {
      const at = new Date(t.dateTime);
      if (!isNaN(at)) t.title = at.toLocaleString(document.documentElement.lang, { dateStyle: 'long', timeStyle: 'medium' });
    }
  };

  // What an item says, apart from what differs each time that it is made.
  const gist = item => {
    const copy = item.cloneNode(true);
    for (const t of copy.querySelectorAll('time')) { t.textContent = ''; t.removeAttribute('title'); }
    for (const f of copy.querySelectorAll('input[type=hidden]')) f.removeAttribute('value');
    for (const d of copy.querySelectorAll('details')) d.removeAttribute('open');
    return copy.className + copy.innerHTML;
  };
  const freshen = (old, now, pick, act) => {
    const next = now.querySelectorAll(pick);
    old.querySelectorAll(pick).forEach((el, i) => { if (next[i]) act(el, next[i]); });
  };
  const values = (old, now) => freshen(old, now, 'input[type=hidden]', (el, next) => { el.value = next.value; });
  const update = (old, now) => {
    if (gist(old) !== gist(now)) {
      const opened = [...old.querySelectorAll('details')].map(d => d.open);
      old.className = now.className;
      old.innerHTML = now.innerHTML;
      old.querySelectorAll('details').forEach((d, i) => { d.open = !!opened[i]; });
      clocks(old);
      return true;
    }
    freshen(old, now, 'time', (el, next) => { el.textContent = next.textContent; });
    values(old, now);
    return false;
  };

  const focused = () => {
    const el = document.activeElement;
    const item = el && el.closest && el.closest('[data-key]');
    if (!item || !root.contains(item)) return null;
    const all = [...item.querySelectorAll('button, summary, a, input')];
    return { item, list: item.parentElement, key: item.dataset.key, at: all.indexOf(el), el };
  };
  const refocus = was => {
    if (!was || document.activeElement === was.el) return;
    const item = [...was.list.children].find(el => el.dataset.key === was.key);
    const el = item && item.querySelectorAll('button, summary, a, input')[was.at];
    const target = el || document.getElementById(was.list.getAttribute('aria-labelledby'));
    if (target) target.focus({ preventScroll: true });
  };

  const patch = (list, next) => {
    let changed = false;
    const old = new Map([...list.children].map(el => [el.dataset.key, el]));
    let at = list.firstElementChild;
    for (const made of [...next.children]) {
      let el = old.get(made.dataset.key);
      old.delete(made.dataset.key);
      if (el) changed = update(el, made) || changed;
      else { el = document.importNode(made, true); clocks(el); changed = true; }
      if (el === at) at = at.nextElementSibling;
      else list.insertBefore(el, at);
    }
    for (const el of old.values()) { el.remove(); changed = true; }
    return changed;
  };

  const show = made => {
    const now = made.getElementById('account');
    if (!now) return;
    if (now.dataset.mark !== root.dataset.mark) { gone = true; location.reload(); return; }
    const was = focused();
    for (const list of root.querySelectorAll('[data-live]')) {
      const next = made.getElementById(list.id);
      const said = document.getElementById(list.id + '-changed');
      if (next && patch(list, next) && said) {
        said.textContent = '';
        setTimeout(() => { said.textContent = said.dataset.say; }, 100);
      }
    }
    for (const form of root.querySelectorAll('form[id]')) {
      const next = made.getElementById(form.id);
      if (next) values(form, next);
    }
    const more = root.querySelector('#devices-more');
    const nextMore = now.querySelector('#devices-more');
    if (more && nextMore) more.textContent = nextMore.textContent;
    refocus(was);
  };

  let busy = false;
  let again = false;
  const load = () => {
    if (gone || !visible()) return;
    if (busy) { again = true; return; }
    busy = true;
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(), 10000);
    fetch(here, { headers: { Accept: 'text/html' }, cache: 'no-store', credentials: 'same-origin', redirect: 'error', signal: limit.signal })
      .then(res => {
        if (res.status === 401) return res.json().then(p => { if (/session-required$/.test(p.type)) leave(); });
        return res.ok ? res.text().then(text => { if (!gone) show(new DOMParser().parseFromString(text, 'text/html')); }) : null;
      })
      .catch(() => null)
      .then(() => {
        clearTimeout(timer);
        busy = false;
        if (again) { again = false; soon(); }
      });
  };
  let due = 0;
  const soon = () => {
    clearTimeout(due);
    due = setTimeout(load, 250);
  };

  let source = null;
  let wait = 1000;
  const connect = () => {
    if (gone || source) return;
    const s = source = new EventSource(own + 'events?of=account');
    s.addEventListener('hello', () => { wait = 1000; soon(); });
    s.addEventListener('changed', soon);
    s.addEventListener('ended', () => { s.close(); leave(); });
    s.onerror = () => {
      if (s.readyState !== 2) return;
      source = null;
      wait = Math.min(2 * wait, 30000);
      setTimeout(connect, wait);
      load();
    };
  };

  clocks(document);
  connect();
  setInterval(load, 60000);
  document.addEventListener('visibilitychange', () => { if (visible()) soon(); });
  addEventListener('pageshow', e => { if (e.persisted) location.reload(); });
})();

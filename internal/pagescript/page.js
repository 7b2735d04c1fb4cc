// Takes the page away when the session that it was made in has ended. Comments stand on
// lines of their own and are not sent; nothing here spans lines inside of a string.
(() => {
  'use strict';
  const tag = document.currentScript;
  const once = Symbol.for('cardea.page');
  if (!tag) return;
  tag.remove();
  if (window.top !== window || document[once]) return;
  Object.defineProperty(document, once, { value: true });
  const [mark, own] = (tag.getAttribute('data-cardea') || '').split(' ');
  if (!own) return;

  const base = location.origin + own;
  const locks = navigator.locks;
  const workers = navigator.serviceWorker;
  // The app may replace these later, to mock or to measure.
  const { fetch, EventSource, BroadcastChannel, setTimeout, clearTimeout, AbortController, URL } = window;
  const at = (target, type, act) => target.addEventListener(type, act, true);
  const visible = () => document.visibilityState !== 'hidden';

  // ---- hiding and leaving ----

  let going = false;
  let style = null;
  let showing = 0;
  const hide = () => {
    const s = document.documentElement.style;
    if (!style) style = [s.getPropertyValue('display'), s.getPropertyPriority('display'), scrollX, scrollY];
    s.setProperty('display', 'none', 'important');
  };
  const show = () => {
    if (going || !style) return;
    document.documentElement.style.setProperty('display', style[0], style[1]);
    if (style[2] || style[3]) scrollTo({ left: style[2], top: style[3], behavior: 'instant' });
    style = null;
  };
  // First in line, so that no prompt about unsaved changes and no router of the app's keeps the page.
  const veto = e => { if (going) e.stopImmediatePropagation(); };
  // A navigation of this tab, perhaps the sign-out itself, leads further than we would.
  let moving = -1e9;
  at(window, 'beforeunload', e => { moving = performance.now(); veto(e); });
  if (window.navigation) at(window.navigation, 'navigate', veto);

  const go = move => {
    going = true;
    hide();
    try {
      document.title = '';
      window.onbeforeunload = null;
      // Dialogs of the app's, say about its lost connection, would stop everything.
      for (const name of ['alert', 'confirm', 'prompt', 'print']) window[name] = () => null;
      for (const frame of document.querySelectorAll('iframe, frame')) frame.remove();
    } catch (e) { /* hidden all the same */ }
    stop();
    move();
  };
  const reload = () => location.reload();
  const reloadPast = () => {
    const drop = all => Promise.all(all.map(one => one.unregister()));
    const next = workers ? workers.getRegistrations().then(drop) : Promise.resolve();
    setTimeout(reload, 2000);
    next.then(reload, reload);
  };
  // How often this tab was loaded anew within half a minute.
  const loads = () => {
    try {
      const key = 'cardea-page';
      let [n, since] = (sessionStorage.getItem(key) || '0 0').split(' ').map(Number);
      if (!(Date.now() - since < 30000)) [n, since] = [0, Date.now()];
      sessionStorage.setItem(key, (n + 1) + ' ' + since);
      return n;
    } catch (e) { return 2; }
  };
  const leave = () => {
    if (going) return;
    const left = moving + 5000 - performance.now();
    if (left > 0) { hide(); setTimeout(leave, left); return; }
    if (location.pathname.indexOf(own + '/') === 0) {
      // A service worker of the app's answered in the gateway's place.
      go(loads() < 2 ? reloadPast : () => {});
      return;
    }
    const back = encodeURIComponent(location.pathname + location.search);
    go(() => location.replace(base + '/signed-out?return=' + back));
  };
  // Another person is signed in than the page was made for.
  const stranger = () => {
    if (going) return;
    const n = loads();
    if (n > 1) leave();
    else go(n ? reloadPast : reload);
  };

  // ---- asking: true is signed out, false signed in, undefined a fault ----

  const ask = () => {
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(), 10000);
    return fetch(base + '/session', {
      cache: 'no-store', credentials: 'same-origin', redirect: 'error', referrerPolicy: 'same-origin',
      headers: { Accept: 'application/json, application/problem+json' }, signal: limit.signal,
    }).then(res => {
      if (res.status !== 401) return res.status === 200 ? false : undefined;
      return res.json().then(p => /session-required$/.test(p.type) || undefined);
    }).catch(() => undefined).then(out => { clearTimeout(timer); return out; });
  };
  let asked = false;
  let greeted = false;
  const settle = () => { if (asked && greeted) show(); };
  // With hidden set the page stays hidden until both are known, that the session lives and
  // that it is the same person's; a second at most.
  const doubt = hidden => {
    if (hidden) {
      asked = greeted = false;
      hide();
      clearTimeout(showing);
      showing = setTimeout(show, 1000);
    }
    ask().then(out => {
      if (out) leave();
      else if (out === undefined) show();
      else { asked = true; settle(); }
    });
  };

  // ---- the event stream, one per browser ----

  let alone = !(locks && BroadcastChannel);
  let turn = null;
  let source = null;
  let retry = 0;
  let wait = 1000;
  let opened = 0;
  let hello = null;
  let warning = null;
  let barred = false;

  const leads = () => !!(source || (turn && turn.done));
  const hear = (name, data) => {
    if (name === 'hello') { wait = 1000; hello = data; }
    if (name === 'warn') { data.until = Date.now() + 1000 * data.seconds; warning = data; }
    if (name === 'ended' && hello) data.mark = hello.mark;
    say(name, data);
    act(name, data);
  };
  const act = (name, data) => {
    if (going) return;
    if (name === 'hello' || name === 'told') {
      if (!data.mark) return;
      if (data.mark === mark) { greeted = true; settle(); }
      else if (name === 'hello') stranger();
      else say('renew');
    }
    else if (name === 'warn') notice(data);
    else if (name === 'calm') calm();
    else if (name === 'ended') {
      if (!data.mark || data.mark === mark) leave();
      else doubt(false);
    }
  };
  const connect = () => {
    if (source || going || barred) return;
    clearTimeout(retry);
    retry = 0;
    opened = Date.now();
    const s = source = new EventSource(base + '/events');
    for (const name of ['hello', 'warn', 'calm', 'ended']) {
      s.addEventListener(name, e => {
        let data = null;
        try { data = JSON.parse(e.data); } catch (x) { /* an event without data */ }
        if (source === s) hear(name, data || {});
      });
    }
    s.onerror = () => { if (source === s && s.readyState === 2) lost(); };
  };
  const disconnect = () => {
    clearTimeout(retry);
    retry = 0;
    if (source) source.close();
    source = null;
  };
  const lost = () => {
    disconnect();
    const mine = turn;
    ask().then(out => {
      if (out) { hear('ended', {}); return; }
      if (going || mine !== turn || source || retry || (alone && !visible())) return;
      wait = Math.min(2 * wait, 30000);
      retry = setTimeout(connect, wait * (1 + Math.random()) / 2);
    });
  };
  // A policy in a meta element of the app's may forbid what its headers allowed: another
  // tab takes the lead.
  at(document, 'securitypolicyviolation', e => {
    if (e.disposition !== 'enforce' || String(e.blockedURI).indexOf(base + '/') !== 0) return;
    barred = true;
    yieldTurn();
  });

  const yieldTurn = () => {
    const t = turn;
    turn = null;
    disconnect();
    if (!t) return;
    t.queue.abort();
    if (t.done) t.done();
  };
  const lead = steal => {
    if (barred || going) return;
    yieldTurn();
    const t = turn = { queue: new AbortController(), done: null };
    locks.request('cardea-events', steal ? { steal } : { signal: t.queue.signal }, () => {
      if (t !== turn) return null;
      return new Promise(done => { t.done = done; say('here'); connect(); });
    }).catch(() => {
      if (t !== turn) return;
      // Taken by another tab, to which this one seemed frozen; or locks are not to be had.
      if (t.done) { lead(); return; }
      alone = true;
      yieldTurn();
      if (visible()) connect();
    });
  };

  let channel = null;
  let theft = 0;
  const say = (name, data) => {
    try { if (channel) channel.postMessage({ name, data: data || {} }); } catch (e) { /* closed */ }
  };
  const listen = () => {
    if (channel || !BroadcastChannel) return;
    channel = new BroadcastChannel('cardea');
    channel.onmessage = e => {
      const { name, data } = e.data || {};
      if (name === 'ask') {
        if (!leads()) return;
        say('here');
        if (hello) say('told', hello);
        if (warning) say('warn', warning);
      } else if (name === 'renew') {
        if (source && Date.now() - opened > 5000) { disconnect(); connect(); }
      } else {
        clearTimeout(theft);
        act(name, data || {});
      }
    };
  };
  // A leader that does not answer is frozen with its tab.
  const poke = () => {
    say('ask');
    clearTimeout(theft);
    if (!alone && visible()) theft = setTimeout(() => { if (!leads() && visible()) lead(true); }, 3000);
  };
  const start = () => {
    if (going) return;
    try { listen(); } catch (e) { alone = true; }
    if (alone) { poke(); if (visible()) connect(); }
    else { lead(); poke(); }
  };
  const stop = () => {
    clearTimeout(theft);
    yieldTurn();
    if (channel) channel.close();
    channel = null;
    hello = warning = null;
  };

  // ---- when the page is shown again ----

  let away = visible() ? 0 : Date.now();
  const wake = () => {
    if (going) return;
    doubt(false);
    wait = 1000;
    if (!leads()) { poke(); return; }
    if (source && source.readyState !== 1) disconnect();
    connect();
  };
  at(document, 'visibilitychange', () => {
    if (!visible()) { away = Date.now(); if (alone) disconnect(); return; }
    if (alone) connect();
    if (away && Date.now() - away > 5000) wake();
    away = 0;
  });
  at(document, 'resume', wake);
  at(window, 'online', wake);
  at(window, 'pagehide', e => {
    if (e.persisted) hide();
    stop();
  });
  at(window, 'pageshow', e => {
    if (!e.persisted) return;
    start();
    doubt(true);
  });

  // ---- the notice before the session's limits ----

  let box = null;
  let closed = 0;
  const put = (parent, kind, css, text) => {
    const el = document.createElement(kind);
    el.style.cssText = css;
    if (text) el.textContent = text;
    parent.appendChild(el);
    return el;
  };
  const calm = () => {
    closed = 0;
    warning = null;
    shut();
  };
  const shut = () => {
    if (!box) return;
    clearInterval(box.timer);
    const back = box.root.activeElement && box.back;
    box.host.remove();
    box = null;
    if (back && back.focus) back.focus();
  };
  const stay = button => {
    const undo = () => { button.disabled = false; };
    button.disabled = true;
    fetch(base + '/stay', { method: 'POST', credentials: 'same-origin', redirect: 'error', referrerPolicy: 'same-origin' }).then(res => {
      if (res.status === 401) ask().then(out => { if (out) leave(); });
      if (!res.ok) { undo(); return; }
      say('calm');
      calm();
    }).catch(undo);
  };
  // System colours follow the person's light, dark or high contrast, nothing moves, and
  // styles set this way are under no policy of the app's.
  const notice = data => {
    const { kind, text, url, until } = data;
    // Put away by the person, and still the same limit.
    if (going || !(until > 0) || Math.abs(until - closed) < 5000) return;
    if (box && box.kind === kind && Math.abs(until - box.until) < 5000) return;
    shut();
    const host = document.createElement('div');
    const rules = { all: 'initial', 'color-scheme': 'light dark', position: 'fixed', inset: 'auto 0 1rem 0', 'z-index': '2147483647', 'pointer-events': 'none' };
    for (const name in rules) host.style.setProperty(name, rules[name], 'important');
    const root = host.attachShadow({ mode: 'closed' });
    const panel = put(root, 'div', 'box-sizing:border-box;display:flex;flex-wrap:wrap;gap:.5rem 1rem;align-items:center;width:fit-content;max-width:min(40rem,calc(100vw - 2rem));margin:0 auto;padding:.75rem 1rem;border:2px solid CanvasText;border-radius:.5rem;background:Canvas;color:CanvasText;font:16px/1.4 system-ui,sans-serif;pointer-events:auto');
    panel.setAttribute('role', 'group');
    panel.tabIndex = -1;
    if (data.lang) panel.lang = data.lang;
    panel.dir = data.dir || 'auto';
    const said = put(panel, 'span', 'flex:1 1 12rem');
    said.setAttribute('role', 'status');
    said.setAttribute('aria-live', 'polite');
    said.id = 'said';
    panel.setAttribute('aria-labelledby', 'said');
    const clock = put(panel, 'span', 'font-variant-numeric:tabular-nums');
    clock.setAttribute('role', 'timer');
    clock.setAttribute('aria-live', 'off');
    const face = 'font:inherit;font-weight:600;padding:.4rem .9rem;border:2px solid CanvasText;border-radius:.35rem;background:CanvasText;color:Canvas;text-decoration:none;cursor:pointer';
    if (kind !== 'absolute') {
      const button = put(panel, 'button', face, data.stay);
      button.type = 'button';
      button.onclick = () => stay(button);
    } else if (url) {
      const to = new URL(url, base);
      const link = put(panel, 'a', face, data.stay);
      if (/^https?:$/.test(to.protocol)) link.href = to.href;
      link.target = '_blank';
      link.rel = 'noopener';
    }
    for (const type of ['keydown', 'keypress', 'keyup']) {
      panel.addEventListener(type, e => {
        e.stopPropagation();
        if (e.key === 'Escape') { closed = until; shut(); }
      });
    }
    panel.addEventListener('focusin', e => {
      const from = e.relatedTarget;
      if (box && from && !panel.contains(from)) box.back = from;
    });
    const tick = () => {
      // The app may not have a body yet, or put another in its place.
      if (!host.isConnected && document.body) {
        document.body.appendChild(host);
        said.textContent = '';
        setTimeout(() => { said.textContent = text; }, 100);
      }
      const left = Math.max(0, Math.ceil((until - Date.now()) / 1000));
      clock.textContent = Math.floor(left / 60) + ':' + String(left % 60).padStart(2, '0');
    };
    box = { host, root, kind, until, back: null, timer: setInterval(tick, 1000) };
    tick();
  };

  // ---- sockets say for whom they are opened ----

  const Socket = window.WebSocket;
  const marked = target => {
    if (typeof target !== 'string' && !(target instanceof URL)) return target;
    try {
      const url = new URL(target, document.baseURI);
      const tls = url.protocol === 'wss:' || url.protocol === 'https:';
      if (!/^(ws|http)s?:$/.test(url.protocol) || url.host !== location.host || (tls && location.protocol !== 'https:')) return target;
      if (url.href.indexOf('#') >= 0 || url.searchParams.has('cardea-page')) return target;
      url.search += (url.search ? '&' : '?') + 'cardea-page=' + mark;
      return url.href;
    } catch (e) { return target; }
  };
  if (Socket) {
    const wrapped = new Proxy(Socket, {
      construct: (to, args, as) => Reflect.construct(to, args.length ? [marked(args[0])].concat(args.slice(1)) : args, as),
    });
    const kept = Object.getOwnPropertyDescriptor(window, 'WebSocket');
    Object.defineProperty(window, 'WebSocket', Object.assign(kept, { value: wrapped }));
    Socket.prototype.constructor = wrapped;
  }

  // A page from a cache may be of a session that has ended, or of another person's.
  const entry = performance.getEntriesByType('navigation')[0] || {};
  const cached = entry.type === 'back_forward' || entry.workerStart > 0 || (workers && workers.controller);
  start();
  if (cached) doubt(true);
})();

// The credits page with script: change a balance inside the list, undo it, and show purchases in a dialog.
// Every control is a plain link or form, which works the same without this file.

const FRAGMENT = { "X-Fragment": "balance" };

function announce(text) {
  const status = document.querySelector("[data-announce]");
  if (status) status.textContent = text;
}

function isPlainClick(event) {
  return event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
}

/** Return the parsed part of the page; null after leaving the page for the sign-in. */
async function load(url, options = {}) {
  const response = await fetch(url, { ...options, headers: FRAGMENT, credentials: "same-origin" });
  if (response.redirected) {
    location.assign(response.url);
    return null;
  }
  const holder = document.createElement("template");
  holder.innerHTML = await response.text();
  // The caller moves the focus; browsers warn about a second attempt.
  for (const field of holder.content.querySelectorAll("[autofocus]")) field.removeAttribute("autofocus");
  return { status: response.status, content: holder.content };
}

// The form that changes a balance.

function rowOf(form) {
  return form.closest("tr").previousElementSibling;
}

function linkOf(row) {
  return row.querySelector("[data-balance]");
}

function focusForm(form) {
  const field = form.querySelector("[aria-invalid]") || form.elements.balance;
  field.focus({ preventScroll: true });
  field.select();
  field.scrollIntoView({ block: "nearest" });
  showAfter(form);
}

/** The link that opened the form of a row; the focus returns to it. */
const openers = new WeakMap();

function close(form) {
  const row = rowOf(form);
  const opener = openers.get(row);
  form.closest("tr").remove();
  row.classList.remove("is-edited");
  // A saved balance replaces its own link.
  (opener?.isConnected ? opener : linkOf(row))?.focus({ preventScroll: true });
}

async function open(link) {
  const row = link.closest("tr");
  const url = new URL(link.href);
  url.searchParams.set("expected_balance", linkOf(row).dataset.balance);
  let answer;
  try {
    answer = await load(url);
  } catch {
    location.assign(link.href);
    return;
  }
  if (answer === null) return;
  const form = answer.content.querySelector("[data-balance-form]");
  if (!form) {
    location.assign(link.href);
    return;
  }
  for (const other of document.querySelectorAll("[data-balance-form]")) close(other);
  const place = document.createElement("tr");
  const cell = document.createElement("td");
  place.className = "editing";
  place.setAttribute("role", "row");
  cell.setAttribute("role", "cell");
  cell.colSpan = row.cells.length;
  cell.append(form);
  place.append(cell);
  row.after(place);
  row.classList.add("is-edited");
  openers.set(row, link);
  focusForm(form);
}

function read(text) {
  const typed = text.trim();
  const isNumber = /^(\d{1,16}|\d{1,3}([,.'\s]\d{3}){1,5})$/.test(typed);
  return isNumber ? Number(typed.replace(/\D/g, "")) : null;
}

function showAfter(form) {
  const amount = read(form.elements.balance.value);
  const before = Number(form.elements.expected_balance.value);
  const mode = form.elements.mode.value;
  let text = "";
  if (amount !== null) {
    const after = mode === "set" ? amount : mode === "add" ? before + amount : before - amount;
    if (after >= 0 && after <= Number.MAX_SAFE_INTEGER && after !== before) {
      text = ` → ${after.toLocaleString(document.documentElement.lang)}`;
    }
  }
  form.querySelector("[data-after]").textContent = text;
}

function fail(form, text) {
  let notice = form.querySelector(".edit__error");
  if (!notice) {
    notice = document.createElement("p");
    notice.className = "notice notice--bad edit__error";
    notice.setAttribute("role", "alert");
    form.prepend(notice);
  }
  notice.textContent = text;
}

async function save(form) {
  if (form.dataset.busy) return;
  form.dataset.busy = "1";
  let answer;
  try {
    answer = await load(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
  } catch {
    fail(form, "The service could not be reached. Save again: the change is stored once.");
    return;
  } finally {
    delete form.dataset.busy;
  }
  if (answer === null) return;
  const again = answer.content.querySelector("[data-balance-form]");
  if (again) {
    form.replaceWith(again);
    focusForm(again);
  } else if (answer.content.querySelector("[data-balance]")) {
    const row = rowOf(form);
    row.querySelector(".user__balance").replaceChildren(answer.content);
    row.classList.add("is-changed");
    close(form);
    announce(`Saved: the balance is now ${linkOf(row).textContent} tokens.`);
  } else {
    fail(form, `The balance was not saved (error ${answer.status}). Load the page again.`);
  }
}

async function undo(form) {
  if (form.dataset.busy) return;
  form.dataset.busy = "1";
  const row = form.closest("tr");
  let answer;
  try {
    answer = await load(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
  } catch {
    announce("The service could not be reached. Undo again: the change is undone once.");
    return;
  } finally {
    delete form.dataset.busy;
  }
  if (answer === null) return;
  if (!answer.content.querySelector("[data-balance]")) {
    location.reload();
    return;
  }
  row.querySelector(".user__balance").replaceChildren(answer.content);
  linkOf(row).focus({ preventScroll: true });
  if (answer.status === 200) announce(`Undone: the balance is now ${linkOf(row).textContent} tokens.`);
}

// Purchases in a dialog.

async function fill(dialog, url) {
  const answer = await load(url);
  if (answer === null) return false;
  if (!answer.content.querySelector("#panel-title")) throw new Error(String(answer.status));
  dialog.replaceChildren(answer.content);
  return true;
}

async function showPurchases(link) {
  const dialog = document.createElement("dialog");
  dialog.className = "panel";
  dialog.setAttribute("aria-labelledby", "panel-title");
  try {
    if (!(await fill(dialog, link.href))) return;
  } catch {
    location.assign(link.href);
    return;
  }
  document.body.append(dialog);
  dialog.addEventListener("close", () => {
    dialog.remove();
    link.focus({ preventScroll: true });
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  dialog.showModal();
  dialog.querySelector("#panel-title").focus();
}

async function turnPage(link) {
  const dialog = link.closest("dialog");
  try {
    if (await fill(dialog, link.href)) dialog.querySelector("#panel-title").focus();
  } catch {
    location.assign(link.href);
  }
}

const CLICKS = [
  ["[data-balance], [data-balance-edit]", open],
  ["[data-balance-cancel]", (link) => close(link.closest("form"))],
  ["[data-purchases]", showPurchases],
  ["dialog [data-purchases-page]", turnPage],
];

document.addEventListener("click", (event) => {
  if (!isPlainClick(event)) return;
  for (const [selector, act] of CLICKS) {
    const link = event.target.closest?.(selector);
    if (link) {
      event.preventDefault();
      act(link);
      return;
    }
  }
});

document.addEventListener("submit", (event) => {
  if (event.target.matches("[data-balance-form]")) {
    event.preventDefault();
    save(event.target);
  } else if (event.target.matches("[data-balance-undo]")) {
    event.preventDefault();
    undo(event.target);
  }
});

document.addEventListener("keydown", (event) => {
  const form = event.target.closest?.("[data-balance-form]");
  if (form && event.key === "Escape" && !event.isComposing) {
    event.preventDefault();
    close(form);
  }
});

document.addEventListener("input", (event) => {
  const form = event.target.closest?.("[data-balance-form]");
  if (form) showAfter(form);
});

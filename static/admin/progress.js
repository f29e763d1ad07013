// Keeps the state of a running bulk change current. Without script, the link beside it loads the page again.
const EVERY = 2000;
const link = document.querySelector("[data-progress]");
const bar = document.querySelector(".bulk__bar");

async function look() {
  try {
    const answer = await fetch(link.href, { credentials: "same-origin" });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const found = page.querySelector(".bulk__bar");
    if (answer.ok && !found) {
      location.reload();
      return;
    }
    if (found) {
      bar.value = found.value;
      document.querySelector(".bulk__result").textContent = page.querySelector(".bulk__result").textContent;
    }
  } catch {
    // The next attempt may succeed.
  }
  setTimeout(look, EVERY);
}

if (link) {
  setTimeout(look, EVERY);
}

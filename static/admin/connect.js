// Goes on to the connection as soon as the site has used the code. Without script, the button beside it does the same.
const wait = document.querySelector("[data-wait]");
const EVERY = 4000;

async function look() {
  try {
    const answer = await fetch(wait.dataset.wait, { headers: { Accept: "application/json" } });
    const { state } = await answer.json();
    if (state === "connected") {
      location.assign(wait.dataset.next);
      return;
    }
    if (state === "expired") {
      wait.textContent = "The code has expired. Create another one.";
      return;
    }
  } catch {
    // The next attempt may succeed.
  }
  setTimeout(look, EVERY);
}

wait.textContent = "Waiting for the site …";
setTimeout(look, EVERY);

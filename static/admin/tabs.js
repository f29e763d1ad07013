// Shows one of several examples at a time, with tabs in place of their headings.
for (const group of document.querySelectorAll("[data-tabs]")) {
  const panels = [...group.children];
  const list = document.createElement("div");
  list.className = "tabs";
  list.setAttribute("role", "tablist");
  list.setAttribute("aria-label", "Language");
  const tabs = panels.map((panel, place) => {
    const heading = panel.querySelector("h3");
    const tab = document.createElement("button");
    tab.type = "button";
    tab.className = "tabs__tab";
    tab.id = `${heading.id}-tab`;
    tab.textContent = heading.textContent;
    tab.setAttribute("role", "tab");
    panel.id ||= `${heading.id}-panel`;
    tab.setAttribute("aria-controls", panel.id);
    panel.setAttribute("role", "tabpanel");
    panel.setAttribute("aria-labelledby", tab.id);
    heading.hidden = true;
    tab.addEventListener("click", () => show(place));
    list.append(tab);
    return tab;
  });

  function show(chosen) {
    panels.forEach((panel, place) => {
      panel.hidden = place !== chosen;
      tabs[place].setAttribute("aria-selected", String(place === chosen));
      tabs[place].tabIndex = place === chosen ? 0 : -1;
    });
  }

  list.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = (tabs.indexOf(document.activeElement) + step + tabs.length) % tabs.length;
    show(next);
    tabs[next].focus();
    event.preventDefault();
  });

  group.prepend(list);
  show(0);
}

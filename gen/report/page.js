// Tips for whatever is hovered, focused or touched; an event for what is clicked.
(() => {
  const tip = document.getElementById("tip");
  const hide = () => { tip.hidden = true; };
  const show = (event) => {
    const mark = event.target.closest?.("[data-tip]");
    if (!mark) return hide();
    tip.textContent = mark.dataset.tip;
    tip.hidden = false;
    const box = mark.getBoundingClientRect();
    const x = event.clientX ?? box.left + box.width / 2;
    const y = event.clientY ?? box.top;
    const size = tip.getBoundingClientRect();
    const left = Math.min(Math.max(8, x + 14), innerWidth - size.width - 8);
    const above = y - size.height - 14;
    tip.style.left = `${left}px`;
    tip.style.top = `${above > 8 ? above : y + 18}px`;
  };
  document.addEventListener("pointermove", show);
  document.addEventListener("pointerdown", show);
  document.addEventListener("focusin", show);
  document.addEventListener("pointerleave", hide);
  document.addEventListener("scroll", hide, { passive: true, capture: true });
  document.addEventListener("click", (event) => {
    const mark = event.target.closest?.("[data-key]");
    if (mark) document.dispatchEvent(new CustomEvent("mark", { detail: mark.dataset.key }));
  });
})();

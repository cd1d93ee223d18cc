// Starts of the next bars, judged from the weeks that were, as sssd_registry/data/calendar.py judges them: business days
// skip weekends, and a currency's Friday is followed by its Sunday evening.

import { DAY, MONDAY, WEEK, modulo } from "./bars.js";

const WEEKS = 8;

// `weekdays`: days of the week on which bars may start, 0 is Monday; none for all.
export function futureTimes(times, bar, steps, weekdays) {
  const last = times[times.length - 1];
  const onDay = (slot) => !weekdays.length || weekdays.includes(Math.floor(slot / DAY));
  const slots = bar >= WEEK || neverCloses(bar, times) ? [] : tradedSlots(times, bar).filter(onDay);
  const found = [];
  if (!slots.length) {
    for (let time = last + bar; found.length < steps; time += bar) if (onDay(modulo(time - MONDAY, WEEK))) found.push(time);
    return found;
  }
  for (let week = last - modulo(last - MONDAY, WEEK); ; week += WEEK) {
    for (const slot of slots) {
      if (found.length === steps) return found;
      // Slots that a change of the clock moved lie closer together than bars can.
      if (week + slot > last && week + slot - (found.at(-1) ?? last) >= bar) found.push(week + slot);
    }
  }
}

// Bars come on every day of the week and at every hour: no day and no hour has half as many as another.
function neverCloses(bar, times) {
  const span = times[times.length - 1] - times[0];
  if (span < 2 * WEEK) return times.length * bar >= 0.9 * (span + bar);
  const even = (count, slotOf) => {
    const counts = new Array(count).fill(0);
    times.forEach((time) => counts[slotOf(time)]++);
    return 2 * Math.min(...counts) >= Math.max(...counts);
  };
  const slot = Math.max(bar, 3600);
  return (
    (bar > DAY || even(7, (time) => Math.floor(modulo(time - MONDAY, WEEK) / DAY))) &&
    (bar >= DAY || even(Math.ceil(DAY / slot), (time) => Math.floor(modulo(time, DAY) / slot)))
  );
}

// Seconds since Monday 00:00 at which bars start, in at least half of the last weeks; none where no week shows.
function tradedSlots(times, bar) {
  const last = times[times.length - 1];
  const span = Math.min(WEEKS * WEEK, last - times[0] + bar);
  if (span < WEEK) return [];
  const recent = times.filter((time) => time > last - span);
  const seen = new Map();
  recent.forEach((time) => {
    const slot = modulo(time - MONDAY, WEEK);
    seen.set(slot, (seen.get(slot) ?? 0) + 1);
  });
  const covered = (slot) => Math.floor((span - 1 - modulo(last - MONDAY - slot, WEEK)) / WEEK) + 1;
  const traded = [...seen.keys()].filter((slot) => 2 * seen.get(slot) >= covered(slot)).sort((a, b) => a - b);
  return 2 * traded.length >= (recent.length * WEEK) / span ? traded : [];
}

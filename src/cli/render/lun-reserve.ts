import type { LunReserve } from '../reservation-change.ts';
import { escapeText } from './escape.ts';
import { reservationSections } from './reservations.ts';
import type { View } from './view.ts';

/** What was done, then how the reservations stand. */
export function render(data: LunReserve, view: View): string {
  const { path, change, done, dryRun, reservations } = data;
  const sections = reservationSections(reservations, view);
  if (!change) return [view.strong(escapeText(path)), ...sections].join('\n\n');
  const head = dryRun ? view.faint('would') : done ? view.good('done') : view.faint('already so');
  return [`${head}  ${escapeText(change.words)} on ${escapeText(path)}`, ...sections].join('\n\n');
}

import type { Clock } from '../base/clock.ts';
import type { VirtualUnit } from './virtual-unit.ts';

/** Until the far array answers: its sizes are shown only then, and arrays are seldom started in the right order. */
const REACH_PAUSES_MS: readonly number[] = [500, 1000, 2000, 5000, 10_000];

/** Reaches for the far LUN in the background; hosts that come later do so themselves. */
export function reach(clock: Clock, unit: VirtualUnit, stopped: () => boolean, attempt = 0): void {
  const again = (): void => {
    const pauseMs = REACH_PAUSES_MS[attempt];
    if (pauseMs === undefined || stopped()) return;
    clock.setTimer(pauseMs, () => reach(clock, unit, stopped, attempt + 1), { background: true });
  };
  unit.prepare().catch(again);
}

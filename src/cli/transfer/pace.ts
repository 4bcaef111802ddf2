import type { Clock } from '../../base/clock.ts';
import { formatBytes, formatDuration } from '../values.ts';

/** "copied 12.0 MiB of 64 MiB, 18 %, 210 MiB/s, 2.1 s left". */
export function createPace(clock: Clock, totalBytes: number, show: (text: string) => void) {
  const startMs = clock.monotonicMs();
  return {
    elapsedMs: (): number => clock.monotonicMs() - startMs,
    show(verb: string, doneBytes: number): void {
      const elapsedMs = Math.max(1, clock.monotonicMs() - startMs);
      const percent = totalBytes === 0 ? 100 : Math.floor((doneBytes / totalBytes) * 100);
      const rate = (doneBytes / elapsedMs) * 1000;
      const left = rate > 0 ? `, ${formatDuration(((totalBytes - doneBytes) / rate) * 1000)} left` : '';
      show(`${verb} ${formatBytes(doneBytes)} of ${formatBytes(totalBytes)}, ${percent} %, ${rateWords(rate)}${left}`);
    },
  };
}

export function rateWords(bytesPerSecond: number): string {
  return `${formatBytes(Math.round(bytesPerSecond))}/s`;
}

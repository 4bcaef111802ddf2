import { delay, type Clock } from '../../base/clock.ts';

/** Milliseconds that long commands, all together, may keep the array busy at a stretch. */
const STRETCH_MS = 10;

/**
 * Keeps long commands from having the array to themselves: where nothing has to be waited for, one step would follow the other with
 * no look at the sockets, and initiators that hear nothing for 5 s take their session for lost.
 */
export class Breath {
  readonly #clock: Clock;
  #sinceMs: number;
  #pause: Promise<void> | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#sinceMs = clock.monotonicMs();
  }

  /** Between two steps: to be awaited where everybody else is to have a turn first. */
  take(): Promise<void> | undefined {
    if (this.#pause || this.#clock.monotonicMs() - this.#sinceMs < STRETCH_MS) return this.#pause;
    this.#pause = delay(this.#clock, 0).then(() => {
      this.#pause = undefined;
      this.#sinceMs = this.#clock.monotonicMs();
    });
    return this.#pause;
  }
}

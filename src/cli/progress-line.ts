import type { Clock, Timer } from '../base/clock.ts';
import type { Spinner } from './render/spinner.ts';

/** What is quicker than this shows no spinner: it would only flicker. */
const PATIENCE_MS = 250;

/** The one line on a terminal that says what is being waited for. It comes late, and leaves nothing behind. */
export class ProgressLine {
  readonly #stream: NodeJS.WritableStream;
  readonly #clock: Clock;
  #text = '';
  #timer: Timer | undefined;
  #spinner: Spinner | undefined;

  constructor(stream: NodeJS.WritableStream, clock: Clock) {
    this.#stream = stream;
    this.#clock = clock;
  }

  show(text: string): void {
    this.#text = text;
    if (this.#spinner) this.#spinner.update(text);
    else this.#timer ??= this.#clock.setTimer(PATIENCE_MS, () => void this.#start(), { background: true });
  }

  /** Until the next `show`; before anything else is written to the terminal. */
  hide(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#spinner?.stop();
    this.#spinner = undefined;
  }

  async #start(): Promise<void> {
    const timer = this.#timer;
    const { startSpinner } = await import('./render/spinner.ts');
    if (timer === undefined || timer !== this.#timer || this.#spinner) return;
    this.#spinner = startSpinner(this.#text, this.#stream);
  }
}

import type { CommandDefinition } from './definition.ts';
import { CliError } from './cli-error.ts';

/**
 * SIGINT and SIGTERM. A command that watches `stop` comes to a sound end after the first one; the second aborts it, as the
 * first does where a command has no sound end of its own. After that the signals have their usual meaning again.
 */
export class Interruption {
  readonly #graceful: boolean;
  readonly #say: (text: string) => void;
  readonly #stop = new AbortController();
  readonly #abort = new AbortController();
  #release: () => void = () => undefined;
  #name = '';

  constructor(definition: CommandDefinition, say: (text: string) => void) {
    this.#graceful = definition.streams === true || definition.graceful === true;
    this.#say = say;
  }

  get stop(): AbortSignal {
    return this.#stop.signal;
  }

  get abort(): AbortSignal {
    return this.#abort.signal;
  }

  listen(onStopSignal: (callback: (signal: string) => void) => () => void): void {
    this.#release = onStopSignal((signal) => this.#raised(signal));
  }

  end(): void {
    this.#release();
  }

  /** What an error means after an abort: not what broke, but that somebody broke it off. */
  explain(error: unknown): unknown {
    if (!this.abort.aborted) return error;
    return new CliError('partial', {
      what: `broken off by ${this.#name}`,
      why: error instanceof Error ? error.message : String(error),
      next: 'run it again: it goes on from what the arrays say',
    });
  }

  #raised(signal: string): void {
    this.#name = signal;
    if (this.#graceful && !this.stop.aborted) {
      this.#say(`${signal}: finishing what is in hand; once more to break it off`);
      this.#stop.abort(new Error(signal));
      return;
    }
    this.#release();
    this.#stop.abort(new Error(signal));
    this.#abort.abort(new Error(signal));
  }
}

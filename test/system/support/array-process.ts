import { join } from 'node:path';
import { ended, lineOf, start, type Ended } from '../../cli/support/run-program.ts';

interface Life {
  readonly pid: number;
  readonly ready: Promise<unknown>;
  readonly ended: Promise<Ended>;
  signal(name: NodeJS.Signals): void;
}

/** One array, started again and again as a child of this process. */
export class ArrayProcess {
  readonly #directory: string;
  #life: Life | undefined;

  /** `lab` is the directory of the lab, `name` that of an array in it. */
  constructor(lab: string, name: string) {
    this.#directory = join(lab, name);
  }

  get running(): boolean {
    return this.#life !== undefined;
  }

  /** The process is there at once; whether it serves, `ready` tells. */
  start(): void {
    if (this.#life) return;
    const child = start(['array', 'serve', this.#directory, '--json']);
    const life: Life = {
      pid: child.pid!,
      ended: ended(child),
      ready: lineOf(child, (line) => line.includes('"event":"ready"')),
      signal: (name) => child.kill(name),
    };
    // It may be killed before it serves; then nobody waits.
    life.ready.catch(() => undefined);
    this.#life = life;
  }

  /** Resolves once it serves. Throws where it ended by itself: an array must start again from whatever was left. */
  async ready(): Promise<void> {
    const life = this.#life;
    if (!life) throw new Error(`${this.#directory} is not served`);
    await life.ready.catch(async () => {
      if (this.#life !== life) return;
      const { code, signal, stdout, stderr } = await life.ended;
      throw new Error(`the array of ${this.#directory} ended with ${signal ?? code}: ${stderr}${stdout}`);
    });
  }

  signal(name: 'SIGSTOP' | 'SIGCONT'): void {
    this.#life?.signal(name);
  }

  /** Resolves true once it is dead of SIGKILL; false where there was none. Throws where it had ended by itself. */
  async kill(): Promise<boolean> {
    const life = this.#life;
    if (!life) return false;
    this.#life = undefined;
    life.signal('SIGKILL');
    const { code, signal, stdout, stderr } = await life.ended;
    if (signal === 'SIGKILL') return true;
    throw new Error(`the array of ${this.#directory} had ended with ${signal ?? code}: ${stderr}${stdout}`);
  }
}

import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Clock } from '../../../src/base/clock.ts';
import type { MountedFilesystem } from './filesystem.ts';

const FILE = 'shop.db';
/** Statements that wait in the pipe while one is carried out: there is always a commit under way. */
const AHEAD = 2;

export interface Books {
  readonly integrity: string;
  /** How many orders there are, the highest number, and how many the same transactions have counted. */
  readonly orders: number;
  readonly highest: number;
  readonly counted: number;
}

export async function createDatabase(filesystem: MountedFilesystem): Promise<void> {
  await sql(
    filesystem,
    'PRAGMA journal_mode=WAL; CREATE TABLE orders (number INTEGER PRIMARY KEY, text TEXT NOT NULL);',
    'CREATE TABLE counted (orders INTEGER NOT NULL); INSERT INTO counted VALUES (0);',
    'CREATE INDEX by_text ON orders (text);',
  );
}

/** Opens the database, which replays its log, and has SQLite check all of it. */
export async function readBooks(filesystem: MountedFilesystem): Promise<Books> {
  const said = await sql(
    filesystem,
    'PRAGMA integrity_check; SELECT count(*), coalesce(max(number), 0) FROM orders; SELECT orders FROM counted;',
  );
  const [integrity = '', numbers = '', counted = ''] = said.trim().split('\n');
  const [orders, highest] = numbers.split('|').map(Number);
  return { integrity, orders: orders!, highest: highest!, counted: Number(counted) };
}

/** SQLite in WAL mode, every commit synchronous, as fast as it goes: order number n+1 follows order number n. */
export class CommitLoad {
  readonly #shell: ChildProcess;
  readonly #clock: Clock;
  readonly #ended: Promise<void>;
  readonly #waiting = new Set<{ readonly count: number; readonly reached: () => void }>();
  #issued: number;
  /** Wall clock, in milliseconds, when each commit was known to be done; the first is of order `first`. */
  readonly acknowledgedMs: number[] = [];
  readonly first: number;

  constructor(filesystem: MountedFilesystem, clock: Clock, first: number) {
    this.first = first;
    this.#issued = first - 1;
    this.#clock = clock;
    this.#shell = filesystem.start('stdbuf', '-oL', 'sqlite3', '-batch', '-bail', `${filesystem.inside}/${FILE}`);
    this.#ended = new Promise((resolve) => this.#shell.on('close', () => resolve()));
    this.#shell.stdin!.on('error', () => undefined);
    createInterface(this.#shell.stdout!).on('line', (line) => this.#said(line));
    this.#shell.stdin!.write('PRAGMA synchronous=FULL;\n.print ready\n');
  }

  /** The highest order number that has been asked for. */
  get issued(): number {
    return this.#issued;
  }

  /** Until so many commits are acknowledged; rejects where it ends before. */
  async acknowledged(count: number): Promise<void> {
    const early = this.#ended.then(() => Promise.reject(new Error('SQLite has ended')));
    const reached = new Promise<void>((resolve) => this.#waiting.add({ count, reached: resolve }));
    await Promise.race([reached, early]);
  }

  /** SIGKILL; resolves when it is gone, which takes until the device has answered. */
  async kill(): Promise<void> {
    this.#shell.kill('SIGKILL');
    await this.#ended;
  }

  #said(line: string): void {
    if (line === 'ready') {
      for (let ahead = 0; ahead < AHEAD; ahead += 1) this.#issue();
      return;
    }
    const expected = this.first + this.acknowledgedMs.length;
    if (line !== `committed ${expected}`) throw new Error(`SQLite says "${line}" instead of order ${expected}`);
    this.acknowledgedMs.push(this.#clock.wallMs());
    for (const { count, reached } of this.#waiting) if (this.acknowledgedMs.length >= count) reached();
    this.#issue();
  }

  /** The number is printed by a statement of its own, after the commit. */
  #issue(): void {
    this.#issued += 1;
    const order = `INSERT INTO orders VALUES (${this.#issued}, hex(randomblob(${100 + (this.#issued % 7) * 300})))`;
    this.#shell.stdin!.write(
      `BEGIN; ${order}; UPDATE counted SET orders = orders + 1; COMMIT;\n.print committed ${this.#issued}\n`,
    );
  }
}

function sql(filesystem: MountedFilesystem, ...statements: string[]): Promise<string> {
  return filesystem.run('sqlite3', '-batch', '-bail', `${filesystem.inside}/${FILE}`, statements.join(' '));
}

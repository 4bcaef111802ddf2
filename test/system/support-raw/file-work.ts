import { createHash } from 'node:crypto';
import * as fs from 'node:fs/promises';
import { join } from 'node:path';
import type { Random } from '../../../src/base/random.ts';

/** What a file must be: the digest of its bytes; undefined where there must be none. */
type Content = string | undefined;

const FOLDERS = 8;
const NAMES = 40;
const MOST_BYTES = 48 * 1024;
const PAGES = 64;
const PAGE_BYTES = 4096;
const DATABASE = 'database';
const TEMPORARY = 'new';

/**
 * An application with one file operation under way at a time, each made durable before the next: files that are replaced
 * (written beside, then renamed), moved to another folder and deleted, and one whose pages are written in place. It
 * remembers what must be there.
 */
export class FileWork {
  readonly #random: Random;
  readonly #files = new Map<string, Content>();
  readonly #pages: Content[] = Array.from({ length: PAGES }, () => undefined);
  /** What the operation under way leaves where it is cut short: the state before, or this. */
  #doubt = new Map<string, Content>();
  #pageInDoubt: number | undefined;
  readonly #waiting = new Set<{ readonly goal: number; readonly reached: () => void }>();
  #done = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  async prepare(root: string): Promise<void> {
    for (let folder = 0; folder < FOLDERS; folder += 1) await fs.mkdir(join(root, `folder-${folder}`));
    await writeDurably(join(root, DATABASE), Buffer.alloc(PAGES * PAGE_BYTES));
    this.#pages.fill(digest(Buffer.alloc(PAGE_BYTES)));
    await synchronize(root);
  }

  /** One operation; rejects with what the file system says. What it did is then in doubt, all before it is not. */
  async step(root: string): Promise<void> {
    const kind = this.#random.below(8);
    if (kind < 4) await this.#replace(root);
    else if (kind < 5) await this.#move(root);
    else if (kind < 6) await this.#remove(root);
    else await this.#writePage(root);
    this.#done += 1;
    for (const { goal, reached } of this.#waiting) if (this.#done >= goal) reached();
  }

  /** Resolves once so many more operations are durable. */
  async durable(more: number): Promise<void> {
    const goal = this.#done + more;
    await new Promise<void>((reached) => this.#waiting.add({ goal, reached }));
  }

  /** Runs until the signal or a failure, which it returns. */
  async run(root: string, signal: AbortSignal): Promise<unknown> {
    try {
      while (!signal.aborted) await this.step(root);
      return undefined;
    } catch (error) {
      return error;
    }
  }

  /** What is not as it must be, in words. */
  async check(root: string): Promise<string[]> {
    const found = new Map<string, Content>();
    for (let folder = 0; folder < FOLDERS; folder += 1) {
      const name = `folder-${folder}`;
      for (const file of await fs.readdir(join(root, name))) {
        if (file !== TEMPORARY) found.set(`${name}/${file}`, digest(await fs.readFile(join(root, name, file))));
      }
    }
    const wrong = [...new Set([...found.keys(), ...this.#files.keys()])].filter((file) => {
      const is = found.get(file);
      return is !== this.#files.get(file) && !(this.#doubt.has(file) && is === this.#doubt.get(file));
    });
    const database = await fs.readFile(join(root, DATABASE));
    const pages = this.#pages.flatMap((content, page) => {
      const bytes = database.subarray(page * PAGE_BYTES, (page + 1) * PAGE_BYTES);
      return page === this.#pageInDoubt || digest(bytes) === content ? [] : [`page ${page}`];
    });
    return [...wrong, ...pages];
  }

  /** After a crash and a check: what was in doubt is what was found. */
  async adopt(root: string): Promise<void> {
    for (const file of this.#doubt.keys()) {
      this.#files.set(file, await fs.readFile(join(root, file)).then(digest, () => undefined));
    }
    if (this.#pageInDoubt !== undefined) {
      const at = this.#pageInDoubt * PAGE_BYTES;
      this.#pages[this.#pageInDoubt] = digest((await fs.readFile(join(root, DATABASE))).subarray(at, at + PAGE_BYTES));
    }
    this.#doubt.clear();
    this.#pageInDoubt = undefined;
  }

  async #replace(root: string): Promise<void> {
    const file = this.#anyName();
    const bytes = Buffer.from(this.#random.bytes(1 + this.#random.below(MOST_BYTES)));
    this.#doubt = new Map([[file, digest(bytes)]]);
    const folder = join(root, file, '..');
    await writeDurably(join(folder, TEMPORARY), bytes);
    await fs.rename(join(folder, TEMPORARY), join(root, file));
    await synchronize(folder);
    this.#settle();
  }

  async #move(root: string): Promise<void> {
    const from = this.#anyName();
    const to = this.#anyName();
    const content = this.#files.get(from);
    if (content === undefined || from === to) return;
    this.#doubt = new Map([
      [from, undefined],
      [to, content],
    ]);
    await fs.rename(join(root, from), join(root, to));
    await synchronize(join(root, to, '..'));
    await synchronize(join(root, from, '..'));
    this.#settle();
  }

  async #remove(root: string): Promise<void> {
    const file = this.#anyName();
    if (this.#files.get(file) === undefined) return;
    this.#doubt = new Map([[file, undefined]]);
    await fs.unlink(join(root, file));
    await synchronize(join(root, file, '..'));
    this.#settle();
  }

  async #writePage(root: string): Promise<void> {
    const page = this.#random.below(PAGES);
    const bytes = Buffer.from(this.#random.bytes(PAGE_BYTES));
    this.#pageInDoubt = page;
    const file = await fs.open(join(root, DATABASE), 'r+');
    try {
      await file.write(bytes, 0, PAGE_BYTES, page * PAGE_BYTES);
      await file.datasync();
    } finally {
      await file.close();
    }
    this.#pages[page] = digest(bytes);
    this.#settle();
  }

  #settle(): void {
    for (const [file, content] of this.#doubt) this.#files.set(file, content);
    this.#doubt.clear();
    this.#pageInDoubt = undefined;
  }

  #anyName(): string {
    return `folder-${this.#random.below(FOLDERS)}/file-${this.#random.below(NAMES)}`;
  }
}

async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  const file = await fs.open(path, 'w');
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function synchronize(folder: string): Promise<void> {
  const handle = await fs.open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function digest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

import type { Storage, StorageFile } from '../../src/base/storage.ts';
import type { Draws } from './randomness.ts';
import { reach, type Life, type Scheduler } from './scheduler.ts';
import { createWounds, type Decay, type Wound } from './wounds.ts';

const SECTOR = 512;

type Operation =
  | { readonly kind: 'write'; readonly offset: number; readonly data: Uint8Array }
  | { readonly kind: 'truncate'; readonly size: number };

/** The bytes of a file as one side sees them: the page cache, or what a power cut leaves. */
class Content {
  bytes = new Uint8Array(0);
  size = 0;

  apply(operation: Operation): void {
    if (operation.kind === 'truncate') return this.resize(operation.size);
    const { offset, data } = operation;
    if (offset + data.length > this.size) this.resize(offset + data.length);
    this.bytes.set(data, offset);
  }

  resize(size: number): void {
    if (size > this.bytes.length) {
      const larger = new Uint8Array(Math.max(size, this.bytes.length * 2));
      larger.set(this.bytes.subarray(0, this.size));
      this.bytes = larger;
    }
    if (size < this.size) this.bytes.fill(0, size, this.size);
    this.size = size;
  }

  copyOf(other: Content): void {
    this.bytes = other.bytes.slice();
    this.size = other.size;
  }
}

interface SimFile {
  name: string;
  readonly cached: Content;
  readonly durable: Content;
  /** Not yet durable, in the order of the calls. */
  pending: Array<{ readonly order: number; readonly operation: Operation }>;
}

export type Strike = 'read' | 'write' | 'flush';

/** What the storage tells the checkers. */
export interface DiskWatcher {
  written(name: string, offset: number, data: Uint8Array): void;
  truncated(name: string, size: number): void;
  /** Everything written before the flush began is durable. */
  flushed(name: string): void;
}

export interface DiskOptions {
  readonly flushMs: number;
  /** How often a flush takes a hundred times as long. */
  readonly stallRate: number;
  /** Whether a sector that was being written may hold garbage after a power cut. */
  readonly garbage: boolean;
  /** What a power cut does to everything that was not flushed; absent: each write has a fate of its own. */
  readonly fate?: Fate;
}

export const FATES = ['lost', 'torn', 'garbage'] as const;
/** `late`: the second half of what a file had taken is durable, the first is lost. */
export type Fate = (typeof FATES)[number] | 'late';

/**
 * A disk with a volatile cache. A write is in the cache at once and durable after a flush that began later. The death of
 * a process leaves the cache; a power cut decides for each write that was not flushed, and, where it is torn, for each
 * of its 512-byte sectors: new, old or garbage. Names are durable after the first flush of a new file, renames and
 * removals when their promise resolves.
 */
export interface SimDisk {
  /** The storage as a process sees it in this life. */
  storage(life: Life): Storage;
  powerCut(): void;
  /** What is durable now; undefined in the middle of a rename. */
  copy(): DiskCopy | undefined;
  /** Puts a copy in place of everything that came later; no process may run. */
  putBack(copy: DiskCopy): void;
  /** The next operation of the kind on the file fails. */
  strike(name: string, kind: Strike): void;
  /** A sector that nobody is writing rots: from now on it holds `bytes`. False where it is being written, or not there. */
  rot(
    name: string,
    sector: number,
    rot: { readonly decay: Decay; readonly bytes: Uint8Array; readonly untilDeath: boolean },
  ): boolean;
  /** What has rotted in a file and was not written anew. */
  wounds(name: string): readonly Wound[];
  /** Somebody puts sound sectors in place of rotten ones. */
  cure(name: string, which?: (wound: Wound) => boolean): void;
  /** What is in the page cache; nothing hinders that. */
  peek(name: string, offset: number, length: number): Uint8Array;
  /** Nothing can be written that makes a file larger: ENOSPC. */
  full: boolean;
  /**
   * Told of each write, flush, rename and removal before it is begun, and of the latter three once more at the last moment
   * before they are durable, while others may have seen what they are about; with a number that rises.
   */
  onOperation: ((count: number) => void) | undefined;
  /** Told of each flush when it begins; may say how long it takes. */
  ambush: ((file: string) => number | undefined) | undefined;
  /** A checker looks: strikes are not for it. */
  quiet: boolean;
  files(): string[];
  /** Strikes that have not hit yet never will. */
  mend(): void;
  /** Something has failed at some time; what tells of it may still be on its way. */
  readonly hurt: boolean;
  /** A flush has failed: what the cache shows is not what the disk will hold, until the machine is started anew. */
  readonly doubtful: boolean;
  watcher: DiskWatcher | undefined;
  options: DiskOptions;
}

/** The durable bytes of each file at one moment. */
export type DiskCopy = ReadonlyMap<string, Uint8Array>;

function ioError(code: string, text: string): Error {
  return Object.assign(new Error(`${code}: ${text}`), { code });
}

function touches(operation: Operation, at: number): boolean {
  if (operation.kind === 'truncate') return true;
  return operation.offset < at + SECTOR && operation.offset + operation.data.length > at;
}

export function createDisk(scheduler: Scheduler, draws: Draws, options: DiskOptions): SimDisk {
  let directory = new Map<string, SimFile>();
  let durableDirectory = new Map<string, SimFile>();
  let order = 0;
  const strikes = new Map<string, Strike>();
  let operations = 0;
  const passed = (): void => disk.onOperation?.((operations += 1));
  const past = { hurt: false, doubtful: false };
  const wounds = createWounds<SimFile>();

  function struck(name: string, kind: Strike): boolean {
    if (disk.quiet || strikes.get(name) !== kind) return false;
    strikes.delete(name);
    past.hurt = true;
    return true;
  }

  /** As the page cache does it: what could not be written counts as clean, and is forgotten. */
  function loseUnflushed(file: SimFile): void {
    past.doubtful = true;
    for (const { operation } of file.pending) if (draws.chance(0.5)) file.durable.apply(operation);
    file.pending = [];
  }

  function flushDelay(): number {
    const stalls = draws.chance(disk.options.stallRate) ? 100 : 1;
    return draws.latency(disk.options.flushMs) * stalls;
  }

  function makeDurable(file: SimFile, upTo: number): void {
    for (const entry of file.pending) if (entry.order <= upTo) file.durable.apply(entry.operation);
    file.pending = file.pending.filter((entry) => entry.order > upTo);
    // The first flush of a file is one of the directory too, and that makes every name in it durable.
    const isNew = directory.get(file.name) === file && durableDirectory.get(file.name) !== file;
    if (isNew) durableDirectory = new Map(directory);
  }

  /** What is written anew is sound, also where a power cut loses that. */
  function restore(file: SimFile, { at, sound }: Wound): void {
    for (const content of [file.cached, file.durable]) content.apply({ kind: 'write', offset: at, data: sound });
  }

  function add(file: SimFile, operation: Operation): void {
    const [offset, length] = operation.kind === 'write' ? [operation.offset, operation.data.length] : [0, Infinity];
    for (const wound of wounds.overwritten(file, offset, length)) restore(file, wound);
    file.cached.apply(operation);
    file.pending.push({ order: (order += 1), operation });
  }

  function fileOf(name: string, bytes: Uint8Array): SimFile {
    const file: SimFile = { name, cached: new Content(), durable: new Content(), pending: [] };
    file.durable.apply({ kind: 'write', offset: 0, data: bytes });
    file.cached.copyOf(file.durable);
    return file;
  }

  function openFile(name: string, life: Life): StorageFile {
    let file = directory.get(name);
    if (!file) directory.set(name, (file = { name, cached: new Content(), durable: new Content(), pending: [] }));
    const opened = file;
    let broken = false;
    return {
      get name() {
        return opened.name;
      },
      size: () => opened.cached.size,
      read(target, offset) {
        if (struck(opened.name, 'read')) throw ioError('EIO', `i/o error, read ${opened.name}`);
        if (wounds.isUnreadable(opened, offset, target.length)) throw ioError('EIO', `i/o error, read ${opened.name}`);
        const { bytes, size } = opened.cached;
        const stored = bytes.subarray(Math.min(offset, size), Math.min(offset + target.length, size));
        target.set(stored);
        target.fill(0, stored.length);
      },
      write(source, offset) {
        if (!life.alive) return;
        passed();
        const data = source.slice();
        if (struck(opened.name, 'write')) {
          // Half a change on a volume is nothing that its readers are promised not to see before it is tried again.
          const part = opened.name.endsWith('.data')
            ? data.subarray(0, 0)
            : data.subarray(0, draws.random.below(data.length));
          if (part.length > 0) add(opened, { kind: 'write', offset, data: part });
          throw ioError('ENOSPC', `no space left on device, write ${opened.name}`);
        }
        if (disk.full && offset + data.length > opened.cached.size) {
          past.hurt = true;
          throw ioError('ENOSPC', `no space left on device, write ${opened.name}`);
        }
        add(opened, { kind: 'write', offset, data });
        disk.watcher?.written(opened.name, offset, data);
      },
      truncate(size) {
        if (!life.alive) return;
        add(opened, { kind: 'truncate', size });
        disk.watcher?.truncated(opened.name, size);
      },
      flush() {
        passed();
        const upTo = order;
        if (struck(opened.name, 'flush')) {
          broken = true;
          loseUnflushed(opened);
        }
        const delayMs = disk.ambush?.(opened.name) ?? flushDelay();
        if (broken) return failing(life, delayMs, `i/o error, fdatasync ${opened.name}`);
        return later(life, delayMs, () => {
          makeDurable(opened, upTo);
          disk.watcher?.flushed(opened.name);
        });
      },
      close: () => undefined,
    };
  }

  function failing(life: Life, delayMs: number, text: string): Promise<void> {
    return later(life, delayMs, () => undefined).then(() => {
      throw ioError('EIO', text);
    });
  }

  function later(life: Life, delayMs: number, act: () => void): Promise<void> {
    return new Promise((resolve) => {
      scheduler.after(delayMs, () => {
        if (life.alive) passed();
        // Told of it, somebody may have cut the power.
        if (!life.alive) return;
        act();
        reach(scheduler, life, resolve);
      });
    });
  }

  const disk: SimDisk = {
    watcher: undefined,
    onOperation: undefined,
    ambush: undefined,
    full: false,
    quiet: false,
    options,
    storage: (life) => ({
      open: (name) => openFile(name, life),
      exists: (name) => directory.has(name),
      list: () => [...directory.keys()].toSorted(),
      rename(from, to) {
        passed();
        const file = directory.get(from);
        if (!file) return Promise.reject(new Error(`no file ${from}`));
        directory.delete(from);
        directory.set(to, file);
        file.name = to;
        return later(life, flushDelay(), () => {
          durableDirectory.delete(from);
          durableDirectory.set(to, file);
        });
      },
      remove(name) {
        passed();
        if (!directory.delete(name)) return Promise.reject(new Error(`no file ${name}`));
        return later(life, flushDelay(), () => {
          if (!directory.has(name)) durableDirectory.delete(name);
        });
      },
    }),
    strike: (name, kind) => void strikes.set(name, kind),
    rot(name, sector, { decay, bytes, untilDeath }) {
      const file = directory.get(name);
      const at = sector * SECTOR;
      if (!file || past.doubtful || at + SECTOR > Math.min(file.cached.size, file.durable.size)) return false;
      if (
        file.pending.some(({ operation }) => touches(operation, at)) ||
        wounds.of(file).some((old) => old.at === at)
      ) {
        return false;
      }
      const sound = file.cached.bytes.slice(at, at + SECTOR);
      if (Buffer.compare(sound, bytes) === 0) return false;
      for (const content of [file.cached, file.durable]) content.apply({ kind: 'write', offset: at, data: bytes });
      wounds.add(file, { at, decay, sound, untilDeath });
      return true;
    },
    wounds(name) {
      const file = directory.get(name);
      return file ? wounds.of(file) : [];
    },
    cure(name, which = () => true) {
      const file = directory.get(name);
      for (const wound of file ? wounds.of(file).filter(which) : []) {
        restore(file!, wound);
        wounds.remove(file!, wound);
      }
    },
    peek(name, offset, length) {
      const content = directory.get(name)?.cached;
      const stored = content?.bytes.slice(offset, Math.min(offset + length, content.size)) ?? new Uint8Array(0);
      return Buffer.concat([stored, new Uint8Array(length - stored.length)]);
    },
    mend() {
      strikes.clear();
      disk.full = false;
    },
    files: () => [...directory.keys()].toSorted(),
    get hurt() {
      return past.hurt;
    },
    get doubtful() {
      return past.doubtful;
    },
    copy() {
      // Between the two names of a log there are two truths; and whoever copies looks at what it is worth.
      if (directory.has('state.new') || [...directory.values()].some((file) => wounds.of(file).length > 0))
        return undefined;
      return new Map([...durableDirectory].map(([name, { durable }]) => [name, durable.bytes.slice(0, durable.size)]));
    },
    putBack(copy) {
      strikes.clear();
      wounds.clear();
      past.doubtful = false;
      directory = new Map([...copy].map(([name, bytes]) => [name, fileOf(name, bytes)]));
      durableDirectory = new Map(directory);
    },
    powerCut() {
      strikes.clear();
      past.doubtful = false;
      if (draws.chance(0.5)) durableDirectory = new Map(directory);
      const all = draws.chance(0.1);
      for (const file of durableDirectory.values()) {
        const late = disk.options.fate === 'late' ? file.pending.slice(file.pending.length >>> 1) : undefined;
        for (const { operation } of late ?? file.pending) settle(file.durable, operation, all || late !== undefined);
        file.pending = [];
        file.cached.copyOf(file.durable);
      }
      directory = new Map(durableDirectory);
      for (const [name, file] of directory) file.name = name;
    },
  };

  /** The fate of one operation that was not flushed. */
  function settle(durable: Content, operation: Operation, all: boolean): void {
    const { fate } = disk.options;
    if (fate && fate !== 'late') return suffer(durable, operation, fate);
    if (all || draws.chance(0.4)) return durable.apply(operation);
    if (operation.kind === 'truncate' || draws.chance(0.5)) return;
    const { offset, data } = operation;
    for (let at = 0; at < data.length;) {
      const length = Math.min(data.length - at, SECTOR - ((offset + at) % SECTOR));
      const fate = draws.random.below(disk.options.garbage ? 5 : 4);
      if (fate < 2) durable.apply({ kind: 'write', offset: offset + at, data: data.subarray(at, at + length) });
      if (fate === 4) durable.apply({ kind: 'write', offset: offset + at, data: draws.random.bytes(length) });
      at += length;
    }
  }

  /** Torn: every other sector is new. Garbage: bytes of no one in all of them. */
  function suffer(durable: Content, operation: Operation, fate: (typeof FATES)[number]): void {
    if (fate === 'lost' || operation.kind === 'truncate') return;
    const { offset, data } = operation;
    for (let at = 0, sector = 0; at < data.length; sector += 1) {
      const length = Math.min(data.length - at, SECTOR - ((offset + at) % SECTOR));
      const bytes = fate === 'garbage' ? draws.random.bytes(length) : data.subarray(at, at + length);
      if (fate === 'garbage' || sector % 2 === 0) durable.apply({ kind: 'write', offset: offset + at, data: bytes });
      at += length;
    }
  }

  return disk;
}

import type { Storage, StorageFile } from '../../src/base/storage.ts';
import type { DiskWatcher } from './disk-watcher.ts';
import { settle, type Fate } from './fates.ts';
import { Content, type Operation } from './file-content.ts';
import type { Draws } from './randomness.ts';
import { reach, type Life, type Scheduler } from './scheduler.ts';
import { createShaken, type Shaken } from './shaken.ts';
import { createWounds, type Decay, type Wound } from './wounds.ts';

const SECTOR = 512;

interface SimFile {
  name: string;
  readonly cached: Content;
  readonly durable: Content;
  /** Not yet durable, in the order of the calls. */
  pending: Array<{ readonly order: number; readonly operation: Operation }>;
}

export type Strike = 'read' | 'write' | 'flush';

/** A file as a power cut would find it. */
export interface Inspection {
  /** What is durable. */
  readonly bytes: Uint8Array;
  readonly hasPending: boolean;
  /** Something that is not durable yet touches these bytes. */
  isPending(offset: number, length: number): boolean;
}

export interface DiskOptions {
  readonly flushMs: number;
  /** How often a flush takes a hundred times as long. */
  readonly stallRate: number;
  /** Whether a sector that was being written may hold garbage after a power cut. */
  readonly garbage: boolean;
  /** What a power cut does to everything that was not flushed; absent: each write has a fate of its own. */
  readonly fate?: Fate;
  /** What a flush that fails has made durable of what it was to write, from the first on: this share. Absent: each by chance. */
  readonly flushedShare?: number;
}

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
  /**
   * What flushes that failed were to write has left the page cache too, as it does where memory is short, since it counts as clean:
   * reads give what is durable.
   */
  evict(): void;
  /** How many operations that no flush covers met a power cut while `fate` said what it does to them. */
  readonly fated: number;
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
  /** What is being written when the power goes or a flush fails; forgotten once somebody has made it good. */
  readonly shaken: Shaken;
  /** What is in the page cache; nothing hinders that. */
  peek(name: string, offset: number, length: number): Uint8Array;
  inspect(name: string): Inspection | undefined;
  /** How often each file is open in the life that began last; those that are not are left out. */
  opened(): ReadonlyMap<string, number>;
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

function touches(operation: Operation, at: number, length = SECTOR): boolean {
  if (operation.kind === 'truncate') return true;
  return operation.offset < at + length && operation.offset + operation.data.length > at;
}

export function createDisk(scheduler: Scheduler, draws: Draws, options: DiskOptions): SimDisk {
  let directory = new Map<string, SimFile>();
  let durableDirectory = new Map<string, SimFile>();
  let order = 0;
  const strikes = new Map<string, Strike>();
  /** Of which a flush has failed since the machine was started. */
  const unwritten = new Set<SimFile>();
  let operations = 0;
  let fated = 0;
  const passed = (): void => disk.onOperation?.((operations += 1));
  const past = { hurt: false, doubtful: false };
  const wounds = createWounds<SimFile>();
  let open = new Map<SimFile, number>();
  const shaken = createShaken();

  function struck(name: string, kind: Strike): boolean {
    if (disk.quiet || strikes.get(name) !== kind) return false;
    strikes.delete(name);
    past.hurt = true;
    return true;
  }

  function shake({ name, pending }: SimFile): void {
    for (const { operation } of pending)
      if (operation.kind === 'write') shaken.add(name, operation.offset, operation.data.length);
  }

  /** As the page cache does it: what could not be written counts as clean, and is forgotten. */
  function loseUnflushed(file: SimFile): void {
    past.doubtful = true;
    unwritten.add(file);
    shake(file);
    const share = disk.options.flushedShare;
    for (const [index, { operation }] of file.pending.entries()) {
      const isWritten = share === undefined ? draws.chance(0.5) : index < share * file.pending.length;
      if (isWritten) file.durable.apply(operation);
    }
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

  /** A write that failed half-way may have put right what had flipped. */
  function isSound(file: SimFile, { at, sound, decay }: Wound): boolean {
    return decay !== 'unreadable' && Buffer.compare(file.cached.bytes.subarray(at, at + sound.length), sound) === 0;
  }

  function add(file: SimFile, operation: Operation): void {
    if (wounds.of(file).length > 0) {
      const [offset, length] = operation.kind === 'write' ? [operation.offset, operation.data.length] : [0, Infinity];
      for (const wound of wounds.overwritten(file, offset, length)) restore(file, wound);
    }
    file.cached.apply(operation);
    for (const wound of wounds.of(file).filter((found) => isSound(file, found))) {
      restore(file, wound);
      wounds.remove(file, wound);
    }
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
    const handles = open;
    handles.set(opened, (handles.get(opened) ?? 0) + 1);
    let isOpen = true;
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
        // Told of it, somebody may have cut the power.
        if (!life.alive) return;
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
      close() {
        if (isOpen) handles.set(opened, handles.get(opened)! - 1);
        isOpen = false;
      },
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

  const storageOf = (life: Life): Storage => ({
    open: (name) => openFile(name, life),
    exists: (name) => directory.has(name),
    list: () => [...directory.keys()].toSorted(),
    rename(from, to) {
      passed();
      if (!life.alive) return new Promise(() => undefined);
      const file = directory.get(from);
      if (!file) return Promise.reject(new Error(`no file ${from}`));
      disk.watcher?.renamed?.(from);
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
      if (!life.alive) return new Promise(() => undefined);
      if (!directory.delete(name)) return Promise.reject(new Error(`no file ${name}`));
      disk.watcher?.removed?.(name);
      return later(life, flushDelay(), () => {
        if (!directory.has(name)) durableDirectory.delete(name);
      });
    },
  });

  const disk: SimDisk = {
    watcher: undefined,
    onOperation: undefined,
    ambush: undefined,
    full: false,
    quiet: false,
    options,
    storage: (life) => {
      open = new Map();
      return storageOf(life);
    },
    opened: () => new Map([...open].filter(([, count]) => count > 0).map(([{ name }, count]) => [name, count])),
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
    shaken,
    peek(name, offset, length) {
      const content = directory.get(name)?.cached;
      const stored = content?.bytes.slice(offset, Math.min(offset + length, content.size)) ?? new Uint8Array(0);
      return Buffer.concat([stored, new Uint8Array(length - stored.length)]);
    },
    inspect(name) {
      const file = directory.get(name);
      if (!file) return undefined;
      const { durable, pending } = file;
      return {
        bytes: durable.bytes.subarray(0, durable.size),
        hasPending: pending.length > 0,
        isPending: (offset, length) => pending.some(({ operation }) => touches(operation, offset, length)),
      };
    },
    mend() {
      strikes.clear();
      disk.full = false;
    },
    files: () => [...directory.keys()].toSorted(),
    get hurt() {
      return past.hurt;
    },
    get fated() {
      return fated;
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
      shaken.clear();
      past.doubtful = false;
      unwritten.clear();
      directory = new Map([...copy].map(([name, bytes]) => [name, fileOf(name, bytes)]));
      durableDirectory = new Map(directory);
      disk.watcher?.lost?.();
    },
    evict() {
      for (const { cached, durable, pending } of unwritten) {
        cached.copyOf(durable);
        for (const { operation } of pending) cached.apply(operation);
      }
      unwritten.clear();
      past.doubtful = false;
    },
    powerCut() {
      strikes.clear();
      past.doubtful = false;
      unwritten.clear();
      if (draws.chance(0.5)) durableDirectory = new Map(directory);
      const all = draws.chance(0.1);
      for (const file of durableDirectory.values()) {
        if (disk.options.fate) fated += file.pending.length;
        shake(file);
        const late = disk.options.fate === 'late' ? file.pending.slice(file.pending.length >>> 1) : undefined;
        for (const { operation } of late ?? file.pending)
          settle(file.durable, operation, { ...disk.options, all: all || late !== undefined }, draws);
        file.pending = [];
        file.cached.copyOf(file.durable);
      }
      directory = new Map(durableDirectory);
      for (const [name, file] of directory) file.name = name;
      disk.watcher?.lost?.();
    },
  };

  return disk;
}

import type { GroupState } from '../../src/array/store/array-state.ts';
import type { SimDisk } from './disk.ts';
import { createHistory, stampsOf, type History, type Image, type Write } from './history.ts';
import { createStatePeek, type StatePeek } from './state-peek.ts';

export const GROUP = 'oradb';
export const JOURNAL_LUN = 20;
export const FIRST_VOLUME_LUN = 10;

export type Role = 'simplex' | 'primary' | 'auxiliary';

/** One array as the checkers see it from outside: its files, its committed tables, and what it answered. */
export interface Side {
  readonly name: string;
  readonly serial: string;
  readonly disk: SimDisk;
  readonly peek: StatePeek;
  /** Recovered and serving. */
  ready: boolean;
  /** The group as last looked at. */
  group: GroupState | undefined;
  /** The writes that this side leads, or that its volumes are to be a prefix of. */
  history: History;
  readonly inFlight: Set<Write>;
  stateChanged: boolean;
  volumesChanged: boolean;
  /** Since it was last ready its power was cut. */
  cut: boolean;
  /** Rises with each change of role. */
  roleChanges: number;
  /** The operator has said that this side's own writes may be given up. */
  mayDiscard: boolean;
  mayBeInconsistent: boolean;
  image(): Image;
}

export function createSide(parts: {
  name: string;
  serial: string;
  disk: SimDisk;
  volumes: number;
  sectors: number;
}): Side {
  const { name, serial, disk, volumes, sectors } = parts;
  const peek = createStatePeek(name);
  const empty = Array.from({ length: volumes }, () => new Uint32Array(sectors));
  const side: Side = {
    name,
    serial,
    disk,
    peek,
    ready: false,
    group: undefined,
    history: createHistory(name, empty),
    inFlight: new Set(),
    stateChanged: false,
    volumesChanged: false,
    cut: false,
    roleChanges: 0,
    mayDiscard: false,
    mayBeInconsistent: false,
    image: () => empty.map((_, volume) => stampsOf(disk.peek(`lun-${FIRST_VOLUME_LUN + volume}.data`), sectors)),
  };
  disk.watcher = {
    written(file, offset, data) {
      if (file === 'state') peek.written(offset, data);
      else if (file.endsWith('.data')) side.volumesChanged = true;
    },
    truncated(file, size) {
      if (file === 'state') peek.truncated(size);
    },
    flushed(file) {
      if (file !== 'state') return;
      peek.flushed();
      side.stateChanged = true;
    },
  };
  return side;
}

export function groupOf(side: Side): GroupState | undefined {
  return side.peek.state()?.groups.find((group) => group.name === GROUP);
}

export function roleOf(group: GroupState | undefined): Role {
  return group?.role ?? 'simplex';
}

/** As the product's own tables say it: the auxiliary may be read, and taken over. */
export function isConsistentAuxiliary(group: GroupState | undefined): boolean {
  return group?.role === 'auxiliary' && group.pairs.length > 0 && group.pairs.every((pair) => pair.progress === 'pair');
}

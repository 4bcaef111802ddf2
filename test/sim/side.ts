import type { GroupState } from '../../src/array/store/array-state.ts';
import type { SimDisk } from './disk.ts';
import { createHistory, type History, type Image, type Write } from './history.ts';
import { createStatePeek, type StatePeek } from './state-peek.ts';

export const GROUP = 'oradb';
export const JOURNAL_LUN = 20;
export const FIRST_VOLUME_LUN = 10;

export const NOTHING_HELD = { generation: '', sequence: 0 } as const;

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
  /** Answered with GOOD here, and covered by no flush here yet. */
  readonly unflushed: Set<Write>;
  /** What hosts wrote to volumes that no pair has while the group was auxiliary here, and no flush has covered. */
  readonly outside: Set<Write>;
  stateChanged: boolean;
  volumesChanged: boolean;
  /** Since it was last ready its power was cut. */
  cut: boolean;
  /** Rises with each change of role. */
  roleChanges: number;
  /** The operator has said that this side's own writes may be given up. */
  mayDiscard: boolean;
  /** The operator has made it primary without stopping the other. */
  maySplit: boolean;
  /** Its storage came back from an older copy and it has not been looked at yet. */
  cameBack: boolean;
  /** How often that was so. */
  returns: number;
  /** A history for each time that the other side came back from an older copy: it may have followed any of them. */
  forks: History[];
  /** Its history begins with whatever its volumes show next. */
  needsBase: boolean;
  /** As an auxiliary: the most that it ever held durably of the generation, until its group is dissolved. */
  held: { readonly generation: string; readonly sequence: number };
  /** What its volumes held when they were last looked at. */
  image: Image;
  /** Reads the volumes of the array that runs now, as a host would. */
  look: () => Promise<Image>;
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
    unflushed: new Set(),
    outside: new Set(),
    stateChanged: false,
    volumesChanged: false,
    cut: false,
    roleChanges: 0,
    mayDiscard: false,
    maySplit: false,
    cameBack: false,
    returns: 0,
    forks: [],
    needsBase: false,
    held: NOTHING_HELD,
    image: empty,
    look: () => Promise.resolve(empty),
  };
  disk.watcher = {
    written(file, offset, data) {
      if (isStateLog(file)) peek.written(file, offset, data);
      else if (file.startsWith('lun-') && !file.endsWith('.journal')) side.volumesChanged = true;
    },
    truncated(file, size) {
      if (isStateLog(file)) peek.truncated(size);
    },
    flushed(file) {
      if (!isStateLog(file)) return;
      peek.flushed();
      side.stateChanged = true;
    },
  };
  return side;
}

/** A compacted log goes on in the file that was renamed over the old one. */
function isStateLog(file: string): boolean {
  return file === 'state' || file === 'state.new';
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

/** Indices of the volumes that are in pairs of the group. */
export function volumesOf(group: GroupState | undefined): number[] {
  return (group?.pairs ?? []).map((pair) => pair.primaryLun - FIRST_VOLUME_LUN);
}
